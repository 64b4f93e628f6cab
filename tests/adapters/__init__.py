"""Bridges to what lies outside, tested on the real thing."""

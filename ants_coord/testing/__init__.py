"""Tools for testing coordination logic: time as an argument."""

from .clock import ManualClock

__all__ = ["ManualClock"]

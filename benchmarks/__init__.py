"""Benchmarks: ratios against hand-written peers in the same run. `python -m benchmarks`."""

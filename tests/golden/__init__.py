"""
Logs of old, and what they came to: they must replay to the same state for ever.

A `.jsonl` file is a log: first what it is, then one line per command with the
stamp it got, and after every 25th the digest of the state. They are never
rewritten; `python -m tests.golden NAME` adds one (when the format changes, or a
new part of the state needs a witness).
"""

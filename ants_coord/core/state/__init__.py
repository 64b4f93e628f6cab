"""
What a board knows: records, time, and how a command is taken back. No rules about work.

records     rows, and the table of transitions
timeline    two readings of time, and alarms
decay       arithmetic of what halves with time: trails, evidence
undo        how a torn command is taken back
rules       which code a board needs
parts       what a strategy consists of
content     when two tasks are the same
ledger      all of it together
invariants  what holds between any two commands
"""

"""
What a board knows: records, time, and how a command is undone. No rules about work.

records     rows, the table of transitions, and the news for those who wait
timeline    two readings of time, and alarms
decay       arithmetic of values that halve with time: trails, evidence
undo        how a torn command is undone
rules       which code a board needs
parts       what a strategy consists of
content     when two tasks are the same, and what those see who check one
ledger      all of it together
invariants  what is true between any two commands
"""

"""
What a board knows: records, time, and how a command is undone. No rules about work.

records        the life of a task as one table, and the private records of the state
timeline       two readings of time, and alarms
decay          lazy evaporation: forward weights under a half-life
undo           an exception inside a command leaves the old state or the new one
rule_versions  which code a board needs
parts          the parts that make a strategy
notes          progress notes, which outlive the lease under which they were written
same_content   when two submissions of one id mean the same task
ledger         every table of the shared state, and the indexes that follow from the records
invariants     the invariants of every state between two commands
"""

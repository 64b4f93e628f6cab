"""
The rules of work that every strategy shares.

ready       order by priority, and the doors that hold a ready task back: limits, purses
lifecycle   transitions, expiry, dependents
submitting  batches, keys, replacement, requeue
leases      claim, complete, fail, release
holding     renewals, notes, and what follows when no sign of work comes
short       the fast path of the commonest verbs, while nothing is due
locking     named locks: paths, holders, shared and exclusive
switches    steering a board: cancel, limits, pause, settings, rules
declining   tasks that an agent does not want for a while
purses      what work consumes; loaded with the first purse
splitting   a leased task that waits for new parts
openings    which opening or agent holds what, and how it is given up: adopt, release_all
"""

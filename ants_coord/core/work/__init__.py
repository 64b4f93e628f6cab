"""
The rules of work that every strategy shares.

ready       order by priority
lifecycle   transitions, expiry, dependents
submitting  batches, keys, replacement, requeue
leases      claim, renew, complete, fail, release
short       the fast path of the commonest verbs, while nothing is due
locking     named locks: paths, holders, shared and exclusive
switches    steering a board: cancel, limits, pause, settings, rules
signs       signs of work: notes, and what follows from their absence
declining   tasks that an agent does not want for a while
purses      what work consumes; loaded with the first purse
doors       what holds a ready task back: limits, purses
splitting   a leased task that waits for new parts
openings    which opening or agent holds what, and how it is given up: adopt, release_all
opinions    tasks that wait to be checked
"""

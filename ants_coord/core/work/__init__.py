"""
The rules of work that every strategy shares.

ready       order by priority
lifecycle   transitions, expiry, dependents
submitting  batches, keys, replacement, requeue
leases      claim, renew, complete, fail, release
short       the verbs of most cycles, where nothing is due
locking     named locks: paths, holders, shared and exclusive
switches    what steers a board: cancel, limits, pause, settings, rules
signs       signs of work: notes, and what follows from their absence
declining   what an agent does not want for a while
purses      what work consumes; loaded with the first purse
doors       what a ready task waits at: limits, purses
splitting   a leased task that waits for new parts
openings    which opening of the board, or agent, holds what, and what becomes of it: adopt, release_all
opinions    tasks that wait to be checked
"""

"""
The rules of work that every strategy shares.

ready       the ready order: which task is next, without head-of-line blocking
lifecycle   how a task moves: leases end, tasks end, dependents follow, time passes
submitting  submitting tasks: a batch is decided as a whole before anything changes
leases      grant, complete, fail, release
holding     renewals, notes, and what follows when no sign of work comes
short       the fast path of the commonest verbs, while nothing is due
locking     named locks: names are paths, several are locked together or not at all
switches    the switches of the board: cancelling, limits, pauses, settings, rules
declining   tasks that an agent declines for a while
purses      what work really consumes: tokens, money, calls
splitting   a leased task that waits for new parts
openings    who holds what, and what happens when an opening is gone or an agent comes back
"""

"""
One machine, one lock, one lobby, two alarms; both colours stand on it.

door           one lock; second entries, forks, the end of the interpreter, boards that nobody closed
engine         what is the same everywhere
memory         the board in one process
replica        the board in a log
log            a journal as the engine sees it: errors with a name, answers that are checked
agreement      whether a board is the one that was asked for
openings       what this opening gives back when it closes, and which others are gone
snapshots      written piece by piece beside the commands
lobby          who waits, and for what
lines          whom news wake, and whom a task would suit; drawn when the first waiter comes
awaited        what a caller that waited in vain is told
keeper         leases kept alive, and what is told without the lock
deadlines      who must be told in time, whatever hangs
advert_keeper  adverts kept fresh
io_threads     threads for a journal's I/O that keep no program from ending
"""

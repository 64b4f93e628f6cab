"""
The engine under both colours: one machine, one lock, one lobby, two alarms.

door           one lock; re-entry, forks, the end of the interpreter, boards that nobody closed
engine         what is the same everywhere
memory         the board in one process
replica        the board in a log
log            a journal as the engine sees it: named errors, checked answers; and the line of commands for it
agreement      whether a board has the settings that were asked for
openings       what this opening gives back when it closes, and which other openings are gone
snapshots      written piece by piece between the commands
lobby          who waits, and for what
lines          which waiters to wake, and how well a task suits an agent; made for the first waiter
awaited        the text of a TimeoutError
deadlines      notifications that must be on time, whatever hangs: of waiters, and of holders of leases
keeper         renewing leases; made for the first scope
advert_keeper  refreshing adverts
io_threads     threads for a journal's I/O that never keep a program from ending
"""

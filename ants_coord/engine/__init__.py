"""
The engine under both colours: one machine, one lock, one lobby, two alarms.

board_lock      one lock, which refuses a second entry by the same thread; forks, the end of the interpreter
engine          what is common: who waits, whose leases are renewed, what the alarm does
direct          a board in memory without a log: the fast path
replica         a journal and a machine, kept in step
log             a journal as the engine sees it: its errors become JournalErrors, its answers are checked
combining       commands on their way to a log: the thread that has the lock writes for all
openings        what an opening of a board holds, and what it knows about others
snapshots       written piece by piece between the commands
lobby           who waits, and for what
waking          which waiter a piece of news wakes
timeout_text    the text of a TimeoutError
deadlines       deadlines that must be announced on time, whatever else hangs
keeper          keeping leases alive, all renewed together
advert_keeper   refreshing adverts
io_threads      threads for file I/O, and for calls that must return in time
"""

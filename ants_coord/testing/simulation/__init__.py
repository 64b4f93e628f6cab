"""
A colony in virtual time: clocks, faults, and agents with characters.

colony      the world in which agents run
loop        an event loop on virtual time
characters  agents that fail in a known way
report      faults, and the report of a run
world       resources outside the board
lockstep    threads in virtual time
log         a log that loses replies
liveness    what must happen within a time
"""

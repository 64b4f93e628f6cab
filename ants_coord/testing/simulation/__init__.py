"""
A colony in virtual time: clocks, faults, and agents with characters.

colony      your agents, real coordinators, and faults
loop        an event loop on virtual time
characters  agents with characters: diligent ones, and those that a colony must survive
report      faults, and the report of a run
world       resources outside the board, which notice wrong writes
lockstep    threads in virtual time
clock       a clock that only moves when a test moves it
story       assertions that show the last events as a table
log         a log shared by simulated processes, with faults
liveness    things that should happen soon do happen
"""

"""
The layer between the verbs of the two colours (sync/, aio/) and the engine; both colours use it.

arguments        arguments that more than one verb takes, checked once and turned into commands
match_arguments  adverts, checked for the verbs that take one
build            a coordinator from what a user typed: machine, journal, clock, settings
agent            the common part of agent handles
keys             the keys with which agents speak, made from the board's secret
hold             scopes: the right way to hold a lease
aio_hold         scopes for event loops
serving          the common part of both colours' workers
aio_attempts     how an async handler runs in its scope
as_needed        a worker that grows only if another agent pays off
failures         what is kept of an exception
endless_waits    whether a long wait can still end
file_names       paths as names of locks
outbox_tables    the SQL of an outbox

A worker for threads may run async handlers, and one for event loops plain ones: therefore the scopes and
attempts of both colours are here.
"""

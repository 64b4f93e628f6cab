"""
The layer between the verbs of the two colours (sync/, aio/) and the engine; both colours use it.

`arguments`, `match_arguments` and `board_arguments` check what a user passes and return the command or query.
`build` makes the engine. `agent` has the common part of the handles, `keys`
makes the keys with which agents get one. `hold` and `aio_hold` are the scopes;
`serving` and `aio_attempts` are the parts of workers. A worker for threads may run async handlers, and one
for event loops plain ones: therefore scopes and attempts of both colours are here. `as_needed` decides how
many agents a worker has. `failures` says what is kept of an exception. `patience` checks whether a wait can
still end. `file_names` makes lock names from paths. `outbox_tables` has the SQL of an outbox.
"""

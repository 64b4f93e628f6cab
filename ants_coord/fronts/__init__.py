"""
What stands between the verbs of the two colours (sync/, aio/) and the engine, and is neither colour's alone.

`arguments`, `match_arguments` and `board_arguments` check what a user passes and return the command
or query. `build` makes the engine. `agent` has the handles. `hold` and `aio_hold` are the scopes;
`serving` and `aio_attempts` what workers are made of. A worker for threads may run async handlers,
and one for event loops plain ones: therefore scopes and attempts of both colours are here.
`as_needed` decides how many agents a worker has. `failures` is what is kept of an exception, `patience`
looks whether what a caller waits for can come. `file_names` makes names of locks from paths.
`outbox_tables` is what an outbox says to a database.
"""

"""
A board that a hub serves, as an engine: the basis of `ClaimQueue("hub:PATH")`.

It keeps no state of the board and needs no database driver. Commands and queries go to the hub in the form of
the log; the hub applies them to its replica, and answers.

wire      commands, queries and replies as JSON, without the codec's library
columns   replies to batches
lanes     connections: one open request on each, repeated until it is answered
waits     messages about waits
pushes    the one connection on which the hub speaks first
engine    RemoteEngine
"""

"""
A board that a hub serves, as an engine: what `ClaimQueue("hub:PATH")` stands on.

It keeps no state of the board and needs no driver of a database. Commands and queries go to the hub in the
words of the log; the hub applies them to its replica, and answers.

wire      commands, queries and replies as JSON, without the codec's library
lanes     connections: one request under way on each, repeated until it is answered
waits     what is said of who waits
pushes    the one connection on which the hub speaks first
engine    RemoteEngine
"""

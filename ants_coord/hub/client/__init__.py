"""
A board that a hub serves, as an engine: the basis of `ClaimQueue("hub:PATH")`.

It keeps no state of the board and needs no database driver. Commands and queries go to the hub in the form of
the log; the hub applies them to its replica, and answers.

lanes   connections: one open request on each, repeated until it is answered
waits   what a client tells a hub about its waits
pushes  the connection on which a hub sends messages of its own
engine  RemoteEngine: the engine of a board that a hub serves
"""

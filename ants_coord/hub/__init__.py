"""
The hub: one process of a machine that opens a board for others, which send it lines of JSON.

It is for programs that do not have the library or cannot afford it (hooks that start a Python for each file,
programs in other languages, tool servers), and for many coordinators on one machine, which become its clients
by `hub:PATH` in place of a board's path. The hub is a shared replica, not a manager: it has no authority and
renews nothing for anybody, and a process that opens the board beside it sees the same board.

thin      the client for lines of JSON: the standard library only
client    the engine of coordinators over `hub:`
address   where a hub listens, and who may connect
loop      one selector loop for all connections
plain     the meaning of JSON objects, for any program
lists     the meaning of JSON lists, for coordinators
coordinators  requests of coordinators to the hub itself
keys      what a connection may ask that has shown agents' keys
waiting   waits, and watched leases
"""

"""
The hub: one process of a machine that opens a board for others, which send it lines of JSON.

It is for programs that do not have the library or cannot afford it (hooks that start a Python for each file,
programs in other languages, tool servers), and for many coordinators on one machine, which become its clients
by `hub:PATH` in place of a board's path. The hub is a shared replica, not a manager: it has no authority and
renews nothing for anybody, and a process that opens the board beside it sees the same board.

thin               a client with the standard library only
wire               the protocol of a hub's socket: JSON lists, one per line
columns            replies to batches, field by field
client             a board that a hub serves, as an engine
address            where a hub listens, and who may connect
loop               one thread, one selector, all connections
program_lines      the lines of any program: JSON objects
coordinator_lines  the lines of coordinators: JSON lists
hub_requests       requests of coordinators to the hub itself
keys               what a connection may ask that has shown agents' keys
waiting            waits, and watched leases
"""

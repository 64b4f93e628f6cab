"""
One process of a machine that opens a board for others, which ask it in lines of JSON.

For programs that cannot afford, or do not have, the library (hooks that start a Python for each file,
programs in other languages, tool servers), and for many coordinators on one machine, which `hub:PATH` in
place of a board's path makes its clients. The hub is a replica that others share, not a manager: it holds
no authority, renews nothing for anybody, and whoever opens the board beside it sees the same board.

thin      the client for lines of JSON: the standard library only
client    the engine of coordinators over `hub:`
address   where a hub listens, and who may
loop      one selector loop for all connections
plain     what lines of JSON say
lists     what the lines of coordinators say
coordinators  what coordinators ask of the hub itself
waiting   who waits, and whose leases are watched
"""

"""
One process of a machine that opens a board for others, which ask it in lines of JSON.

For whoever cannot afford, or does not have, the library: hooks that start a Python
for each file, programs in other languages, tool servers. The hub is a replica
that others share, not a manager: it holds no authority, renews nothing for
anybody, and whoever opens the board beside it sees the same board.

thin      the client: the standard library only
address   where a hub listens, and who may
loop      one selector loop for all connections
plain     what the lines say
"""

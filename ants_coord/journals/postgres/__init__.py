"""
A log in PostgreSQL: one board for several machines, on a server that people already run.

journal   append is one call, read verifies the entry that it continues from
listener  notifications of what others append
server    a connection that answers in time or is given up, and safe repeats
install   checking a server, and making the tables
schema    tables, functions and rights of a database that holds boards
dsn       the address of a board: postgresql://user@host/database#board
"""

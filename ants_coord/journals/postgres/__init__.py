"""
A log in PostgreSQL: one board for several machines, on a server that people already run.

journal  the journal itself
listener notifications of what others append
server   a connection with its own deadlines, repeats, and translated errors
install  checking a server, and making the tables
schema   tables, functions and rights; what the owner of a database runs once
dsn      postgresql://user@host/database#board
"""

"""
A log in PostgreSQL: one board for several machines, in a server that people already run.

journal  the journal itself
listener hearing what others append
server   a connection with a deadline of its own, repeats, and errors in our words
install  whether a server will do, and making the tables
schema   tables, functions and rights; what the owner of a database runs once
dsn      postgresql://user@host/database#board
"""

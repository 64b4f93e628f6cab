"""
Commands and queries: the only ways to change a board or to ask it. Plain data; the rules are in core.

shared      the commands that every strategy has: submit, claim, complete, lock, ...
reading     the queries that every strategy has
granting    what gives back what a command has handed over, when nobody has heard its reply
matching    commands about adverts, queries about agents
purses      what work consumes
board       marks, entries, reactions, roll-back
plain_data  our commands and values as plain data, and back
"""

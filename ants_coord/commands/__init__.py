"""
Commands and queries: the only ways to change a board or to ask it. Plain data; the rules are in core.

shared    what every strategy can do: submit, claim, complete, lock, ...
reading   what every strategy can be asked
granting  what gives back a reply that nobody has heard
matching  adverts, discovery
purses    what work consumes
board     marks, entries, reactions, roll-back
"""

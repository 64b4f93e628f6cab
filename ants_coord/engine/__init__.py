"""
One machine, one lock, one lobby, one alarm; both colours stand on it.

engine         what is the same everywhere
memory         the board in one process
replica        the board in a log
lobby          who waits
awaited        what a caller that waited in vain is told
advert_keeper  adverts kept fresh
"""

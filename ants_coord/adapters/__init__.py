"""
Bridges to what lies outside: each module imports what it bridges to, and nobody imports them.

files  a directory mirrored on a board
tree   what of a directory is mirrored, and how it is read
"""

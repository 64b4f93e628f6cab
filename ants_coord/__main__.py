"""`python -m ants_coord` is the command line."""

from .cli import main

main()

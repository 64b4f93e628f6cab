"""Judge all mutants with all methods, and print which kills which."""

from __future__ import annotations

from .judge import METHODS
from .mutants import MUTANTS
from .test_mutants import judged

if __name__ == "__main__":
    survivors = 0
    for number, (file, old, _, method) in enumerate(MUTANTS):
        killers = [name for name in METHODS if not judged(number, name)]
        survivors += method not in killers
        where = " ".join(old.split())[:60]
        print(
            f"{number:>3} {file:<22} {where:<60} {'killed by ' + ', '.join(killers) if killers else 'SURVIVES'}"
        )
    print(f"{len(MUTANTS)} mutants, {survivors} not killed by the method that should")

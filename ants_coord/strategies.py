"""
Your own strategies: parts that decide which agent may take which task, registered under a name.

A strategy consists of a few parts (see `Part` and `Strategy`). Once it is registered, its commands, values
and settings work in the log, snapshots, the command line, both colours, workers and the conformance suite,
like those of the three built-in strategies. Its name and version are in the log of each board, so a process
that lacks them stops with an error instead of granting what others hold.

Parts are pure: no clock, no I/O, no randomness, and no order that depends on hashing, since every process
must compute the same state from the same log.
"""

from __future__ import annotations

from collections.abc import Callable

from .commands.shared import Command, Query, Refused
from .core.state.ledger import Ledger
from .core.state.parts import Anyone, Part, Strategy
from .core.state.records import Row
from .core.strategies import OURS, add, by_priority
from .values.checks import check_name, count

__all__ = [
    "Anyone", "Command", "Ledger", "Part", "Query", "Refused", "Row", "Strategy", "by_priority", "register",
]  # fmt: skip


def register(name: str, version: int, make: Callable[[], Strategy]) -> None:
    """
    Make a strategy known to this process, before any board of it is opened.

    Every process that opens such a board must register it under the same name. A module that is run again, as
    in a notebook, replaces what it registered. The class of such boards is a subclass with the name: `class
    Auction(ClaimQueue): _strategy = "auction"`.

    Args:
        name: written in the log of each board; choose one that nobody else would.
        version: must grow when the same commands would lead to another state. Boards written under an older
            version continue; boards written under a newer one are refused by name.
        make: makes new parts for each board.

    Raises:
        ValueError: the name is taken, or a command or value has a name that is used already.
        TypeError: `make` does not return a Strategy.

    """
    check_name(name, "strategy")
    count(version, "version", most=1 << 31)
    if name in OURS:
        raise ValueError(f"strategy {name!r} is one of the package's own; choose another name")
    made = make()
    if not isinstance(made, Strategy):
        raise TypeError(f"make must return a Strategy, not {made!r}")
    for part in made.parts:
        if not isinstance(part, Part):
            raise TypeError(f"each of parts must be a Part, not {part!r}")
    add(name, version, make)

"""
Doors: what a READY task waits at besides its turn, a named limit or purses that must pay.

The ready order keeps tasks with one door together, so that a shut door is stepped over as a whole.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

__all__ = ["names_of", "purse_name"]


def purse_name(purse: str) -> Hashable:
    """Return the name under which a purse opens doors; no limit has it."""
    return ("purse", purse)


def names_of(door: Any) -> tuple[Hashable, ...]:
    """Return the names whose opening may open a door: of limits, and of purses."""
    if door.__class__ is not tuple:
        return (door,)
    limit, spends = door
    purses = tuple([purse_name(name) for name, _ in spends])
    return purses if limit is None else (limit, *purses)

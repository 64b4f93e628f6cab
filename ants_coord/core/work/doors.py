"""
Doors: what holds a READY task back besides its turn, a named limit or purses that must pay.

The ready order keeps tasks with the same door together, so a shut door is passed over as a whole.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

__all__ = ["names_of", "purse_name"]


def purse_name(purse: str) -> Hashable:
    """Return the name under which a purse opens doors; no limit can have this name."""
    return ("purse", purse)


def names_of(door: Any) -> tuple[Hashable, ...]:
    """Return the names whose opening may open a door: limits and purses."""
    if door.__class__ is not tuple:
        return (door,)
    limit, spends = door
    purses = tuple([purse_name(name) for name, _ in spends])
    return purses if limit is None else (limit, *purses)

"""
Spots: the READY tasks at one place, and the lists in which claims find the best of them.

This module only keeps the order; order.py decides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

from ..matching.index import Signature
from ..state.decay import Moment, Pull, pull_at
from ..work.ready import Lane

if TYPE_CHECKING:
    from .trails import Pool, Trails

__all__ = ["END", "Group", "Line", "Spot"]

END = 0
"""no spot has this number"""


class Spot(Lane):
    """READY tasks of one group at one place, under one limit; the longest ready first."""

    __slots__ = ("age", "group", "place", "pulls")

    def __init__(self, number: int, group: Group, place: str | None, limit: Any) -> None:
        super().__init__(number, group.signature, group.kind, limit, ())
        self.group = group
        self.place = place
        self.age: tuple[int, int] | None = None
        """the key by which it is listed by age, at least as old as its best row; None if it is not listed"""
        self.pulls: dict[Pool, Pull] = {}
        """pool of marks -> the pull with which it is listed"""


class Group:
    """The spots of one (signature, kind, priority), in the orders in which claims walk them."""

    __slots__ = ("by_age", "by_trail", "kind", "priority", "signature", "spots")

    def __init__(self, signature: Signature, kind: str, priority: int) -> None:
        self.signature, self.kind, self.priority = signature, kind, priority
        self.by_age: SortedList = SortedList()
        self.by_trail: dict[Pool, SortedList] = {}
        self.spots: dict[int, Spot] = {}


class Line:
    """A walk down the spots of one pool of marks, the strongest pull first, while there is any pull."""

    __slots__ = ("at", "floor", "moment", "number", "pull", "spots")

    def __init__(self, pool: Pool, trails: Trails, spots: SortedList, at: Moment) -> None:
        self.spots, self.at, self.moment = spots, len(spots), at
        self.floor = trails.rules[pool[1]] if pool[1] else None
        self.step()

    def value(self, pull: Pull) -> float:
        """Return the present value of a pull."""
        strength = pull_at(pull, self.moment)
        if self.floor is None:
            return strength
        draw = self.floor.draw
        return math.copysign(max(abs(strength), abs(draw) * self.floor.floor), draw)

    def step(self) -> None:
        """Move to the next spot: set its number and its pull; at the end, `END` and 0."""
        if self.at:
            self.at -= 1
            sign, exponent, mantissa, self.number = self.spots[self.at]
            if sign > 0:
                self.pull = self.value((sign, exponent, mantissa))
                return
            self.at = 0  # the age of their tasks will bring up the others
        self.number, self.pull = END, 0.0

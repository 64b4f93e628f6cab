"""
The spots of very many signatures in one order: an agent may take tasks of thousands of them.

A claim that walked each signature's group by itself would look at all of them: 10,000 took 44 ms. So while
claims have so many to choose from, all listed spots also stand in lists of their own, one set for each kind
and priority, whatever their signature. A claim walks down these instead and steps over what is not open to
its agent. It must come to the same row as the groups one by one, on each replica, whether or not the lists
are there. So it answers only if it is done within `STEPS`, so early that no walk of a single group can have
come to its end at its number of visits; otherwise the groups decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sortedcontainers import SortedList

from .places import Spot, Spots

if TYPE_CHECKING:
    from ..state.decay import Pull
    from .trails import Pool

__all__ = ["STEPS", "Crowd"]

STEPS = 128
"""looks at spots, at most half of `order.VISITS`"""


class Crowd:
    """All listed spots by kind and priority."""

    __slots__ = ("_of",)

    def __init__(self, spots: Iterable[Spot]) -> None:
        self._of: dict[tuple[str, int], Spots] = {}
        for spot in spots:
            self.list(spot)

    def levels(self, kinds: tuple[str, ...] | None) -> Iterator[list[Spots]]:
        """Iterate over the priorities, the highest first: the lists of each kind."""
        groups = [each for each in self._of.values() if each.spots and (kinds is None or each.kind in kinds)]
        for priority in sorted({each.priority for each in groups}, reverse=True):
            yield [each for each in groups if each.priority == priority]

    def list(self, spot: Spot) -> None:
        """Add a spot that has been listed."""
        assert spot.age is not None
        key = (spot.group.kind, spot.group.priority)
        mine = self._of.get(key)
        if mine is None:
            mine = self._of[key] = Spots(*key)
        mine.spots[spot.number] = spot
        mine.by_age.add((*spot.age, spot.number))
        for pool, pull in spot.pulls.items():
            mine.by_trail.setdefault(pool, SortedList()).add((*pull, spot.number))

    def unlist(self, spot: Spot) -> None:
        """Remove a spot that is about to be removed from its group's lists."""
        assert spot.age is not None
        mine = self._of[spot.group.kind, spot.group.priority]
        mine.by_age.remove((*spot.age, spot.number))
        for pool, pull in spot.pulls.items():
            mine.by_trail[pool].remove((*pull, spot.number))
        del mine.spots[spot.number]

    def age(self, spot: Spot, age: tuple[int, int]) -> None:
        """Move a spot that is about to get another age."""
        assert spot.age is not None
        by_age = self._of[spot.group.kind, spot.group.priority].by_age
        by_age.remove((*spot.age, spot.number))
        by_age.add((*age, spot.number))

    def pull(self, spot: Spot, pool: Pool, old: Pull | None, new: Pull | None) -> None:
        """Move a spot whose trails of one pool have another weight."""
        line = self._of[spot.group.kind, spot.group.priority].by_trail.setdefault(pool, SortedList())
        if old is not None:
            line.remove((*old, spot.number))
        if new is not None:
            line.add((*new, spot.number))

    def check(self, listed: Iterable[Spot]) -> None:
        """Assert that exactly the listed spots are here. O(n)."""
        there = {number: spot for each in self._of.values() for number, spot in each.spots.items()}
        assert there == {spot.number: spot for spot in listed}
        for each in self._of.values():
            each.check()

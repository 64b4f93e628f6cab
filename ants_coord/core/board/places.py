"""
Spots: the READY tasks at one place, and the lists in which claims find the best of them.

This module only keeps the order; order.py decides.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sortedcontainers import SortedList

from ..matching.index import Signature
from ..state.decay import Moment, Pull, pull_at
from ..state.records import READY, Row
from ..work.ready import Lane

if TYPE_CHECKING:
    from .ranking import Pool, Rule

STEPS = 128
"""looks at spots, at most half of `order.VISITS`"""
END = 0
"""no spot has this number"""
Found = tuple[float, int, int, Row]
"""(score, negated ready ns, negated seq, row): the greatest is claimed"""
FOUND: Final = 3
"""where its row is"""
ROW: Final = 2
"""where that of an entry is, (ready ns, seq, row)"""


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


class Spots:
    """Spots of one kind and priority, in the orders in which claims walk them."""

    __slots__ = ("by_age", "by_trail", "kind", "priority", "spots")

    def __init__(self, kind: str, priority: int) -> None:
        self.kind, self.priority = kind, priority
        self.by_age: SortedList = SortedList()
        self.by_trail: dict[Pool, SortedList] = {}
        self.spots: dict[int, Spot] = {}

    def add(self, spot: Spot) -> None:
        """List a spot by its age and its pulls."""
        assert spot.age is not None
        self.spots[spot.number] = spot
        self.by_age.add((*spot.age, spot.number))
        for pool, pull in spot.pulls.items():
            self.by_trail.setdefault(pool, SortedList()).add((*pull, spot.number))

    def drop(self, spot: Spot) -> None:
        """Remove a spot that still has the keys by which it is listed."""
        assert spot.age is not None
        del self.spots[spot.number]
        self.by_age.remove((*spot.age, spot.number))
        for pool, pull in spot.pulls.items():
            self.by_trail[pool].remove((*pull, spot.number))

    def age(self, spot: Spot, age: tuple[int, int]) -> None:
        """Move a spot that is about to get another age."""
        assert spot.age is not None
        self.by_age.remove((*spot.age, spot.number))
        self.by_age.add((*age, spot.number))

    def pull(self, spot: Spot, pool: Pool, old: Pull | None, new: Pull | None) -> None:
        """Move a spot whose trails of one pool have another weight."""
        line = self.by_trail.setdefault(pool, SortedList())
        if old is not None:
            line.remove((*old, spot.number))
        if new is not None:
            line.add((*new, spot.number))

    def check(self) -> None:
        """Assert that the lists hold the spots under the keys that these have. O(n)."""
        listed = self.spots.items()
        assert list(self.by_age) == sorted((*spot.age, number) for number, spot in listed if spot.age)
        assert len(self.by_age) == len(listed)
        for pool, line in self.by_trail.items():
            assert list(line) == sorted((*spot.pulls[pool], n) for n, spot in listed if pool in spot.pulls)


class Group(Spots):
    """The spots of one (signature, kind, priority)."""

    __slots__ = ("signature",)

    def __init__(self, signature: Signature, kind: str, priority: int) -> None:
        super().__init__(kind, priority)
        self.signature = signature


class Crowd:
    """
    All listed spots by kind and priority, while claims have very many signatures to choose from.

    A claim that walked each signature's group by itself would look at all of them: 10,000 took 44 ms. So
    while claims have so many to choose from, all listed spots also stand in lists of their own, one set for
    each kind and priority, whatever their signature. A claim walks down these instead and steps over what
    is not open to its agent. It must come to the same row as the groups one by one, on each replica,
    whether or not the lists are there. So it answers only if it is done within `STEPS`, so early that no
    walk of a single group can have come to its end at its number of visits; otherwise the groups decide.
    """

    __slots__ = ("_of",)

    def __init__(self, spots: Iterable[Spot]) -> None:
        self._of: dict[tuple[str, int], Spots] = {}
        for spot in spots:
            self.lists_of(spot).add(spot)

    def lists_of(self, spot: Spot) -> Spots:
        """Return the lists of a spot's kind and priority."""
        key = (spot.group.kind, spot.group.priority)
        found = self._of.get(key)
        if found is None:
            found = self._of[key] = Spots(*key)
        return found

    def levels(self, kinds: tuple[str, ...] | None) -> Iterator[list[Spots]]:
        """Iterate over the priorities, the highest first: the lists of each kind."""
        groups = [each for each in self._of.values() if each.spots and (kinds is None or each.kind in kinds)]
        for priority in sorted({each.priority for each in groups}, reverse=True):
            yield [each for each in groups if each.priority == priority]

    def check(self, listed: Iterable[Spot]) -> None:
        """Assert that exactly the listed spots are here. O(n)."""
        there = {number: spot for each in self._of.values() for number, spot in each.spots.items()}
        assert there == {spot.number: spot for spot in listed}
        for each in self._of.values():
            each.check()


class Line:
    """A walk down the spots of one pool of marks, the strongest pull first, while there is any pull."""

    __slots__ = ("at", "floor", "moment", "number", "pull", "spots")

    def __init__(self, floor: Rule | None, spots: SortedList, at: Moment) -> None:
        self.spots, self.at, self.moment = spots, len(spots), at
        self.floor = floor
        """the rule of its kind, if that has a floor"""
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


def rank(found: Found) -> tuple[float, int, int]:
    """Return what is compared: all but the row."""
    return found[:3]


def drawn(found: list[Found], draw: float) -> Row:
    """Draw a row with weight score squared; if nothing attracts at all, return the oldest."""
    # found came group by group, and groups stand in the order in which this process first met them
    found.sort(key=rank)
    total = sum(one[0] * one[0] for one in found)
    point = draw * total
    for one in found:
        point -= one[0] * one[0]
        if point < 0:
            return one[FOUND]
    return max(found, key=rank)[FOUND]


def check_spots(
    spots: Collection[Spot],
    rows: Iterable[Row],
    parked: Mapping[Any, Container[int]],
    listed: Mapping[Hashable, int],
) -> None:
    """Assert that spots follow the rows, and that those are listed that have READY tasks. O(n)."""
    entries = {id(entry[ROW]): spot for spot in spots for entry in spot.alive()}
    for row in rows:
        assert entries.get(id(row)) is row.lane, row
        assert row.lane is not None or row.state is not READY, row
    live: dict[Hashable, int] = {}
    for spot in spots:
        assert spot.dead <= {entry[:2] for entry in spot.heap[1:]}
        assert spot.stale == sum(entry[ROW].state is not READY for entry in spot.alive())
        best = min((entry for entry in spot.alive() if entry[ROW].state is READY), default=None)
        if spot.age is None:
            assert best is None or (spot.limit is not None and spot.number in parked[spot.limit])
            continue
        live[spot.signature] = live.get(spot.signature, 0) + 1
        assert best is not None
        assert spot.age <= best[:2]
        assert spot.group.spots[spot.number] is spot
    assert live == listed

"""
How one kind of marks behaves; the order of its trails: strongest at the end, next to evaporate at the start.

Under one half-life, the order of weights is the order of strengths at every time, so nothing here ever moves
because time passes. A deposit only notes that a trail has moved. Moved trails are sorted in runs of a few
hundred, by one deposit in as many. Each look, and each command that lets trails fade, merges one run into the
list and reads the other runs beside it. So a colony that mostly lays marks pays little for each, and no
single call pays for all of them: in an earlier version the first look after 200,000 deposits stopped
everybody for a second.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sortedcontainers import SortedList

from ...values.marks import MarkKind
from ...values.settings import Settings
from ..state.decay import Weight
from ..state.ledger import ns

WEIGHT: Final = slice(2)
"""the weight of a trail, with which its row in the table `trails` and a spot begin"""
# the rest of such a row: how it came to be
MARKS: Final = 2
FIRST_NS: Final = 3
LAST_NS: Final = 4
FIRST_BY: Final = 5
LAST_BY: Final = 6
# the rest of a spot
PLACE: Final = 2

RUN = 512
"""trails that one call sorts, or merges into the list"""
_Spot = tuple[int, float, str]
"""(exponent, mantissa, place)"""
_Table = Mapping[tuple[str, str], tuple[Any, ...]]
Pool = tuple[int, str]
"""half-life, and the kind if it has a floor"""


class Rule:
    """How one kind behaves on this board, in the units of the core."""

    __slots__ = (
        "ceiling",
        "draw",
        "failure",
        "floor",
        "forget_ns",
        "half_life",
        "is_bound",
        "pool",
        "success",
    )

    def __init__(self, kind: MarkKind, settings: Settings) -> None:
        self.half_life = ns(settings.half_life if kind.half_life is None else kind.half_life)
        if not self.half_life and kind.half_life != 0:
            self.half_life = 1
        self.ceiling = kind.ceiling
        self.floor = kind.floor
        self.forget_ns = ns(kind.forget_after)
        self.draw = -kind.weight if kind.repels else kind.weight
        self.is_bound = kind.ceiling is not None or kind.floor > 0
        self.pool = (self.half_life, kind.name if kind.floor else "")
        """kinds of one pool pull together: their sum keeps its order, as each of them does"""
        self.success = kind.success
        self.failure = (1.0 if kind.repels else 0.5) if kind.failure is None else kind.failure


class Ranking:
    """
    The trails of one kind by (weight, place).

    Args:
        kind: the kind.
        spots: (exponent, mantissa, place) of each trail.

    Methods take the table of trails, (kind, place) -> row that begins with the weight, as an argument,
    because the ledger may have replaced the dict since.

    Invariants: a place that has moved counts with its weight in the table, wherever it is listed; it is in
    `_since`, or in a run with that weight.

    """

    __slots__ = ("_kind", "_list", "_moved", "_runs", "_since")

    def __init__(self, kind: str, spots: list[_Spot]) -> None:
        self._kind = kind
        self._list: SortedList = SortedList(spots)
        self._moved: dict[str, Weight | None] = {}
        """place -> the weight under which it is still listed; None if it is not"""
        self._since: dict[str, None] = {}
        """places that have moved since the last run was sorted"""
        self._runs: list[list[_Spot]] = []
        """places that moved earlier, each run from the strongest down; an entry may be out of date"""

    def move(self, place: str, listed: Weight | None, table: _Table) -> None:
        """
        Note that a trail's weight is no longer the one with which it was listed (None: the trail is new).
        """
        moved, since = self._moved, self._since
        if place not in moved:
            moved[place] = listed
        since[place] = None
        if len(since) >= RUN:
            self._runs.append(self._sorted(table))
            since.clear()
            if sum(map(len, self._runs)) > 2 * len(moved) + 8 * RUN:
                self.settle(table)  # the same trails move again and again, and nobody looks

    def drop(self, place: str, weight: Weight) -> None:
        """Forget a trail. O(log n)."""
        listed = self._moved.pop(place, weight)
        if listed is not None:
            self._list.remove((*listed, place))
        self._since.pop(place, None)

    def settle(self, table: _Table) -> None:
        """Bring the list further up to date, by at most one run."""
        moved, spots, kind = self._moved, self._list, self._kind
        if len(moved) <= RUN:
            for place, listed in moved.items():
                if listed is not None:
                    spots.remove((*listed, place))
                spots.add((*table[kind, place][WEIGHT], place))
            moved.clear()
            self._since.clear()
            self._runs.clear()
        elif self._runs:
            for spot in self._runs[0]:
                if self._counts(spot, table):
                    place = spot[PLACE]
                    listed = moved[place]
                    if listed is not None:
                        spots.remove((*listed, place))
                    spots.add(spot)
                    del moved[place]
            del self._runs[0]

    def weakest(self, table: _Table) -> Iterator[_Spot]:
        """Iterate from the weakest up."""
        if not self._moved:
            return iter(self._list)
        for run in self._runs:
            while run and not self._counts(run[-1], table):
                run.pop()  # reinforced since; most entries are, and need never be looked at again
        runs = [reversed(run) for run in (*self._runs, self._sorted(table))]
        return self._once(heapq.merge(self._list, *runs), table)

    def strongest(self, table: _Table) -> Iterator[_Spot]:
        """Iterate from the strongest down; equal strengths by place, from the end of the alphabet."""
        if not self._moved:
            line: Iterator[_Spot] = reversed(self._list)
            return line
        runs = [*self._runs, self._sorted(table)]
        return self._once(heapq.merge(reversed(self._list), *runs, reverse=True), table)

    def _sorted(self, table: _Table) -> list[_Spot]:
        kind, moved = self._kind, self._moved
        found = [(*table[kind, place][WEIGHT], place) for place in self._since if place in moved]
        found.sort(reverse=True)
        return found

    def _counts(self, spot: _Spot, table: _Table) -> bool:
        """Tell whether an entry of a run is up to date for a trail that has moved."""
        row = table.get((self._kind, spot[PLACE])) if spot[PLACE] in self._moved else None
        return row is not None and (*row[WEIGHT], spot[PLACE]) == spot

    def _once(self, line: Iterable[_Spot], table: _Table) -> Iterator[_Spot]:
        """Leave out entries that are out of date, and duplicates, which are adjacent."""
        last = None
        for spot in line:
            row = table.get((self._kind, spot[PLACE]))
            if row is not None and (*row[WEIGHT], spot[PLACE]) == spot and spot != last:
                last = spot
                yield spot

    def check(self, table: _Table) -> None:
        """Assert that reading gives what the table says, before and after a step of settling."""
        wanted = sorted((*row[WEIGHT], place) for (kind, place), row in table.items() if kind == self._kind)
        for _ in range(2):
            assert list(self.weakest(table)) == wanted
            assert list(self.strongest(table)) == wanted[::-1]
            self.settle(table)
            self._list._check()  # noqa: SLF001 - sortedcontainers offers it for this

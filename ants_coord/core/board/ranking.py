"""
The order of one kind's trails: strongest at the end, next to evaporate at the start.

Under one half-life the order of weights is the order of strengths at every
time, so nothing here ever moves because time passes. A deposit only notes that
a trail has moved; whoever asks for the order next brings the list up to date.
That makes a colony that mostly lays marks pay a dictionary entry for each, and
costs nobody more than updating at once would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sortedcontainers import SortedList

from ..state.decay import Weight

__all__ = ["Ranking"]

_Spot = tuple[int, float, str]


class Ranking:
    """
    The trails of one kind by (weight, place).

    Args:
        kind: the kind.
        spots: (exponent, mantissa, place) of each trail.

    Methods take the table of trails, (kind, place) -> row that begins with the weight: the ledger
    may have replaced the dict since.

    """

    __slots__ = ("_kind", "_list", "_moved")

    def __init__(self, kind: str, spots: list[_Spot]) -> None:
        self._kind = kind
        self._list: SortedList = SortedList(spots)
        self._moved: dict[str, Weight | None] = {}
        """place -> the weight under which it is still listed; None if it is not"""

    def move(self, place: str, listed: Weight | None) -> None:
        """Note that a trail has another weight now than the one it was listed with (None: new). O(1)."""
        if place not in self._moved:
            self._moved[place] = listed

    def drop(self, place: str, weight: Weight) -> None:
        """Forget a trail. O(log n)."""
        listed = self._moved.pop(place, weight)
        if listed is not None:
            self._list.remove((*listed, place))

    def first(self, table: Mapping[tuple[str, str], tuple[Any, ...]]) -> _Spot | None:
        """Return the weakest trail."""
        self._settle(table)
        return self._list[0] if self._list else None

    def strongest(self, table: Mapping[tuple[str, str], tuple[Any, ...]]) -> Iterator[_Spot]:
        """Iterate from the strongest down; ties by place, from the end of the alphabet."""
        self._settle(table)
        line: Iterator[_Spot] = reversed(self._list)
        return line

    def _settle(self, table: Mapping[tuple[str, str], tuple[Any, ...]]) -> None:
        moved = self._moved
        if not moved:
            return
        spots, kind = self._list, self._kind
        if len(moved) > 64 and 2 * len(moved) > len(spots):
            stay = [spot for spot in spots if spot[2] not in moved]
            fresh = [(*table[kind, place][:2], place) for place in moved]
            self._list = SortedList(stay + fresh)
        else:
            for place, listed in moved.items():
                if listed is not None:
                    spots.remove((*listed, place))
                spots.add((*table[kind, place][:2], place))
        moved.clear()

    def check(self, table: Mapping[tuple[str, str], tuple[Any, ...]]) -> None:
        """Assert that the list, brought up to date, is what the table says. O(n)."""
        self._settle(table)
        self._list._check()  # noqa: SLF001 - sortedcontainers offers it for this
        wanted = sorted((*row[:2], place) for (kind, place), row in table.items() if kind == self._kind)
        assert list(self._list) == wanted

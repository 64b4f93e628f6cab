"""
The ready order of the matchmaker: a queue for each signature, the best head wins.

`ByPriority` compares lanes; this order compares signatures: those that are open to the agent and have tasks,
so a queue that nobody can serve blocks nobody. A task that the agent has declined is stepped over by a walk
through the heap in its order.

If very many signatures are open to an agent (say, each task asks for a different number), the walk goes block
by block instead: first the block with the best task, then the others as long as theirs could be better. If
the agent may take the best task of a block, the block is settled; if not, its signatures in that block are
looked at one by one.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ..state.ledger import Ledger, ns
from ..state.records import Row
from ..work.ready import ByPriority, Heads, Lane, in_order
from .index import Open, Signature
from .teams import seat_for

if TYPE_CHECKING:
    from .roster import Roster

_ANY = (None,)
_Entry = tuple[int, int, Row]
_ROW: Final = 2


class Seats:
    """The common part of ready orders that put the READY seats of teams where the matching looks for them."""

    __slots__ = ()
    _part: Roster

    def _note_seat(self, row: Row) -> None:
        assert row.spec.seat is not None
        self._part.open_seats.setdefault(row.spec.seat, {})[row.spec.id] = row

    def _forget_seat(self, row: Row) -> None:
        team = row.spec.seat
        if team is not None and team in self._part.open_seats:
            seats = self._part.open_seats[team]
            seats.pop(row.spec.id, None)
            if not seats:
                del self._part.open_seats[team]


class BySignature(Seats, ByPriority):
    """
    The order part of the matchmaker.

    Args:
        ledger: gives aging and limits.
        part: the eligibility part; its index says which signatures may have tasks.

    """

    __slots__ = ("_blocks", "_ledger", "_part")

    def __init__(self, ledger: Ledger, part: Roster) -> None:
        super().__init__(ns(ledger.settings.aging), ledger.is_open)
        self._blocks: dict[tuple[int, str | None], Heads] = {}
        """(block of signatures, kind or None for all) -> the heads of all its lanes; made at the first
        request"""
        self._ledger = ledger
        self._part = part

    def add(self, row: Row, signature: Hashable) -> None:
        """Add a row that has become READY. O(log n)."""
        super().add(row, signature)
        if row.spec.seat is not None:
            self._note_seat(row)
        # use the lane's signature: that of a returning row may have been replaced since
        self._mark(row.lane)

    def leave(self, row: Row) -> None:
        """Note that a row is no longer READY. Amortised O(1)."""
        super().leave(row)
        if row.spec.seat is not None:
            self._forget_seat(row)

    def reorder(self, row: Row) -> None:
        """Forget a row's entry."""
        super().reorder(row)
        self._forget_seat(row)

    def reopen(self, limit: Hashable) -> None:
        """List the lanes of a limit again: it has a free slot."""
        super().reopen(limit)
        for lane in self._by_limit.get(limit, ()):
            if lane.heap:  # an empty lane's signature may have given its number to another one
                self._mark(lane)

    def _mark(self, lane: Lane) -> None:
        signature = lane.signature
        assert isinstance(signature, Signature)
        self._part.index.ready[signature.block] |= signature.bit

    def first(self, agent: str, signatures: Iterable[Hashable], kinds: tuple[str, ...] | None) -> Row | None:
        """Return the best row that the agent may take and has not declined. O(signatures open, blocks)."""
        best: _Entry | None = None
        if self._part.open_seats:
            seat = seat_for(self._part, self._ledger, agent)
            if seat is not None and (kinds is None or seat.spec.kind in kinds):
                best = self._entry(seat)
            if agent in self._ledger.tables["reserved"]:
                return None if best is None else best[_ROW]
        if signatures.__class__ is Open:
            for kind in _ANY if kinds is None else kinds:
                best = self._best_by_block(agent, signatures, kind, best)
        else:
            best = self._better(agent, signatures, _ANY if kinds is None else kinds, best)
        return None if best is None else best[_ROW]

    def _better(
        self,
        agent: str,
        signatures: Iterable[Hashable],
        kinds: tuple[str | None, ...],
        best: _Entry | None,
    ) -> _Entry | None:
        """Return the best entry of these signatures, if it is better than the given one."""
        index = self._part.index
        declined = self._ledger.declines.active.get(agent, {})
        for signature in signatures:
            assert isinstance(signature, Signature)
            for kind in kinds:
                heads = self._heads.get((signature, kind)) or self._group(signature, kind)
                entry = heads.first(self._is_open)
                if entry is None:
                    if kind is None:
                        index.ready[signature.block] &= ~signature.bit
                    continue
                if best is not None and best[:2] < entry[:2]:
                    continue
                if entry[_ROW].spec.id in declined:
                    entry = next(self._walk(agent, signature, kind), None)
                    if entry is None or (best is not None and best[:2] < entry[:2]):
                        continue
                best = entry
        return best

    def _best_by_block(
        self, agent: str, signatures: Open, kind: str | None, best: _Entry | None
    ) -> _Entry | None:
        declined = self._ledger.declines.active.get(agent, {})
        bounds = []
        for block in signatures.masks:
            heads = self._blocks.get((block, kind)) or self._of_block(block, kind)
            if heads.heap:
                bounds.append((*heads.heap[0][:2], block, heads))
        bounds.sort()
        for rank, seq, block, heads in bounds:
            if best is not None and best[:2] < (rank, seq):
                break
            entry = heads.first(self._is_open)
            if entry is None or (best is not None and best[:2] < entry[:2]):
                continue
            if entry[_ROW].lane.signature in signatures and entry[_ROW].spec.id not in declined:
                best = entry
            else:
                best = self._better(agent, signatures.within(block), (kind,), best)
        return best

    def _of_block(self, block: int, kind: str | None) -> Heads:
        heads = self._blocks[block, kind] = Heads()
        for signature in self._part.index.of_block(block):
            for lane in signature.lanes:
                self._cover(heads, lane, kind)
        return heads

    def _group(self, signature: Hashable, kind: str | None) -> Heads:
        """Return the heads of one kind (None: of all kinds), made at the first claim of that kind."""
        assert isinstance(signature, Signature)
        heads = self._heads.get((signature, kind))
        if heads is None:
            heads = self._heads[signature, kind] = Heads()
            for lane in signature.lanes:
                self._cover(heads, lane, kind)
        return heads

    def _entry(self, row: Row) -> _Entry:
        rank = row.ready_ns - row.spec.priority * self._aging_ns if self._aging_ns else -row.spec.priority
        return rank, row.seq, row

    def best(self, agent: str, signatures: Iterable[Hashable], count: int) -> list[Row]:
        """Return up to `count` rows that the agent could take, in order."""
        walks = [self._walk(agent, signature, None) for signature in signatures]
        if self._part.open_seats:
            seat = seat_for(self._part, self._ledger, agent)
            if agent in self._ledger.tables["reserved"]:
                return [] if seat is None else [seat]
            walks += [] if seat is None else [iter([self._entry(seat)])]
        return [row for _, _, row in islice(heapq.merge(*walks, key=lambda entry: entry[:2]), count)]

    def _walk(self, agent: str, signature: Hashable, kind: str | None) -> Iterator[_Entry]:
        """Iterate over the rows of one group that the agent may take, in order."""
        declined = self._ledger.declines.active.get(agent, {})
        heads = self._group(signature, kind)
        lanes = {number: lane for _, _, number, lane in heads.heap if number in heads.listed}
        walks = [
            in_order(lane, lambda row: row.spec.id not in declined)
            for lane in lanes.values()
            if lane.limit is None or self._is_open(lane.limit)
        ]
        return heapq.merge(*walks, key=lambda entry: entry[:2])

    def _lane(self, signature: Hashable, kind: str, limit: Any) -> Lane:
        # made with the first lane: finding its lanes later would mean a look at all lanes
        self._group(signature, None)
        lane = super()._lane(signature, kind, limit)
        assert isinstance(signature, Signature)
        signature.lanes.append(lane)
        for group in _ANY if not self._blocks else (None, kind):
            heads = self._blocks.get((signature.block, group))
            if heads is not None and signature.bit:
                lane.heads = (*lane.heads, heads)
        return lane

    def _prune(self) -> None:
        super()._prune()
        used: dict[Hashable, list[Lane]] = {}
        for lane in self._lanes.values():
            used.setdefault(lane.signature, []).append(lane)
        for signature, _ in self._heads:
            assert isinstance(signature, Signature)
            signature.lanes = used.get(signature, [])
        self._heads = {key: heads for key, heads in self._heads.items() if key[0] in used}
        self._blocks = {key: heads for key, heads in self._blocks.items() if heads.listed}

"""
The ready order: which task is next, in O(log n), without head-of-line blocking.

READY tasks are kept in lanes, one per (signature, kind, door). Tasks in a lane are interchangeable to every
agent and every limit, so a lane is runnable or not as a whole, and a full limit parks its lanes instead of
being skipped task by task. Each lane is a heap; a small heap of lane heads finds the best lane. Both are
corrected lazily when they are read.

Keys never change while a task waits. With aging, effective priority is priority + waited / aging, which is
linear in time, so comparing two tasks always gives the same answer, and `first_ready - priority * aging` is a
static key. Equal keys are ordered by submission; a returned task has its old key and so its old place.

Rejected: one heap with skipping (a blocked head costs O(blocked) each claim),
sorted containers (1.9 us per add and remove, the lazy heap 0.9).

Invariants, as checked by `check`:
1. `row.lane` is set exactly if one entry of the row is in that lane's heap;
2. every READY row has a lane; `stale` counts the entries of all others;
3. a lane with a READY row and an open limit is listed in each group of heads that covers it, with a key not
   greater than its best row's.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import islice
from typing import Any, Final

from ...values.tasks import Task, TaskState
from ..state.records import Row

READY = TaskState.READY
_ANY = (None,)
_NEVER = (1 << 200,)
_Key = tuple[int, int]
# an entry of a lane begins with its key, and so does one of the heads
_ROW: Final = 2
_NUMBER: Final = 2
_LANE: Final = 3


# -- doors: what holds a READY task back besides its turn, a limit or purses that must pay --


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


# -- lanes --------------------------------------------------------------------------------


class Lane:
    """READY tasks that differ only in their order."""

    __slots__ = ("dead", "heads", "heap", "kind", "limit", "number", "offered", "signature", "stale")

    def __init__(
        self, number: int, signature: Hashable, kind: str, limit: Any, heads: tuple[Heads, ...]
    ) -> None:
        self.number = number
        self.signature = signature
        self.kind = kind
        self.limit = limit
        self.heads = heads
        self.heap: list[tuple[int, int, Row]] = []
        self.stale = 0
        self.offered: tuple[int, ...] = _NEVER
        """every group of heads lists this lane with this key or a lower one; _NEVER if one of them does
        not"""
        self.dead: set[_Key] = set()
        """keys of entries whose rows have another key or lane by now; never that of the first entry, so that
        code which only looks there need not check"""

    @property
    def is_empty(self) -> bool:
        """Whether no row in it is READY."""
        return len(self.heap) == self.stale + len(self.dead)

    def alive(self) -> list[tuple[int, int, Row]]:
        """Return the entries that are not dead, in no particular order."""
        return [entry for entry in self.heap if entry[:2] not in self.dead] if self.dead else self.heap

    def bury(self, key: _Key) -> None:
        """Forget an entry by its key. Amortised O(log n)."""
        self.dead.add(key)
        if len(self.dead) > 32 and 2 * len(self.dead) > len(self.heap):
            self.heap = self.alive()
            heapq.heapify(self.heap)
            self.dead.clear()
        else:
            self.surface()

    def surface(self) -> None:
        """Make sure that the first entry is not a dead one."""
        while self.dead and self.heap[0][:2] in self.dead:
            self.dead.remove(heapq.heappop(self.heap)[:2])

    def best(self) -> tuple[int, int, Row] | None:
        """Return the first entry whose row is still READY."""
        heap = self.heap
        while heap:
            entry = heap[0]
            if entry[_ROW].state is READY:
                return entry
            heappop(heap)
            entry[_ROW].lane = None
            if self.stale:
                self.stale -= 1
            if self.dead:
                self.surface()
        return None

    def sweep(self, leaving: Row) -> None:
        """Drop entries of rows that left from inside the heap, `leaving` too, once they are the majority."""
        kept = []
        for entry in self.heap:
            if self.dead and entry[:2] in self.dead:
                continue
            if entry[_ROW].state is READY and entry[_ROW] is not leaving:
                kept.append(entry)
            else:
                entry[_ROW].lane = None
        heapq.heapify(kept)
        self.heap = kept
        self.stale = 0
        self.dead.clear()


class Heads:
    """The best entry of every runnable lane of one group, lazily corrected."""

    __slots__ = ("heap", "listed")

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, int, Lane]] = []
        self.listed: dict[int, _Key] = {}

    def offer(self, key: _Key, lane: Lane) -> None:
        """List a lane, or improve its listing."""
        listed = self.listed.get(lane.number)
        if listed is None or key < listed:
            self.listed[lane.number] = key
            heapq.heappush(self.heap, (*key, lane.number, lane))
            if len(self.heap) > 2 * len(self.listed) + 64:
                self._sweep()

    def _sweep(self) -> None:
        """
        Drop duplicates: an agent that claims and returns the same two tasks in turn leaves one each time.
        """
        listed = self.listed
        once = {entry[_NUMBER]: entry for entry in self.heap if listed.get(entry[_NUMBER]) == entry[:2]}
        self.heap = list(once.values())
        heapq.heapify(self.heap)

    def first(self, is_open: Callable[[Any], bool]) -> tuple[int, int, Row] | None:
        """Return the best entry of the lanes whose limit is open."""
        heap, listed = self.heap, self.listed
        # a single lane needs no correction to be the best: its listed key may only be too good
        if len(heap) == 1:
            lane = heap[0][_LANE]
            entries = lane.heap
            if lane.limit is None and entries and entries[0][_ROW].state is READY:
                return entries[0]
        while heap:
            rank, seq, number, lane = heap[0]
            if listed.get(number) != (rank, seq):
                heappop(heap)  # a better head has been offered since
                continue
            entries = lane.heap
            # the usual case without a call: the top is not stale
            best = entries[0] if entries and entries[0][_ROW].state is READY else lane.best()
            if best is None or (lane.limit is not None and not is_open(lane.limit)):
                lane.offered = _NEVER
                heappop(heap)
                del listed[number]
            elif best[1] != seq or best[0] != rank:
                lane.offered = max(lane.offered, best[:2])
                listed[number] = best[:2]
                heapq.heapreplace(heap, (best[0], best[1], number, lane))
            else:
                return best
        return None


class ByPriority:
    """
    The order part of the claim queue: priority (with optional aging), then submission.

    Args:
        aging_ns: nanoseconds of waiting per step of priority; 0 is off.
        is_open: tells whether a named limit has a free slot now.

    """

    __slots__ = ("_aging_ns", "_by_limit", "_heads", "_is_open", "_lanes", "_made", "_only")
    honours: frozenset[str] = frozenset()

    def __init__(self, aging_ns: int, is_open: Callable[[Any], bool]) -> None:
        self._aging_ns = aging_ns
        self._is_open = is_open
        self._lanes: dict[tuple[Hashable, str, Any], Lane] = {}
        self._heads: dict[tuple[Hashable, str | None], Heads] = {}
        self._by_limit: dict[Hashable, list[Lane]] = {}
        self._made = 0
        self._only: Lane | None = None
        """the only lane, if nothing waits for a limit"""

    def add(self, row: Row, signature: Hashable) -> None:
        """Add a row that has become READY. O(log n)."""
        spec, lane = row.spec, row.lane
        rank = row.ready_ns - spec.priority * self._aging_ns if self._aging_ns else -spec.priority
        if lane is not None:
            lane.stale -= 1  # its old entry has the same key and is used again
        else:
            # for a plain task, this attribute costs a lookup in its class, 50 ns
            door = None if spec.__class__ is Task else spec.door
            lane = self._lanes.get((signature, spec.kind, door))
            if lane is None:
                lane = self._lane(signature, spec.kind, door)
            row.lane = lane
            if lane.dead and (rank, row.seq) in lane.dead:
                lane.dead.remove((rank, row.seq))  # it has returned to its old place
            else:
                heappush(lane.heap, (rank, row.seq, row))
        if lane.heads and lane.heap[0][_ROW] is row and (key := (rank, row.seq)) < lane.offered:
            lane.offered = key
            for heads in lane.heads:
                heads.offer(key, lane)

    def leave(self, row: Row) -> None:
        """Note that a READY row was claimed or has ended. Amortised O(1)."""
        lane = row.lane
        heap = lane.heap
        if heap and heap[0][_ROW] is row:
            heappop(heap)
            row.lane = None
            if lane.dead:
                lane.surface()
            return
        lane.stale += 1
        if lane.stale > 32 and 2 * lane.stale > len(heap):
            lane.sweep(row)

    def reorder(self, row: Row) -> None:
        """Forget a row's entry, because its key or lane is about to change. Amortised O(log n)."""
        lane, spec = row.lane, row.spec
        if lane is not None:
            if row.state is not READY:
                lane.stale -= 1
            rank = row.ready_ns - spec.priority * self._aging_ns if self._aging_ns else -spec.priority
            lane.bury((rank, row.seq))
            row.lane = None

    def first(self, agent: str, signatures: Iterable[Hashable], kinds: tuple[str, ...] | None) -> Row | None:
        """
        Return the best claimable row of these signatures and kinds (None: any kind); all agents are equal.
        """
        only = self._only
        # with a single lane, which most boards have, nothing needs comparing or correcting
        if only is not None and kinds is None and only.heap:
            row = only.heap[0][_ROW]
            if row.state is READY and only.signature in signatures:
                return row
        best: tuple[int, int, Row] | None = None
        for signature in signatures:
            for kind in _ANY if kinds is None else kinds:
                heads = self._heads.get((signature, kind)) or self._group(signature, kind)
                entry = heads.first(self._is_open)
                if entry is not None and (best is None or entry[:2] < best[:2]):
                    best = entry
        return None if best is None else best[_ROW]

    def passing_over(
        self,
        agent: str,
        signatures: Iterable[Hashable],
        kinds: tuple[str, ...] | None,
        declined: Container[str],
    ) -> Row | None:
        """Return the best claimable row that is none of these. O(lanes), plus the rows passed over."""
        entry = next(self._walk_all(signatures, kinds, declined), None)
        return None if entry is None else entry[_ROW]

    def best(self, agent: str, signatures: Iterable[Hashable], count: int) -> list[Row]:
        """Return up to `count` claimable rows in order. O(lanes + count log n)."""
        return [row for _, _, row in islice(self._walk_all(signatures, None, ()), count)]

    def _walk_all(
        self, signatures: Iterable[Hashable], kinds: tuple[str, ...] | None, declined: Container[str]
    ) -> Iterator[tuple[int, int, Row]]:
        """Walk all lanes of these signatures together, in order."""
        wanted = set(signatures)
        walks = [
            in_order(lane, lambda row: row.spec.id not in declined)
            for (signature, kind, limit), lane in self._lanes.items()
            if signature in wanted
            and (kinds is None or kind in kinds)
            and (limit is None or self._is_open(limit))
        ]
        return heapq.merge(*walks, key=lambda entry: entry[:2])

    def reopen(self, limit: Hashable) -> None:
        """List the lanes of a limit again: it has a free slot."""
        for lane in self._by_limit.get(limit, ()):
            best = lane.best()
            if best is not None:
                for heads in lane.heads:
                    heads.offer(best[:2], lane)

    def check(self, rows: Iterable[Row]) -> None:
        """Assert the invariants. O(n)."""
        live = [(entry, lane) for lane in self._lanes.values() for entry in lane.alive()]
        entries = {id(entry[_ROW]): lane for entry, lane in live}
        assert len(live) == len(entries)
        for row in rows:
            assert entries.get(id(row)) is row.lane, row
            assert row.lane is not None or row.state is not READY, row
        for lane in self._lanes.values():
            assert lane.dead <= {entry[:2] for entry in lane.heap[1:]}
            assert lane.stale == sum(entry[_ROW].state is not READY for entry in lane.alive())
            best = min((e for e in lane.alive() if e[_ROW].state is READY), default=None)
            if best is not None and (lane.limit is None or self._is_open(lane.limit)):
                for heads in lane.heads:
                    listed = heads.listed[lane.number]
                    assert listed <= best[:2]
                    assert any(e[:2] == listed and e[_LANE] is lane for e in heads.heap)

    def _group(self, signature: Hashable, kind: str | None) -> Heads:
        """Return the heads of one kind (None: of all), made at the first claim of that kind. O(lanes)."""
        heads = self._heads.get((signature, kind))
        if heads is None:
            heads = self._heads[signature, kind] = Heads()
            for lane in self._lanes.values():
                if lane.signature == signature:
                    self._cover(heads, lane, kind)
        return heads

    def _cover(self, heads: Heads, lane: Lane, kind: str | None) -> None:
        """Add a lane to a group, if it is of the group's kind (None: of any kind)."""
        if kind is None or kind == lane.kind:
            lane.heads = (*lane.heads, heads)
            best = lane.best()
            if best is None:
                lane.offered = _NEVER
            else:
                lane.offered = max(lane.offered, best[:2])
                heads.offer(best[:2], lane)

    def _lane(self, signature: Hashable, kind: str, limit: Any) -> Lane:
        groups = [self._heads.get((signature, group)) for group in (None, kind)]
        heads = tuple([group for group in groups if group is not None])
        if len(self._lanes) >= 1024 and len(self._lanes) & (len(self._lanes) - 1) == 0:
            self._prune()
        self._made += 1
        lane = self._lanes[signature, kind, limit] = Lane(self._made, signature, kind, limit, heads)
        self._only = lane if len(self._lanes) == 1 and limit is None else None
        self._list_by_limit(lane)
        return lane

    def _list_by_limit(self, lane: Lane) -> None:
        for name in () if lane.limit is None else names_of(lane.limit):
            self._by_limit.setdefault(name, []).append(lane)

    def _prune(self) -> None:
        """Forget empty lanes when their number reaches a power of two: there may be many kinds and limits."""
        for key, lane in list(self._lanes.items()):
            if not lane.heap:
                del self._lanes[key]
                for heads in lane.heads:
                    heads.listed.pop(lane.number, None)
        self._by_limit = {}
        for lane in self._lanes.values():
            self._list_by_limit(lane)


def in_order(lane: Lane, fits: Callable[[Row], bool]) -> Iterator[tuple[int, int, Row]]:
    """Walk a heap in order without changing it: O(k log k) for the first k entries."""
    heap, dead = lane.heap, lane.dead
    frontier = [(heap[0][:2], 0)] if heap else []
    while frontier:
        _, at = heapq.heappop(frontier)
        entry = heap[at]
        for child in (2 * at + 1, 2 * at + 2):
            if child < len(heap):
                heapq.heappush(frontier, (heap[child][:2], child))
        if entry[_ROW].state is READY and not (dead and entry[:2] in dead) and fits(entry[_ROW]):
            yield entry

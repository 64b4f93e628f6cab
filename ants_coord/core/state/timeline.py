"""
Two readings of one stamp, and the alarms set on them.

The log stores raw stamps. Lease time is the sum of the forward steps, so a clock that is set back lengthens
no lease by more than the step it repeats. Calendar time is the highest stamp seen; delays, finish_by and
retention use it (Gray & Cheriton 1989 for leases; Redis Streams for ids that never go back).

Alarms are kept in two lazily corrected heaps: renewing a lease moves only the row's deadline, and the old
entry in the heap is compared with its row when it comes due. A heap with more stale entries than live ones is
rebuilt, so both stay O(live) in memory and O(log live) amortised in time.
"""

from __future__ import annotations

import heapq
from heapq import heappush
from typing import Any

from ...values.tasks import TaskState
from .records import LockRow, Row

RAW, LEASE, CALENDAR = range(3)
"""the positions in a reading: the previous raw stamp, lease time, calendar time"""

LEASED = TaskState.LEASED
DELAYED = TaskState.DELAYED


class Timeline:
    """The clock readings as one tuple, so that they change in one store."""

    __slots__ = ("reading",)

    def __init__(self) -> None:
        self.reading: tuple[int, int, int] = (0, 0, 0)
        """indexed by RAW, LEASE and CALENDAR"""

    @property
    def calendar_ns(self) -> int:
        """The time of dates and delays: nanoseconds since the epoch."""
        return self.reading[CALENDAR]

    def advance(self, raw_ns: int) -> tuple[int, int, int]:
        """Take the next stamp; return the new reading."""
        previous, lease, calendar = self.reading
        if raw_ns > previous:  # every command comes here, so the usual case comes first, and calls nothing
            lease = lease + raw_ns - previous if previous or calendar else raw_ns
            if raw_ns > calendar:  # noqa: PLR1730
                calendar = raw_ns
        elif previous == calendar == 0:  # the first stamp; a clock may also be set back to 0
            lease = calendar = raw_ns
        self.reading = reading = (raw_ns, lease, calendar)
        return reading


class Alarms:
    """Deadlines of leases and locks (lease time) and due times of tasks (calendar time)."""

    __slots__ = ("_kept", "_tasks", "due", "leases", "room")

    def __init__(self, tasks: dict[str, Row]) -> None:
        self._tasks = tasks
        self.leases: list[tuple[int, int, Any]] = []
        """heap of (deadline or earlier, token, Row or LockRow)"""
        self.due: list[tuple[int, int, str, int, str]] = []
        """heap of (time, seq, "ripen" or "miss", generation, task): not the row, since a far date would keep
        the payload of a task that ended long ago"""
        self._kept = 0
        """how many entries the last sweep of `due` left"""
        self.room = 64
        """how large the heap of leases may grow before it is swept: twice what the last sweep left"""

    def lease(self, deadline_ns: int, token: int, row: Row | LockRow) -> None:
        """Set the alarm of a new lease. O(log live)."""
        if len(self.leases) > self.room:
            self.sweep()
        heappush(self.leases, (deadline_ns, token, row))

    def sweep(self) -> None:
        """Drop stale entries from the heap of leases."""
        heap = self.leases
        heap[:] = [(deadline, token, row) for deadline, token, row in heap if _is_live(token, row)]
        heapq.heapify(heap)
        self.room = 2 * len(heap) + 64

    def next_lease(self) -> tuple[int, int, Any] | None:
        """Return the entry whose deadline really is the earliest. Amortised O(log live)."""
        heap = self.leases
        while heap:
            entry = heap[0]
            deadline, token, row = entry
            if not _is_live(token, row):
                heapq.heappop(heap)
            elif row.deadline_ns != deadline:
                heapq.heapreplace(heap, (row.deadline_ns, token, row))
            else:
                return entry
        return None

    def task(self, when_ns: int, verb: str, row: Row) -> None:
        """Set the alarm of a task's delay ("ripen") or finish_by ("miss")."""
        heap = self.due
        if len(heap) > 2 * self._kept + 64:  # as many again have come since: sweep those that no longer apply
            heap[:] = [entry for entry in heap if self._row(entry) is not None]
            heapq.heapify(heap)
            self._kept = len(heap)
        heapq.heappush(heap, (when_ns, row.seq, verb, row.generation, row.spec.id))

    def next_task(self) -> tuple[int, str, Row] | None:
        """Return the earliest due (time, verb, row) that still applies."""
        heap = self.due
        while heap:
            entry = heap[0]
            row = self._row(entry)
            if row is not None:
                when_ns, _, verb, _, _ = entry
                return when_ns, verb, row
            heapq.heappop(heap)
        return None

    def _row(self, entry: tuple[int, int, str, int, str]) -> Row | None:
        """Return the row of an entry that still applies."""
        when, _seq, verb, generation, task = entry
        row = self._tasks.get(task)
        if row is None:
            return None
        if verb == "ripen":
            return row if row.state is DELAYED and row.due_ns == when else None
        applies = row.generation == generation and row.finish_by_ns == when and not row.state.is_final
        return row if applies else None


def _is_live(token: int, row: Row | LockRow) -> bool:
    if row.__class__ is LockRow:
        return row.depth > 0 and row.token == token
    return row.token == token and row.state is LEASED  # type: ignore[union-attr]

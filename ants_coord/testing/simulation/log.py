"""
A log shared by simulated processes: each has a view of it, with its own clock and faults.

The faults that can occur between a process and a real log occur here on demand: a reply is lost after the
command was written, a command is written twice, a clock is off. The views of one log always agree on its
content.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable, Sequence

import attrs

from ...errors import JournalError
from ...journals.ports import Alarm, Clock, Entry

_START_NS = 1_750_000_000_000_000_000


@attrs.define(eq=False, str=False, repr=False, slots=False)
class ReplyLostError(JournalError):
    """Raised when it is unknown whether a command was written, as when a connection breaks."""

    path: str = "simulated log"
    problem: str = "the reply was lost"


class SimulatedClock(Clock):
    """
    The clock of one simulated process: virtual time with an offset; its alarms are silent while it is paused.

    Args:
        loop: the loop that gives the time.
        off_ns: its offset.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop, off_ns: int = 0) -> None:
        self._loop = loop
        self.off_ns = off_ns
        self.paused_until = 0.0
        """loop time until which no alarm rings: the process gets no processor time"""
        self.is_dead = False

    def now_ns(self) -> int:
        """Return the stamp of this instant."""
        return _START_NS + self.off_ns + round(self._loop.time() * 1e9)

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that rings in the loop."""
        return _LoopAlarm(self, ring)

    def call(self, when: float, do: Callable[[], None]) -> asyncio.TimerHandle:
        """Call something at a loop time, or when the process is awake again; never once it is dead."""

        def due() -> None:
            if self.is_dead:
                return
            if self._loop.time() < self.paused_until:
                self._loop.call_at(self.paused_until, due)
            else:
                do()

        return self._loop.call_at(when, due)

    def loop_now(self) -> float:
        """Return the loop time of this instant."""
        return self._loop.time()

    def loop_time(self, at_ns: int) -> float:
        """Return the loop time at which this clock shows a stamp."""
        return self._loop.time() + max(0, at_ns - self.now_ns()) / 1e9


class _LoopAlarm(Alarm):
    def __init__(self, clock: SimulatedClock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self._at_ns = 1 << 62

    def set(self, at_ns: int) -> None:
        if at_ns >= self._at_ns:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._at_ns = at_ns
        self._handle = self._clock.call(self._clock.loop_time(at_ns), self._due)

    def _due(self) -> None:
        self._at_ns, self._handle = 1 << 62, None
        self._ring()

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._at_ns = -1


class SimulatedLog:
    """An ordered log in memory, with snapshots, for any number of views. Lives in one event loop."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.trimmed = 0
        self.views: list[LogView] = []
        self.pieces: dict[int, list[bytes]] = {}
        self.whole: int | None = None

    def view(self, clock: SimulatedClock, **faults: float | random.Random) -> LogView:
        """Return a view: what one process sees of the log."""
        view = LogView(self, clock, **faults)  # type: ignore[arg-type]
        self.views.append(view)
        return view

    def append(self, bodies: Sequence[bytes], stamp_ns: int, writer: LogView) -> None:
        """Append entries, and notify the other views."""
        for body in bodies:
            self.entries.append(Entry(self.trimmed + len(self.entries) + 1, stamp_ns, body))
        for view in self.views:
            if view is not writer:
                view.tell()

    def after(self, position: int) -> list[Entry]:
        """Return the entries after a position."""
        return self.entries[max(0, position - self.trimmed) :]


class LogView:
    """
    The journal of one simulated process.

    Args:
        log: the log.
        clock: the process's clock; it stamps what this process writes.
        dice: decides the faults.
        lost_reply: share of appends that are written and yet raise ReplyLostError.
        refused: share of appends that raise ReplyLostError and are not written.
        duplicate: share of appends that are written twice.
        until: loop time after which there are no more faults.

    """

    def __init__(
        self,
        log: SimulatedLog,
        clock: SimulatedClock,
        *,
        dice: random.Random | None = None,
        lost_reply: float = 0.0,
        refused: float = 0.0,
        duplicate: float = 0.0,
        until: float = math.inf,
    ) -> None:
        self.clock: Clock = clock
        self._log = log
        self._own = clock
        self._dice = random.Random(0) if dice is None else dice  # noqa: S311 - faults are no secret
        self._lost_reply, self._refused, self._duplicate = lost_reply, refused, duplicate
        self._until = until
        self._changed: Callable[[], None] | None = None
        self._told = False
        self.faults = {"lost replies": 0, "refused appends": 0, "duplicates": 0}

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append all bodies and return every entry after `after`; or fail as a network does."""
        if self._happens(self._refused, "refused appends"):
            raise ReplyLostError
        if self._happens(self._duplicate, "duplicates"):
            self._log.append(bodies, self._own.now_ns(), self)
        self._log.append(bodies, self._own.now_ns(), self)
        if self._happens(self._lost_reply, "lost replies"):
            raise ReplyLostError
        return self._log.after(after)

    def _happens(self, share: float, what: str) -> bool:
        if not share or self._dice.random() >= share or self._own.loop_now() >= self._until:
            return False
        self.faults[what] += 1
        return True

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position."""
        return self._log.after(after)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` soon after others have appended."""
        self._changed = changed

        def stop() -> None:
            self._changed = None

        return stop

    def tell(self) -> None:
        """Notify this process, as soon as it is awake, that the log has grown."""
        if self._changed is None or self._told:
            return
        self._told = True
        self._own.call(0.0, self._hear)

    def _hear(self) -> None:
        self._told = False
        if self._changed is not None:
            self._changed()

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest complete snapshot."""
        log = self._log
        return None if log.whole is None else (log.whole, list(log.pieces[log.whole]))

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep a piece; None trims the log up to `position`."""
        log = self._log
        if piece is not None:
            log.pieces.setdefault(position, [])[part:] = [piece]
            return
        log.whole = position
        log.pieces = {at: pieces for at, pieces in log.pieces.items() if at >= position}
        del log.entries[: max(0, position - log.trimmed)]
        log.trimmed = max(log.trimmed, position)

    def close(self) -> None:
        """Leave the log to the others."""
        if self in self._log.views:
            self._log.views.remove(self)

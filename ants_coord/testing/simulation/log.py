"""
A log shared by simulated processes: each has a view of it, with its own clock and faults.

The faults that can occur between a process and a real log occur here on demand: a reply is lost after the
command was written, a command is written twice, a clock is off. The views of one log always agree on its
content.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence

import attrs

from ...errors import JournalError
from ...journals.memory import MemoryJournal
from ...journals.ports import Alarm, Clock, Entry
from .clock import START_NS
from .report import Faults


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
        return START_NS + self.off_ns + round(self._loop.time() * 1e9)

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


class SimulatedLog(MemoryJournal):
    """An ordered log in memory for any number of views, which stamp it. Lives in one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[LogView] = []

    def write(self, after: int, bodies: Sequence[bytes], writer: LogView) -> list[Entry]:
        """Append entries, and notify the other views; return every entry after `after`."""
        self.clock = writer.clock  # each process stamps what it writes
        entries = self.append(after, bodies)
        for view in self.views:
            if view is not writer:
                view.tell()
        return entries


class LogView:
    """
    The journal of one simulated process.

    Args:
        log: the log.
        clock: the process's clock; it stamps what this process writes.
        faults: how often an append goes wrong, and until when.
        dice: decides the faults.
        counts: counts them.

    """

    def __init__(
        self,
        log: SimulatedLog,
        clock: SimulatedClock,
        faults: Faults,
        dice: random.Random,
        counts: dict[str, int],
    ) -> None:
        self.clock = clock
        self._log = log
        self._faults = faults
        self._dice = dice
        self._counts = counts
        self._changed: Callable[[], None] | None = None
        self._told = False
        log.views.append(self)

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append all bodies and return every entry after `after`; or fail as a network does."""
        if self._happens(self._faults.refused, "refused appends"):
            raise ReplyLostError
        if self._happens(self._faults.duplicate, "duplicates"):
            self._log.write(after, bodies, self)
        entries = self._log.write(after, bodies, self)
        if self._happens(self._faults.lost_reply, "lost replies"):
            raise ReplyLostError
        return entries

    def _happens(self, share: float, what: str) -> bool:
        if not share or self._dice.random() >= share or self.clock.loop_now() >= self._faults.until:
            return False
        self._counts[what] += 1
        return True

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position."""
        return self._log.read(after)

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
        self.clock.call(0.0, self._hear)

    def _hear(self) -> None:
        self._told = False
        if self._changed is not None:
            self._changed()

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest complete snapshot."""
        return self._log.load()

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep a piece; None trims the log up to `position`."""
        self._log.save(position, part, piece)

    def close(self) -> None:
        """Leave the log to the others."""
        if self in self._log.views:
            self._log.views.remove(self)

"""A clock that only moves when a test moves it, and rings alarms on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from ...journals.ports import Alarm, Clock
from ...values.checks import count, seconds

START_NS = 1_750_000_000_000_000_000
_NEVER = 1 << 62


class ManualClock(Clock):
    """
    A clock that you move by hand: `ClaimQueue(clock=ManualClock())`. Thread-safe.

    `advance` moves from one due alarm to the next, so leases expire, waiting claims time out and renewals
    happen at their exact instants, in order. It returns after the due wake-ups have been delivered.

    Args:
        start_ns: the first stamp, nanoseconds since the epoch.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> clock = ManualClock()
        >>> with ClaimQueue(clock=clock, lease_ttl=30) as board:
        ...     ticket = board.submit(Task("a"))
        ...     lease = board.claim("w1")
        ...     clock.advance(30)               # w1 has fallen silent
        ...     board.claim("w2").attempt
        2

    """

    def __init__(self, start_ns: int = START_NS) -> None:
        self._now_ns = count(start_ns, "start_ns", least=0, most=_NEVER)
        self._lock = threading.RLock()
        self._alarms: list[_ManualAlarm] = []

    def now_ns(self) -> int:
        """Return the stamp of this instant."""
        return self._now_ns

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that rings inside `advance`."""
        alarm = _ManualAlarm(ring)
        with self._lock:
            self._alarms.append(alarm)
        return alarm

    @property
    def next_ns(self) -> int | None:
        """When the next alarm is due; None if there is none."""
        at = min((alarm.at_ns for alarm in self._alarms), default=_NEVER)
        return None if at == _NEVER else at

    def advance(self, by: float | timedelta) -> None:
        """Move time forward by seconds, ringing every alarm that comes due on the way."""
        with self._lock:
            target = self._now_ns + round(seconds(by, "by", zero=True) * 1e9)
            while True:
                due = min(self._alarms, key=lambda alarm: alarm.at_ns, default=None)
                if due is None or due.at_ns > target:
                    break
                self._now_ns = max(self._now_ns, due.at_ns)
                due.at_ns = _NEVER
                due.ring()
            self._now_ns = target
            self._alarms = [alarm for alarm in self._alarms if not alarm.is_closed]

    def jump(self) -> bool:
        """Advance to the next due alarm and ring it; returns False if there is none."""
        at = self.next_ns
        if at is None:
            return False
        self.advance(max(0, at - self._now_ns) / 1e9)
        return True

    def set(self, now_ns: int) -> None:
        """Set the stamp, forwards or backwards, without ringing alarms, as when somebody sets a clock."""
        self._now_ns = count(now_ns, "now_ns", least=0, most=_NEVER)


class _ManualAlarm(Alarm):
    def __init__(self, ring: Callable[[], None]) -> None:
        self.ring = ring
        self.at_ns = _NEVER
        self.is_closed = False

    def set(self, at_ns: int) -> None:
        self.at_ns = min(self.at_ns, at_ns)

    def close(self) -> None:
        self.is_closed = True
        self.at_ns = _NEVER

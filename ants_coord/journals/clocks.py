"""
Clocks: the only place where the package reads the time.

A clock gives stamps (integer nanoseconds since the epoch, never affected by
somebody setting the wall clock while the process runs) and alarms. Tests use
`ants_coord.testing.ManualClock`, whose alarms ring inside `advance`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .ports import Alarm, Clock

__all__ = ["BootClock", "SystemClock"]

_NEVER = 1 << 62
_LINGER_S = 5.0


class SystemClock(Clock):
    """Monotonic time, anchored to wall time once: for boards that live in one process."""

    def __init__(self) -> None:
        self._anchor_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the stamp of this instant."""
        return time.monotonic_ns() + self._anchor_ns

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that calls `ring` in a thread of its own."""
        return _ThreadAlarm(self, ring)


class BootClock(Clock):
    """
    Time since boot, for boards that several processes share.

    All processes of a machine read the same clock, it counts while the machine
    sleeps, and nobody can set it. Where the platform has none (it is Linux's
    CLOCK_BOOTTIME), monotonic time serves, which stands still during sleep.

    Args:
        anchor_ns: what to add to make it wall time; agreed on once per boot.

    """

    def __init__(self, anchor_ns: int) -> None:
        self.anchor_ns = anchor_ns

    @staticmethod
    def since_boot_ns() -> int:
        """Return nanoseconds since boot."""
        boot = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic_ns() if boot is None else time.clock_gettime_ns(boot)

    @staticmethod
    def wall_ns() -> int:
        """Return wall time, for a new anchor."""
        return time.time_ns()

    def now_ns(self) -> int:
        """Return the stamp of this instant."""
        return self.since_boot_ns() + self.anchor_ns

    def ahead_ns(self) -> int:
        """Return how far this clock is ahead of the wall clock, which somebody may have set since."""
        return self.now_ns() - self.wall_ns()

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that calls `ring` in a thread of its own."""
        return _ThreadAlarm(self, ring)


class _ThreadAlarm(Alarm):
    """
    One daemon thread that exists only while something is due.

    It ends after a few idle seconds, so a coordinator that was dropped without
    close() is not kept alive by it, and starts again when it is next set.
    """

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._changed = threading.Condition(threading.Lock())
        self._at_ns = _NEVER
        self._thread: threading.Thread | None = None
        self._closed = False

    def set(self, at_ns: int) -> None:
        if at_ns >= self._at_ns:
            return
        with self._changed:
            if at_ns >= self._at_ns or self._closed:
                return
            self._at_ns = at_ns
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ants_coord alarm", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed:
                    wait_s = (self._at_ns - self._clock.now_ns()) / 1e9
                    if wait_s <= 0:
                        break
                    idle = self._at_ns == _NEVER
                    woken = self._changed.wait(_LINGER_S if idle else min(wait_s, 3600.0))
                    if idle and not woken and self._at_ns == _NEVER:
                        self._closed_thread()
                        return
                if self._closed:
                    self._closed_thread()
                    return
                self._at_ns = _NEVER
            self._ring()

    def _closed_thread(self) -> None:
        self._thread = None

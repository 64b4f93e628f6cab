"""
Clocks: the stamps and alarms of boards on one machine; a server has a clock of its own.

A clock gives stamps (integer nanoseconds since the epoch, unaffected by changes of the wall clock while the
process runs) and alarms. Tests use `ants_coord.testing.ManualClock`, whose alarms ring inside `advance`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from .ports import Alarm, Clock

_NEVER = 1 << 62
_LINGER_S = 5.0
"""the longest sleep of an alarm, and how long its thread stays when nothing is due"""
_AGAIN_S = 1.0
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


class SystemClock(Clock):
    """Monotonic time, anchored to wall time once; for boards that exist in one process."""

    def __init__(self) -> None:
        self.anchor_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the stamp of this instant."""
        return time.monotonic_ns() + self.anchor_ns

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that calls `ring` in a thread of its own."""
        return _ThreadAlarm(self, ring)


def parts_of(clock: Clock) -> tuple[Callable[[], int], int]:
    """Return a function and a number whose sum is `now_ns`: for a SystemClock this saves a call in Python."""
    if clock.__class__ is SystemClock:
        return time.monotonic_ns, clock.anchor_ns
    return clock.now_ns, 0


class BootClock(Clock):
    """
    Time since boot, for boards that several processes share.

    All processes of a machine read the same clock, it counts while the machine sleeps, and nobody can set it.
    On platforms without one (it is Linux's CLOCK_BOOTTIME), monotonic time is used, which stands still during
    sleep.

    Args:
        anchor_ns: the difference to wall time; agreed on once per boot.

    """

    def __init__(self, anchor_ns: int) -> None:
        self.anchor_ns = anchor_ns

    @staticmethod
    def since_boot_ns() -> int:
        """Return nanoseconds since boot."""
        return time.monotonic_ns() if _BOOT is None else time.clock_gettime_ns(_BOOT)

    @staticmethod
    def wall_ns() -> int:
        """Return wall time, for a new anchor."""
        return time.time_ns()

    def now_ns(self) -> int:
        """Return the stamp of this instant."""
        return self.since_boot_ns() + self.anchor_ns

    def ahead_ns(self) -> int:
        """Return how far this clock is ahead of the wall clock, which may have been set since."""
        return self.now_ns() - self.wall_ns()

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that calls `ring` in a thread of its own."""
        return _ThreadAlarm(self, ring)


class _ThreadAlarm(Alarm):
    """
    One daemon thread that exists only while something is due, and that no error can end.

    It ends after a few idle seconds, so that it does not keep alive a coordinator that was dropped without
    close(), and starts again when it is next set. An exception of `ring` is logged, and `ring` is called
    again a second later.

    There is no lock here, on purpose: `set` and `close` are called by signal handlers, by the garbage
    collector inside another `set`, and at interpreter exit, when the thread may have been stopped anywhere. A
    single atomic step decides which thread is the runner.
    """

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._at_ns = _NEVER
        self._runner: dict[str, object] = {}
        self._closed = False

    def set(self, at_ns: int) -> None:
        # an alarm set between these lines rings early, never late
        if at_ns >= self._at_ns or self._closed:
            return
        self._at_ns = at_ns
        if "it" in self._runner:
            self._bell.put(None)
        else:
            self._start()

    def close(self) -> None:
        self._closed = True
        self._bell.put(None)

    def _start(self) -> None:
        me = object()
        try:
            if self._runner.setdefault("it", me) is me:
                threading.Thread(target=self._run, args=(me,), name="ants_coord alarm", daemon=True).start()
        except BaseException:  # no thread could be started, or an interrupt: the next `set` tries again
            self._at_ns = _NEVER
            self._resign(me)
            raise

    def _resign(self, me: object) -> None:
        if self._runner.get("it") is me:
            self._runner.pop("it", None)

    def _run(self, me: object) -> None:
        while self._runner.get("it") is me and not self._closed:
            at_ns = self._at_ns
            wait_s = self._wait_s(at_ns)
            if wait_s <= 0:
                self._at_ns = _NEVER
                self._ring_or_report()
                continue
            try:
                # a few seconds at most: waits stand still while the machine sleeps, the clock does not
                self._bell.get(timeout=min(wait_s, _LINGER_S))
            except queue.Empty:
                if at_ns == _NEVER == self._at_ns:
                    break
        self._resign(me)
        if self._at_ns != _NEVER and not self._closed:
            self._start()  # it was set while the thread was ending

    def _wait_s(self, at_ns: int) -> float:
        if at_ns == _NEVER:
            return _LINGER_S
        try:
            return (at_ns - self._clock.now_ns()) / 1e9
        except Exception:  # noqa: BLE001 - a journal's own clock may fail like anything else
            report("the clock could not be read")
            return _AGAIN_S

    def _ring_or_report(self) -> None:
        try:
            self._ring()
        except Exception:  # noqa: BLE001 - everybody's renewals, time-outs and wake-ups depend on this thread
            report("an alarm failed; it is rung again in a second")
            try:
                self._at_ns = min(self._at_ns, self._clock.now_ns() + round(_AGAIN_S * 1e9))
            except Exception:  # noqa: BLE001
                self._at_ns = 0


def report(what: str) -> None:
    """Log the exception being handled; silent unless the program has set up logging."""
    import logging  # noqa: PLC0415 - only trouble needs it

    log = logging.getLogger("ants_coord")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    log.exception(what)

"""
Deadlines that must be announced on time, whatever else hangs.

A board's lock is held while its journal writes, and a journal may hang. So the time-outs of waiters, handlers
and leases have an alarm of their own, which waits for none of our locks: ending a wait only sets a flag and
rings a bell.

There is no lock here either: the table is a dict, whose single operations are atomic, and each entry is asked
for its deadline at the moment it is announced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..journals.clocks import report
from ..journals.ports import Clock
from ..values.frozen import entity
from .door import weakly

__all__ = ["Deadlines", "Limit", "Timed"]

NEVER_NS = 1 << 62


class Timed(Protocol):
    """Something that has a deadline."""

    @property
    def due_ns(self) -> int:
        """When it must be announced; this may change."""
        ...

    def ring(self, now_ns: int) -> None:
        """Announce it, and move `due_ns` on; must not block."""
        ...


@entity
class Limit:
    """
    The end of a caller's patience; announced once.

    Args:
        due_ns: when.
        end: called then; must not block.

    """

    due_ns: int
    end: Callable[[], object]
    is_over: bool = False

    def ring(self, now_ns: int) -> None:
        """Announce that it is over."""
        self.due_ns, self.is_over = NEVER_NS, True
        self.end()


class Deadlines:
    """
    The deadlines of one engine.

    Args:
        clock: the clock that they refer to.

    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timed: dict[int, Timed] = {}
        self._alarm = clock.alarm(weakly(self.ring))

    def add(self, timed: Timed) -> None:
        """Announce it from now on when it is due."""
        self._timed[id(timed)] = timed
        if timed.due_ns < NEVER_NS:
            self._alarm.set(timed.due_ns)

    def drop(self, timed: Timed) -> None:
        """Forget it; it need not be known."""
        self._timed.pop(id(timed), None)

    def ring(self) -> None:
        """Announce everything that is due. O(everything that has a deadline)."""
        now = self._clock.now_ns()
        for timed in sorted(self._timed.values(), key=lambda one: one.due_ns):
            if timed.due_ns > now:
                break
            try:
                timed.ring(now)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others waiting
                report("a deadline could not be told")
                self.drop(timed)
        least = min([one.due_ns for one in list(self._timed.values())], default=NEVER_NS)
        if least < NEVER_NS:
            self._alarm.set(least)

    def close(self) -> None:
        """Announce nothing any more."""
        self._timed.clear()
        self._alarm.close()

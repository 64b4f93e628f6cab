"""
The lobby: who waits for what, and whom to wake. No threads and no clock of its own.

A wake-up is a hint: the woken one tries again and may find that somebody was
faster. What must hold is that no hint is lost:

- a waiter enters under the same lock under which its last try failed;
- a newly claimable task wakes at most one waiter that takes its kind, the
  longest waiting first;
- a woken waiter that leaves without a claim passes its hint on, and so does
  one that tried in vain on a hint that may have been meant for others.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import attrs
from sortedcontainers import SortedDict

from .core.ledger import News

__all__ = ["NEVER_NS", "Countdown", "Lobby", "Waiter", "mute"]

NEVER_NS = 1 << 62


@attrs.define(eq=False)
class Waiter:
    """
    One caller that waits.

    Args:
        wake: called (under the board's lock) when it should try again; must not block.
        ready: it wants to claim; `kinds` narrows which.
        ended: ids it wants to see end.
        names: locks it wants to see freed.
        changes: it wants to hear of everything.
        drained: it also wants to hear that no task is unfinished.
        until_ns: when it gives up.

    """

    wake: Callable[[], None]
    ready: bool = False
    kinds: tuple[str, ...] | None = None
    ended: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    changes: bool = False
    drained: bool = False
    until_ns: int = NEVER_NS
    number: int = 0
    woken: bool = False
    passes_on: bool = False
    timed_out: bool = False


class Lobby:
    """All waiters of one coordinator; every method is called under its lock."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._all: dict[int, Waiter] = {}
        self._ready: SortedDict = SortedDict()
        self._ended: dict[str, dict[int, Waiter]] = {}
        self._names: dict[str, dict[int, Waiter]] = {}
        self._changes: dict[int, Waiter] = {}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def next_timeout_ns(self) -> int:
        """When the first waiter gives up. O(waiters)."""
        return min((waiter.until_ns for waiter in self._all.values()), default=NEVER_NS)

    def enter(self, waiter: Waiter) -> None:
        """Begin, or go on, waiting; a waiter keeps its place in the line."""
        again = waiter.number != 0
        if not again:
            waiter.number = next(self._numbers)
        number = waiter.number
        passes_on = waiter.passes_on and waiter.woken
        waiter.woken = waiter.passes_on = False
        self._all[number] = waiter
        if waiter.ready:
            self._ready[number] = waiter
        for task_id in waiter.ended:
            self._ended.setdefault(task_id, {})[number] = waiter
        for name in waiter.names:
            self._names.setdefault(name, {})[number] = waiter
        if waiter.changes or waiter.drained:
            self._changes[number] = waiter
        if passes_on:
            self._wake_ready("", after=number)

    def leave(self, waiter: Waiter, *, claimed: bool) -> None:
        """Stop waiting; a hint that was not used goes to the next in line."""
        number = waiter.number
        unused = waiter.woken and waiter.ready and not claimed
        waiter.woken = False
        if self._all.pop(number, None) is not None:
            self._ready.pop(number, None)
            for task_id in waiter.ended:
                _remove(self._ended, task_id, number)
            for name in waiter.names:
                _remove(self._names, name, number)
            self._changes.pop(number, None)
        if unused:
            self._wake_ready("", after=0)

    def spread(self, news: News, unfinished: int) -> None:
        """Wake whoever the news concerns, and clear the news."""
        if self._all:
            for kind in news.ready:
                if not self._wake_ready(kind, after=0) and not self._ready:
                    break
            for task_id in news.ended:
                for waiter in list(self._ended.get(task_id, {}).values()):
                    self._wake(waiter)
            for name in news.freed:
                for waiter in list(self._names.get(name, {}).values()):
                    self._wake(waiter)
            for waiter in list(self._changes.values()):
                if waiter.changes or unfinished == 0:
                    self._wake(waiter)
        news.ready.clear()
        news.ended.clear()
        news.freed.clear()

    def time_out(self, now_ns: int) -> None:
        """Wake everybody whose time is over."""
        for waiter in list(self._all.values()):
            if waiter.until_ns <= now_ns:
                waiter.timed_out = True
                self._wake(waiter)

    def wake_all(self) -> None:
        """Wake everybody: the board is closing, or its state was reloaded."""
        for waiter in list(self._all.values()):
            self._wake(waiter)

    def _wake_ready(self, kind: str, after: int) -> bool:
        for number in self._ready.irange(after, inclusive=(False, False)):
            waiter = self._ready[number]
            if not kind or waiter.kinds is None or kind in waiter.kinds:
                waiter.passes_on = not kind
                self._wake(waiter)
                return True
        return False

    def _wake(self, waiter: Waiter) -> None:
        """Wake one; it is out of all lines until it enters again."""
        passes_on = waiter.passes_on
        self.leave(waiter, claimed=True)
        waiter.woken, waiter.passes_on = True, passes_on
        waiter.wake()


def mute() -> None:
    """Stand in for a waiter's `wake` until its wait begins."""


class Countdown:
    """Seconds that are left of a timeout for several waits together."""

    def __init__(self, now_ns: Callable[[], int], wait_ns: int | None) -> None:
        self._now_ns = now_ns
        self._until_ns = NEVER_NS if wait_ns is None else now_ns() + wait_ns

    def __call__(self) -> float | None:
        """Return the seconds that are left, or None for no limit."""
        if self._until_ns == NEVER_NS:
            return None
        return max(0, self._until_ns - self._now_ns()) / 1e9


def _remove(lines: dict[str, dict[int, Waiter]], key: str, number: int) -> None:
    line = lines.get(key)
    if line is not None:
        line.pop(number, None)
        if not line:
            del lines[key]

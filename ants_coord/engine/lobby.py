"""
The lobby: who waits for what, and whom to wake. No threads and no clock of its own.

A wake-up is a hint: the woken one tries again and may find that somebody was
faster. What must hold is that no hint is lost:

- a waiter enters under the same lock under which its last try failed;
- a newly claimable task wakes at most one waiter that may take it: the one
  with the least to spare for it, the longest waiting among equals;
- a woken waiter that leaves without a claim passes its hint on, and so does
  one that got another task than it was woken for, and one that tried in vain
  on a hint that may have been meant for others.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Callable

from ..core.state.ledger import ANY, Hint, News
from ..errors import CoordinationError
from ..values.checks import lock_key, paths_above
from ..values.frozen import entity

__all__ = ["NEVER_NS", "Countdown", "Drained", "Lobby", "Waiter", "mute"]

NEVER_NS = 1 << 62


class Drained(Exception):  # noqa: N818 - an answer, not an error
    """No task is unfinished, which is what the waiter also waited for."""


@entity
class Waiter:
    """
    One caller that waits.

    Args:
        wake: called (under the board's lock) when it should try again; must not block.
        ready: `agent` wants to claim; `kinds` narrows which.
        ended: ids it wants to see end.
        names: locks it wants to see freed.
        paths: beginnings of the paths of shared entries and trails it wants to see change.
        changes: it wants to hear of everything.
        drained: it also wants to hear that no task is unfinished.
        until_ns: when it gives up.
        passed: up to this event nothing happened on its paths since it began to wait.
        task: the particular task it wants to claim: it hears of that one alone, and stands in no line.
        quiet: it gives up as a matter of course and tells nobody why.
        look_in_ns: wake it so long after it next enters, to look why nothing has come; 0 does not.
        heard: of a waiter that goes on after each end: which of `ended` have ended and it has not been told.

    """

    wake: Callable[[], None]
    ready: bool = False
    agent: str = ""
    kinds: tuple[str, ...] | None = None
    ended: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    changes: bool = False
    drained: bool = False
    until_ns: int = NEVER_NS
    passed: int = 0
    task: str = ""
    quiet: bool = False
    look_in_ns: int = 0
    heard: list[str] | None = None
    stands: bool = False
    """whether it is in the lines, so that `heard` tells all that it does not know"""
    number: int = 0
    woken: bool = False
    hint: Hint | None = None
    timed_out: bool = False
    has_left: bool = False
    error: CoordinationError | None = None

    def refuse_if_left(self) -> None:
        """Raise for a caller that nobody waits for any more."""
        # a task of a loop that is cancelled leaves at once, while its last try may still wait in a thread for
        # the lock: behind that it would claim for nobody, or stand in the line and swallow a wake-up
        if self.has_left:
            raise TimeoutError("nobody waits any more")
        if self.error is not None:
            raise self.error

    def is_over(self, now_ns: int) -> bool:
        """Tell whether its time is over; if not, and it is to look around, set when."""
        if self.timed_out or self.until_ns <= now_ns:
            return True
        if self.look_in_ns:
            self.until_ns = min(self.until_ns, now_ns + self.look_in_ns)
            self.look_in_ns = 0
        return False

    @property
    def due_ns(self) -> int:
        """When it gives up; told once."""
        return NEVER_NS if self.timed_out else self.until_ns

    def ring(self, now_ns: int) -> None:
        """Tell it that its time is over: it tries once more, and gives up."""
        self.timed_out = True
        self.wake()


class Lobby:
    """
    All waiters of one coordinator; every method is called under its lock.

    Args:
        surplus: how much more an agent can do than a task would use it for; None if it may not take it.

    """

    def __init__(self, surplus: Callable[[str, Hint], int | None]) -> None:
        self._surplus = surplus
        self._numbers = itertools.count(1)
        self._all: dict[int, Waiter] = {}
        self._ready: dict[int, Waiter] = {}
        self._line: list[int] = []
        """the numbers in `_ready`, in order, perhaps with some that have left: kept by single steps of C, so
        that an interrupt leaves no line from which somebody is missing"""
        self._ended: dict[str, dict[int, Waiter]] = {}
        self._names: dict[str, dict[int, Waiter]] = {}
        self._below: dict[str, dict[int, Waiter]] = {}
        """path -> those that wait for a name below it"""
        self._paths: dict[int, Waiter] = {}
        self._changes: dict[int, Waiter] = {}
        self._drained: dict[int, Waiter] = {}
        self._tasks: dict[str, dict[int, Waiter]] = {}
        """task -> those that wait to claim it and nothing else"""
        self._agents: dict[str, dict[int, Waiter]] = {}
        """agent -> its waiters that want to claim"""

    def __len__(self) -> int:
        return len(self._all)

    def all(self) -> list[Waiter]:
        """Return everybody; may be called without the lock."""
        return list(self._all.values())

    def enter(self, waiter: Waiter) -> None:
        """Begin, or go on, waiting; a waiter keeps its place in the line."""
        if waiter.stands and waiter.heard is not None:
            return  # it has never left them: who waits for thousands is not entered anew for each end
        again = waiter.number != 0
        if not again:
            waiter.number = next(self._numbers)
        number = waiter.number
        passes_on = waiter.hint is ANY and waiter.woken
        self._all[number] = waiter
        if waiter.ready:
            self._agents.setdefault(waiter.agent, {})[number] = waiter
            if waiter.task:
                self._tasks.setdefault(waiter.task, {})[number] = waiter
            else:
                if number not in self._ready:
                    insort(self._line, number)
                self._ready[number] = waiter
        for task_id in waiter.ended:
            self._ended.setdefault(task_id, {})[number] = waiter
        for name in waiter.names:
            key = lock_key(name)
            self._names.setdefault(key, {})[number] = waiter
            for path in paths_above(key):
                self._below.setdefault(path, {})[number] = waiter
        if waiter.paths:
            self._paths[number] = waiter
        if waiter.changes:
            self._changes[number] = waiter
        if waiter.drained:
            self._drained[number] = waiter
        waiter.stands = True
        if passes_on:
            self._wake_ready(ANY, after=number)
        waiter.woken, waiter.hint = False, None

    def leave(self, waiter: Waiter, *, claimed: str | None) -> None:
        """
        Stop waiting; a hint that was not used goes to the next in line.

        Args:
            waiter: who leaves.
            claimed: the task it got ("" for something else that it waited for), or None.

        """
        # cut short anywhere, this is done once more: it is out of `_all` last, and keeps its hint until that
        # is passed on. Done twice, each step does nothing, or wakes one too many
        number = waiter.number
        waiter.stands = False
        if number in self._all:
            if self._ready.pop(number, None) is not None:
                del self._line[bisect_right(self._line, number) - 1]
            if waiter.ready:
                _remove(self._agents, waiter.agent, number)
                _remove(self._tasks, waiter.task, number)
            for task_id in waiter.ended:
                _remove(self._ended, task_id, number)
            for name in waiter.names:
                key = lock_key(name)
                _remove(self._names, key, number)
                for path in paths_above(key):
                    _remove(self._below, path, number)
            self._paths.pop(number, None)
            self._changes.pop(number, None)
            self._drained.pop(number, None)
            self._all.pop(number, None)
        if waiter.woken:
            hint = waiter.hint if waiter.ready else None
            if hint is not None:
                if claimed is None:
                    self._wake_ready(ANY, after=0)
                elif hint is not ANY and claimed != hint[2]:
                    self._wake_ready(hint, after=0)
            waiter.woken, waiter.hint = False, None

    def spread(self, news: News, unfinished: int, cursor: int) -> None:
        """Wake whoever the news up to an event concerns, and clear the news."""
        if self._all:
            for agent, error in news.gone:  # first: whoever is woken is out of the lines, and would miss it
                for waiter in list(self._agents.get(agent, {}).values()):
                    waiter.error = error
                    self._wake(waiter)
            if self._tasks and news.ready:
                self._wake_for_tasks(news.ready)
            for hint in news.ready:
                if not self._wake_ready(hint, after=0) and not self._ready:
                    break
            for agent in news.agents:
                self._wake_agent(agent)
            for path in news.changed:
                self._wake_watchers(path)
            for task_id in news.ended:
                self._wake_for_end(task_id)
            for name in news.freed:
                self._wake_lockers(lock_key(name))
            for waiter in self._paths.values():
                waiter.passed = cursor
            for waiter in list(self._changes.values()):
                self._wake(waiter)
            if unfinished == 0:
                for waiter in list(self._drained.values()):
                    self._wake(waiter)
        news.ready.clear()
        news.agents.clear()
        news.changed.clear()
        news.ended.clear()
        news.freed.clear()
        news.gone.clear()

    def _wake_for_end(self, task_id: str) -> None:
        for waiter in list(self._ended.get(task_id, {}).values()):
            if waiter.heard is None:
                self._wake(waiter)
            else:  # in this order: heard twice does no harm
                waiter.heard.append(task_id)
                waiter.wake()
                _remove(self._ended, task_id, waiter.number)

    def _wake_lockers(self, key: str) -> None:
        """Wake who waits for a name, for what it lies in, or for something below it."""
        for path in (key, *paths_above(key)):
            for waiter in list(self._names.get(path, {}).values()):
                self._wake(waiter)
        for waiter in list(self._below.get(key, {}).values()):
            self._wake(waiter)

    def wake_all(self) -> None:
        """Wake everybody: the board is closing, or its state was reloaded."""
        for waiter in list(self._all.values()):
            self._wake(waiter)

    def _wake_ready(self, hint: Hint, after: int) -> bool:
        chosen, least = None, -1
        at = bisect_right(self._line, after)
        while at < len(self._line):
            waiter = self._ready.get(self._line[at])
            if waiter is None:  # an interrupt has left its number behind
                del self._line[at]
                continue
            at += 1
            if waiter.has_left:
                continue
            if hint is not ANY:
                if waiter.kinds is not None and hint[0] not in waiter.kinds:
                    continue
                surplus = self._surplus(waiter.agent, hint)
                if surplus is None:
                    continue
                if surplus:  # 0 cannot be bettered, and who came first is found first
                    if least < 0 or surplus < least:
                        chosen, least = waiter, surplus
                    continue
            chosen = waiter
            break
        if chosen is None:
            return False
        self._wake(chosen, hint)
        return True

    def _wake_agent(self, agent: str) -> None:
        for waiter in list(self._agents.get(agent, {}).values()):
            self._wake(waiter, None if waiter.task else ANY)

    def _wake_for_tasks(self, hints: list[Hint]) -> None:
        """Wake those whose very task may be claimable now; they take no hint from anybody."""
        for hint in hints:
            if hint is not ANY:
                for waiter in list(self._tasks.get(hint[2], {}).values()):
                    self._wake(waiter)
        if ANY in hints:  # a limit, a purse or the board itself has opened: whose task is ready may look
            for task_id, waiters in list(self._tasks.items()):
                for waiter in list(waiters.values()):
                    if self._surplus(waiter.agent, ("", None, task_id)) is not None:
                        self._wake(waiter)

    def _wake_watchers(self, path: str) -> None:
        for waiter in list(self._paths.values()):
            if path.startswith(waiter.paths):
                self._wake(waiter)

    def _wake(self, waiter: Waiter, hint: Hint | None = None) -> None:
        """Wake one; it is out of all lines until it enters again."""
        # first of all: woken twice does no harm, and taken out of the lines but not woken it would wait for
        # ever, if an interrupt came in between
        waiter.wake()
        self.leave(waiter, claimed="")
        waiter.woken, waiter.hint = True, hint


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

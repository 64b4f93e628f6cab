"""
The waiting lines: which waiter a piece of news wakes.

The rules that keep every hint are at the head of `lobby`.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from typing import cast

from ..core.state.records import ANY, KIND, TASK, Hint, News
from ..values.checks import lock_key, paths_above
from .lobby import Lobby, Waiter


def draw_lines(lobby: Lobby) -> Lines:
    """Turn an empty lobby into one with lines, in place, so that every reference to it stays valid."""
    lines = cast("Lines", lobby)
    Lines.begin(lines)
    lobby.__class__ = Lines  # last: if this is cut short earlier, it is still the empty lobby
    return lines


class Lines(Lobby):
    """The lobby of a board on which somebody has waited."""

    def begin(self) -> None:
        """Make the empty lines."""
        self._numbers = itertools.count(1)
        self._all: dict[int, Waiter] = {}
        self._ready: dict[int, Waiter] = {}
        self._line: list[int] = []
        """the numbers in `_ready`, in order, perhaps with some that have left: kept by single steps of C, so
        that an interrupt leaves no line from which somebody is missing"""
        self._ended: dict[str, dict[int, Waiter]] = {}
        self._names: dict[str, dict[int, Waiter]] = {}
        self._below: dict[str, dict[int, Waiter]] = {}
        """path -> waiters for a name below it"""
        self._paths: dict[int, Waiter] = {}
        self._changes: dict[int, Waiter] = {}
        self._drained: dict[int, Waiter] = {}
        self._tasks: dict[str, dict[int, Waiter]] = {}
        """task -> waiters that want to claim this task and nothing else"""
        self._agents: dict[str, dict[int, Waiter]] = {}
        """agent -> its waiters that want to claim"""

    def __len__(self) -> int:
        return len(self._all)

    def all(self) -> list[Waiter]:
        """Return all waiters; may be called without the lock."""
        return list(self._all.values())

    def enter(self, waiter: Waiter) -> None:
        """Start waiting, or continue; a waiter keeps its place in the line."""
        if waiter.stands and waiter.heard is not None:
            # it has never left the lines: a waiter for thousands of ends is not entered again after each
            return
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
        """Stop waiting; an unused hint goes to the next in line."""
        # if it is cut short anywhere, this is done once more: the waiter leaves `_all` last, and keeps its
        # hint until that is passed on. Done twice, each step does nothing, or wakes one waiter too many
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
                elif hint is not ANY and claimed != hint[TASK]:
                    self._wake_ready(hint, after=0)
            waiter.woken, waiter.hint = False, None

    def spread(self, news: News, unfinished: int, cursor: int) -> None:
        """Wake the waiters that the news up to an event concerns, and clear the news."""
        if self._all:
            for agent, error in news.gone:  # first: a woken waiter is out of the lines, and would miss it
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
        super().spread(news, unfinished, cursor)

    def _wake_for_end(self, task_id: str) -> None:
        for waiter in list(self._ended.get(task_id, {}).values()):
            if waiter.heard is None:
                self._wake(waiter)
            else:  # in this order: hearing twice does no harm
                waiter.heard.append(task_id)
                waiter.wake()
                _remove(self._ended, task_id, waiter.number)

    def _wake_lockers(self, key: str) -> None:
        """Wake the waiters for a name, for what contains it, or for something below it."""
        for path in (key, *paths_above(key)):
            for waiter in list(self._names.get(path, {}).values()):
                self._wake(waiter)
        for waiter in list(self._below.get(key, {}).values()):
            self._wake(waiter)

    def wake_all(self) -> None:
        """Wake all waiters: the board is closing, or its state was reloaded."""
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
                if waiter.kinds is not None and hint[KIND] not in waiter.kinds:
                    continue
                surplus = self._surplus(waiter.agent, hint)
                if surplus is None:
                    continue
                if surplus:  # 0 cannot be bettered, and the longest waiting is found first
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
        """Wake the waiters whose very task may be claimable now; they take no hint from anybody."""
        for hint in hints:
            if hint is not ANY:
                for waiter in list(self._tasks.get(hint[TASK], {}).values()):
                    self._wake(waiter)
        if ANY in hints:  # a limit, a purse or the board itself has opened: waiters for a ready task may look
            for task_id, waiters in list(self._tasks.items()):
                for waiter in list(waiters.values()):
                    if self._surplus(waiter.agent, ("", None, task_id)) is not None:
                        self._wake(waiter)

    def _wake_watchers(self, path: str) -> None:
        for waiter in list(self._paths.values()):
            if path.startswith(waiter.paths):
                self._wake(waiter)

    def _wake(self, waiter: Waiter, hint: Hint | None = None) -> None:
        """Wake one waiter; it is out of all lines until it enters again."""
        # first of all: waking twice does no harm, but a waiter taken out of the lines and not woken would
        # wait for ever, if an interrupt came in between
        waiter.wake()
        self.leave(waiter, claimed="")
        waiter.woken, waiter.hint = True, hint


def _remove(lines: dict[str, dict[int, Waiter]], key: str, number: int) -> None:
    line = lines.get(key)
    if line is not None:
        line.pop(number, None)
        if not line:
            del lines[key]

"""
The lines in which waiters stand: whom each piece of news wakes, and whom a ready task would suit.

The rules by which no hint is lost are at the head of `lobby`.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from typing import cast

from ..core.machine import Machine
from ..core.state.ledger import ANY, Hint, News
from ..core.state.records import READY
from ..values.checks import lock_key, paths_above
from .lobby import Lobby, Waiter

__all__ = ["Lines", "draw_lines", "surplus"]


def surplus(machine: Machine, agent: str, hint: Hint) -> int | None:
    """Return how much more an agent can do than a task would use it for; None if it may not take it."""
    ledger = machine.ledger
    row = ledger.tasks.get(hint[2])
    if row is None or row.state is not READY:
        return None  # it is gone already
    if ledger.declines.bars(ledger, agent, hint[2]):
        return None
    opinions = ledger.checking.opinions
    if hint[2] in opinions.rows:
        spare = 0 if opinions.may(ledger, agent, row) else None
    else:
        spare = ledger.eligibility.surplus(agent, hint)
    restraint = ledger.restraint
    if spare is None or restraint is None:
        return spare
    if restraint.holds_back(ledger, agent) is not None:
        return None
    if hint[2] not in opinions.rows and restraint.owes(ledger, agent):
        return None
    rank: int | None = restraint.rank(ledger, agent, hint[2], spare)
    return rank


def draw_lines(lobby: Lobby) -> Lines:
    """Make an empty lobby one with lines; whoever has it keeps it."""
    lines = cast("Lines", lobby)
    Lines.begin(lines)
    lobby.__class__ = Lines  # last: cut short before this, it is still the empty one
    return lines


class Lines(Lobby):
    """The lobby of a board on which somebody has waited."""

    def begin(self) -> None:
        """Draw the lines."""
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
        """Stop waiting; a hint that was not used goes to the next in line."""
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
        super().spread(news, unfinished, cursor)

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


def _remove(lines: dict[str, dict[int, Waiter]], key: str, number: int) -> None:
    line = lines.get(key)
    if line is not None:
        line.pop(number, None)
        if not line:
            del lines[key]

"""
One agent first: a worker that grows only if another agent pays off, and shrinks again if it did not.

It starts with one agent. After each window of finished tasks it asks three questions. If an agent was added
last: did the rate of completions rise by a quarter of what one agent had done before? (If not, one agent
leaves, and none is added for a while, each time for longer.) Did one agent have nothing to do? (Then one
leaves.) Did ready work wait longer than a task takes while all agents were busy? (Then one is added.)

This module reads no clock and starts no thread; the workers of both colours ask it after each attempt.
"""

from __future__ import annotations

import logging
import math
import statistics
import threading
from typing import Literal

from ..frozen import frozen

log: logging.Logger = logging.getLogger("ants_coord")

PRICE = 0.25
"""what another agent must add, as a share of what each of the earlier ones did; as in advice"""
_LEAST_WINDOW = 4
_WINDOW_PER_AGENT = 3
"""finished tasks in a window: with fewer, chance decides"""
_PAUSE = 2
"""windows without another try after an addition that did not pay off; doubled each time"""

Word = Literal["stay", "add", "leave"]


@frozen
class Decision:
    """
    A change of the number of agents, and the figures behind it.

    Args:
        at_ns: when, on the board's clock.
        agents: number of agents from now on.
        why: the reason, with the figures.
        rate: completed tasks per second in the window before.
        busy: average number of busy agents in that window.
        task: median seconds of an attempt.
        wait: median seconds from claimable to claimed; None if unknown.

    """

    at_ns: int
    agents: int
    why: str
    rate: float
    busy: float
    task: float
    wait: float | None

    def __str__(self) -> str:
        return f"{self.agents} agent{'s' if self.agents > 1 else ''} from now on: {self.why}"


@frozen
class _Window:
    """What was seen while a window of tasks was finished."""

    rate: float
    busy: float
    task: float
    mean: float
    error: float
    """standard error of the mean seconds of an attempt"""

    @classmethod
    def of(cls, seconds: list[float], completed: int, elapsed: float) -> _Window:
        mean = statistics.fmean(seconds)
        error = statistics.stdev(seconds) / math.sqrt(len(seconds)) if len(seconds) > 1 else 0.0
        return cls(completed / elapsed, sum(seconds) / elapsed, statistics.median(seconds), mean, error)

    def gain_over(self, before: _Window) -> float:
        """
        Return the rise in the rate of completions, in tasks per second.

        A dozen tasks of different sizes say little about a rate: a fifth by chance is usual. The number of
        busy agents is known exactly. So the rate is computed as busy agents divided by mean time, and the two
        means are treated as equal unless they differ by more than chance. If they do, attempts have become
        longer because agents are in each other's way.
        """
        if abs(self.mean - before.mean) <= 2.0 * math.hypot(self.error, before.error):
            return (self.busy - before.busy) / before.mean
        return self.busy / self.mean - before.busy / before.mean


class AsNeeded:
    """
    The judge of how many agents there should be. Thread-safe.

    Args:
        most: the greatest number of agents.

    """

    def __init__(self, most: int) -> None:
        self.agents: int = 1
        self.decisions: list[Decision] = []
        self._most = most
        self._lock = threading.Lock()
        self._since_ns: int | None = None
        self._completed = 0
        self._seconds: list[float] = []
        self._waits: list[float] = []
        self._before: _Window | None = None
        """the window before the addition that is being tested"""
        self._rest, self._pause = 0, _PAUSE

    def ended(self, now_ns: int, seconds: float, wait: float | None, *, completed: bool) -> Word:
        """
        Record an attempt and decide what follows.

        Args:
            now_ns: the board's time.
            seconds: duration of the attempt.
            wait: seconds for which its task had been claimable before; None if unknown (a retry).
            completed: whether it produced a result.

        Returns:
            "add" (start one more), "leave" (the agent that asks should go), or "stay".

        """
        with self._lock:
            if self._since_ns is None:
                self._since_ns = now_ns - round(seconds * 1e9)
            self._seconds.append(seconds)
            if wait is not None:
                self._waits.append(wait)
            self._completed += completed
            if self._completed < max(_LEAST_WINDOW, _WINDOW_PER_AGENT * self.agents):
                return "stay"
            window = _Window.of(self._seconds, self._completed, max(1, now_ns - self._since_ns) / 1e9)
            wait = statistics.median(self._waits) if self._waits else None
            self._since_ns, self._completed, self._seconds, self._waits = now_ns, 0, [], []
            return self._judge(now_ns, window, wait)

    def _judge(self, now_ns: int, window: _Window, wait: float | None) -> Word:
        before, self._before = self._before, None
        if before is not None:
            gained = window.gain_over(before)
            if gained < PRICE * before.rate / (self.agents - 1):
                self._rest, self._pause = self._pause, 2 * self._pause
                now = before.rate + gained
                why = f"one more took completions from {before.rate:.3g} to {now:.3g} a second: does not pay"
                return self._change(-1, now_ns, window, wait, why)
        elif self.agents > 1 and window.busy < self.agents - 1:
            why = f"of {self.agents} only {window.busy:.2g} were busy"
            return self._change(-1, now_ns, window, wait, why)
        if self._rest:
            self._rest -= 1
            return "stay"
        all_are_busy = window.busy > self.agents - 0.5
        if self.agents < self._most and wait is not None and wait > window.task and all_are_busy:
            self._before = window
            why = (
                f"work waits {wait:.3g} s and a task takes {window.task:.3g} s, at {window.rate:.3g} "
                "completions a second"
            )
            return self._change(1, now_ns, window, wait, why)
        return "stay"

    def _change(self, by: int, now_ns: int, window: _Window, wait: float | None, why: str) -> Word:
        self.agents += by
        decision = Decision(now_ns, self.agents, why, window.rate, window.busy, window.task, wait)
        self.decisions.append(decision)
        log.info("as needed: %s", decision)
        return "add" if by > 0 else "leave"

"""
One agent first: a worker that grows only where a further agent pays, and shrinks again where it did not.

It begins with one. When a window of finished tasks has passed, it looks at two things: whether work that was
ready waited longer than a task takes, and, if the last thing it did was to add an agent, whether that raised
the rate of completions by a quarter of what one agent had done before. If the addition did not pay, one
agent goes, and no other is tried for a while, each time for longer.

Nothing here looks at a clock or starts a thread; the workers of both colours ask it after each attempt.
"""

from __future__ import annotations

import logging
import statistics
import threading
from typing import Literal

import attrs

__all__ = ["AsNeeded", "Decision", "Word"]

log: logging.Logger = logging.getLogger("ants_coord")

PRICE = 0.25
"""what a further agent must add, as a share of what each of those before did; as in advice"""
_LEAST_WINDOW = 8
_WINDOW_PER_AGENT = 4
"""finished tasks in a window: with fewer, luck decides"""
_PAUSE = 4
"""windows without another try after an addition that did not pay; doubled each time"""

Word = Literal["stay", "add", "leave"]


@attrs.frozen
class Decision:
    """
    A change of the number of agents, and the figures that it rests on.

    Args:
        at_ns: when, on the board's clock.
        agents: how many there are from now on.
        rate: completed tasks per second in the window before.
        before: the same before the last addition; None if nothing was being tried.
        wait: median seconds from claimable to claimed; None if unknown.
        task: median seconds of an attempt.

    """

    at_ns: int
    agents: int
    rate: float
    before: float | None
    wait: float | None
    task: float

    def __str__(self) -> str:
        if self.before is not None:
            return (
                f"{self.agents} agents from now on: one more took completions from {self.before:.3g} to "
                f"{self.rate:.3g} a second, which does not pay"
            )
        return (
            f"{self.agents} agents from now on: work waits {self.wait:.3g} s and a task takes "
            f"{self.task:.3g} s, at {self.rate:.3g} completions a second"
        )


class AsNeeded:
    """
    Decide how many agents there should be. Thread-safe.

    Args:
        most: agents at most.

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
        self._before: float | None = None
        """rate before the addition that is being tried"""
        self._rest, self._pause = 0, _PAUSE

    def ended(self, now_ns: int, seconds: float, wait: float | None, *, completed: bool) -> Word:
        """
        Take an attempt in.

        Args:
            now_ns: the board's time.
            seconds: what the attempt took.
            wait: seconds that its task had been claimable before; None if unknown (a retry).
            completed: whether a result came of it.

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
            return self._judge(now_ns, max(1, now_ns - self._since_ns) / 1e9)

    def _judge(self, now_ns: int, elapsed: float) -> Word:
        rate, before, task = self._completed / elapsed, self._before, statistics.median(self._seconds)
        wait = statistics.median(self._waits) if self._waits else None
        self._since_ns, self._completed, self._seconds, self._waits = now_ns, 0, [], []
        self._before = None
        if before is not None and rate - before < PRICE * before / (self.agents - 1):
            self.agents -= 1
            self._rest, self._pause = self._pause, 2 * self._pause
            return self._say("leave", Decision(now_ns, self.agents, rate, before, wait, task))
        if self._rest:
            self._rest -= 1
            return "stay"
        if self.agents < self._most and wait is not None and wait > task:
            self.agents += 1
            self._before = rate
            return self._say("add", Decision(now_ns, self.agents, rate, None, wait, task))
        return "stay"

    def _say(self, word: Word, decision: Decision) -> Word:
        self.decisions.append(decision)
        log.info("as needed: %s", decision)
        return word

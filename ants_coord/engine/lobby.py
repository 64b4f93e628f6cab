"""
The lobby: who waits for what. It has no threads and no clock; `waking` decides whom to wake.

A wake-up is a hint: the woken waiter tries again and may find that somebody was faster. The invariant is that
no hint is lost:

- a waiter enters under the same lock under which its last try failed;
- a newly claimable task wakes at most one waiter that may take it: the one
  that can do the least beyond it, and the longest waiting among equals;
- a woken waiter that leaves without a claim passes its hint on, and so does one that got another task than it
  was woken for, and one that tried in vain on a hint that may suit others.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.state.records import Hint, News
from ..errors import CoordinationError
from ..frozen import entity

NEVER_NS = 1 << 62


class Drained(Exception):  # noqa: N818 - an answer, not an error
    """Raised when no task is unfinished, which is what the waiter also waited for."""


@entity
class Waiter:
    """
    One waiting caller.

    Args:
        wake: called (under the board's lock) when it should try again; must not block.
        ready: `agent` wants to claim; `kinds` narrows which.
        ended: ids it wants to see end.
        names: locks it wants to see freed.
        paths: prefixes of the paths of shared entries and trails it wants to see change.
        changes: it wants to hear of every change.
        drained: it also wants to hear that no task is unfinished.
        until_ns: when it gives up.
        passed: the event up to which nothing has happened on its paths since it began to wait.
        task: the particular task it wants to claim; it hears of that one alone, and is in no line.
        quiet: giving up is normal for it, and it needs no reason.
        look_in_ns: wake it this long after it next enters, to look why nothing has come; 0 means never.
        heard: for a waiter that goes on after each end: which of `ended` have ended since it was last told.

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
    """whether it is in the lines, so that `heard` contains everything that it has not been told"""
    number: int = 0
    woken: bool = False
    hint: Hint | None = None
    timed_out: bool = False
    has_left: bool = False
    error: CoordinationError | None = None

    def refuse_if_left(self) -> None:
        """Raise for a caller that has stopped waiting."""
        # a cancelled task of an event loop leaves at once, while its last try may still wait in a thread for
        # the lock: after that it would claim for nobody, or stand in the line and swallow a wake-up
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
        """When it gives up; announced once."""
        return NEVER_NS if self.timed_out else self.until_ns

    def ring(self, now_ns: int) -> None:
        """Tell it that its time is over: it tries once more, and gives up."""
        self.timed_out = True
        self.wake()


class Lobby:
    """
    All waiters of one coordinator; every method is called under its lock.

    Nobody ever waits on most boards, so the lines are made when the first waiter enters: then this object
    becomes a `lines.Lines`, and stays one.

    Args:
        surplus: returns how much more an agent can do than a task would use; None if it may not take it.

    """

    def __init__(self, surplus: Callable[[str, Hint], int | None]) -> None:
        self._surplus = surplus

    def __len__(self) -> int:
        return 0

    def all(self) -> list[Waiter]:
        """Return all waiters; may be called without the lock."""
        return []

    def enter(self, waiter: Waiter) -> None:
        """Start waiting, or continue; a waiter keeps its place in the line."""
        from .waking import draw_lines  # noqa: PLC0415 - with the first waiter

        draw_lines(self).enter(waiter)

    def leave(self, waiter: Waiter, *, claimed: str | None) -> None:
        """
        Stop waiting; an unused hint goes to the next in line.

        Args:
            waiter: the waiter that leaves.
            claimed: the task it got ("" for something else that it waited for), or None.

        """
        waiter.stands = waiter.woken = False

    def spread(self, news: News, unfinished: int, cursor: int) -> None:
        """Wake the waiters that the news up to an event concerns, and clear the news."""
        news.ready.clear()
        news.agents.clear()
        news.changed.clear()
        news.ended.clear()
        news.freed.clear()
        news.gone.clear()

    def wake_all(self) -> None:
        """Wake all waiters: the board is closing, or its state was reloaded."""


def mute() -> None:
    """Stand in for a waiter's `wake` until its wait begins."""


class Countdown:
    """Seconds left of a timeout that several waits share."""

    def __init__(self, now_ns: Callable[[], int], wait_ns: int | None) -> None:
        self._now_ns = now_ns
        self._until_ns = NEVER_NS if wait_ns is None else now_ns() + wait_ns

    def __call__(self) -> float | None:
        """Return the seconds left, or None for no limit."""
        if self._until_ns == NEVER_NS:
            return None
        return max(0, self._until_ns - self._now_ns()) / 1e9

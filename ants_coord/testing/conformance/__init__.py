"""
What every coordinator must do, as a suite without a test framework: `check_coordinator(make)`.

It is for your own strategies, journals and fronts. Each check is a small story whose name is the promise.
Coordinators for event loops are checked by the same stories, in virtual time.

coordinator     the stories of coordinators
bazaar          the stories of agents that come and go
journal         what every journal must do: check_journal
journal_faults  faults around a journal, as stories
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Any

from ..simulation.clock import ManualClock
from ..simulation.loop import VirtualLoop
from ..simulation.story import story
from . import bazaar
from .coordinator import STORIES

assert bazaar  # importing it registers its stories

__all__ = ["ConformanceError", "check_coordinator"]

Make = Callable[..., Any]
"""(clock=ManualClock, **settings) -> a coordinator, of either colour"""


class ConformanceError(AssertionError):
    """
    Raised when promises are broken; the message says which, and how.

    `failures` maps the name of each story to its traceback.
    """

    def __init__(self, failures: dict[str, str], passed: list[str]) -> None:
        self.failures, self.passed = failures, passed
        told = "\n\n".join(f"-- {name.replace('_', ' ')}\n{trace}" for name, trace in failures.items())
        super().__init__(f"{len(failures)} of {len(failures) + len(passed)} promises are not kept:\n\n{told}")


def check_coordinator(make: Make, *, only: Callable[[str], bool] | None = None) -> list[str]:
    """
    Play every story on a new coordinator.

    Args:
        make: called with `clock=` (a ManualClock) and settings such as `lease_ttl=`; returns a
            coordinator for threads or for event loops. Boards must not share anything.
        only: selects stories by name; all by default.

    Returns:
        The names of the promises that were kept.

    Raises:
        ConformanceError: some were broken.
        ValueError: `only` selects no story.

    Example:
        >>> from ants_coord import ClaimQueue
        >>> from ants_coord.testing import check_coordinator
        >>> "a task has one holder" in check_coordinator(ClaimQueue)
        True

    """
    passed: list[str] = []
    failures: dict[str, str] = {}
    chosen = [name for name in STORIES if only is None or only(name)]
    if not chosen:
        raise ValueError(f"only selects no story; there is {next(iter(STORIES))!r} and others")
    for name in chosen:
        play, settings = STORIES[name]
        clock = ManualClock()
        board = make(clock=clock, **{"lease_ttl": 30, **settings})
        seen = OnItsLoop(board, clock) if inspect.iscoroutinefunction(board.submit) else board
        try:
            play(seen, clock)
            seen.check()
        except Exception:  # noqa: BLE001 - whatever it is, the promise is broken
            failures[name] = f"{traceback.format_exc(limit=-2)}\n{_story(board)}"
        else:
            passed.append(name.replace("_", " "))
        finally:
            seen.close()
            if seen is not board:
                seen.end()
    if failures:
        raise ConformanceError(failures, passed)
    return passed


def _story(board: Any) -> str:
    try:
        return story(board.sync if hasattr(board, "sync") else board)
    except Exception as problem:  # noqa: BLE001 - it is broken, after all
        return f"(its events cannot be read: {problem!r})"


class OnItsLoop:
    """A coordinator for event loops, used like one for threads: each verb runs to its end in virtual time."""

    def __init__(self, board: Any, clock: ManualClock) -> None:
        self._board = board
        self._loop = VirtualLoop(clock)

    def __getattr__(self, verb: str) -> Any:
        member = getattr(self._board, verb)
        if not callable(member):
            return member

        def call(*args: Any, **options: Any) -> Any:
            answer = member(*args, **options)
            if inspect.isawaitable(answer):
                return self._loop.run_until_complete(answer)
            if hasattr(answer, "__aiter__"):
                return self._loop.run_until_complete(_all_of(answer))
            return answer

        return call

    def end(self) -> None:
        """Close the loop."""
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def _all_of(answer: Any) -> list[Any]:
    return [one async for one in answer]

"""
A meter around a board: what no log contains, counted in this process while the scope is open.

It stands around the doors of the engine and reads the clock twice a call; a board in memory takes the
ordinary way meanwhile, and not its short one, which costs a few microseconds a verb. Nothing is kept in
the board's state, and a board without a meter runs exactly the code that it always ran.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any, Self

from ..commands.shared import Claim

__all__ = ["Meter", "tokens_of"]

_DOORS = ("execute", "short", "ask", "try_or_enter", "look_or_enter", "leave")
_BYTES_PER_TOKEN = 4


class Meter:
    """
    Count and time what goes through a board, in this process, while the scope is open.

    Args:
        board: any coordinator, of either colour; all that stand on the same engine are counted together.

    Raises:
        ValueError: a meter is around this board already; use that one.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> from ants_coord.lab import Meter, tax
        >>> with ClaimQueue() as board, Meter(board) as meter:
        ...     _ = board.submit(Task("a"))
        ...     _ = board.complete(board.claim_nowait("ann"))
        ...     board.claim_nowait("ann")
        ...     report = tax(board, meter=meter)
        >>> report.empty_claims, report.calls, report.inside > 0
        (1, 4, True)

    """

    def __init__(self, board: Any) -> None:
        self._engine = board._engine  # noqa: SLF001 - what both colours stand on has no public name
        self._executed: Callable[[], tuple[float, int, int, int]] = lambda: (0.0, 0, 0, 0)
        """(seconds, refused, calls, empty claims) of `execute`, which keeps them to itself"""
        self._calls = 0
        self._inside = 0.0
        self._empty = self._raced = self._reads = 0
        self._waiting: set[int] = set()

    def __enter__(self) -> Self:
        """Begin to count."""
        # not vars(): it would make the engine's attributes a dict, and each look at them slower for ever
        if isinstance(self._engine.execute, FunctionType):
            raise ValueError("board: a meter is around it already; use that one")  # noqa: TRY004 - not about types
        engine = self._engine
        engine.execute = self._commands(engine.execute)
        # the short way of the engine is shut, so that one place counts: it would give the same replies
        engine.short = lambda *_: NotImplemented
        engine.try_or_enter = self._tries(engine.try_or_enter)
        engine.leave = self._leaves(engine.leave)
        engine.ask = self._queries(engine.ask)
        engine.look_or_enter = self._queries(engine.look_or_enter)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting; the figures stay."""
        for door in _DOORS:
            delattr(self._engine, door)

    def is_of(self, board: Any) -> bool:
        """Tell whether this meter is around a board."""
        return self._engine is board._engine  # noqa: SLF001 - see above

    def figures(self) -> dict[str, Any]:
        """Return what was counted, by the names of TaxReport's fields."""
        seconds, refused, calls, empty = self._executed()
        return {
            "inside": self._inside + seconds,
            "calls": self._calls + calls,
            "empty_claims": self._empty + empty,
            "lost_races": self._raced,
            "refused": refused,
            "reads": self._reads,
        }

    def _commands(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock, seconds, tries, calls, empty = time.perf_counter, 0.0, 0, 0, 0

        # This door is nearly all that a busy board goes through, so each step here was measured: names of the
        # closure are cheaper than attributes, and calls by type of command would cost as much again as all
        # the rest. No lock is taken: a count may miss what two threads write in the same instant.
        def execute(command: Any, request_id: str | None = None) -> Any:
            nonlocal seconds, tries, calls, empty
            tries += 1
            began = clock()
            reply = door(command, request_id)
            seconds += clock() - began
            calls += 1
            if reply is None:
                empty += command.__class__ is Claim
            return reply

        self._executed = lambda: (seconds, tries - calls, calls, empty)
        return execute

    def _tries(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock = time.perf_counter

        def try_or_enter(command: Any, waiter: Any) -> Any:
            began = clock()
            try:
                reply = door(command, waiter)
            finally:
                self._inside += clock() - began
                self._calls += 1
            if reply is None:
                self._empty += 1
                # who was woken and finds nothing has lost a race for what it was woken for
                self._raced += id(waiter) in self._waiting
                self._waiting.add(id(waiter))
            else:
                self._waiting.discard(id(waiter))
            return reply

        return try_or_enter

    def _leaves(self, door: Callable[..., Any]) -> Callable[..., Any]:
        def leave(waiter: Any) -> None:
            self._waiting.discard(id(waiter))
            door(waiter)

        return leave

    def _queries(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock = time.perf_counter

        def ask(*arguments: Any) -> Any:
            began = clock()
            try:
                return door(*arguments)
            finally:
                self._reads += 1
                self._inside += clock() - began

        return ask


def tokens_of(board: Any) -> int:
    """
    Estimate the tokens that crossed a board: four bytes each, of the tasks that it still keeps.

    Payloads count twice, once handed in and once handed out for each attempt; results once.
    """
    size = 0
    for record in board.tasks():
        size += len(json.dumps(record.task.payload)) * (1 + record.attempts)
        if record.outcome is not None:
            size += len(json.dumps(record.outcome.result))
    return -(-size // _BYTES_PER_TOKEN)

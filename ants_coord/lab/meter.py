"""
A meter around a board: what no log contains, counted in this process while the scope is open.

It stands around the doors of the engine and reads the clock twice a call. Nothing is kept in the board's
state, and a board without a meter runs exactly the code that it always ran.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Self

from ..commands.shared import Claim, ClaimMany
from ..errors import CoordinationError

__all__ = ["Meter", "tokens_of"]

_DOORS = ("execute", "ask", "try_or_enter", "look_or_enter", "leave")
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
        >>> report.empty_claims, report.calls["Complete"], report.inside > 0
        (1, 1, True)

    """

    def __init__(self, board: Any) -> None:
        self._engine = board._engine  # noqa: SLF001 - what both colours stand on has no public name
        self._calls: dict[str, int] = {}
        self._inside_ns = 0
        self._empty = self._raced = self._refused = self._reads = 0
        self._waiting: set[int] = set()

    def __enter__(self) -> Self:
        """Begin to count."""
        if "execute" in vars(self._engine):
            raise ValueError("board: a meter is around it already; use that one")
        engine = self._engine
        engine.execute = self._commands(engine.execute)
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
        return {
            "inside": self._inside_ns / 1e9,
            "calls": dict(sorted(self._calls.items())),
            "empty_claims": self._empty,
            "lost_races": self._raced,
            "refused": self._refused,
            "reads": self._reads,
        }

    def _commands(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock, calls = time.perf_counter_ns, self._calls

        # one frame more and two readings of the clock are the whole cost: no lock, counts may be off by the
        # few that two threads write at once
        def execute(command: Any, request_id: str | None = None) -> Any:
            kind = command.__class__
            calls[kind.__name__] = calls.get(kind.__name__, 0) + 1
            began = clock()
            try:
                reply = door(command, request_id)
            except CoordinationError:
                self._refused += 1
                raise
            finally:
                self._inside_ns += clock() - began
            if not reply and (kind is Claim or kind is ClaimMany):
                self._empty += 1
            return reply

        return execute

    def _tries(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock, calls = time.perf_counter_ns, self._calls

        def try_or_enter(command: Any, waiter: Any) -> Any:
            name = command.__class__.__name__
            calls[name] = calls.get(name, 0) + 1
            began = clock()
            try:
                reply = door(command, waiter)
            finally:
                self._inside_ns += clock() - began
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
        clock = time.perf_counter_ns

        def ask(*arguments: Any) -> Any:
            began = clock()
            try:
                return door(*arguments)
            finally:
                self._reads += 1
                self._inside_ns += clock() - began

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

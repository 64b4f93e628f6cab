"""
A meter around a board: what no log contains, counted in this process while the scope is open.

It wraps the entrances of the engine and reads the clock twice per call. Commands on the short way in memory
are all counted, but only one in 31 is timed, and represents the others. Nothing is kept in the board's state,
a metered board takes the same paths as any other, and a board without a meter runs exactly the same code as
before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any, Self

from ..commands.shared import Claim, ClaimMany
from ..engine.engine import Engine
from ..engine.lobby import Drained

_DOORS = ("execute", "short", "ask", "try_or_enter", "look_or_enter", "next_ended", "leave")
_CLAIMS = (Claim, ClaimMany)
_ONE_IN = 31
"""one in this many commands on the short way in memory is timed and represents the others; no pattern of
verbs repeats with this period"""
_BYTES_PER_TOKEN = 4


class Meter:
    """
    A meter that counts and times the calls of a board in this process, while its scope is open.

    Args:
        board: any open coordinator, of either colour; all that share its engine are counted together.

    Raises:
        ValueError: this board has a meter already; use that one. Or this is not an open board.

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
        engine = getattr(board, "_engine", None)  # the engine that both colours share has no public name
        if not isinstance(engine, Engine):
            # as every other bad argument of the lab
            raise ValueError(  # noqa: TRY004
                f"board: {board!r} is no open board; a meter counts what this process does on one"
            )
        self._engine: Any = engine
        self._executed: Callable[[], tuple[float, int, int, int]] = lambda: (0.0, 0, 0, 0)
        """(seconds, calls, empty claims, refused) of `execute`, which keeps them itself"""
        self._shortened: Callable[[], tuple[float, int, int]] = lambda: (0.0, 0, 0)
        """(seconds, calls, empty claims) of `short`"""
        self._calls = 0
        self._inside = 0.0
        self._empty = self._raced = self._refused = self._reads = 0
        self._waiting: set[int] = set()

    def __enter__(self) -> Self:
        """Start counting."""
        # not vars(): it would turn the engine's attributes into a dict, and slow down each access for ever
        if isinstance(self._engine.execute, FunctionType):
            raise ValueError("board: a meter is around it already; use that one")  # noqa: TRY004 - not about types
        engine = self._engine
        engine.execute = self._commands(engine.execute)
        engine.short = self._short_ways(engine.short)
        engine.try_or_enter = self._tries(engine.try_or_enter)
        engine.leave = self._leaves(engine.leave)
        engine.ask = self._queries(engine.ask)
        engine.look_or_enter = self._queries(engine.look_or_enter)
        engine.next_ended = self._queries(engine.next_ended)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting; the figures stay."""
        for door in _DOORS:
            delattr(self._engine, door)

    def is_of(self, board: Any) -> bool:
        """Tell whether this is the meter of a board."""
        return self._engine is board._engine  # noqa: SLF001 - see above

    def figures(self) -> dict[str, Any]:
        """Return what was counted, by the names of TaxReport's fields."""
        seconds, calls, empty, refused = self._executed()
        short_seconds, short_calls, short_empty = self._shortened()
        return {
            "inside": self._inside + seconds + short_seconds,
            "calls": self._calls + calls + short_calls,
            "empty_claims": self._empty + empty + short_empty,
            "lost_races": self._raced,
            "refused": self._refused + refused,
            "reads": self._reads,
        }

    # The two functions below handle nearly everything on a busy board, so each step in them was measured:
    # names of the closure are cheaper than attributes, and calls by type of command would cost as much again
    # as all the rest. No lock is taken: a count may miss what two threads write in the same instant.

    def _commands(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock, seconds, calls, empty, refused = time.perf_counter, 0.0, 0, 0, 0

        def execute(command: Any, request_id: str | None = None) -> Any:
            nonlocal seconds, calls, empty, refused
            began = clock()
            try:
                reply = door(command, request_id)
            except BaseException as problem:
                seconds += clock() - began
                refused += isinstance(problem, Exception)  # an interrupt is not a refusal
                raise
            seconds += clock() - began
            calls += 1
            if not reply:
                empty += command.__class__ in _CLAIMS
            return reply

        self._executed = lambda: (seconds, calls, empty, refused)
        return execute

    def _short_ways(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock, left, rounds, seconds, empty = time.perf_counter, 1, 0, 0.0, 0

        # A command takes three microseconds here, so everything shows. Reading the clock twice costs twice as
        # much as all the rest: with each command timed, a meter cost 9 % of a cycle, with one in 7 it was 8
        # %. The countdown to the next timed command also counts the calls: a small integer, which costs no
        # memory.
        def short(verb: Any, args: Any) -> Any:
            nonlocal left, rounds, seconds, empty
            left -= 1
            if left > 0:
                reply = door(verb, args)
            else:
                left, rounds, began = _ONE_IN, rounds + 1, clock()
                reply = door(verb, args)
                seconds += clock() - began
            if reply is None:  # only a claim answers None
                empty += 1
            elif reply is NotImplemented:  # nothing was done: `execute` comes next, and counts it
                left += 1
            return reply

        def shortened() -> tuple[float, int, int]:
            calls = rounds * _ONE_IN + 1 - left
            return seconds / max(1, rounds) * calls, calls, empty

        self._shortened = shortened
        return short

    def _tries(self, door: Callable[..., Any]) -> Callable[..., Any]:
        clock = time.perf_counter

        def try_or_enter(command: Any, waiter: Any) -> Any:
            began = clock()
            is_claim, is_new = command.__class__ in _CLAIMS, id(waiter) not in self._waiting
            try:
                reply = door(command, waiter)
            except (TimeoutError, Drained):
                self._calls += 1
                self._empty += is_claim and is_new  # a claim that waited was counted when it began
                raise
            except Exception:
                self._refused += 1
                raise
            finally:
                self._inside += clock() - began
            self._calls += 1
            if reply is None:
                self._waiting.add(id(waiter))
                if is_claim:
                    self._empty += 1
                    # a woken claim that finds nothing has lost a race for the task
                    self._raced += not is_new
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

    Payloads count once when they are submitted and once for each attempt; results count once.
    """
    size = 0
    for record in board.tasks():
        size += len(json.dumps(record.task.payload)) * (1 + record.attempts)
        if record.outcome is not None:
            size += len(json.dumps(record.outcome.result))
    return -(-size // _BYTES_PER_TOKEN)

"""
Histories: record calls of real threads, and judge whether they could have happened one by one.

A history is linearisable if its operations can be put into one order that a
single task could have seen, such that no operation comes before another that
had ended before it began. The search is Wing and Gong's (1993) with the
memory of Lowe (2017), one task at a time, as Porcupine does.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from ..errors import LeaseLostError

_FOREVER = 1 << 62
_READY = "ready"
_State = tuple[str, int]
"""("ready" | "held" | "done", highest token so far)"""


@attrs.define
class Operation:
    """
    One call: what was asked, from when to when, and what came back.

    `verb` is claim, complete, fail, release or renew; `answer` is "ok", "lost" or "unknown" (the call
    ended in an error that leaves open whether it had an effect).
    """

    client: str
    verb: str
    task: str
    token: int
    answer: str
    called: int
    returned: int


class Recorder:
    """
    A coordinator whose lease verbs are recorded. Thread-safe.

    Args:
        board: a coordinator for threads.
        now: the clock for histories of several processes, which all of them must share, such as
            `time.monotonic_ns`. Within one process a counter is used, which orders strictly.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> from ants_coord.testing import Recorder, check_history
        >>> board = ClaimQueue()
        >>> _ = board.submit(Task("a"))
        >>> recorder = Recorder(board)
        >>> lease = recorder.claim_nowait("ann")
        >>> _ = recorder.complete(lease, 1)
        >>> check_history(recorder.operations)
        []

    """

    def __init__(self, board: Any, now: Callable[[], int] | None = None) -> None:
        self._board = board
        self._lock = threading.Lock()
        # a counter and not a clock: under the interpreter's lock it orders instants strictly
        self._now = itertools.count().__next__ if now is None else now
        self.operations: list[Operation] = []
        """in the order in which they ended"""

    def claim_nowait(self, agent: str, **options: Any) -> Any:
        """Claim, and record what was granted; an empty claim says nothing about any task."""
        called = self._now()
        return self._granted(agent, self._board.claim_nowait(agent, **options), called)

    def claim(self, agent: str, **options: Any) -> Any:
        """Wait for a task; see `claim_nowait`."""
        called = self._now()
        return self._granted(agent, self._board.claim(agent, **options), called)

    def complete(self, lease: Any, result: Any = None) -> Any:
        """Complete a task."""
        return self._call("complete", lease, result)

    def fail(self, lease: Any, reason: str = "no", **options: Any) -> Any:
        """Fail an attempt; it must not be the last (`max_attempts`)."""
        return self._call("fail", lease, reason, **options)

    def release(self, lease: Any) -> Any:
        """Give a lease back."""
        return self._call("release", lease)

    def renew(self, lease: Any) -> Any:
        """Renew a lease."""
        return self._call("renew", lease)

    def _call(self, verb: str, lease: Any, *args: Any, **options: Any) -> Any:
        with self._written_down(verb, lease):
            return getattr(self._board, verb)(lease, *args, **options)

    @contextlib.contextmanager
    def _written_down(self, verb: str, lease: Any) -> Iterator[None]:
        called, answer = self._now(), "unknown"
        try:
            yield
            answer = "ok"
        except LeaseLostError:
            answer = "lost"
            raise
        finally:
            returned = _FOREVER if answer == "unknown" else self._now()
            self._note(Operation(lease.agent, verb, lease.task, lease.token, answer, called, returned))

    def _granted(self, agent: str, lease: Any, called: int) -> Any:
        if lease is not None:
            self._note(Operation(agent, "claim", lease.task, lease.token, "ok", called, self._now()))
        return lease

    def _note(self, operation: Operation) -> None:
        with self._lock:
            self.operations.append(operation)


class AsyncRecorder(Recorder):
    """
    A coordinator for event loops whose lease verbs are recorded: Recorder's verbs, with await.

    A cancelled call counts as one whose effect is unknown.
    """

    async def claim_nowait(self, agent: str, **options: Any) -> Any:
        """Claim, and record what was granted."""
        called = self._now()
        return self._granted(agent, await self._board.claim_nowait(agent, **options), called)

    async def claim(self, agent: str, **options: Any) -> Any:
        """Wait for a task; see `claim_nowait`."""
        called = self._now()
        return self._granted(agent, await self._board.claim(agent, **options), called)

    async def _call(self, verb: str, lease: Any, *args: Any, **options: Any) -> Any:
        with self._written_down(verb, lease):
            return await getattr(self._board, verb)(lease, *args, **options)


def check_history(
    operations: Iterable[Operation], *, expiry: bool = False, patience: int = 200_000
) -> list[str]:
    """
    Judge a history.

    Args:
        operations: what a Recorder (or several together) has recorded.
        expiry: whether leases may have run out in between.
        patience: most states to examine for one task.

    Returns:
        A sentence for each task whose operations no single order explains; empty if all is well.

    Raises:
        TimeoutError: a task's history is too long to judge within `patience`.

    """
    by_task: dict[str, list[Operation]] = {}
    for operation in operations:
        by_task.setdefault(operation.task, []).append(operation)
    broken = []
    for task, mine in sorted(by_task.items()):
        if not _is_linearisable(mine, expiry, patience):
            told = "; ".join(
                f"{one.client} {one.verb} #{one.token} {one.answer} [{one.called}, {one.returned}]"
                for one in sorted(mine, key=lambda one: one.called)
            )
            broken.append(f"no order explains what happened to {task!r}: {told}")
    return broken


def _is_linearisable(operations: list[Operation], expiry: bool, patience: int) -> bool:
    """Search for an order, depth first, remembering pairs of (operations done, state)."""
    everything = sorted(operations, key=lambda one: one.called)
    seen: set[tuple[int, _State]] = set()
    todo: list[tuple[int, _State]] = [(0, (_READY, 0))]
    needed = sum(1 << number for number, one in enumerate(everything) if one.answer != "unknown")
    started = time.monotonic()
    while todo:
        done, state = todo.pop()
        if done & needed == needed:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if len(seen) > patience:
            raise TimeoutError(f"gave up after {patience} states, {time.monotonic() - started:.1f} s")
        # nothing may come before an operation that had ended when it began
        left = [number for number in range(len(everything)) if not done >> number & 1]
        horizon = min(everything[number].returned for number in left)
        for number in left:
            one = everything[number]
            if one.called > horizon:
                break
            todo += [(done | 1 << number, following) for following in _after(state, one, expiry)]
    return False


def _after(state: _State, one: Operation, expiry: bool) -> list[_State]:
    """Return the states in which a task can be after an operation that was answered so."""
    what, token = state
    if one.verb == "claim":
        is_free = what == _READY or (expiry and what == "held")
        return [("held", one.token)] if is_free and one.token > token else []
    holds = what == "held" and token == one.token
    moved: _State = {
        "complete": ("done", token),
        "fail": (_READY, token),
        "release": (_READY, token),
        "renew": state,
    }[one.verb]
    repeats = one.verb == "complete" and what == "done" and token == one.token
    yes = [moved] if holds else [state] if repeats else []
    no = [] if repeats or (holds and not expiry) else [(_READY, token) if holds else state]
    if one.answer == "ok":
        return yes
    return no if one.answer == "lost" else [*yes, *no]

"""
Threads in virtual time: a plain function runs in a thread of its own, in lockstep with the event loop.

Either the thread or the loop runs, never both, so a run can be repeated exactly. Where the function would
block (a claim that waits, `time.sleep`), the thread hands an awaitable to the loop and stands still until
that is done. Everything else is the ordinary coordinator for threads.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from ...aio import Board as AsyncBoard
from ...fronts import hold

_here = threading.local()
"""`thread`: the simulated thread that runs this code, if one does"""


class _Thread:
    """A function in a thread that runs only while the loop waits for it."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._may_run, self._has_stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._asks: Awaitable[Any] | None = None
        self._answer: Any = None
        self._error: BaseException | None = None
        self._is_done = False
        # a daemon: a function that swallows every exception must not keep the interpreter alive
        self._thread = threading.Thread(target=self._run, name="simulated agent", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        _here.thread = self
        self._may_run.acquire()
        try:
            _must_be_over(self._function())
        except BaseException as problem:  # noqa: BLE001 - it belongs to the agent, and is raised in the loop
            self._error = problem
        self._is_done = True
        self._has_stopped.release()

    def ask(self, what: Awaitable[Any]) -> Any:
        """In the thread: let the loop wait for something, and return its result."""
        self._asks = what
        self._has_stopped.release()
        self._may_run.acquire()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._answer

    async def live(self) -> None:
        """In the loop: let the thread run, wait for what it asks for, and so on until it returns."""
        while True:
            self._may_run.release()
            self._has_stopped.acquire()  # the loop stands still meanwhile, and so does virtual time
            if self._is_done:
                if self._error is not None:
                    raise self._error
                return
            assert self._asks is not None
            try:
                self._answer = await self._asks
            except BaseException as problem:  # noqa: BLE001 - cancelled, crashed or refused: the function's to handle
                self._error = problem


def _must_be_over(answer: object) -> None:
    """Refuse what a function returns that has only made an agent, and run none."""
    if isinstance(answer, (Awaitable, Generator, AsyncGenerator)):
        if isinstance(answer, Coroutine):
            answer.close()  # otherwise the interpreter complains, too
        kind = type(answer).__name__
        raise TypeError(
            f"an agent is an async function or a plain one; this one returned a {kind} and did nothing"
        )


async def drive(function: Callable[[Any], None], board: AsyncBoard, name: str) -> None:
    """
    Run a plain function of an agent's handle to its end, in virtual time.

    Args:
        function: the agent; its calls on the handle, and `time.sleep`, take virtual time.
        board: the agent's coordinator, for event loops.
        name: its name.

    """
    front: Any = board.sync

    def wait(*args: Any) -> Any:
        return _here.thread.ask(board._wait(*args))  # noqa: SLF001 - the kit's own

    def serve(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            "serve() starts threads of its own, which have no place in virtual time: write the loop with "
            "claims() and work(), or make the agent an async function"
        )

    front._wait, front._serve = wait, serve  # noqa: SLF001
    await _Thread(lambda: function(front.as_agent(name))).live()


@contextmanager
def sleeping_in_virtual_time() -> Iterator[None]:
    """Make `time.sleep` of simulated threads take virtual time; other threads sleep as usual."""
    real = time.sleep

    def sleep(seconds: float) -> None:
        thread = getattr(_here, "thread", None)
        if thread is None:
            real(seconds)
        else:
            thread.ask(asyncio.sleep(seconds))

    time.sleep = hold.sleep = sleep  # type: ignore[assignment, attr-defined]
    try:
        yield
    finally:
        time.sleep = hold.sleep = real  # type: ignore[attr-defined]

"""
An event loop whose time is virtual: fifty minutes of sleeping take milliseconds.

There is no real waiting. When no callback is ready, the loop moves its time to the next timer, or to the next
alarm of a ManualClock, whichever is first. Only threads (of `asyncio.to_thread`, or of a board in a file)
take real time: while one is busy, virtual time stands still.

The same program with the same seed does the same things in the same order, as
long as no thread takes part.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from .clock import ManualClock

R = TypeVar("R")

_PATIENCE_S = 30.0
"""how many real seconds the loop waits for a busy thread before it says that it is stuck"""


class StuckError(RuntimeError):
    """Raised when everybody waits and nothing is due: in real time, this program would wait for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    An event loop in virtual time.

    Args:
        clock: a ManualClock that moves together with the loop.

    """

    def __init__(self, clock: ManualClock | None = None) -> None:
        self._passed_ns = 0
        self._clock = clock
        self._busy = 0
        super().__init__(_Skipping(self))
        self._clock_resolution = 2e-9

    @property
    def passed_ns(self) -> int:
        """Virtual nanoseconds since the loop was made."""
        return self._passed_ns

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._passed_ns / 1e9

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., R], *args: Any
    ) -> asyncio.Future[R]:
        """Run a function in a real thread; virtual time stands still until it returns."""
        self._busy += 1
        work: asyncio.Future[R] = super().run_in_executor(executor, func, *args)
        work.add_done_callback(self._count_down)
        return work

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the threads of `asyncio.to_thread`, in real time."""
        self._busy += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._busy -= 1

    def _count_down(self, _: object) -> None:
        self._busy -= 1

    def skip(self, timeout: float | None) -> None:
        """Move virtual time by `timeout` seconds, or to the clock's next alarm, if that is earlier."""
        step = None if timeout is None else max(1, -int(-timeout * 1e9 // 1))
        clock = self._clock
        if clock is not None:
            at = clock.next_ns
            if at is not None and (step is None or at - clock.now_ns() < step):
                step = max(0, at - clock.now_ns())
        if step is None:
            waiting = [task.get_name() for task in asyncio.all_tasks(self) if not task.done()]
            raise StuckError(f"nothing is due, and these wait: {', '.join(sorted(waiting)) or 'nobody'}")
        self._passed_ns += step
        if clock is not None:
            clock.advance(step / 1e9)

    @property
    def is_busy(self) -> bool:
        """Whether a thread is working for this loop."""
        return self._busy > 0


class _Skipping(selectors.DefaultSelector):
    """A selector that skips the time for which it should wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.is_busy:
            ready = super().select(_PATIENCE_S)
            if not ready:
                raise StuckError(f"a thread has been busy for {_PATIENCE_S:g} real seconds")
            return ready
        self._loop.skip(timeout)
        return super().select(0)


def run(main: Coroutine[Any, Any, R], *, clock: ManualClock | None = None) -> R:
    """
    Run a coroutine in virtual time, like `asyncio.run`.

    Args:
        main: the coroutine to run.
        clock: a ManualClock that moves together with the loop; give it to your boards.

    Returns:
        What `main` returns.

    Raises:
        StuckError: everybody waits and nothing is due.

    Example:
        >>> import asyncio
        >>> from ants_coord import Task, aio, testing
        >>> async def main(clock):
        ...     async with aio.ClaimQueue(clock=clock, lease_ttl=30) as board:
        ...         await board.submit(Task("a"))
        ...         await board.claim("silent")
        ...         lease = await board.claim("heir")   # waits thirty seconds
        ...         return lease.attempt, asyncio.get_running_loop().time()
        >>> clock = testing.ManualClock()
        >>> testing.run(main(clock), clock=clock)
        (2, 30.0)

    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)

"""
How an async handler runs in its scope: on the event loop of a coordinator, or of a worker thread.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from ..engine.engine import Engine
from ..values.tasks import Lease
from .aio_hold import AsyncHold
from .arguments import Seconds
from .serving import Failed, Handler, is_verdict_on

_Job = tuple[asyncio.AbstractEventLoop, asyncio.Future[None], Callable[..., None], tuple[Any, ...]]


class LoopOfThread:
    """An event loop for the async handlers of one worker thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close the loop."""
        self._runner.close()

    def attempt(self, engine: Engine, lease: Lease, handler: Handler, timeout: Seconds | None) -> None:
        """Run one async handler in its scope, to the end."""

        async def run(command: Any) -> Any:
            return engine.execute(command)  # blocking is fine: the loop has nothing else to do

        async def told() -> Failed | None:
            try:
                await run_async(engine, lease, handler, timeout, run)
            except Failed as failed:
                return failed
            return None

        # an error that leaves the runner stays in its frames, in a cycle
        failed = self._runner.run(told())
        try:
            if failed is not None:
                raise failed
        finally:
            del failed  # as in `run_plain`


async def run_async(
    engine: Engine,
    lease: Lease,
    handler: Handler,
    timeout: Seconds | None,
    run: Callable[[Any], Awaitable[Any]],
) -> None:
    """Run an async handler in its scope."""
    failed: BaseException | None = None
    try:
        try:
            async with AsyncHold(engine, lease, run, timeout) as job:
                try:
                    job.result = await handler(job)
                except BaseException as error:
                    failed = error
                    raise
        except BaseException as error:
            # an error of the scope itself goes on unchanged: it is not a failure of the handler
            if not is_cancelled(error) and is_verdict_on(lease, error, failed):
                raise Failed from error
            raise
        if failed is not None:  # GiveUp, RetryAfter or NotNow: the scope has ended the attempt
            raise Failed from failed
    finally:
        del failed  # as in `run_plain`


def is_cancelled(error: BaseException) -> bool:
    """Tell whether the running task itself was cancelled, not merely something that it awaited."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


class Helper:
    """
    A thread for the plain handlers of one loop of a worker.

    It is a daemon and not a thread of a pool: Python waits at exit for the threads of pools, so a handler
    that never returns would keep a cancelled program from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[..., None], *arguments: Any) -> asyncio.Future[None]:
        """Call a function in the thread; the future is the caller's to await, on its loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put((loop, future, call, arguments))
        return future

    def close(self) -> None:
        """End the thread after its present call."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            _carry_out(*job)
            del job  # it would keep its objects alive until the next one


def _carry_out(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[None],
    call: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    try:
        call(*arguments)
    except BaseException as error:  # noqa: BLE001 - handed to the caller
        _tell(loop, future, error)
        del future, call, arguments  # the error has this frame in its traceback: a cycle
    else:
        _tell(loop, future, None)


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None], error: BaseException | None) -> None:
    def tell() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        elif isinstance(error, StopIteration):  # a future refuses it
            future.set_exception(RuntimeError("a handler raised StopIteration"))
        else:
            future.set_exception(error)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more

"""
The worker for event loops; see fronts/serving.py.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from asyncio import sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from ..commands.shared import Release
from ..engine.engine import Engine
from ..errors import ClosedError, JournalError, LeaseLostError
from ..fronts.aio_attempts import Helper, is_cancelled, run_async
from ..fronts.arguments import Seconds, timeout_ns
from ..fronts.serving import (
    Book,
    Handler,
    Handlers,
    Persistence,
    Served,
    Stop,
    as_needed,
    is_async,
    is_survived,
    run_plain,
    table_of,
)
from ..values.tasks import Lease


async def serve_on_loop(
    engine: Engine,
    claims: Callable[[Stop, tuple[str, ...] | None], AsyncIterator[Lease]],
    handlers: Handlers,
    *,
    agent: str,
    concurrency: int,
    timeout: Seconds | None,
    signals: bool,
    run: Callable[[Any], Awaitable[Any]],
    agents: str | None = None,
    most: int = 1,
) -> Served:
    """Serve with `concurrency` tasks on the running loop, or with as many as needed."""
    handler_of, kinds = table_of(handlers)
    timeout_ns(timeout)
    crew = as_needed(agents, most, concurrency)
    book, stop, numbers = Book(engine, crew), Stop(), itertools.count(1)
    again: list[Callable[[asyncio.TaskGroup], Coroutine[Any, Any, None]]] = []
    """holds `whole`; if `loop` named it, they would be a cycle, which would keep the board"""

    async def loop(group: asyncio.TaskGroup) -> None:
        helper = Helper(f"ants_coord {agent} {next(numbers)}")
        try:
            async for lease in _leases(engine, lambda: claims(stop, kinds)):
                started = book.started()
                error: BaseException | None = None
                try:
                    await _attempt(engine, lease, handler_of(lease.kind), timeout, run, helper)
                except BaseException as problem:
                    if not is_survived(problem):
                        book.ended(lease, started, problem)
                        raise
                    error = problem
                wait = None if crew is None else await _wait_of(engine, book, lease, started)
                word = book.ended(lease, started, error, wait)
                del error  # it has this frame in its traceback: a cycle, with all that the handler had
                if word == "add" and not stop.is_set:
                    group.create_task(again[0](group))
                if word == "leave" or stop.is_set:
                    return
        finally:
            helper.close()

    async def whole(group: asyncio.TaskGroup) -> None:
        try:
            await loop(group)
        except asyncio.CancelledError as error:
            if is_cancelled(error):
                raise
            # a task group would take this for the end of a child that somebody has cancelled, and `serve`
            # would end as if there were nothing more to do
            raise RuntimeError("a claim was cancelled, though nobody cancelled the worker") from error

    again.append(whole)
    with _loop_signals(stop) if signals else nullcontext():
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(whole(group))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            again.clear()
    return book.served


async def _attempt(
    engine: Engine,
    lease: Lease,
    handler: Handler,
    timeout: Seconds | None,
    run: Callable[[Any], Awaitable[Any]],
    helper: Helper,
) -> None:
    """Run one task to its end: an async handler here, a plain one in the helper's thread."""
    if is_async(handler):
        await run_async(engine, lease, handler, timeout, run)
        return
    work = helper.run(run_plain, engine, lease, handler, timeout)
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        # the thread cannot be stopped: give its lease back, so that its report is refused
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        await _quietly(run(Release(lease.task, lease.token)))
        raise
    finally:
        del work  # as in `run_plain`


async def _wait_of(engine: Engine, book: Book, lease: Lease, started_ns: int) -> float | None:
    """Return how long a task had waited; a board on disk is not asked on the loop."""
    if engine.blocking:
        return await asyncio.to_thread(book.wait, lease, started_ns)
    return book.wait(lease, started_ns)


async def _leases(engine: Engine, claims: Callable[[], AsyncIterator[Lease]]) -> AsyncIterator[Lease]:
    """Iterate over leases, and start again after a moment when the journal is in trouble."""
    persistence = Persistence(engine)
    while True:
        try:
            async for lease in claims():
                persistence.succeeded()
                yield lease
        except JournalError as problem:
            await sleep(persistence.pause_after(problem))
        else:
            return


async def _quietly(ending: Awaitable[Any]) -> None:
    try:
        await asyncio.shield(asyncio.ensure_future(ending))
    except (LeaseLostError, ClosedError, JournalError):
        return


@contextmanager
def _loop_signals(stop: Stop) -> Iterator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def drain() -> None:
        if stop.is_set and task is not None:
            task.cancel()
        stop.set()

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, drain)
    try:
        yield
    finally:
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(one)

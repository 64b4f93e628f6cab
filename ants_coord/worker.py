"""
The worker: claim, keep alive, run the handler, complete or fail, drain on shutdown.

It is written once here because everybody writes it, and mostly wrongly: a
renewer that starts too late, a handler error that kills the loop, a shutdown
that drops what is running, a result reported for a lease that was lost.

Any mix of colours works: under threads an async handler gets an event loop of
its thread; under asyncio a plain handler runs in a thread and gets the
threaded Hold. Logging goes to the logger "ants_coord" (silent by default).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import logging
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import attrs

from .commands import Release, ReleaseAll
from .engine import Engine
from .errors import ClosedError, LeaseLostError, TaskDroppedError, TaskFailedError
from .hold import AsyncHold, Hold, summary
from .names import check_name
from .payloads import copy_json
from .values import Lease, Outcome, TaskState
from .verbs import Seconds, timeout_ns
from .waiting import Waiter

__all__ = ["Handler", "Handlers", "Served", "Stop", "result_of", "serve_in_threads", "serve_on_loop"]

Handler = Callable[[Any], Any]
"""Takes the Hold (AsyncHold for async functions), returns the result or an awaitable of it."""
Handlers = Handler | Mapping[str, Handler]

log = logging.getLogger("ants_coord")
log.addHandler(logging.NullHandler())


def result_of(outcome: Outcome) -> Any:
    """Return the result of a DONE outcome, or raise what the others mean."""
    if outcome.state is TaskState.DONE:
        return copy_json(outcome.result)
    if outcome.state is TaskState.CANCELLED:
        raise TaskDroppedError(outcome)
    raise TaskFailedError(outcome)


@attrs.define
class Served:
    """What a worker has done: attempts by how they ended, and seconds spent in handlers."""

    completed: int = 0
    failed: int = 0
    lost: int = 0
    released: int = 0
    work_seconds: float = 0.0

    def add(self, other: Served) -> None:
        """Count another worker's doings too."""
        for field in attrs.fields(Served):
            total = getattr(self, field.name) + getattr(other, field.name)
            setattr(self, field.name, total)


class Stop:
    """A wish to stop claiming. `set` may be called from a signal handler."""

    def __init__(self) -> None:
        self.is_set = False
        self._waiters: dict[int, Waiter] = {}

    def set(self) -> None:
        """Stop, and wake whoever waits for a claim."""
        self.is_set = True
        for waiter in list(self._waiters.values()):
            waiter.wake()

    def watch(self, waiter: Waiter) -> None:
        """Wake this waiter on `set`; raises ClosedError if that has been."""
        self._waiters[id(waiter)] = waiter
        if self.is_set:
            raise ClosedError("the worker is stopping")

    def unwatch(self, waiter: Waiter) -> None:
        """Forget a waiter."""
        self._waiters.pop(id(waiter), None)


def _table(handlers: Handlers) -> tuple[Callable[[str], Handler], tuple[str, ...] | None]:
    """Return (kind -> handler, kinds to claim)."""
    if callable(handlers):
        single = handlers
        return lambda _: single, None
    if not isinstance(handlers, Mapping) or not handlers:
        raise TypeError(f"handlers must be a function or a dict of kind -> function, not {handlers!r}")
    table = {check_name(kind, "each kind in handlers"): handler for kind, handler in handlers.items()}
    for kind, handler in table.items():
        if not callable(handler):
            raise TypeError(f"handlers[{kind!r}] must be a function, not {handler!r}")
    return table.__getitem__, tuple(table)


def _is_async(handler: Handler) -> bool:
    inner = handler.func if isinstance(handler, functools.partial) else handler
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(inner, "__call__", None)  # noqa: B004 - an object with an async __call__
    )


class _Book:
    """How the attempts of one worker ended."""

    def __init__(self, engine: Engine) -> None:
        self.served = Served()
        self._engine = engine
        self._lock = threading.Lock()

    def started(self) -> int:
        return self._engine.now_ns()

    def ended(self, lease: Lease, started_ns: int, error: BaseException | None) -> None:
        """Count an ending, and tell the log about what is not routine."""
        with self._lock:
            self.served.work_seconds += (self._engine.now_ns() - started_ns) / 1e9
            if error is None:
                self.served.completed += 1
            elif isinstance(error, LeaseLostError):
                self.served.lost += 1
            elif isinstance(error, Exception):
                self.served.failed += 1
            else:
                self.served.released += 1
        if error is not None:
            log.warning("task %s (%s): %s", lease.task, lease.handle, summary(error))


# -- threads --------------------------------------------------------------------------------


def serve_in_threads(
    engine: Engine,
    claims: Callable[[Stop, tuple[str, ...] | None], Iterator[Lease]],
    handlers: Handlers,
    *,
    agent: str,
    concurrency: int,
    timeout: Seconds | None,
    signals: bool,
) -> Served:
    """Serve with `concurrency` threads; with one, in the caller's own."""
    handler_of, kinds = _table(handlers)
    timeout_ns(timeout)
    book, stop = _Book(engine), Stop()

    def loop() -> None:
        with _Runner() as runner:
            for lease in claims(stop, kinds):
                _attempt(engine, lease, handler_of(lease.kind), timeout, runner, book)
                if stop.is_set:
                    return

    with _signals(stop) if signals else _nothing():
        if concurrency == 1:
            loop()
            return book.served
        with concurrent.futures.ThreadPoolExecutor(concurrency, f"ants_coord {agent}") as pool:
            running = [pool.submit(loop) for _ in range(concurrency)]
            try:
                concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_EXCEPTION)
            except BaseException:
                # interrupted for good: what runs is given back, and its result refused
                stop.set()
                engine.execute(ReleaseAll(agent))
                raise
            stop.set() if any(one.done() and one.exception() for one in running) else None
        for one in running:
            one.result()
    return book.served


def _attempt(
    engine: Engine,
    lease: Lease,
    handler: Handler,
    timeout: Seconds | None,
    runner: _Runner,
    book: _Book,
) -> None:
    """Run one task to its ending. Handler errors are recorded, not raised."""
    started = book.started()
    error: BaseException | None = None
    try:
        if _is_async(handler):
            runner.run(_attempt_async(engine, lease, handler, timeout))
        else:
            run_plain(engine, lease, handler, timeout)
    except (LeaseLostError, _Failed) as problem:
        error = problem.__cause__ if isinstance(problem, _Failed) else problem
    except BaseException as problem:
        book.ended(lease, started, problem)
        raise
    book.ended(lease, started, error)


class _Failed(Exception):  # noqa: N818
    """Carries a handler's error out of its scope, so that ours are not mistaken for it."""


def run_plain(engine: Engine, lease: Lease, handler: Handler, timeout: Seconds | None) -> None:
    """Run a plain handler in its scope."""
    failed: Exception | None = None
    try:
        with Hold(engine, lease, timeout) as job:
            try:
                job.result = handler(job)
            except Exception as error:
                failed = error
                raise
            _refuse_awaitable(handler, job.result)
    except (ClosedError, LeaseLostError) as error:
        if error is failed and isinstance(error, ClosedError):
            raise _Failed from error
        raise
    except Exception as error:
        raise _Failed from error
    if failed is not None:  # GiveUp or RetryAfter: the scope has ended the attempt
        raise _Failed from failed


def _refuse_awaitable(handler: Handler, result: object) -> None:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError(f"{handler!r} returned an awaitable; make the handler an async function")


async def _attempt_async(engine: Engine, lease: Lease, handler: Handler, timeout: Seconds | None) -> None:
    await run_async(engine, lease, handler, timeout, _in_line(engine))


def _in_line(engine: Engine) -> Callable[[Any], Awaitable[Any]]:
    async def run(command: Any) -> Any:
        return engine.execute(command)

    return run


class _Runner:
    """An event loop for the async handlers of one thread, made when the first one comes."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner is not None:
            self._runner.close()

    def run(self, coroutine: Any) -> None:
        if self._runner is None:
            self._runner = asyncio.Runner()
        self._runner.run(coroutine)


# -- event loops ----------------------------------------------------------------------------


async def run_async(
    engine: Engine,
    lease: Lease,
    handler: Handler,
    timeout: Seconds | None,
    run: Callable[[Any], Awaitable[Any]],
) -> None:
    """Run an async handler in its scope."""
    failed: Exception | None = None
    try:
        async with AsyncHold(engine, lease, run, timeout) as job:
            try:
                job.result = await handler(job)
            except Exception as error:
                failed = error
                raise
    except (ClosedError, LeaseLostError):
        raise
    except Exception as error:
        raise _Failed from error
    if failed is not None:
        raise _Failed from failed


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
) -> Served:
    """Serve with `concurrency` tasks on the running loop."""
    handler_of, kinds = _table(handlers)
    timeout_ns(timeout)
    book, stop = _Book(engine), Stop()
    pool: concurrent.futures.ThreadPoolExecutor | None = None

    async def attempt(lease: Lease) -> None:
        nonlocal pool
        handler = handler_of(lease.kind)
        if _is_async(handler):
            await run_async(engine, lease, handler, timeout, run)
            return
        if pool is None:
            pool = concurrent.futures.ThreadPoolExecutor(concurrency, f"ants_coord {agent}")
        work = asyncio.get_running_loop().run_in_executor(pool, run_plain, engine, lease, handler, timeout)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # the thread cannot be stopped: give its lease back, so that what
            # it still reports is refused
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            await _quietly(run(Release(lease.task, lease.token)))
            raise

    async def loop() -> None:
        async for lease in claims(stop, kinds):
            started = book.started()
            error: BaseException | None = None
            try:
                await attempt(lease)
            except (LeaseLostError, _Failed) as problem:
                error = problem.__cause__ if isinstance(problem, _Failed) else problem
            except BaseException as problem:
                book.ended(lease, started, problem)
                raise
            book.ended(lease, started, error)
            if stop.is_set:
                return

    with _loop_signals(stop) if signals else _nothing():
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(loop())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            if pool is not None:
                pool.shutdown(wait=False)
    return book.served


async def _quietly(ending: Awaitable[Any]) -> None:
    try:
        await asyncio.shield(asyncio.ensure_future(ending))
    except (LeaseLostError, ClosedError):
        return


# -- signals --------------------------------------------------------------------------------


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """The first signal drains, the second interrupts. Only in the main thread, as Python demands."""

    def drain(number: int, frame: FrameType | None) -> None:
        if stop.is_set:
            raise KeyboardInterrupt
        stop.set()

    before = {one: signal.signal(one, drain) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


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

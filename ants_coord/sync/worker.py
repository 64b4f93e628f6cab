"""
The worker for threads; see fronts/serving.py.
"""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from time import sleep
from types import FrameType
from typing import Any, Self

from ..commands.shared import ReleaseAll
from ..engine.engine import Engine
from ..errors import JournalError
from ..fronts.arguments import Seconds, timeout_ns
from ..fronts.as_needed import Word
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


def serve_in_threads(
    engine: Engine,
    claims: Callable[[Stop, tuple[str, ...] | None], Iterator[Lease]],
    handlers: Handlers,
    *,
    agent: str,
    concurrency: int,
    timeout: Seconds | None,
    signals: bool,
    agents: str | None = None,
    most: int = 1,
) -> Served:
    """Serve with `concurrency` threads, one of them the caller's own, or with as many as needed."""
    handler_of, kinds = table_of(handlers)
    timeout_ns(timeout)
    crew = as_needed(agents, most, concurrency)
    book, stop = Book(engine, crew), Stop()

    def loop(enlist: Callable[[], None]) -> None:
        with _LazyLoop() as runner:
            for lease in _leases(engine, lambda: claims(stop, kinds)):
                word = _attempt(engine, lease, handler_of(lease.kind), timeout, runner, book)
                if word == "add" and not stop.is_set:
                    enlist()
                if word == "leave" or stop.is_set:
                    return

    with _signals(stop) if signals else nullcontext():
        if concurrency == 1 and crew is None:
            loop(lambda: None)
        else:
            _crowd(loop, concurrency, agent, stop, lambda: engine.execute(ReleaseAll(agent)))
    return book.served


def _leases(engine: Engine, claims: Callable[[], Iterator[Lease]]) -> Iterator[Lease]:
    """Iterate over leases, and start again after a moment when the journal is in trouble."""
    persistence = Persistence(engine)
    while True:
        try:
            for lease in claims():
                persistence.succeeded()
                yield lease
        except JournalError as problem:
            sleep(persistence.pause_after(problem))
        else:
            return


def _crowd(
    loop: Callable[[Callable[[], None]], None],
    concurrency: int,
    agent: str,
    stop: Stop,
    give_back: Callable[[], object],
) -> None:
    """
    Run a loop in several threads, which may start others; raise the first error once all have ended.

    They are daemon threads and not a pool: a handler that never returns must not keep an interrupted program
    from ending.
    """
    errors: list[BaseException] = []

    def run() -> None:
        try:
            loop(enlist)
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            errors.append(error)
            stop.set()

    crowd: list[threading.Thread] = []
    numbers = itertools.count(1)

    def enlist() -> None:
        thread = threading.Thread(target=run, name=f"ants_coord {agent} {next(numbers)}", daemon=True)
        thread.start()
        crowd.append(thread)

    for _ in range(concurrency):
        enlist()
    try:
        for thread in crowd:  # the list grows while it is read: a thread that starts another is still running
            thread.join()
    except BaseException:
        # interrupted for good: running tasks are given back, and their results refused
        stop.set()
        give_back()
        raise
    if errors:
        raise errors[0]


class _LazyLoop:
    """The event loop for the async handlers of one thread; asyncio is imported for the first of them."""

    def __init__(self) -> None:
        self._loop: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None:
            self._loop.close()

    def attempt(self, engine: Engine, lease: Lease, handler: Handler, timeout: Seconds | None) -> None:
        if self._loop is None:
            from ..fronts.aio_attempts import LoopOfThread  # noqa: PLC0415

            self._loop = LoopOfThread()
        self._loop.attempt(engine, lease, handler, timeout)


def _attempt(
    engine: Engine,
    lease: Lease,
    handler: Handler,
    timeout: Seconds | None,
    runner: _LazyLoop,
    book: Book,
) -> Word:
    """Run one task to its end. Handler errors are recorded, not raised."""
    started = book.started()
    error: BaseException | None = None
    try:
        if is_async(handler):
            runner.attempt(engine, lease, handler, timeout)
        else:
            run_plain(engine, lease, handler, timeout)
    except BaseException as problem:
        if not is_survived(problem):
            book.ended(lease, started, problem)
            raise
        error = problem
    try:
        return book.ended(lease, started, error, book.wait(lease, started))
    finally:
        del error  # it has this frame in its traceback: a cycle, with all that the handler had


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Drain at the first signal, interrupt at the second. Only in the main thread, as Python requires."""

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

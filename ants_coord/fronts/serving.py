"""
The common part of both colours' workers: claim, keep alive, run the handler, complete or fail, drain.

Hand-written worker loops usually have the same faults: a renewer that starts too late, a handler error that
kills the loop, a shutdown that drops running tasks, a result reported for a lost lease. So the loop is
written here, once.

Any mix of colours works: under threads an async handler gets an event loop of its thread; under asyncio a
plain handler runs in a thread and gets the threaded Hold. Failures are logged to "ants_coord" with their
traceback.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..commands.reading import Find
from ..engine.engine import Engine
from ..engine.lobby import Waiter
from ..errors import ClosedError, JournalError, LeaseLostError
from ..frozen import field, fields, record
from ..values.checks import check_name, count, quoted
from ..values.tasks import Lease
from .arguments import Seconds
from .as_needed import AsNeeded, Decision, Word
from .failures import is_stop, logger
from .hold import FINAL, Hold, NotNow, SimulatedCrash, log_failure, pause_s

_TROUBLE_NS = 30_000_000_000

Handler = Callable[[Any], Any]
"""Takes the Hold (AsyncHold for async functions), and returns the result or an awaitable of it."""
Handlers = Handler | Mapping[str, Handler]


@record
class Served:
    """What a worker has done: attempts by how they ended, and seconds spent in handlers."""

    completed: int = 0
    failed: int = 0
    lost: int = 0
    released: int = 0
    work_seconds: float = 0.0
    decisions: list[Decision] = field(factory=list)
    """changes of the number of agents, with agents="as needed\""""

    def add(self, other: Served) -> None:
        """Add another worker's counts."""
        for each in fields(Served):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


class Stop:
    """A request to stop claiming. `set` may be called from a signal handler."""

    def __init__(self) -> None:
        self.is_set: bool = False
        self._waiters: dict[int, Waiter] = {}

    def set(self) -> None:
        """Stop, and wake the workers that wait for a claim."""
        self.is_set = True
        for waiter in list(self._waiters.values()):
            waiter.wake()

    def watch(self, waiter: Waiter) -> None:
        """Wake this waiter on `set`; raises ClosedError if `set` was called already."""
        self._waiters[id(waiter)] = waiter
        if self.is_set:
            raise ClosedError("the worker is stopping")

    def unwatch(self, waiter: Waiter) -> None:
        """Forget a waiter."""
        self._waiters.pop(id(waiter), None)


def table_of(handlers: Handlers) -> tuple[Callable[[str], Handler], tuple[str, ...] | None]:
    """Return (kind -> handler, kinds to claim)."""
    if callable(handlers):
        single = handlers
        _check_arity(single, "handlers")
        return lambda _: single, None
    if not isinstance(handlers, Mapping) or not handlers:
        raise TypeError(f"handlers must be a function or a dict of kind -> function, not {quoted(handlers)}")
    table = {check_name(kind, "each kind in handlers"): handler for kind, handler in handlers.items()}
    for kind, handler in table.items():
        if not callable(handler):
            raise TypeError(f"handlers[{quoted(kind)}] must be a function, not {quoted(handler)}")
        _check_arity(handler, f"handlers[{quoted(kind)}]")
    return table.__getitem__, tuple(table)


def _check_arity(handler: Handler, field: str) -> None:
    """Refuse at once a handler that would fail every attempt of every task."""
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):  # some functions written in C have no signature
        return
    try:
        signature.bind(None)
    except TypeError as problem:
        name = getattr(handler, "__qualname__", repr(handler))
        raise TypeError(
            f"{field} is called with one argument, the job: {name}{signature} cannot be ({problem}); "
            "bind the others with functools.partial or a lambda"
        ) from None


def is_async(handler: Handler) -> bool:
    """Tell whether a handler needs an event loop."""
    inner = handler.func if isinstance(handler, functools.partial) else handler
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(inner, "__call__", None)  # noqa: B004 - an object with an async __call__
    )


def as_needed(agents: str | None, most: int, concurrency: int) -> AsNeeded | None:
    """Return the object that decides the number of agents; None if the number is fixed."""
    if agents is None:
        return None
    if agents != "as needed":
        raise ValueError(
            f"agents must be 'as needed' or None, not {quoted(agents)}; concurrency= takes a number"
        )
    if concurrency != 1:
        raise ValueError(
            f"agents='as needed' begins with one, so concurrency={quoted(concurrency)} has no meaning"
        )
    return AsNeeded(count(most, "most", most=10_000))


class Book:
    """The counts of how the attempts of one worker ended."""

    def __init__(self, engine: Engine, crew: AsNeeded | None = None) -> None:
        self.served: Served = Served() if crew is None else Served(decisions=crew.decisions)
        self._engine = engine
        self._crew = crew
        self._lock = threading.Lock()

    def started(self) -> int:
        """Return the time at which an attempt starts."""
        return self._engine.now_ns()

    def wait(self, lease: Lease, started_ns: int) -> float | None:
        """Return the seconds for which a task was claimable; None for a retry, or if nobody needs to know."""
        if self._crew is None or lease.attempt != 1:
            return None  # for a retry, the record only says when the task was first ready
        try:
            record = self._engine.ask(Find(lease.task))
        except (ClosedError, JournalError):
            return None  # the next claim meets the same trouble, and knows what to do about it
        if record is None or record.ready_ns is None:
            return None
        return max(0, started_ns - record.ready_ns) / 1e9

    def ended(
        self, lease: Lease, started_ns: int, error: BaseException | None, wait: float | None = None
    ) -> Word:
        """Count an ending and log what is not routine; return the change in the number of agents."""
        now_ns = self._engine.now_ns()
        seconds = (now_ns - started_ns) / 1e9
        with self._lock:
            self.served.work_seconds += seconds
            if error is None:
                self.served.completed += 1
            elif isinstance(error, (LeaseLostError, JournalError, ClosedError)):
                self.served.lost += 1
            elif isinstance(error, Failed) and not isinstance(error.__cause__, NotNow):
                self.served.failed += 1
            else:
                self.served.released += 1
        if error is not None:
            told = error.__cause__ if isinstance(error, Failed) else error
            assert told is not None
            log_failure(lease, told)
        if self._crew is None:
            return "stay"
        return self._crew.ended(now_ns, seconds, wait, completed=error is None)


class Persistence:
    """
    How long a worker goes on claiming from a failing journal, once it has worked.

    A worker that has not worked yet fails at once, so that a wrong path is reported at the start and not half
    a minute later.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._has_worked = False
        self._tries = 0
        self._until_ns = 0

    def succeeded(self) -> None:
        """Note a successful claim."""
        self._has_worked, self._tries = True, 0

    def pause_after(self, problem: JournalError) -> float:
        """Return seconds to wait before claiming again; raises what is final, or has lasted too long."""
        if isinstance(problem, FINAL) or not self._has_worked:  # a board that was never opened has no clock
            raise problem
        now = self._engine.now_ns()
        if self._tries == 0:
            self._until_ns = now + _TROUBLE_NS
            logger().warning("the journal is in trouble, claiming again: %s", problem)
        if self._until_ns <= now:
            raise problem
        self._tries += 1
        return pause_s(self._tries)


class Failed(Exception):  # noqa: N818
    """Raised when a handler has failed: carries its error out of the scope, apart from errors of ours."""


def is_survived(problem: BaseException) -> bool:
    """
    Tell whether a worker goes on with the next task.

    It does after a failed task, after a lost lease, and after an ending that the journal did not take for as
    long as the lease lived; if the trouble lasts, the next claim raises it. If the board has been closed, the
    next claim tells whether that is how the loop was to end.
    """
    return isinstance(problem, (Failed, LeaseLostError, JournalError, ClosedError))


def is_failure(error: BaseException) -> bool:
    """Tell whether what a handler raised fails its attempt, rather than ending the worker."""
    return not (is_stop(error) or isinstance(error, SimulatedCrash))


def run_plain(engine: Engine, lease: Lease, handler: Handler, timeout: Seconds | None) -> None:
    """Run a plain handler in its scope."""
    failed: BaseException | None = None
    try:
        try:
            with Hold(engine, lease, timeout) as job:
                try:
                    job.result = handler(job)
                    _refuse_awaitable(handler, job.result)
                except BaseException as error:
                    failed = error
                    raise
        except BaseException as error:
            # an error of the scope itself goes on unchanged: it is not a failure of the handler
            if is_verdict_on(lease, error, failed):
                raise Failed from error
            raise
        if failed is not None:  # GiveUp, RetryAfter or NotNow: the scope has ended the attempt
            raise Failed from failed
    finally:
        del failed  # it has this frame in its traceback: a cycle, with all that the handler had


def is_verdict_on(lease: Lease, error: BaseException, failed: BaseException | None) -> bool:
    """Tell whether what leaves a scope is a failure of its handler, or of the result that it returned."""
    if isinstance(error, LeaseLostError) and error.token == lease.token:
        return False
    if error is failed:
        return is_failure(error)
    return isinstance(error, Exception) and not isinstance(error, (ClosedError, LeaseLostError, JournalError))


def _refuse_awaitable(handler: Handler, result: object) -> None:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError(f"{quoted(handler)} returned an awaitable; make the handler an async function")

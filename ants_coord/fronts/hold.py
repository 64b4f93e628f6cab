"""
Scopes: the right way to hold a lease.

A scope renews its lease (with all others of the coordinator, in one batch) until the ending has been
answered. Leaving it completes the task, an exception fails it, and being cancelled or interrupted gives it
back. The holder is told at once when the lease is lost, and anything it reports afterwards is refused.

A journal that is busy or broken for a moment does not cost finished work: the ending is retried for as long
as the lease lives.

Rejected: swallowing exceptions at the end of every scope. A plain scope re-raises, as context managers
should; only GiveUp, RetryAfter and NotNow, which are messages to the scope, end with it. A loop that should
survive failed tasks asks for it with `on_error="log"`; `serve` always does.
"""

from __future__ import annotations

import threading
import weakref
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from ..commands.shared import Command, Fail, Release
from ..engine.engine import Engine
from ..engine.keeper import Kept, kept_from
from ..errors import (
    ClosedError,
    JournalConflictError,
    JournalCorruptError,
    JournalError,
    JournalVersionError,
    LeaseLostError,
    LimitError,
    VerdictError,
)
from ..values.checks import quoted, seconds
from ..values.tasks import Lease
from .arguments import HasLease, Seconds, complete, decline, fail, held, timeout_ns
from .arguments import note as note_of
from .arguments import spent as spent_of
from .arguments import split as split_of
from .endless_waits import WORKING
from .failures import is_stop, logger, reason_text, summary, trace_of, users_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..values.tasks import Task, Ticket

OnError = Literal["raise", "log"]
FINAL = (JournalConflictError, JournalCorruptError, JournalVersionError)
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class SimulatedCrash(BaseException):
    """
    Raised when a test wants the process to be gone at this line.

    Every scope that it leaves acts as in a dead process: it neither completes nor fails nor gives back its
    task, and stops renewing, so the lease runs out.
    """


class GiveUp(Exception):  # noqa: N818 - a message to the scope, not an error
    """Raised when a handler finds that its task cannot be done: it fails for good, without more attempts."""


class RetryAfter(Exception):  # noqa: N818
    """
    Raised when a handler wants its task to be tried again, not before some seconds have passed.

    Args:
        delay: seconds (or timedelta) to wait.
        reason: kept in the task's history.

    """

    def __init__(self, delay: Seconds, reason: str = "asked to be retried later") -> None:
        super().__init__(reason)
        self.delay: float = seconds(delay, "delay", zero=True)

    def __reduce__(self) -> tuple[Any, ...]:
        # an exception is pickled by its args, which here are those of the message: if a process pool could
        # not unpickle it, the pool would break for good
        return type(self), (self.delay, *self.args), self.__dict__


class NotNow(Exception):  # noqa: N818
    """
    Raised when a handler says: not now, not me. The task goes back at once, and others may take it.

    It counts no attempt and costs no standing. This agent is not offered the task for some seconds; each time
    it declines the task again, for twice as long.

    Args:
        delay: seconds (or timedelta) for which this agent does not want it.
        reason: for `explain`, such as "429".
        all: it wants no task at all for that long, for example because it is rate-limited.

    """

    def __init__(self, delay: Seconds, reason: str = "not now", *, all: bool = False) -> None:
        super().__init__(reason)
        self.delay: float = seconds(delay, "delay", zero=True)
        self.all = all

    def __reduce__(self) -> tuple[Any, ...]:
        # as in RetryAfter; the state restores `all`
        return type(self), (self.delay, *self.args), self.__dict__


def ending_of(lease: Lease, error: BaseException, *, timed_out: bool = False, stopped: bool = False) -> Any:
    """
    Return the command that ends a scope when an exception leaves it.

    Args:
        lease: the lease of the scope.
        error: the exception that leaves it.
        timed_out: the scope itself has cancelled the body, because its time was over.
        stopped: the caller of the body has cancelled it.

    """
    if isinstance(error, GiveUp):
        return fail(lease, reason_text(error) or "given up", retry=False)
    if isinstance(error, RetryAfter):
        return fail(lease, reason_text(error), retry=error.delay)
    if isinstance(error, NotNow):
        return decline(lease, error.delay, reason_text(error), None, everything=error.all)
    if timed_out:
        return fail(lease, "timeout: the handler took too long", retry=True)
    if stopped or is_stop(error):
        return Release(lease.task, lease.token)
    return fail(lease, summary(error), retry=True, trace=trace_of(error))


def pause_s(tries: int) -> float:
    """Return how many seconds to leave a failing journal alone: little at first, then one second."""
    return min(_FIRST_PAUSE_S * 2.0 ** min(tries, 10), _LONGEST_PAUSE_S)


def log_failure(lease: Lease, error: BaseException) -> None:
    """Log how an attempt ended; with a traceback if it leads to the user's code."""
    trace = users_part(error)
    routine = trace is None or isinstance(error, (LeaseLostError, GiveUp, RetryAfter, NotNow))
    info = None if routine else (type(error), error, trace)
    logger().warning("task %s (%s): %s", lease.task, lease.handle, summary(error), exc_info=info)


class Scope(HasLease):
    """The common part of both colours: the lease, its renewal, and how it was lost."""

    def __init__(
        self,
        engine: Engine,
        lease: Lease,
        timeout: Seconds | None = None,
        on_error: OnError = "raise",
        verb: str = "work",
    ) -> None:
        if on_error not in ("raise", "log"):
            raise ValueError(f"on_error must be 'raise' or 'log', not {quoted(on_error)}")
        self._engine = engine
        self.lease: Lease = held(lease, verb)
        self._on_error = on_error
        self.result: Any = None
        """the result with which the task is completed"""
        self.lost_reason: str | None = None
        """why the lease was lost; None while it is held"""
        self.is_split: bool = False
        """whether the task was split and waits for its parts"""
        self._kept: Kept | None = None
        self._outer: weakref.ref[HasLease] | None = None
        self._give_up_ns = 0
        self._ending = False
        self._timeout_ns = timeout_ns(timeout)
        self._timed_out = False

    @property
    def task(self) -> str:
        """The id of the task."""
        return self.lease.task

    @property
    def kind(self) -> str:
        """The kind of the task."""
        return self.lease.kind

    @property
    def agent(self) -> str:
        """The holder of the lease."""
        return self.lease.agent

    @property
    def attempt(self) -> int:
        """The number of this attempt; the first is 1."""
        return self.lease.attempt

    @property
    def payload(self) -> Any:
        """The task's payload, this claim's own copy."""
        return self.lease.payload

    @property
    def inputs(self) -> dict[str, Any]:
        """The results of the tasks that this one needs, by id."""
        return self.lease.inputs

    @property
    def token(self) -> int:
        """The fencing token, for guards of outside resources."""
        return self.lease.token

    def check(self) -> None:
        """Raise LeaseLostError if the lease is known to be lost. No I/O: call it in inner loops."""
        if self.lost_reason is not None:
            raise LeaseLostError(self.lease.task, self.lease.token, self.lost_reason)

    def _completion(self) -> tuple[Any, Exception | None]:
        """
        Return the command that completes the task, or fails it if the result cannot be stored.

        Such a failure is final: repeating expensive work would give a result of the same type and size.
        """
        try:
            return complete(self.lease, self.result, "refuse", self._engine.secret), None
        except (TypeError, ValueError, LimitError) as problem:
            return fail(self.lease, summary(problem), retry=False), problem

    def _refused(self, verdict: VerdictError) -> Fail:
        return fail(self.lease, summary(verdict), retry=True)

    def _pause_after(self, problem: JournalError, tries: int) -> float:
        """Return how many seconds to wait before an ending is retried; raises if that is pointless."""
        now = self._engine.now_ns()
        if tries == 0:
            # one more lease length, even if the lease is renewed meanwhile: a journal that takes renewals but
            # not this ending in that time never will
            self._give_up_ns = now + self.lease.ttl_ns
        until_ns = 0 if self._kept is None else min(self._kept.until_ns, self._give_up_ns)
        if isinstance(problem, FINAL) or until_ns <= now:
            problem.add_note(f"the ending of {self.lease.handle} could not be recorded; its lease runs out")
            raise problem
        if tries == 0:
            logger().warning("task %s: the journal is in trouble, trying again: %s", self.lease.task, problem)
        return pause_s(tries)

    def _was_carried_out(self, command: Command[Any], lost: LeaseLostError, tries: int) -> bool:
        """Tell whether the lease is gone because an earlier try arrived and only its answer was lost."""
        if tries == 0:
            return False
        return lost.reason == ("finished" if isinstance(command, Fail) else "revoked")

    def _swallows(self, error: BaseException | None) -> bool:
        """Log an error that a scope with on_error="log" does not raise."""
        if not isinstance(error, Exception) or isinstance(error, ClosedError):
            return False
        if isinstance(error, (GiveUp, RetryAfter, NotNow)):
            return True
        if self._on_error == "raise":
            return False
        log_failure(self.lease, error)
        return True

    def _keep(self) -> None:
        me: weakref.ref[Any] = weakref.ref(self)
        if not self.lease.names:  # the holder of a lock may wait for anything
            self._outer = WORKING.get()
            WORKING.set(me)  # this must not keep a dropped scope alive
        now = self._engine.now_ns()
        on_timeout = type(self)._on_timeout  # noqa: SLF001 - each colour has its own
        self._kept = kept_from(self.lease, now, me, Scope._on_lost, self._timeout_ns, on_timeout)
        self._engine.keep(self._kept)

    def _stop_keeping(self) -> None:
        self._ending = True
        if (inner := WORKING.get()) is not None and inner() is self:
            WORKING.set(self._outer)
        if self._kept is not None:
            self._engine.unkeep(self._kept)

    def _has_split(self) -> None:
        """Note that the task waits for its parts: there is no lease any more to keep, lose or end."""
        self.is_split = True
        self.lost_reason = None
        self._stop_keeping()

    def _on_lost(self, reason: str) -> None:
        """Note a loss; the engine calls this from any thread, possibly under its lock."""
        if not self._ending and self.lost_reason is None:
            self.lost_reason = reason
            self._tell()

    def _on_timeout(self) -> Command[Any] | None:
        """Note that the time is over; the engine carries out the returned command. Must not block."""
        if not self._ending:
            self._timed_out = True
            self._tell()
        return None

    def _tell(self) -> None:
        raise NotImplementedError


class Hold(Scope):
    """
    A scope around one lease, for threads: `with board.work(lease) as job`.

    `lost` is an Event that is set when the lease is lost; the body may go on
    running (a thread cannot be stopped from outside), but its result will be refused.
    """

    def __init__(
        self,
        engine: Engine,
        lease: Lease,
        timeout: Seconds | None = None,
        on_error: OnError = "raise",
        verb: str = "work",
    ) -> None:
        super().__init__(engine, lease, timeout, on_error, verb)
        self.lost: threading.Event = threading.Event()

    def __enter__(self) -> Hold:
        """Begin renewing."""
        self._keep()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Complete, fail or release; raises LeaseLostError if a result came too late."""
        if isinstance(error, SimulatedCrash):
            self._stop_keeping()
            return False
        self._ending = True
        try:
            if error is None:
                self._end_well()
            elif self.lost_reason is None and not self.is_split:
                self._end_failed(error)
        except Exception as problem:
            if not self._swallows(problem):
                raise
        finally:
            self._stop_keeping()
        return self._swallows(error)

    def _end_well(self) -> None:
        if self.is_split:
            return
        self.check()
        command, problem = self._completion()
        try:
            self._send(command)
        except VerdictError as verdict:
            problem = verdict
            self._send(self._refused(verdict))
        try:
            if problem is not None:
                raise problem
        finally:
            del problem  # as in `run_plain`

    def _end_failed(self, error: BaseException) -> None:
        # the body's own error matters more than what happened to the lease
        try:
            self._send(ending_of(self.lease, error, timed_out=self._timed_out))
        except (LeaseLostError, ClosedError):
            return
        except JournalError as problem:
            error.add_note(f"{summary(problem)}: the failure could not be recorded; the lease runs out")

    def _send(self, command: Command[Any]) -> None:
        """Carry out an ending; retry while the lease lives, if the journal cannot take it now."""
        tries = 0
        while True:
            try:
                self._engine.execute(command)
            except LeaseLostError as lost:
                if not self._was_carried_out(command, lost, tries):
                    raise
            except JournalError as problem:
                sleep(self._pause_after(problem, tries))
                tries += 1
                continue
            return

    def split(self, tasks: Iterable[Task]) -> list[Ticket]:
        """
        Let the task wait for new parts, whose results its next holder gets.

        The scope then has nothing more to do.

        Args:
            tasks: the parts, under new ids.

        Raises:
            LeaseLostError, TaskExistsError, DependencyError, LimitError: nothing has changed, and the
                lease is still held.

        """
        self.check()
        tickets = self._engine.execute(split_of(self.lease, tasks))
        self._has_split()
        return list(tickets)

    def spent(self, purse: str, n: int, *, coordination: bool = False) -> int:
        """Charge a purse with the cost of this work, as the verb does; return what is left in the purse."""
        self.check()
        return self._engine.execute(spent_of(self.lease, purse, n, coordination))

    def progress(self, note: object) -> None:
        """Keep a progress note (a JSON value) with the task; raises LeaseLostError if it is lost."""
        self.check()
        self._engine.execute(note_of(self.lease, note))

    def _on_timeout(self) -> Command[Any] | None:
        """Have the attempt ended: the thread cannot be stopped, but the task need not wait for it."""
        if self._ending:
            return None
        self._timed_out = True
        self._on_lost("finished")
        return fail(self.lease, "timeout: the handler took too long", retry=True)

    def _tell(self) -> None:
        self.lost.set()

    if not TYPE_CHECKING:  # type checkers must go on refusing it

        async def __aenter__(self) -> NoReturn:
            """Explain which `with` is needed."""
            raise TypeError(wrong_with("with board.work(lease) as job"))

        __aexit__ = __exit__


def wrong_with(right: str) -> str:
    """Return the message for using the `with` of the other colour."""
    if right.startswith("async"):
        return f"this board is for event loops: write `{right}`, or take `board.sync` for threads"
    return f"this board is for threads: write `{right}`, or take `board.aio` for event loops"


class LockHold:
    """A scope around named locks, for threads: `with board.lock("a", "b", agent="w1") as held`."""

    def __init__(self, acquire: Callable[[], Lease], engine: Engine) -> None:
        self._acquire = acquire
        self._engine = engine
        self._hold: Hold | None = None

    def __enter__(self) -> Hold:
        """Wait for the locks and begin renewing them."""
        self._hold = Hold(self._engine, self._acquire(), verb="lock")
        self._hold._keep()  # noqa: SLF001 - same module
        return self._hold

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free the locks, whatever happened; raises LeaseLostError if they had been lost unnoticed."""
        assert self._hold is not None
        hold, self._hold = self._hold, None
        hold._ending = True  # noqa: SLF001
        try:
            if not isinstance(error, SimulatedCrash):
                hold._send(Release(hold.lease.task, hold.lease.token))  # noqa: SLF001
        except (LeaseLostError, ClosedError, JournalError):
            if error is None:
                raise
        finally:
            hold._stop_keeping()  # noqa: SLF001

    if not TYPE_CHECKING:  # type checkers must go on refusing it

        async def __aenter__(self) -> NoReturn:
            """Explain which `with` is needed."""
            raise TypeError(wrong_with("with board.lock(name, agent=...)"))

        __aexit__ = __exit__


class KeepAlive:
    """A scope that renews one lease; `lost` says whether it is known to be gone."""

    def __init__(self, engine: Engine, lease: Lease) -> None:
        self._hold = Hold(engine, lease, verb="keep_alive")
        self.lease: Lease = lease

    @property
    def lost(self) -> bool:
        """Whether the lease is known to be lost."""
        return self._hold.lost_reason is not None

    def __enter__(self) -> Self:
        """Begin renewing."""
        self._hold._keep()  # noqa: SLF001 - a scope without an ending
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop renewing."""
        self._hold._stop_keeping()  # noqa: SLF001

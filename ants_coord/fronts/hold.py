"""
Scopes: the one right way to hold a lease.

A scope renews its lease (with all others of the coordinator, in one batch)
until the ending has been answered. Leaving it completes the task; an
exception fails it; being cancelled or interrupted gives it back. The holder
is told at once when the lease is lost, and whatever it then tries to report
is refused.

Rejected: swallowing exceptions at the end of a scope. `serve` goes on after a
failed task; a plain scope re-raises, as every context manager should. Only
GiveUp and RetryAfter, which are messages to the scope, end with it.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..commands.shared import Note, Release
from ..engine.engine import Engine, Kept
from ..errors import ClosedError, LeaseLostError, LimitError, VerdictError
from ..values.checks import seconds
from ..values.payloads import json_value
from ..values.tasks import Lease
from .arguments import HasLease, Seconds, complete, fail, timeout_ns

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "GiveUp",
    "Hold",
    "KeepAlive",
    "LockHold",
    "RetryAfter",
    "SimulatedCrash",
    "summary",
]


class SimulatedCrash(BaseException):
    """
    Raise in a test: the process is gone at this line.

    Every scope that it leaves does what a dead process does: nothing. It neither completes nor fails
    nor gives back, and stops renewing, so the lease runs out.
    """


class GiveUp(Exception):  # noqa: N818 - a message to the scope, not an error
    """Raise in a handler: this task cannot be done; fail it for good, without further attempts."""


class RetryAfter(Exception):  # noqa: N818
    """
    Raise in a handler: try this task again, not before some seconds have passed.

    Args:
        delay: seconds (or timedelta) to wait.
        reason: kept in the task's history.

    """

    def __init__(self, delay: Seconds, reason: str = "asked to be retried later") -> None:
        super().__init__(reason)
        self.delay = seconds(delay, "delay", zero=True)


def summary(error: BaseException) -> str:
    """Return an exception as one short line: type, message, and where it was raised."""
    import traceback  # noqa: PLC0415 - only failures need it

    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    text = str(error).replace("\n", " ").encode(errors="replace").decode().replace("\0", "?")
    return f"{type(error).__name__}: {text[:300]}{where}"


def ending_of(lease: Lease, error: BaseException, *, timed_out: bool) -> Any:
    """Return the command that ends a scope which an exception leaves."""
    if isinstance(error, GiveUp):
        return fail(lease, str(error) or "given up", retry=False)
    if isinstance(error, RetryAfter):
        return fail(lease, str(error), retry=error.delay)
    if isinstance(error, Exception):
        return fail(lease, summary(error), retry=True)
    if timed_out:
        return fail(lease, "timeout: the handler took too long", retry=True)
    return Release(lease.task, lease.token)


class Scope(HasLease):
    """What both colours share: the lease, how it is kept, and how it was lost."""

    def __init__(self, engine: Engine, lease: Lease, timeout: Seconds | None = None) -> None:
        self._engine = engine
        self.lease = lease
        self.result: Any = None
        """what the task is completed with"""
        self.lost_reason: str | None = None
        """why the lease was lost; None while it is held"""
        self._kept: Kept | None = None
        self._ending = False
        self._timeout_ns = timeout_ns(timeout)
        self._timed_out = False

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
        """Return the command that ends the scope well; for a result that is no JSON, one that fails it."""
        try:
            return complete(self.lease, self.result, "refuse", self._engine), None
        except (TypeError, ValueError, LimitError) as problem:
            return fail(self.lease, summary(problem), retry=True), problem

    def _keep(self) -> None:
        self._kept = self._engine.kept_from(
            self.lease,
            self._on_lost,
            stop_after_ns=self._timeout_ns,
            on_stop=self._on_timeout,
        )
        self._engine.keep(self._kept)

    def _stop_keeping(self) -> None:
        self._ending = True
        if self._kept is not None:
            self._engine.unkeep(self._kept)

    def _on_lost(self, reason: str) -> None:
        """Take note of a loss; the engine calls this from any thread, possibly under its lock."""
        if not self._ending and self.lost_reason is None:
            self.lost_reason = reason
            self._tell()

    def _on_timeout(self) -> None:
        if not self._ending:
            self._timed_out = True
            self._tell()

    def _tell(self) -> None:
        raise NotImplementedError


class Hold(Scope):
    """
    A scope around one lease, for threads: `with board.work(lease) as job`.

    `lost` is an Event that is set when the lease is lost; the body may go on
    running (nobody can stop a thread), but its result will be refused.
    """

    def __init__(self, engine: Engine, lease: Lease, timeout: Seconds | None = None) -> None:
        super().__init__(engine, lease, timeout)
        self.lost = threading.Event()

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
                self.check()
                command, problem = self._completion()
                try:
                    self._engine.execute(command)
                except VerdictError as verdict:
                    problem = verdict
                    self._engine.execute(fail(self.lease, summary(verdict), retry=True))
                if problem is not None:
                    raise problem
            elif self.lost_reason is None and not isinstance(error, ClosedError):
                self._end_failed(error)
        finally:
            self._stop_keeping()
        return isinstance(error, (GiveUp, RetryAfter))

    def _end_failed(self, error: BaseException) -> None:
        try:
            self._engine.execute(ending_of(self.lease, error, timed_out=self._timed_out))
        except (LeaseLostError, ClosedError):
            return  # the task is somebody else's by now; the body's own error matters more

    def progress(self, note: object) -> None:
        """Keep a progress note (a JSON value) with the task; raises LeaseLostError if it is lost."""
        self.check()
        self._engine.execute(Note(self.lease.task, self.lease.token, json_value(note, "note")))

    def _on_timeout(self) -> None:
        """End the attempt: the thread cannot be stopped, but the task need not wait for it."""
        if self._ending:
            return
        self._timed_out = True
        try:
            self._engine.execute(fail(self.lease, "timeout: the handler took too long", retry=True))
        except (LeaseLostError, ClosedError):
            return
        finally:
            self._stop_keeping()
            self._ending = False
            self._on_lost("finished")

    def _tell(self) -> None:
        self.lost.set()


class LockHold:
    """A scope around named locks, for threads: `with board.lock("a", "b", agent="w1") as held`."""

    def __init__(self, acquire: Callable[[], Lease], engine: Engine) -> None:
        self._acquire = acquire
        self._engine = engine
        self._hold: Hold | None = None

    def __enter__(self) -> Hold:
        """Wait for the locks and begin renewing them."""
        self._hold = Hold(self._engine, self._acquire())
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
        hold._stop_keeping()  # noqa: SLF001
        if isinstance(error, SimulatedCrash):
            return
        try:
            self._engine.execute(Release(hold.lease.task, hold.lease.token))
        except (LeaseLostError, ClosedError):
            if error is None:
                raise


class KeepAlive:
    """A scope that renews one lease; `lost` says whether it is known to be gone."""

    def __init__(self, engine: Engine, lease: Lease) -> None:
        self._hold = Hold(engine, lease)
        self.lease = lease

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

"""
Scopes for event loops: as in hold.py, and the body is cancelled when the lease is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..commands.shared import Note, Release
from ..engine.engine import Engine
from ..errors import ClosedError, LeaseLostError, VerdictError
from ..values.payloads import json_value
from ..values.tasks import Lease
from .arguments import Seconds, fail
from .hold import GiveUp, RetryAfter, Scope, SimulatedCrash, ending_of, summary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["AsyncHold", "AsyncKeepAlive", "AsyncLockHold"]


class AsyncHold(Scope):
    """
    A scope around one lease, for event loops: `async with board.work(lease) as job`.

    When the lease is lost the body is cancelled, and leaving the scope raises
    LeaseLostError; `lost` is an asyncio.Event for bodies that shield themselves.
    """

    def __init__(
        self,
        engine: Engine,
        lease: Lease,
        run: Callable[[Any], Awaitable[Any]],
        timeout: Seconds | None = None,
    ) -> None:
        super().__init__(engine, lease, timeout)
        self._run = run
        self.lost = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    async def __aenter__(self) -> AsyncHold:
        """Begin renewing."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._keep()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Complete, fail or release; raises LeaseLostError if the lease was lost."""
        if isinstance(error, SimulatedCrash):
            self._stop_keeping()
            return False
        self._ending = True
        ours = self._is_our_cancellation(error)
        try:
            if error is None:
                self.check()
                command, problem = self._completion()
                try:
                    await asyncio.shield(self._run(command))
                except VerdictError as verdict:
                    problem = verdict
                    await asyncio.shield(self._run(fail(self.lease, summary(verdict), retry=True)))
                if problem is not None:
                    raise problem
            elif self.lost_reason is None and not isinstance(error, ClosedError):
                ending = ending_of(self.lease, error, timed_out=ours and self._timed_out)
                # the body's own error matters more than a lease that is lost
                with contextlib.suppress(LeaseLostError, ClosedError):
                    await asyncio.shield(self._run(ending))
        finally:
            self._stop_keeping()
        if ours and self._timed_out:
            raise TimeoutError("the handler took too long") from error
        if ours and self.lost_reason is not None:
            raise LeaseLostError(self.lease.task, self.lease.token, self.lost_reason) from error
        return isinstance(error, (GiveUp, RetryAfter))

    def _is_our_cancellation(self, error: BaseException | None) -> bool:
        if not self._cancelled:
            return False
        self._cancelled = False
        assert self._task is not None
        left = self._task.uncancel()
        return isinstance(error, asyncio.CancelledError) and left == 0

    async def progress(self, note: object) -> None:
        """Keep a progress note (a JSON value) with the task; raises LeaseLostError if it is lost."""
        self.check()
        await self._run(Note(self.lease.task, self.lease.token, json_value(note, "note")))

    def _tell(self) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._cancel_body)
        except RuntimeError:
            return  # the loop is closed: there is no body any more

    def _cancel_body(self) -> None:
        if self.lost_reason is not None:
            self.lost.set()
        if not self._ending and not self._cancelled and self._task is not None:
            self._cancelled = True
            self._task.cancel()


class AsyncLockHold:
    """A scope around named locks, for event loops: `async with board.lock("a", agent="w1")`."""

    def __init__(
        self,
        acquire: Callable[[], Awaitable[Lease]],
        engine: Engine,
        run: Callable[[Any], Awaitable[Any]],
    ) -> None:
        self._acquire = acquire
        self._engine = engine
        self._run = run
        self._hold: AsyncHold | None = None

    async def __aenter__(self) -> AsyncHold:
        """Wait for the locks and begin renewing them."""
        hold = AsyncHold(self._engine, await self._acquire(), self._run)
        self._hold = hold
        return await hold.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free the locks, whatever happened; raises LeaseLostError if they had been lost."""
        assert self._hold is not None
        hold, self._hold = self._hold, None
        ours = hold._is_our_cancellation(error)  # noqa: SLF001 - same module
        hold._stop_keeping()  # noqa: SLF001
        if isinstance(error, SimulatedCrash):
            return
        try:
            await asyncio.shield(self._run(Release(hold.lease.task, hold.lease.token)))
        except LeaseLostError:
            if error is None or ours:
                raise
        except ClosedError:
            if error is None:
                raise


class AsyncKeepAlive:
    """A scope that renews one lease and cancels its body when it is lost."""

    def __init__(self, hold: AsyncHold) -> None:
        self._hold = hold
        self.lease = hold.lease

    @property
    def lost(self) -> bool:
        """Whether the lease is known to be lost."""
        return self._hold.lost_reason is not None

    async def __aenter__(self) -> Self:
        """Begin renewing."""
        await self._hold.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop renewing."""
        ours = self._hold._is_our_cancellation(error)  # noqa: SLF001 - a scope without an ending
        self._hold._stop_keeping()  # noqa: SLF001
        if ours:
            self._hold.check()

"""Scopes for event loops: as in hold.py, but the body is cancelled when the lease is lost."""

from __future__ import annotations

import asyncio
from asyncio import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from ..commands.shared import Command, Release
from ..engine.engine import Engine
from ..errors import ClosedError, JournalError, LeaseLostError, VerdictError
from ..values.tasks import Lease
from .arguments import Seconds
from .arguments import note as note_of
from .arguments import spent as spent_of
from .arguments import split as split_of
from .failures import summary
from .hold import OnError, Scope, SimulatedCrash, ending_of, wrong_with

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ..values.tasks import Task, Ticket


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
        on_error: OnError = "raise",
        verb: str = "work",
    ) -> None:
        super().__init__(engine, lease, timeout, on_error, verb)
        self._run = run
        self.lost: asyncio.Event = asyncio.Event()
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
                await self._end_well()
            elif self.lost_reason is None and not self.is_split:
                await self._end_failed(error, timed_out=ours and self._timed_out)
            if ours:
                self._raise_why(error)
        except Exception as problem:
            if not self._swallows(problem):
                raise
            return True
        finally:
            self._stop_keeping()
        return self._swallows(error)

    def _raise_why(self, error: BaseException | None) -> None:
        """Raise the reason for which the scope has cancelled its own body."""
        if self._timed_out:
            raise TimeoutError("the handler took too long") from error
        if self.lost_reason is not None:
            raise LeaseLostError(self.lease.task, self.lease.token, self.lost_reason) from error

    async def _end_well(self) -> None:
        if self.is_split:
            return
        self.check()
        command, problem = self._completion()
        try:
            await self._send(command)
        except VerdictError as verdict:
            problem = verdict
            await self._send(self._refused(verdict))
        try:
            if problem is not None:
                raise problem
        finally:
            del problem  # as in `run_plain`

    async def _end_failed(self, error: BaseException, *, timed_out: bool) -> None:
        task = asyncio.current_task()
        # a CancelledError that nobody sent to this task is the body's own failure: it awaited something that
        # was cancelled. Treated as a request to stop, it would be retried for ever at no cost
        stopped = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
        # the body's own error matters more than what happened to the lease
        try:
            await self._send(ending_of(self.lease, error, timed_out=timed_out, stopped=stopped))
        except (LeaseLostError, ClosedError):
            return
        except JournalError as problem:
            error.add_note(f"{summary(problem)}: the failure could not be recorded; the lease runs out")

    async def _send(self, command: Command[Any]) -> None:
        """Carry out an ending; it goes on in the background if the caller is cancelled meanwhile."""
        await asyncio.shield(self._sending(command))

    async def _sending(self, command: Command[Any]) -> None:
        """Carry out an ending; retry while the lease lives, if the journal cannot take it now."""
        tries = 0
        while True:
            try:
                await self._run(command)
            except LeaseLostError as lost:
                if not self._was_carried_out(command, lost, tries):
                    raise
            except JournalError as problem:
                await sleep(self._pause_after(problem, tries))
                tries += 1
                continue
            return

    def _is_our_cancellation(self, error: BaseException | None) -> bool:
        if not self._cancelled:
            return False
        self._cancelled = False
        assert self._task is not None
        left = self._task.uncancel()
        return isinstance(error, asyncio.CancelledError) and left == 0

    async def split(self, tasks: Iterable[Task]) -> list[Ticket]:
        """Let the task wait for new parts, as in Hold.split; the scope then has nothing more to do."""
        self.check()
        tickets = await self._run(split_of(self.lease, tasks))
        self._has_split()
        return list(tickets)

    async def spent(self, purse: str, n: int, *, coordination: bool = False) -> int:
        """Charge a purse with the cost of this work, as the verb does; return what is left in the purse."""
        self.check()
        left: int = await self._run(spent_of(self.lease, purse, n, coordination))
        return left

    async def progress(self, note: object) -> None:
        """Keep a progress note (a JSON value) with the task; raises LeaseLostError if it is lost."""
        self.check()
        await self._run(note_of(self.lease, note))

    def _stop_keeping(self) -> None:
        super()._stop_keeping()
        self._task = None  # its result may be an error with this scope in its frames: a cycle

    def _tell(self) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._cancel_body)
        except RuntimeError:
            return  # the loop is closed: the body is over

    def _cancel_body(self) -> None:
        if self.lost_reason is not None:
            self.lost.set()
        if not self._ending and not self._cancelled and self._task is not None:
            self._cancelled = True
            self._task.cancel()

    if not TYPE_CHECKING:  # type checkers must go on refusing it

        def __enter__(self) -> NoReturn:
            """Explain which `with` is needed."""
            raise TypeError(wrong_with("async with board.work(lease) as job"))

        __exit__ = __aexit__


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
        hold = AsyncHold(self._engine, await self._acquire(), self._run, verb="lock")
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
        hold._ending = True  # noqa: SLF001
        try:
            if not isinstance(error, SimulatedCrash):
                await hold._send(Release(hold.lease.task, hold.lease.token))  # noqa: SLF001
        except LeaseLostError:
            if error is None or ours:
                raise
        except (ClosedError, JournalError):
            if error is None:
                raise
        finally:
            hold._stop_keeping()  # noqa: SLF001

    if not TYPE_CHECKING:  # type checkers must go on refusing it

        def __enter__(self) -> NoReturn:
            """Explain which `with` is needed."""
            raise TypeError(wrong_with("async with board.lock(name, agent=...)"))

        __exit__ = __aexit__


class AsyncKeepAlive:
    """A scope that renews one lease and cancels its body when it is lost."""

    def __init__(self, hold: AsyncHold) -> None:
        self._hold = hold
        self.lease: Lease = hold.lease

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

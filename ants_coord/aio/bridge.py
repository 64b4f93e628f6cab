"""
What differs between the colours, for event loops: where file I/O runs, how a wait sleeps, which scopes exist.

sync/bridge.py has the same for threads. Apart from these two, the workers, and the scopes and attempts in
fronts/, the colours do not differ: sync/ is generated from aio/.

A board in memory answers at once, on the loop, since its lock is never held for long. A board with a journal
does its file I/O in a few threads of its own, never on the loop. Waiting needs no thread in either case.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..commands.shared import Command, Granting, Query
from ..engine.deadlines import Limit
from ..engine.engine import Engine
from ..engine.lobby import Countdown, Waiter
from ..errors import ClosedError
from ..fronts import arguments
from ..fronts.aio_hold import AsyncHold, AsyncKeepAlive, AsyncLockHold
from ..fronts.arguments import Seconds
from ..fronts.endless_waits import NO_ANSWER, patience_for
from ..fronts.hold import OnError, wrong_with
from ..fronts.serving import Handlers, Served, Stop
from ..journals.ports import Chore
from ..values.tasks import Lease
from .worker import serve_on_loop

R = TypeVar("R")
C = TypeVar("C", bound=Chore)

_LAST_TRY_S = 0.25
"""how long the last try of a wait may take after its deadline"""
_GIVING_BACK_S = 2.0
"""how long closing waits for what is given back; it takes milliseconds, unless the journal hangs"""

_unheard: weakref.WeakKeyDictionary[Engine, set[Future[None]]] = weakref.WeakKeyDictionary()
"""what is done when a call that its caller has left has brought nothing, or has been given back"""


async def settled(answer: Any) -> Any:
    """Return the answer of a user's connection, which may be one for event loops or for threads."""
    return await answer if inspect.isawaitable(answer) else answer


def _seen(work: asyncio.Future[Any]) -> None:
    """Look at an error that nobody waits for, so that asyncio does not report it."""
    if not work.cancelled():
        work.exception()


class _Granting:
    """
    A call in a thread whose reply hands something over: to its caller, or back, if the caller is gone.

    The thread itself gives it back, because the loop may end before the reply arrives. Closing waits for it.
    """

    def __init__(self, engine: Engine, call: Callable[..., Any]) -> None:
        self._engine = engine
        self._call = call
        self._first: dict[str, str] = {}
        """"it": what came first, "reply", "error" or "leaving", decided in one atomic step"""
        self._reply: Any = None
        self._is_over: Future[None] | None = None

    def __call__(self, *args: Any) -> Any:
        try:
            reply = self._call(*args)
        except BaseException:
            if self._first.setdefault("it", "error") == "leaving":
                self._end()
            raise
        self._reply = reply
        if self._first.setdefault("it", "reply") == "leaving":
            self.give_back()
        return reply

    def leave(self) -> bool:
        """Leave the call; return whether the reply had come before, so that the caller must give it back."""
        self._is_over = Future()
        # under the board's engine: an agent's handle has one of its own, and closing would not wait for it
        _unheard.setdefault(self._engine.whole, set()).add(self._is_over)
        first = self._first.setdefault("it", "leaving")
        if first == "error":
            self._end()
        return first == "reply"

    def give_back(self) -> None:
        """Give back what the reply hands over."""
        try:
            self._engine.give_back(self._reply)
        finally:
            self._end()

    def _end(self) -> None:
        assert self._is_over is not None
        _unheard[self._engine.whole].discard(self._is_over)
        self._is_over.set_result(None)


class Bridge:
    """The primitives on which every verb stands."""

    _engine: Engine

    async def _do(self, command: Command[R], request_id: str | None = None) -> R:
        if not self._engine.blocking:
            return self._engine.execute(command, request_id)
        # by an id of its own, the caller can ask for the reply again
        unheard = command if request_id is None else None
        return await self._off_loop(self._engine.execute, command, request_id, unheard=unheard)

    async def _ask(self, query: Query[R]) -> R:
        if not self._engine.blocking:
            return self._engine.ask(query)
        return await self._off_loop(self._engine.ask, query)

    async def _off_loop(self, call: Callable[..., R], *args: Any, unheard: Command[Any] | None = None) -> R:
        """
        Run file I/O in one of the engine's threads.

        The caller may be cancelled while the thread is busy. What `unheard`, the command that it carries out,
        hands over is then given back as soon as it arrives.
        """
        loop, granting = asyncio.get_running_loop(), None
        if isinstance(unheard, Granting):
            call = granting = _Granting(self._engine, call)
        try:
            work = loop.run_in_executor(self._engine.threads(), call, *args)
        except RuntimeError:  # the threads are gone
            raise ClosedError from None
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_seen)
            if granting is not None and granting.leave():
                self._soon(granting.give_back)
            raise
        finally:
            del work  # an error of it has this frame in its traceback: a cycle, as in `_carry_out`

    async def _all_given_back(self) -> None:
        """Return when callers that are gone have given back everything, or after a moment."""
        owed = [asyncio.wrap_future(back) for back in list(_unheard.get(self._engine.whole, ()))]
        if owed:
            await asyncio.wait(owed, timeout=_GIVING_BACK_S)

    def _soon(self, call: Callable[..., object], *args: Any) -> None:
        """
        Do something that nobody waits for, and that is pointless after close().

        It does not run on the loop, since the lock may be held during disk I/O. Once the board is closed,
        there are no threads.
        """
        with contextlib.suppress(RuntimeError, ClosedError):
            if self._engine.blocking:
                self._engine.threads().submit(call, *args)
            else:
                call(*args)

    async def _wait(
        self,
        step: Callable[[Waiter], R | None],
        waiter: Waiter,
        timeout: Seconds | None,
        command: Command[Any] | None = None,
    ) -> R:
        """
        Try `step` until it answers; in between, sleep until the lobby wakes it.

        Args:
            step: returns None for no answer yet.
            waiter: what the lobby is told.
            timeout: seconds to wait; None waits for ever.
            command: what the step has carried out, if it is one.

        """
        wait_ns = arguments.timeout_ns(timeout)
        engine, loop, bell, over = self._engine, asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def wake() -> None:
            # a waiter that outlives its loop has nobody to wake
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(bell.set)

        def end() -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(over.set)

        waiter.wake = wake
        if wait_ns is not None:
            await self._open()
            waiter.until_ns = engine.now_ns() + wait_ns
        limit = Limit(waiter.until_ns, end) if wait_ns and engine.blocking else None
        patience = patience_for(engine, waiter)
        try:
            if patience is not None:
                step = patience.trying(step)
            if limit is not None:
                engine.time(limit)
            while True:
                if limit is not None:
                    reply = await self._before(over, self._off_loop(step, waiter, unheard=command), command)
                elif engine.blocking:
                    reply = await self._off_loop(step, waiter, unheard=command)
                else:
                    reply = step(waiter)
                if reply is not None:
                    return reply
                await bell.wait()
                bell.clear()
        except BaseException:
            engine.leave(waiter)
            raise
        finally:
            if limit is not None:
                engine.untime(limit)
            if patience is not None:
                patience.end()

    async def _before(
        self, over: asyncio.Event, trying: Coroutine[Any, Any, R], command: Command[Any] | None
    ) -> R:
        """
        Return a try's answer, unless the waiter's time is over first, because a journal may hang.

        In that case the caller leaves the try behind, which gives back anything that it still gets.
        """

        async def late() -> None:
            await over.wait()
            await asyncio.sleep(_LAST_TRY_S)

        work, end = asyncio.ensure_future(trying), asyncio.ensure_future(late())
        try:
            await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise TimeoutError(NO_ANSWER)
            return work.result()
        except asyncio.CancelledError:
            # it may have come in the same turn of the loop: then cancelling it does nothing
            if work.done() and isinstance(command, Granting):
                granting = _Granting(self._engine, work.result)
                granting.leave()
                self._soon(granting)
            raise
        finally:
            end.cancel()
            work.cancel()
            del work  # see `_off_loop`

    async def _countdown(self, timeout: Seconds | None) -> Countdown:
        wait_ns = arguments.timeout_ns(timeout)
        if wait_ns is not None:
            await self._open()
        return Countdown(self._engine.now_ns, wait_ns)

    # -- what waits only for the disk, if there is one ------------------------------------------

    async def _open(self) -> None:
        if self._engine.blocking:
            await self._off_loop(self._engine.open)
        else:
            self._engine.open()

    async def _close(self) -> None:
        if self._engine.blocking:
            try:
                # an entry that was taken is nowhere else, and closing does not give it back
                await self._all_given_back()
            finally:
                # not in the engine's threads, which end with it
                await asyncio.to_thread(self._engine.close)
        else:
            self._engine.close()

    async def _backup(self, to: str) -> None:
        await self._off_loop(self._engine.backup, to)

    async def _tend(self, chore: type[C], do: Callable[[C], R]) -> R:
        """Do something with a chore of the engine, such as the kept adverts."""
        if self._engine.blocking:
            return await self._off_loop(self._engine.with_chore, chore, do)
        return self._engine.with_chore(chore, do)

    def _tend_soon(self, chore: type[C], do: Callable[[C], object]) -> None:
        """Do something with a chore, for a caller that is being cancelled and cannot wait."""
        self._soon(self._engine.with_chore, chore, do)

    if not TYPE_CHECKING:  # type checkers must go on refusing it

        def __enter__(self) -> NoReturn:
            """Explain which `with` is needed."""
            raise TypeError(wrong_with("async with board"))

        __exit__ = __enter__

    # -- scopes ---------------------------------------------------------------------------------

    def _hold(self, lease: Lease, timeout: Seconds | None, on_error: OnError) -> AsyncHold:
        return AsyncHold(self._engine, lease, self._do, timeout, on_error)

    def _keep_alive(self, lease: Lease) -> AsyncKeepAlive:
        return AsyncKeepAlive(AsyncHold(self._engine, lease, self._do, verb="keep_alive"))

    def _lock_hold(self, acquire: Callable[[], Awaitable[Lease]]) -> AsyncLockHold:
        return AsyncLockHold(acquire, self._engine, self._do)

    async def _serve(
        self,
        claims: Callable[[Stop, tuple[str, ...] | None], AsyncIterator[Lease]],
        handlers: Handlers,
        **options: Any,
    ) -> Served:
        return await serve_on_loop(self._engine, claims, handlers, run=self._do, **options)

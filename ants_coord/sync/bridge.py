"""
What differs between the colours, for threads: file I/O is plain, so are scopes, and a wait sleeps on a queue.

aio/bridge.py has the same for event loops. Only this file and `worker` are written by hand here; all others
are generated. Coordinators for threads are thread-safe.
"""

from __future__ import annotations

import functools
import queue
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..commands.shared import Granting
from ..engine.deadlines import Limit
from ..engine.engine import Engine
from ..engine.lobby import Countdown, Waiter
from ..fronts import arguments
from ..fronts.arguments import Seconds
from ..journals.ports import Chore
from ..values.tasks import Lease

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..commands.shared import Command
    from ..fronts.hold import Hold, KeepAlive, LockHold, OnError
    from ..fronts.serving import Handlers, Served, Stop

R = TypeVar("R")
C = TypeVar("C", bound=Chore)
Bell = queue.SimpleQueue[bool]

_WOKEN, _TRIED = True, False
_LAST_TRY_S = 0.25
"""how long the last try of a wait may take after its deadline"""


def settled(answer: Any) -> Any:
    """Return the answer of a user's connection."""
    if hasattr(answer, "__await__"):
        answer.close()
        raise TypeError("this connection is for event loops; use the coordinator of ants_coord.aio")
    return answer


class Bridge:
    """The primitives on which every verb stands."""

    _engine: Engine

    def _wait(
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
        engine = self._engine
        # SimpleQueue, because its put may be called from a signal handler
        bell: Bell = queue.SimpleQueue()
        waiter.wake = lambda: bell.put(_WOKEN)
        if wait_ns is not None:
            engine.open()
            waiter.until_ns = engine.now_ns() + wait_ns
        patience = None
        if waiter.ended or waiter.drained:  # it waits for work, which may stand still
            from ..fronts.endless_waits import Patience  # noqa: PLC0415 - here and below, only when it is needed

            patience = Patience(engine, waiter)
        try:
            if patience is not None:
                step = patience.trying(step)
            if wait_ns and engine.blocking:
                return self._wait_in_time(step, waiter, bell, command)
            while (reply := step(waiter)) is None:
                bell.get()
        except BaseException:
            engine.leave(waiter)
            raise
        else:
            return reply
        finally:
            if patience is not None:
                patience.end()

    def _wait_in_time(
        self,
        step: Callable[[Waiter], R | None],
        waiter: Waiter,
        bell: Bell,
        command: Command[Any] | None,
    ) -> R:
        """
        Wait with a timeout on a journal that may hang: each try runs in a thread of the engine.

        When the time is over, the caller leaves a running try behind; what that still gets is given back.
        """
        self._engine.refuse_reentry()
        limit = Limit(waiter.until_ns, waiter.wake)
        self._engine.time(limit)
        work: Future[R | None] | None = None
        try:
            while True:
                work = self._engine.threads().submit(step, waiter)
                work.add_done_callback(lambda _: bell.put(_TRIED))
                is_woken = False
                try:
                    while not work.done():
                        is_woken |= bell.get(timeout=_LAST_TRY_S if limit.is_over else None) is _WOKEN
                except BaseException as problem:
                    work.add_done_callback(functools.partial(self._give_back, command))
                    if isinstance(problem, queue.Empty):
                        from ..fronts.endless_waits import NO_ANSWER  # noqa: PLC0415

                        raise TimeoutError(NO_ANSWER) from None
                    raise
                reply = work.result()
                if reply is not None:
                    return reply
                while not is_woken:
                    is_woken = bell.get() is _WOKEN
        finally:
            self._engine.untime(limit)
            work = None  # an error of it has this frame in its traceback: a cycle, as in `_carry_out`

    def _give_back(self, command: Command[Any] | None, work: Future[Any]) -> None:
        if isinstance(command, Granting) and not work.cancelled() and work.exception() is None:
            self._engine.give_back(work.result())

    def _countdown(self, timeout: Seconds | None) -> Countdown:
        wait_ns = arguments.timeout_ns(timeout)
        if wait_ns is not None:
            self._engine.open()
        return Countdown(self._engine.now_ns, wait_ns)

    # -- what waits only for the disk, if there is one ------------------------------------------

    def _open(self) -> None:
        self._engine.open()

    def _close(self) -> None:
        self._engine.close()

    def _backup(self, to: str) -> None:
        self._engine.backup(to)

    def _tend(self, chore: type[C], do: Callable[[C], R]) -> R:
        """Do something with a chore of the engine, such as the kept adverts."""
        return self._engine.with_chore(chore, do)

    def _tend_soon(self, chore: type[C], do: Callable[[C], object]) -> None:
        self._engine.with_chore(chore, do)

    if not TYPE_CHECKING:  # type checkers must go on refusing it

        async def __aenter__(self) -> NoReturn:
            """Explain which `with` is needed."""
            from ..fronts.hold import wrong_with  # noqa: PLC0415

            raise TypeError(wrong_with("with board"))

        __aexit__ = __aenter__

    # -- scopes ---------------------------------------------------------------------------------

    def _hold(self, lease: Lease, timeout: Seconds | None, on_error: OnError) -> Hold:
        from ..fronts.hold import Hold  # noqa: PLC0415

        return Hold(self._engine, lease, timeout, on_error)

    def _keep_alive(self, lease: Lease) -> KeepAlive:
        from ..fronts.hold import KeepAlive  # noqa: PLC0415

        return KeepAlive(self._engine, lease)

    def _lock_hold(self, acquire: Callable[[], Lease]) -> LockHold:
        from ..fronts.hold import LockHold  # noqa: PLC0415

        return LockHold(acquire, self._engine)

    def _serve(
        self,
        claims: Callable[[Stop, tuple[str, ...] | None], Iterator[Lease]],
        handlers: Handlers,
        **options: Any,
    ) -> Served:
        from .worker import serve_in_threads  # noqa: PLC0415 - most programs have a loop of their own

        return serve_in_threads(self._engine, claims, handlers, **options)

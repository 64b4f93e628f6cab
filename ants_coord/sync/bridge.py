"""
What makes a coordinator one for threads: a wait sleeps on a queue, and scopes are plain.

`board`, `verbs`, `matchmaker` and `blackboard` beside this file are generated
from those in aio/; what truly differs is here, and in aio/bridge.py.
Coordinators for threads are thread-safe.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..engine.engine import Engine
from ..engine.lobby import Countdown, Waiter
from ..fronts import arguments
from ..fronts.arguments import Seconds
from ..fronts.hold import Hold, KeepAlive, LockHold, OnError, wrong_with
from ..fronts.patience import patience_for
from ..journals.ports import Chore
from ..values.tasks import Lease

if TYPE_CHECKING:
    from ..fronts.serving import Handlers, Served, Stop

__all__ = ["Bridge"]

R = TypeVar("R")
C = TypeVar("C", bound=Chore)


class Bridge:
    """The primitives on which every verb stands."""

    _engine: Engine

    def _wait(self, step: Callable[[Waiter], R | None], waiter: Waiter, timeout: Seconds | None) -> R:
        """Try `step` until it answers; sleep in between until somebody says that it may."""
        wait_ns = arguments.timeout_ns(timeout)
        # SimpleQueue, since its put may be called from a signal handler
        bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        waiter.wake = lambda: bell.put(None)
        if wait_ns is not None:
            self._engine.open()
            waiter.until_ns = self._engine.now_ns() + wait_ns
        patience = patience_for(self._engine, waiter)
        try:
            while True:
                try:
                    reply = step(waiter)
                except TimeoutError:
                    if patience is None or not patience.goes_on():
                        raise
                    continue
                if reply is not None:
                    return reply
                bell.get()
        except BaseException:
            self._engine.leave(waiter)
            raise
        finally:
            if patience is not None:
                patience.end()

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

    if not TYPE_CHECKING:  # type checkers must go on to refuse it

        async def __aenter__(self) -> NoReturn:
            """Say which `with` is meant."""
            raise TypeError(wrong_with("with board"))

        __aexit__ = __aenter__

    # -- scopes ---------------------------------------------------------------------------------

    def _hold(self, lease: Lease, timeout: Seconds | None, on_error: OnError) -> Hold:
        return Hold(self._engine, lease, timeout, on_error)

    def _keep_alive(self, lease: Lease) -> KeepAlive:
        return KeepAlive(self._engine, lease)

    def _lock_hold(self, acquire: Callable[[], Lease]) -> LockHold:
        return LockHold(acquire, self._engine)

    def _serve(
        self,
        claims: Callable[[Stop, tuple[str, ...] | None], Iterator[Lease]],
        handlers: Handlers,
        **options: Any,
    ) -> Served:
        from .worker import serve_in_threads  # noqa: PLC0415 - most programs have a loop of their own

        return serve_in_threads(self._engine, claims, handlers, **options)

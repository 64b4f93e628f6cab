"""
Patience: a caller that waits long checks from time to time whether the wait can still end.

A kind without a handler, a requirement that nobody meets, a worker that waits for its own child: each looks
like a program that is merely slow. Therefore waits for ends of tasks and for a drained board check every five
seconds. A standstill is logged, once. If every lease of the board is held by handlers that wait, nobody is
left to do what they wait for; then a waiting handler is failed after the length of its lease.
"""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from ..commands.reading import Leases
from ..engine.engine import Engine
from ..engine.lobby import Waiter
from ..errors import DeadlockError
from .arguments import HasLease
from .failures import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..values.tasks import Lease

R = TypeVar("R")

LOOK_NS = 5_000_000_000
NO_ANSWER = "nothing came in time, and the journal does not answer"

WORKING: ContextVar[weakref.ref[HasLease] | None] = ContextVar("ants_coord_working", default=None)
"""the scope whose body runs here"""

_waiting: weakref.WeakKeyDictionary[Engine, dict[int, Lease]] = weakref.WeakKeyDictionary()
"""by token: the leases whose holders wait for other tasks of the same board"""
_said: weakref.WeakKeyDictionary[Engine, str] = weakref.WeakKeyDictionary()
"""what was logged last, so that four loops that stand still log it once"""


def patience_for(engine: Engine, waiter: Waiter) -> Patience | None:
    """Return the patience of a wait; None for waits whose end cannot be predicted."""
    return Patience(engine, waiter) if waiter.ended or waiter.drained else None


class Patience:
    """The state of one wait: how long it has lasted, and when to check."""

    def __init__(self, engine: Engine, waiter: Waiter) -> None:
        self._engine = engine
        self._waiter = waiter
        self._until_ns = waiter.until_ns
        self._since_ns: int | None = None
        self._lease = self._own_lease() if waiter.ended else None
        waiter.look_in_ns = self._interval_ns

    def _own_lease(self) -> Lease | None:
        found = WORKING.get()
        scope = None if found is None else found()
        if scope is None or getattr(scope, "_engine", None) is not self._engine:
            return None
        return scope.lease

    @property
    def _interval_ns(self) -> int:
        return LOOK_NS if self._lease is None else min(LOOK_NS, self._lease.ttl_ns)

    def goes_on(self) -> bool:
        """
        Check the wait after a TimeoutError; return True if the caller's own time is not over.

        Raises:
            DeadlockError: the caller is a handler, and all other holders of leases are waiting too.

        """
        waiter, now = self._waiter, self._engine.now_ns()
        if waiter.has_left or self._until_ns <= now:
            return False
        waiter.timed_out, waiter.until_ns = False, self._until_ns
        if self._since_ns is None:
            self._since_ns = now - self._interval_ns
        if self._lease is not None:
            self._refuse_deadlock(self._lease, now)
            waiter.look_in_ns = self._interval_ns
        elif not self._say_why():
            waiter.look_in_ns = LOOK_NS
        return True

    def trying(self, step: Callable[[Waiter], R | None]) -> Callable[[Waiter], R | None]:
        """Return a step that checks the wait when it is time to, and tries again."""

        def patient(waiter: Waiter) -> R | None:
            while True:
                try:
                    return step(waiter)
                except TimeoutError:
                    if not self.goes_on():
                        raise

        return patient

    def end(self) -> None:
        """End the wait."""
        if self._lease is not None:
            _waiting.get(self._engine, {}).pop(self._lease.token, None)

    def _say_why(self) -> bool:
        """Log why nothing comes, and return True: a standstill is not examined again."""
        quiet_ns = self._interval_ns
        why = self._engine.stands_still(self._waiter, quiet_ns)
        if why is None:
            return False
        if _said.get(self._engine) != why:
            _said[self._engine] = why
            logger().warning("waiting in vain: %s", why)
        return True

    def _refuse_deadlock(self, lease: Lease, now: int) -> None:
        waiting = _waiting.setdefault(self._engine, {})
        waiting[lease.token] = lease
        assert self._since_ns is not None
        if now - self._since_ns < lease.ttl_ns:
            return
        live = [one for one in self._engine.ask(Leases(None)) if not one.names]
        tokens = {one.token for one in live}
        # a scope left in another thread, or without its lease, counts as nobody's work
        if lease.token not in tokens or not tokens <= waiting.keys():
            return
        idle = len(live)
        why = self._engine.stands_still(self._waiter, self._interval_ns, idle)
        if why is not None:
            # nobody wants to read about the TimeoutError of our own check
            raise DeadlockError(lease.task, why) from None

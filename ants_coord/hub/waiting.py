"""
The waits at a hub, and the leases that it watches.

A wait is in the engine's own lobby, so it is woken when there is something for it, and nobody else is. The
hub tries again in its next turn, and sends the result. A wait has one answer; a wait for many ends has one
for each of them, so no peer is ever owed more answers than it has asked for.

An error of the board during a wait is the answer, as it is for a process that opens the board itself.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from ..commands.board import Changes
from ..commands.shared import Command, Query
from ..core.state.records import LEASED
from ..core.work.leases import lost_reason
from ..engine.combining import Turn
from ..engine.engine import Engine
from ..engine.keeper import Kept
from ..engine.lobby import NEVER_NS, Waiter
from ..values.tasks import Lease
from .coordinator_lines import is_done


@attrs.define(eq=False)
class Wait:
    """One caller that waits: for the reply to a command, or for the answer to a query."""

    peer: Any
    number: int
    what: Command[Any] | Query[Any]
    waiter: Waiter
    turn: Turn | None
    tell: Callable[[Wait, Any], None]
    """called with the reply, or with the error"""
    is_woken: bool = False

    @property
    def request(self) -> int:
        """The number of the last try."""
        return 0 if self.turn is None else self.turn.number


class Waits:
    """
    All waits and watched leases of a hub's connections.

    Args:
        engine: the board's engine.
        poke: makes the hub take a turn; called from any thread.

    """

    def __init__(self, engine: Engine, poke: Callable[[], None]) -> None:
        self._engine = engine
        self._poke = poke
        self._thread = 0
        self._woken: deque[Wait] = deque()
        self._losses: deque[Callable[[], None]] = deque()

    @property
    def is_due(self) -> bool:
        """Whether the next turn has something to do here."""
        return bool(self._woken or self._losses)

    def run(self) -> None:
        """Try again for woken waits, and report lost leases; in the hub's thread."""
        self._thread = threading.get_ident()
        for _ in range(len(self._woken)):
            wait = self._woken.popleft()
            wait.is_woken = False
            if wait.peer.waits.get(wait.number) is wait:
                self._step(wait)
        for _ in range(len(self._losses)):
            self._losses.popleft()()

    # -- waits ----------------------------------------------------------------------------------

    def enter(self, wait: Wait) -> None:
        """Try, and wait in the line until there is an answer; a wait that is sent again keeps its place."""
        if wait.number in wait.peer.waits:
            return

        def wake() -> None:
            if not wait.is_woken:
                wait.is_woken = True
                self._woken.append(wait)
                if threading.get_ident() != self._thread:
                    self._poke()

        wait.waiter.wake = wake
        wait.peer.waits[wait.number] = wait
        self._step(wait)

    def last(self, peer: Any, number: int) -> None:
        """Try once more, and answer, unless it was answered meanwhile."""
        wait = peer.waits.get(number)
        if wait is not None:
            wait.waiter.timed_out = True
            self._step(wait)

    def leave(self, peer: Any, number: int) -> bool:
        """Stop waiting; return whether it was still in the line, and so was granted nothing."""
        wait = peer.waits.pop(number, None)
        if wait is not None:
            self._engine.leave(wait.waiter)
        return wait is not None

    def _step(self, wait: Wait) -> None:
        goes_on = False
        try:
            reply: Any = self._tried(wait)
            if reply is None:
                return
            goes_on = wait.waiter.heard is not None and bool(wait.waiter.ended)
        except Exception as problem:  # noqa: BLE001 - it is the answer; a wait may be for what makes no sense
            reply = problem
        if not goes_on:
            self.leave(wait.peer, wait.number)
        wait.tell(wait, reply)

    def _tried(self, wait: Wait) -> Any:
        waiter, what = wait.waiter, wait.what
        if isinstance(what, Command):
            return self._engine.try_or_enter(what, waiter, wait.turn)
        if waiter.heard is not None:
            return self._engine.next_ended(waiter)
        if isinstance(what, Changes) and what.since is not None:
            # changes that do not concern this watch may have left the log: they need not be seen again
            what.since = max(what.since, waiter.passed)
        return self._engine.look_or_enter(what, lambda answer: is_done(what, answer), waiter)

    # -- leases ---------------------------------------------------------------------------------

    def keep(self, peer: Any, token: int, task: str, lost: Callable[[str], None]) -> None:
        """Watch a lease, and report its loss, in the hub's thread. Its holder renews it."""
        self.unkeep(peer, token)

        def tell(reason: str) -> None:
            if peer.kept.pop(token, None) is not None:
                lost(reason)

        def on_lost(_: Any, reason: str) -> None:
            self._losses.append(lambda: tell(reason))
            if threading.get_ident() != self._thread:
                self._poke()

        kept = Kept(Lease(task, token, "?"), weakref.ref(peer), on_lost, NEVER_NS, NEVER_NS, NEVER_NS)
        peer.kept[token] = kept
        self._engine.keep(kept)
        # after that, since losses from here on are reported; and it may have been lost before the request
        # arrived
        ledger = self._engine._machine.ledger  # noqa: SLF001 - a class of this package
        row = ledger.tasks.get(task)
        if row is None or row.token != token or row.state is not LEASED:
            self.unkeep(peer, token)
            lost(lost_reason(ledger, task, token))

    def unkeep(self, peer: Any, token: int) -> None:
        """Stop watching a lease."""
        kept = peer.kept.pop(token, None)
        if kept is not None:
            self._engine.unkeep(kept)

    def hang_up(self, peer: Any) -> None:
        """Forget a connection that is gone; leases of its client stay held."""
        for number in list(peer.waits):
            self.leave(peer, number)
        for token in list(peer.kept):
            self.unkeep(peer, token)

"""
Progress in a colony: things that should happen soon do happen.

Safety can be checked in a finished log; that something did NOT happen in time cannot. So the colony is
observed from outside every virtual second, and two promises are checked: the leases of a dead process end at
their deadline, and nobody goes on waiting for something available: a task, the end of one, a lock.
"""

from __future__ import annotations

from typing import Any

from ...aio import Board as AsyncBoard
from ...commands.shared import Claim
from ...core.machine import Machine
from ...core.work.locking import holders
from ...engine.lobby import Waiter
from ...values.tasks import FINAL
from .log import SimulatedClock

_SLACK_S = 3.0
"""two looks, and one in reserve; the simulated log notifies its readers at once"""


class Vigil:
    """
    An observer that checks a colony regularly.

    Args:
        host: a process of the colony that never fails.
        clock_off: most seconds by which the other clocks are off.

    """

    def __init__(self, host: AsyncBoard, clock_off: float) -> None:
        self._host: Any = host.sync
        self._off = 2 * clock_off  # from the slowest to the fastest
        self._alive: dict[str, tuple[Any, SimulatedClock]] = {}
        self._since: dict[tuple[str, Any, int], float] = {}
        """(agent, its process, number of its wait) -> since when something has been available for it"""
        self._told: set[tuple[str, Any, int]] = set()
        self._left: dict[int, tuple[str, float]] = {}
        """token of a dead process -> (its agent, until when it may live)"""
        self.problems: list[str] = []
        self.longest_wait = 0.0
        """most virtual seconds for which somebody waited for something available"""

    def born(self, name: str, board: AsyncBoard, clock: SimulatedClock) -> None:
        """Note that a process has begun."""
        self._alive[name] = (board.sync, clock)

    def ended(self, name: str) -> None:
        """Note that a process has closed its board."""
        del self._alive[name]

    def died(self, name: str, now: float) -> None:
        """Note that a process has vanished, and the leases it leaves behind."""
        del self._alive[name]
        calendar_ns = self._host._engine.now_ns()  # noqa: SLF001 - the kit's own
        for lease in self._host.leases(name):
            if lease.names:
                continue  # an agent that returns under its name re-enters its own lock
            rest = max(0.0, (lease.expires_ns - calendar_ns) / 1e9)
            self._left[lease.token] = (name, now + rest + self._off + _SLACK_S)

    def look(self, now: float) -> None:
        """Check all processes; the host must just have read the log."""
        self._look_at_the_dead(now)
        machine, stamp = self._host._engine._machine, self._host._engine.now_ns()  # noqa: SLF001
        waiting = {}
        for name, (board, clock) in self._alive.items():
            if clock.is_dead or clock.paused_until >= now:
                continue
            for waiter in board._engine._lobby.all():  # noqa: SLF001
                if _could_go_on(waiter, machine, stamp):
                    key = (name, board, waiter.number)
                    waiting[key] = self._since.get(key, now)
        self._since = waiting
        for key, since in waiting.items():
            self.longest_wait = max(self.longest_wait, now - since)
            if now - since > _SLACK_S and key not in self._told:
                name = key[0]
                self._told.add(key)
                self.problems.append(
                    f"{name} has been waiting since {since:.0f} s although it could have gone on"
                )

    def _look_at_the_dead(self, now: float) -> None:
        if not self._left:
            return
        live = {lease.token for lease in self._host.leases()}
        for token, (name, until) in list(self._left.items()):
            if token not in live:
                del self._left[token]
            elif now > until:
                del self._left[token]
                self.problems.append(
                    f"the lease {token} of {name}, which is dead, should have ended by {until:.0f} s"
                )


def _could_go_on(waiter: Waiter, machine: Machine, stamp: int) -> bool:
    """
    Tell whether the thing that somebody waits for is available: a task for it, the end of tasks, free names.
    """
    if waiter.ready and not waiter.task:  # otherwise it waits for one particular task
        return not machine.is_idle(Claim(waiter.agent, kinds=waiter.kinds), stamp)
    ledger = machine.ledger
    if waiter.ended:
        rows = [ledger.tasks.get(task) for task in waiter.ended]
        return all(row is None or row.state in FINAL for row in rows)
    return bool(waiter.names) and not any(any(holders(ledger, name)) for name in waiter.names)

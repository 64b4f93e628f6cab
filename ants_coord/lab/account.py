"""Events folded into an account: who held what for how long, and the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import attrs

from ..values.events import WAITS_AGAIN, Event

_ENDS = {
    "completed": "done",
    "handed in": "done",
    "judged": "done",
    "retried": "failed",
    "failed": "failed",
    "released": "released",
    "split": "released",
    "expired": "expired",
    "cancelled": "released",
}
_USEFUL = ("completed", "handed in", "judged", "split")


@attrs.define
class AgentTax:
    """
    What one agent did in the window. Times are seconds of leases, not of work.

    Args:
        agent: its name.
        claims: leases that it got, including checks.
        checks: of these, leases to check a result.
        done: leases that it ended with a result or a verdict.
        failed: leases that ended with an error.
        expired: leases that ran out in silence.
        released: leases that it gave back or split, or that ended because the task was cancelled.
        held: seconds of its leases.
        wasted: of these, leases that produced no accepted result.
        checking: of these, leases of checks.
        idle: seconds between its first claim and its last end in which its hands held nothing.
        hands: most tasks that it held at once.

    """

    agent: str
    claims: int = 0
    checks: int = 0
    done: int = 0
    failed: int = 0
    expired: int = 0
    released: int = 0
    held: float = 0.0
    wasted: float = 0.0
    checking: float = 0.0
    idle: float = 0.0
    hands: int = 0


class _Held(NamedTuple):
    agent: str
    since: float
    token: int
    is_check: bool


@attrs.define
class Account:
    """An account in progress; `of` makes a complete one."""

    done: int = 0
    attempts: int = 0
    checks: int = 0
    rejected: int = 0
    waits: list[float] = attrs.field(factory=list)
    kinds: dict[str, int] = attrs.field(factory=dict)
    seconds: float = 0.0
    """from the first to the last event"""
    by_agent: dict[str, AgentTax] = attrs.field(factory=dict)
    held: dict[str, _Held] = attrs.field(factory=dict)
    ready: dict[str, float] = attrs.field(factory=dict)
    handed: dict[str, list[tuple[str, float]]] = attrs.field(factory=dict)
    """task -> (agent, seconds) of results that wait to be judged"""
    lost: dict[tuple[str, int], tuple[str, float]] = attrs.field(factory=dict)
    """(task, token) -> (agent, seconds) of leases that ran out: a late result may still be accepted"""
    busy: dict[str, int] = attrs.field(factory=dict)
    span: dict[str, tuple[float, float]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, events: Sequence[Event]) -> Account:
        """Fold events; leases that began before the window are left out."""
        account = cls()
        for event in events:
            if event.task is not None:
                account.take(event, event.task, event.at_ns / 1e9)
        if events:
            began, ended = events[0].at_ns / 1e9, events[-1].at_ns / 1e9
            account.seconds = ended - began
            account._close(ended)
        return account

    @property
    def hands(self) -> int:
        """Most tasks held at once, summed over the agents."""
        return sum(one.hands for one in self.by_agent.values())

    def agents(self) -> tuple[AgentTax, ...]:
        """Return the accounts, by name."""
        return tuple([self.by_agent[name] for name in sorted(self.by_agent)])

    def total(self, name: str) -> float:
        """Return the sum of a figure over all agents."""
        return float(sum(getattr(one, name) for one in self.by_agent.values()))

    def take(self, event: Event, task: str, at: float) -> None:
        """Add one event of a task."""
        kind = event.type
        if kind == "claimed" and event.agent is not None:
            self._claimed(event, task, event.agent, at)
            return
        if kind == "submitted" and isinstance(event.detail, str):
            self.kinds[event.detail] = self.kinds.get(event.detail, 0) + 1
        if kind == "adopted" and task in self.held:
            self.held[task] = self.held[task]._replace(token=event.token)
        if kind == "rejected":
            self._rejected(task, at)
        elif kind in _ENDS and task in self.held:
            self._ended(event, task, at)
        if kind == "completed":
            self._completed(event, task)
        elif kind in ("failed", "cancelled"):
            self._nothing_stands(task)
        if kind in WAITS_AGAIN:
            self.ready[task] = at

    def _claimed(self, event: Event, task: str, agent: str, at: float) -> None:
        # old logs do not mark checks: there, a claim on a handed-in result is a check
        is_check = event.detail == "check" or task in self.handed
        self.held[task] = _Held(agent, at, event.token, is_check)
        row = self.by_agent.setdefault(agent, AgentTax(agent))
        row.claims += 1
        row.checks += is_check
        self.checks += is_check
        self.attempts += not is_check
        if task in self.ready:
            self.waits.append(at - self.ready.pop(task))
        self.busy[agent] = self.busy.get(agent, 0) + 1
        row.hands = max(row.hands, self.busy[agent])
        self.span[agent] = (self.span.get(agent, (at, at))[0], at)

    def _drop(self, task: str, at: float) -> tuple[_Held, float, AgentTax]:
        lease = self.held.pop(task)
        row = self.by_agent[lease.agent]
        seconds = at - lease.since
        row.held += seconds
        self.busy[lease.agent] -= 1
        self.span[lease.agent] = (self.span[lease.agent][0], at)
        if lease.is_check:
            row.checking += seconds
        return lease, seconds, row

    def _ended(self, event: Event, task: str, at: float) -> None:
        lease, seconds, row = self._drop(task, at)
        ending = _ENDS[event.type]
        setattr(row, ending, getattr(row, ending) + 1)
        if event.type == "handed in" and not lease.is_check:
            self.handed.setdefault(task, []).append((lease.agent, seconds))
        if event.type not in _USEFUL:
            row.wasted += seconds
            if event.type == "expired":
                self.lost[task, lease.token] = (lease.agent, seconds)

    def _rejected(self, task: str, at: float) -> None:
        self.rejected += 1
        if task in self.held:  # its own lease (a known answer), or in an old log that of the verdict
            lease, seconds, row = self._drop(task, at)
            if lease.is_check:
                row.done += 1
            else:
                row.failed += 1
                row.wasted += seconds
        self._nothing_stands(task)

    def _nothing_stands(self, task: str) -> None:
        for agent, seconds in self.handed.pop(task, []):
            self.by_agent[agent].wasted += seconds

    def _completed(self, event: Event, task: str) -> None:
        self.done += 1
        self.handed.pop(task, None)
        landed = self.lost.pop((task, event.token), None)
        # late="accept": the lease had run out, and its result was accepted all the same
        if landed is not None:
            self.by_agent[landed[0]].wasted -= landed[1]

    def _close(self, at: float) -> None:
        """Count what is still held until the end of the window, and idle time."""
        for task in list(self.held):
            self._drop(task, at)
        for agent, row in self.by_agent.items():
            began, ended = self.span[agent]
            row.idle = max(0.0, row.hands * (ended - began) - row.held)

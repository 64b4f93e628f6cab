"""
"Not now, not me": an agent declines one task, or all tasks, for a while.

A decline concerns the agent and not the task. The task goes back at once and others may take it. No attempt
is counted and no evidence noted; otherwise an honest, rate-limited agent would stand worse than one that
hangs. Each repeat by the same agent doubles the time, so that a task is not passed back and forth for ever.

A decline with a time keeps that time whatever becomes of the agent's advert; one without a time ends when the
advert changes. Rows stay when their time is over, so that a repeat is recognised. The rows of a task are
dropped when it ends or gets new content; the agent's own row, when it completes a task.
"""

from __future__ import annotations

import heapq
from typing import Any

from ...commands.shared import Decline, Refused
from ...errors import ForeignLeaseError, LeaseLostError, NotOfferedError, TaskNotFoundError
from ..state.ledger import Ledger
from ..state.parts import Refusals
from ..state.records import LEASED, READY, Row
from ..state.timeline import LEASE
from .leases import lost_reason
from .lifecycle import give_back, remember

ORDINAL, REASON, UNTIL, TIMES = range(4)
"""a row of the table `declines`, and of `limited`"""
OPEN, OVER = 0, -1
"""`until` of a decline that has no time, and of one whose time is over"""
_OF_AN_AGENT = 1_000
"""declined tasks that are remembered for one agent; the oldest is forgotten first"""
_AGENTS = 10_000
_DOUBLINGS = 10


class Declines(Refusals):
    """
    The declines of all agents.

    Tables:
        declines: (agent, task) -> (ordinal, reason, until in lease time or OPEN or OVER, times)
        limited: agent -> (ordinal, reason, until in lease time or OVER, times); it gets nothing until then
    """

    tables = ("declines", "limited")

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild the indexes and the alarms."""
        self.active: dict[str, dict[str, None]] = {}
        """agent -> the tasks that it declines now"""
        self.decliners: dict[str, dict[str, None]] = {}
        """task -> the agents that decline it now"""
        self.known: dict[str, dict[str, None]] = {}
        """agent -> the tasks that it has declined, oldest first"""
        self.tried: dict[str, dict[str, None]] = {}
        """task -> the agents that have declined it"""
        self.alarms: list[tuple[int, str, str]] = []
        """heap of (lease time, agent, task or "" for the agent itself), lazily corrected"""
        for (agent, task), row in sorted(
            ledger.tables["declines"].items(), key=lambda item: item[1][ORDINAL]
        ):
            self._enter(agent, task, row[UNTIL])
        for agent, row in ledger.tables["limited"].items():
            if row[UNTIL] > 0:
                self.alarms.append((row[UNTIL], agent, ""))
        heapq.heapify(self.alarms)
        self._set_gate(ledger)

    def _set_gate(self, ledger: Ledger) -> None:
        # a gate is asked at every claim: install it only while somebody is limited
        ledger.set_gates((self.limits,) if ledger.tables["limited"] else ())

    def _enter(self, agent: str, task: str, until: int) -> None:
        self.known.setdefault(agent, {})[task] = None
        self.tried.setdefault(task, {})[agent] = None
        if until != OVER:
            self.active.setdefault(agent, {})[task] = None
            self.decliners.setdefault(task, {})[agent] = None
        if until > 0:
            heapq.heappush(self.alarms, (until, agent, task))

    # -- what it means ----------------------------------------------------------------------

    def limits(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent gets nothing for now."""
        row = ledger.tables["limited"].get(agent)
        if row is None or row[UNTIL] == OVER:
            return None
        why = f": {row[REASON]}" if row[REASON] else ""
        left = (row[UNTIL] - ledger.timeline.reading[LEASE]) / 1e9
        return f"is limited for {left:.3g} s more, by its own word{why}"

    def limited_ns(self, ledger: Ledger, agent: str) -> int:
        """Return for how long an agent has said that it wants nothing."""
        row = ledger.tables["limited"].get(agent)
        return 0 if row is None else max(0, int(row[UNTIL]) - ledger.timeline.reading[LEASE])

    def bars(self, ledger: Ledger, agent: str, task: str) -> bool:
        """Tell whether an agent must not be woken for a task."""
        return task in self.active.get(agent, ()) or self.limited_ns(ledger, agent) > 0

    def told(self, ledger: Ledger, task: str) -> list[str]:
        """Say which agents decline a task."""
        said, now = [], ledger.timeline.reading[LEASE]
        for agent in sorted(self.decliners.get(task, ())):
            _, reason, until, _ = ledger.tables["declines"][agent, task]
            why = f" ({reason})" if reason else ""
            left = f" for {(until - now) / 1e9:.3g} s more" if until else ""
            said.append(f"declined by {agent}{why}{left}")
        return said

    # -- what happens -----------------------------------------------------------------------

    def put(self, ledger: Ledger, agent: str, task: str, reason: str, pause_ns: int | None) -> int:
        """Enter a decline; return how often this agent has declined this task by now."""
        table, known = ledger.tables["declines"], self.known.get(agent, {})
        times = 1
        if task in known:
            times += table[agent, task][TIMES]
            self.forget(ledger, agent, task)
        elif len(known) >= _OF_AN_AGENT:
            self.forget(ledger, agent, next(iter(known)))
        until = OPEN if pause_ns is None else _until(ledger, pause_ns, times)
        ledger.undo.put(table, (agent, task), (ledger.ordinal(), reason, until, times))
        self._enter(agent, task, until)
        return times

    def limit(self, ledger: Ledger, agent: str, reason: str, pause_ns: int) -> int:
        """Note that an agent wants nothing for a while; return how often in a row it has said so."""
        table = ledger.tables["limited"]
        times = 1 + (table[agent][TIMES] if agent in table else 0)
        if agent not in table and len(table) >= _AGENTS:
            ledger.undo.drop(table, min(table, key=lambda name: table[name][ORDINAL]))
        until = _until(ledger, pause_ns, times)
        ledger.undo.put(table, agent, (ledger.ordinal(), reason, until, times))
        heapq.heappush(self.alarms, (until, agent, ""))
        self._set_gate(ledger)
        return times

    def succeeded(self, ledger: Ledger, agent: str) -> None:
        """Forget how often an agent said that it is limited, because it has completed something."""
        ledger.undo.drop(ledger.tables["limited"], agent)
        self._set_gate(ledger)

    def forget(self, ledger: Ledger, agent: str, task: str) -> None:
        """Drop a decline."""
        ledger.undo.drop(ledger.tables["declines"], (agent, task))
        for table, key, member in (
            (self.known, agent, task), (self.tried, task, agent),
            (self.active, agent, task), (self.decliners, task, agent),
        ):  # fmt: skip
            _discard(table, key, member)

    def forget_task(self, ledger: Ledger, task: str) -> None:
        """Drop all declines of a task that has ended, or has new content."""
        for agent in list(self.tried.get(task, ())):
            self.forget(ledger, agent, task)

    def forget_open(self, ledger: Ledger, agent: str) -> None:
        """Drop an agent's declines that have no time, because its advert has changed or it has gone."""
        for task in list(self.known.get(agent, ())):
            if ledger.tables["declines"][agent, task][UNTIL] == OPEN:
                self.forget(ledger, agent, task)

    def took(self, ledger: Ledger, agent: str, task: str) -> None:
        """End the decline of a task that its agent takes after all; the count is kept."""
        ordinal, reason, _, times = ledger.tables["declines"][agent, task]
        ledger.undo.put(ledger.tables["declines"], (agent, task), (ordinal, reason, OVER, times))
        _discard(self.active, agent, task)
        _discard(self.decliners, task, agent)

    # -- time -------------------------------------------------------------------------------

    def expire(self, ledger: Ledger) -> None:
        """End the declines whose time is over, and wake their agents."""
        now, alarms = ledger.timeline.reading[LEASE], self.alarms
        while alarms and alarms[0][0] <= now:
            when, agent, task = heapq.heappop(alarms)
            if not self._is_due(ledger, when, agent, task):
                continue
            if task:
                self.took(ledger, agent, task)
            else:
                ordinal, reason, _, times = ledger.tables["limited"][agent]
                ledger.undo.put(ledger.tables["limited"], agent, (ordinal, reason, OVER, times))
            ledger.news.tell(agent)

    def next_ns(self, ledger: Ledger) -> int | None:
        """Return the lease time at which the next decline ends."""
        alarms = self.alarms
        while alarms and not self._is_due(ledger, *alarms[0]):
            heapq.heappop(alarms)
        return alarms[0][0] if alarms else None

    def _is_due(self, ledger: Ledger, when: int, agent: str, task: str) -> bool:
        tables = ledger.tables
        row = tables["declines"].get((agent, task)) if task else tables["limited"].get(agent)
        return row is not None and row[UNTIL] == when

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return how many declines hold now, and how many agents want nothing."""
        now = ledger.timeline.reading[LEASE]
        return {
            "declines": sum(map(len, self.active.values())),
            "limited": sum(row[UNTIL] > now for row in ledger.tables["limited"].values()),
        }

    def check(self, ledger: Ledger) -> None:
        """Assert that the indexes follow the tables."""
        table, now = ledger.tables["declines"], ledger.timeline.reading[LEASE]
        held = {key for key, row in table.items() if row[UNTIL] != OVER}
        assert {(agent, task) for agent, tasks in self.known.items() for task in tasks} == set(table)
        assert {(agent, task) for task, agents in self.tried.items() for agent in agents} == set(table)
        assert {(agent, task) for agent, tasks in self.active.items() for task in tasks} == held
        assert {(agent, task) for task, agents in self.decliners.items() for agent in agents} == held
        for (agent, task), row in table.items():
            assert task in ledger.tasks
            assert not ledger.tasks[task].state.is_final
            assert row[UNTIL] <= 0 or (row[UNTIL] > now and (row[UNTIL], agent, task) in self.alarms)
        for agent, row in ledger.tables["limited"].items():
            assert row[UNTIL] == OVER or (row[UNTIL] > now and (row[UNTIL], agent, "") in self.alarms)
        assert (self.limits in ledger.gates) == bool(ledger.tables["limited"])


def _discard(table: dict[str, dict[str, None]], key: str, member: str) -> None:
    line = table.get(key)
    if line is not None and member in line:
        del line[member]
        if not line:
            del table[key]


def _until(ledger: Ledger, pause_ns: int, times: int) -> int:
    return ledger.timeline.reading[LEASE] + max(1, pause_ns << min(times - 1, _DOUBLINGS))


def decline(ledger: Ledger, command: Decline) -> Refused | None:
    """Give a leased task back, or turn down an offered one; this agent is not asked again for a while."""
    row = ledger.tasks.get(command.task)
    if row is None:
        return Refused(TaskNotFoundError(command.task, command.task in ledger.tombstones))
    agent = command.agent
    if command.token:
        if row.token != command.token or row.state is not LEASED:
            return Refused(
                LeaseLostError(command.task, command.token, lost_reason(ledger, command.task, command.token))
            )
        assert row.agent is not None
        if agent and agent != row.agent:
            return Refused(ForeignLeaseError(agent, command.task, row.agent))
        agent = row.agent
    else:
        opinions = ledger.checking.opinions
        if command.task in opinions.rows:
            may = opinions.may(ledger, agent, row)
        else:
            may = ledger.eligibility.may(agent, row)
        if row.state is not READY or not may:
            return Refused(NotOfferedError(agent, command.task, str(row.state)))
    declines = ledger.declines
    if command.everything:
        assert command.retry_ns is not None
        times = declines.limit(ledger, agent, command.reason, command.retry_ns)
    else:
        times = declines.put(ledger, agent, command.task, command.reason, command.retry_ns)
    if command.token:
        _hand_back(ledger, row, command.reason)
    elif ledger.news.is_wanted:  # another agent may want it, now that this one does not
        ledger.news.ready.append((row.spec.kind, ledger.eligibility.signature(row.spec), command.task))
    detail = {"reason": command.reason, "times": times, "all": command.everything}
    ledger.emit("declined", command.task, agent, command.token, detail)
    return None


def _hand_back(ledger: Ledger, row: Row, reason: str) -> None:
    """Return a leased task to READY; it counts as no attempt, and as no evidence against its holder."""
    assert row.agent is not None
    holder = ledger.agents[row.agent]
    ledger.undo.touch(row)
    ledger.undo.touch_agent(holder)
    holder.released += 1
    remember(row, f"attempt {row.attempts} by {row.agent}: declined" + (f" ({reason})" if reason else ""))
    row.attempts -= 1
    row.releases += 1
    ledger.emit("released", row.spec.id, row.agent, row.token)
    give_back(ledger, row, "hand_back", "revoked")

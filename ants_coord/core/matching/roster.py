"""
The agents with adverts: what each can do, what it holds, and what keeps it from more.

The eligibility part is built on it; the ready order, teams and explanations ask it.

Values derived from live leases are never kept as counters: slots and amounts in use are sums over the leases
that the agent holds at this moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sortedcontainers import SortedList

from ...requirements import parse
from ...values.tasks import Task
from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import Row
from ..state.timeline import LEASE
from .index import Index, Signature, task_facts
from .members import ACCEPTS, ATTRIBUTES, CAPABILITIES, FADING, NO_FACTS, REPORTED, SLOTS, Member


class Roster(Part):
    """What is known of the agents with adverts, by its tables; see `eligibility.Capable`."""

    ledger: Ledger

    def __init__(self) -> None:
        self.index = Index()
        self.alarms: list[tuple[int, int, str, str]] = []
        """heap of (lease time, what, agent, declined task), lazily corrected"""
        self.listed: dict[str, int] = {}
        """agent -> when the one entry for its presence is due"""
        self.by_weight: SortedList = SortedList()
        """(capabilities and attributes, agent): the least capable first"""
        self.open_seats: dict[str, dict[str, Row]] = {}
        """team -> its READY seats"""
        self.reserved_teams: frozenset[str] = frozenset()
        self.plan: dict[str, str] = {}
        """seat -> agent, as the last look found it; the grant that follows in the same command uses it"""

    def seen(self, ledger: Ledger, agent: str) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        """Return the capabilities and attributes of an advert that others may count on."""
        advert = ledger.tables["adverts"][agent]
        capabilities: tuple[str, ...] = advert[CAPABILITIES]
        attributes: Mapping[str, Any] = dict(advert[ATTRIBUTES])
        for hook in ledger.on_shown:
            capabilities, attributes = hook(ledger, agent, capabilities, attributes)
        return capabilities, attributes

    def refit(self, ledger: Ledger, agent: str) -> None:
        """Update the index for an agent with an advert."""
        known = self.index.members.get(agent)
        if known is not None:
            self.by_weight.discard((known.weight, agent))
        put = self.index.put(agent, *self.seen(ledger, agent), ledger.tables["adverts"][agent][ACCEPTS])
        self.by_weight.add((put.weight, agent))
        self.tell(ledger, agent)

    def holds_back(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent gets nothing now: benched, busy, or out of slots."""
        now = ledger.timeline.reading[LEASE]
        failures, until = ledger.tables["streaks"].get(agent, (0, 0))
        if until > now:
            return f"failed {failures} times in a row and is benched for {(until - now) / 1e9:.3g} s more"
        presence = ledger.tables["presence"].get(agent)
        if presence is None or presence[FADING]:
            return None
        slots = ledger.tables["adverts"][agent][SLOTS]
        if slots == 0:
            return "advertises no slots"
        if self.held(ledger, agent) >= slots:
            return f"has all of its {slots} slot(s) in use"
        if presence[REPORTED] >= 1:
            return "reports that it is fully loaded"
        return None

    def load(self, agent: str) -> float:
        """Return how busy an agent with an advert is: the load it reports, or its share of slots in use."""
        slots = self.ledger.tables["adverts"][agent][SLOTS]
        reported: float = self.ledger.tables["presence"][agent][REPORTED]
        return max(reported, min(1.0, self.held(self.ledger, agent) / slots) if slots else 1.0)

    def put_load_in(self, agent: str) -> None:
        """Update an agent's own rule to its present load; the load is never part of a signature."""
        member = self.index.members.get(agent)
        if member is not None and member.own_rule is not None:
            member.put_in(self.load(agent))

    def may_do(self, agent: str, spec: Task) -> bool:
        """Tell whether an agent with an advert may take a task: requirement, own rule, amounts."""
        self.put_load_in(agent)
        member = self.index.members[agent]
        uses = () if spec.uses is None else tuple(spec.uses.items())
        facts = task_facts(spec) if member.rule is not None else NO_FACTS
        fits = Signature(0, parse(spec.requires or ""), uses, facts).fits(member)
        return fits and self.has_room(member, uses)

    def has_room(self, member: Member, uses: tuple[tuple[str, int], ...]) -> bool:
        """Tell whether an agent has so much free."""
        used = self.used(member.name) if uses else {}
        return all(used.get(name, 0) + n <= member.capacity(name) for name, n in uses)

    def held(self, ledger: Ledger, agent: str) -> int:
        """Return how many leases an agent holds."""
        holder = ledger.agents.get(agent)
        return 0 if holder is None else len(holder.leases)

    def used(self, agent: str) -> dict[str, int]:
        """Return what the agent's live leases use up: a sum, never a counter."""
        total: dict[str, int] = {}
        holder = self.ledger.agents.get(agent)
        for row in holder.leases.values() if holder is not None else ():
            for name, amount in (row.spec.uses or {}).items():
                total[name] = total.get(name, 0) + amount
        return total

    def count_reserved(self) -> None:
        """Note which teams are being seated."""
        self.reserved_teams = frozenset(team for _, team, _ in self.ledger.tables["reserved"].values())

    def tell(self, ledger: Ledger, agent: str) -> None:
        """Tell a waiting agent to look again, and those that may now make up a team with it."""
        raise NotImplementedError

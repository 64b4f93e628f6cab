"""
Capability matching: adverts in, eligibility out. Nobody schedules.

An agent declares what it can do; a task declares what it requires; an idle
agent claims, and gets the best task that it may take and that it accepts.
Adverts are soft state: live until their ttl, then fading (offered nothing that
requires anything) for one more ttl, then gone. Work that is running keeps its
own lease, whatever happens to the advert.

What is derived from live leases is never counted: slots in use and amounts
used up are sums over the leases that the agent holds at this moment.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Hashable
from typing import Any

from ..adverts import (
    Advert,
    Advertise,
    Advertised,
    AgentRecord,
    Agents,
    Decline,
    Offer,
    Offers,
    Refresh,
    Roster,
    WhyNot,
    Withdraw,
)
from ..commands import Refused
from ..errors import AdvertRefusedError, NotOfferedError, TaskNotFoundError
from ..requirements import parse
from ..values import Task
from . import why
from .index import MAX_SIGNATURES, Index, Signature, bits, task_facts
from .ledger import Ledger, ns
from .parts import Part
from .queues import BySignature
from .states import READY, Row

__all__ = ["Capable"]

_PRESENCE, _BENCH, _DECLINE = 0, 1, 2
_AT_ONCE = 1_000
"""adverts that fade, and declines that end, per command at most"""
_FAILURES = frozenset({"retry", "back_off", "give_up"})
_BENCH_NS = 1_000_000_000
_BENCH_MOST = 60
_DECLINES = 1_000
"""tasks that one agent may have declined at a time; the oldest is forgotten first"""


class Capable(Part):
    """
    The eligibility part of the matchmaker, with the adverts and declines that it goes by.

    Tables:
        adverts: agent -> (ordinal, incarnation, capabilities, attributes as pairs, slots, accepts, ttl in ns)
        presence: agent -> (deadline in lease time, reported load, whether it is fading)
        declines: (agent, task) -> (ordinal, reason, until in lease time or 0)
        streaks: agent -> (failures in a row, benched until in lease time)
    """

    honours = frozenset({"requires", "uses"})
    tables = ("adverts", "presence", "declines", "streaks")
    values = (Advert, Advertised)

    def __init__(self) -> None:
        self.index = Index()
        self.alarms: list[tuple[int, int, str, str]] = []
        """heap of (lease time, what, agent, declined task), lazily corrected"""
        self.listed: dict[str, int] = {}
        """agent -> when the one entry for its presence rings"""
        self.declined: dict[str, dict[str, int]] = {}
        """agent -> the tasks it declined, oldest first (with their ordinals)"""
        self.decliners: dict[str, dict[str, None]] = {}
        """task -> agents that declined it"""

    # -- the part ---------------------------------------------------------------------------

    def rebuild(self, ledger: Ledger) -> None:
        """Make the index from the adverts."""
        self.ledger = ledger
        self.index = index = Index()
        self.alarms, self.listed, self.declined, self.decliners = [], {}, {}, {}
        adverts = ledger.tables["adverts"]
        reads = {atom.name for row in adverts.values() if row[5] for atom in parse(row[5]).atoms}
        index.reads = tuple(sorted(reads))
        for agent, (deadline, _, fading) in ledger.tables["presence"].items():
            advert = adverts[agent]
            index.put(agent, advert[2], dict(advert[3]), advert[5])
            self._ring_at(agent, deadline + advert[6] if fading else deadline)
        declines = sorted(ledger.tables["declines"].items(), key=lambda item: item[1][0])
        for (agent, task), (ordinal, _, until) in declines:
            self._note_decline(agent, task, ordinal)
            if until:
                heapq.heappush(self.alarms, (until, _DECLINE, agent, task))
        for agent, (_, until) in ledger.tables["streaks"].items():
            if until:
                heapq.heappush(self.alarms, (until, _BENCH, agent, ""))

    def _ring_at(self, agent: str, when: int) -> None:
        """Be there when an agent's presence is due; one entry an agent counts."""
        listed = self.listed.get(agent)
        if listed is None or when < listed:
            self.listed[agent] = when
            heapq.heappush(self.alarms, (when, _PRESENCE, agent, ""))

    def settle(self, ledger: Ledger) -> None:
        """Let the index see which queues have tasks."""
        assert isinstance(ledger.order, BySignature)
        self.index.in_use = ledger.order.signatures_in_use

    def pass_time(self, ledger: Ledger) -> None:
        """Let adverts fade and declines end, those that are due."""
        now, alarms = ledger.timeline.reading[1], self.alarms
        if not alarms or alarms[0][0] > now:
            return
        for _ in range(_AT_ONCE):
            if not alarms or alarms[0][0] > now:
                return
            if not self._is_due(*alarms[0]):
                heapq.heappop(alarms)
                continue
            _, what, agent, task = alarms[0]
            if what == _PRESENCE:
                self._look_after(ledger, agent, now)
            elif what == _DECLINE:
                self._forget_decline(ledger, agent, task)
                self._tell(ledger, agent)
            else:
                failures, _ = ledger.tables["streaks"][agent]
                ledger.undo.put(ledger.tables["streaks"], agent, (failures, 0))
                self._tell(ledger, agent)

    def _look_after(self, ledger: Ledger, agent: str, now: int) -> None:
        """Let an agent fade that was not refreshed in time, or let it go."""
        deadline, load, fading = ledger.tables["presence"][agent]
        ttl = ledger.tables["adverts"][agent][6]
        del self.listed[agent]
        if fading and deadline + ttl <= now:
            self._drop(ledger, agent, "silent")
        elif fading or deadline > now:
            self._ring_at(agent, deadline + ttl if fading else deadline)
        else:
            ledger.undo.put(ledger.tables["presence"], agent, (deadline, load, True))
            ledger.emit("fading", None, agent)
            self._ring_at(agent, deadline + ttl)

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        """Return when the next advert fades or the next decline ends."""
        alarms, presences = self.alarms, self.ledger.tables["presence"]
        while alarms:
            when, what, agent, task = alarms[0]
            if not self._is_due(when, what, agent, task):
                heapq.heappop(alarms)
            elif what == _PRESENCE and not presences[agent][2] and presences[agent][0] > when:
                heapq.heappop(alarms)  # it was refreshed since
                del self.listed[agent]
                self._ring_at(agent, presences[agent][0])
            else:
                return max(0, when - reading[1])
        return None

    def _is_due(self, when: int, what: int, agent: str, task: str) -> bool:
        tables = self.ledger.tables
        if what == _DECLINE:
            decline = tables["declines"].get((agent, task))
            return decline is not None and decline[2] == when
        if what == _BENCH:
            return tables["streaks"].get(agent, (0, 0))[1] == when  # type: ignore[no-any-return]
        return self.listed.get(agent) == when

    def holds_back(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent gets nothing now: benched, busy, or out of slots."""
        now = ledger.timeline.reading[1]
        streak = ledger.tables["streaks"].get(agent)
        if streak is not None and streak[1] > now:
            return (
                f"failed {streak[0]} times in a row and is benched for {(streak[1] - now) / 1e9:.3g} s more"
            )
        presence = ledger.tables["presence"].get(agent)
        if presence is None or presence[2]:
            return None
        slots = ledger.tables["adverts"][agent][4]
        if slots == 0:
            return "advertises no slots"
        if self.held(ledger, agent) >= slots:
            return f"has all of its {slots} slot(s) in use"
        if presence[1] >= 1:
            return "reports that it is fully loaded"
        return None

    def granted(self, ledger: Ledger, row: Row) -> None:
        """Forget that an agent declined what it now takes."""
        assert row.agent is not None
        if row.agent in self.decliners.get(row.spec.id, ()):
            self._forget_decline(ledger, row.agent, row.spec.id)

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Tell an agent of its free slot; put one that fails in a row on the bench."""
        agent = row.agent
        assert agent is not None
        streaks = ledger.tables["streaks"]
        if verb == "complete":
            if agent in streaks:
                ledger.undo.drop(streaks, agent)
        elif verb in _FAILURES:
            failures = streaks.get(agent, (0, 0))[0] + 1
            until, most = 0, ledger.settings.bench_after
            if most and failures >= most:
                pause = min(1 << min(failures - most, 10), _BENCH_MOST) * _BENCH_NS
                until = ledger.timeline.reading[1] + pause
                heapq.heappush(self.alarms, (until, _BENCH, agent, ""))
                ledger.emit("benched", None, agent, 0, {"failures": failures, "ns": pause})
            ledger.undo.put(streaks, agent, (failures, until))
        self._tell(ledger, agent)

    def ended(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Nobody needs to decline a task that has ended."""
        for agent in list(self.decliners.get(row.spec.id, ())):
            self._forget_decline(ledger, agent, row.spec.id)

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return counts of adverts, signatures and declines."""
        presence = ledger.tables["presence"]
        return {
            "adverts": len(presence),
            "fading": sum(row[2] for row in presence.values()),
            "signatures": len(self.index.signatures),
            "unindexed": bool(self.index.ready >> MAX_SIGNATURES & 1),
            "declines": len(ledger.tables["declines"]),
        }

    def check(self, ledger: Ledger) -> None:
        """Assert that the index follows the tables."""
        tables = ledger.tables
        assert set(tables["adverts"]) == set(tables["presence"]) == set(self.index.members)
        self.index.check()
        told = {(agent, task) for agent, tasks in self.declined.items() for task in tasks}
        assert told == set(tables["declines"])
        assert told == {(agent, task) for task, agents in self.decliners.items() for agent in agents}
        for _, task in told:
            assert task in ledger.tasks
        rung = set(self.alarms)
        for agent, (deadline, _, fading) in tables["presence"].items():
            assert (self.listed[agent], _PRESENCE, agent, "") in rung
            assert self.listed[agent] <= deadline + (tables["adverts"][agent][6] if fading else 0)
        for row in ledger.tasks.values():
            limit = row.spec.limit
            if row.state is READY and (limit is None or ledger.is_open(limit)):
                assert self.index.ready >> self.index.signature(row.spec).number & 1, row

    # -- eligibility ------------------------------------------------------------------------

    def signature(self, task: Task) -> Hashable:
        """Return the signature of a task."""
        return self.index.signature(task)

    def open_to(self, agent: str) -> list[Signature]:
        """Return the signatures with tasks that this agent may take, amounts included."""
        index = self.index
        member = index.members.get(agent)
        if member is None or self.ledger.tables["presence"][agent][2]:
            mask = index.plain & index.ready
        else:
            mask = index.view(member) & index.ready
        found = []
        used: dict[str, int] | None = None
        for number in bits(mask):
            signature = index.overflow if number == MAX_SIGNATURES else index.signatures[number]
            if signature.uses:
                assert member is not None
                if used is None:
                    used = self.used(agent)
                if any(used.get(name, 0) + n > member.capacity(name) for name, n in signature.uses):
                    continue
            found.append(signature)
        return found

    def may(self, agent: str, row: Row) -> bool:
        """Tell whether an agent may take this very task, slots and declines aside."""
        index, spec = self.index, row.spec
        member = index.members.get(agent)
        signature = index.signature(spec)
        if signature is index.overflow:
            uses = () if spec.uses is None else tuple(spec.uses.items())
            signature = Signature(MAX_SIGNATURES, parse(spec.requires or ""), uses, task_facts(spec))
        if member is None or self.ledger.tables["presence"][agent][2]:
            return signature.is_plain
        if not signature.fits(member):
            return False
        if not signature.uses:
            return True
        used = self.used(agent)
        return all(used.get(name, 0) + n <= member.capacity(name) for name, n in signature.uses)

    def surplus(self, agent: str, hint: tuple[str, Hashable, str]) -> int | None:
        """Return how much more a waiting agent can do; among equals a hash decides, not who came first."""
        row = self.ledger.tasks.get(hint[2])
        if row is None or self.holds_back(self.ledger, agent) is not None:
            return None
        if hint[2] in self.declined.get(agent, ()) or not self.may(agent, row):
            return None
        member = self.index.members.get(agent)
        tie = zlib.crc32(f"{hint[2]}\0{agent}".encode())
        return (0 if member is None else member.weight) << 32 | tie or 1

    def why(self, ledger: Ledger, row: Row) -> list[str]:
        """Say what keeps every agent from a READY task."""
        return why.nobody(self, ledger, row)

    # -- what an agent has ------------------------------------------------------------------

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

    def _tell(self, ledger: Ledger, agent: str) -> None:
        if ledger.news.is_wanted:
            ledger.news.agents.append(agent)

    def _note_decline(self, agent: str, task: str, ordinal: int) -> None:
        self.declined.setdefault(agent, {})[task] = ordinal
        self.decliners.setdefault(task, {})[agent] = None

    def _forget_decline(self, ledger: Ledger, agent: str, task: str) -> None:
        ledger.undo.drop(ledger.tables["declines"], (agent, task))
        for table, key, member in ((self.declined, agent, task), (self.decliners, task, agent)):
            line: dict[str, Any] = table[key]
            del line[member]
            if not line:
                del table[key]

    def _drop(self, ledger: Ledger, agent: str, why_gone: str) -> None:
        ledger.undo.drop(ledger.tables["adverts"], agent)
        ledger.undo.drop(ledger.tables["presence"], agent)
        for task in list(self.declined.get(agent, ())):
            self._forget_decline(ledger, agent, task)
        self.listed.pop(agent, None)
        self.index.drop(agent)
        ledger.emit("departed", None, agent, 0, why_gone)


def _part(ledger: Ledger) -> Capable:
    part = ledger.eligibility
    assert isinstance(part, Capable)
    return part


# -- commands -------------------------------------------------------------------------------


def advertise(ledger: Ledger, command: Advertise) -> Advertised | Refused:
    """Take in an advert; what did not change costs nothing."""
    part, advert = _part(ledger), command.advert
    agent, tables, undo = advert.agent, ledger.tables, ledger.undo
    raw, now, _ = ledger.timeline.reading
    old, (_, load, fading) = tables["adverts"].get(agent), tables["presence"].get(agent, (0, 0.0, False))
    if old is not None and advert.incarnation < old[1]:
        return Refused(AdvertRefusedError(agent, advert.incarnation, old[1]))
    ttl_ns = max(1, ns(advert.ttl))
    said = (advert.capabilities, tuple(advert.attributes.items()), advert.slots, advert.accepts, ttl_ns)
    is_same = old is not None and repr(old[2:]) == repr(said)
    changed = not is_same or load != advert.load
    rejoins = old is not None and (fading or old[1] != advert.incarnation)
    undo.put(tables["presence"], agent, (now + ttl_ns, advert.load, False))
    if old is None or not is_same or old[1] != advert.incarnation:
        number = ledger.ordinal() if old is None else old[0]
        undo.put(tables["adverts"], agent, (number, advert.incarnation, *said))
    status = "joined" if old is None else "rejoined" if rejoins else "changed" if changed else "renewed"
    if not is_same:
        reads = {atom.name for atom in parse(advert.accepts).atoms} if advert.accepts else set()
        if reads <= set(part.index.reads):
            part.index.put(agent, advert.capabilities, advert.attributes, advert.accepts)
        else:
            ledger.sort_again()  # signatures split by what a rule reads for the first time: rare
    if old is None or not is_same or fading:
        part._ring_at(agent, now + ttl_ns)  # noqa: SLF001 - same module
    if changed:
        for task in list(part.declined.get(agent, ())):
            part._forget_decline(ledger, agent, task)  # noqa: SLF001 - same module
    if status != "renewed":
        part._tell(ledger, agent)  # noqa: SLF001
        ledger.emit("changed" if status == "changed" else "joined", None, agent)
    return Advertised(agent, status, raw + ttl_ns)  # type: ignore[arg-type]


def refresh(ledger: Ledger, command: Refresh) -> tuple[Advertised, ...]:
    """Renew adverts. O(1) each: the alarm follows lazily."""
    raw, now, _ = ledger.timeline.reading
    tables = ledger.tables
    adverts, presences = tables["adverts"], tables["presence"]
    answers = []
    for agent, incarnation in command.agents:
        row = adverts.get(agent)
        if row is None:
            answers.append(Advertised(agent, "unknown"))
            continue
        if incarnation < row[1]:
            answers.append(Advertised(agent, "refused"))
            continue
        _, load, fading = presences[agent]
        reported = load if command.load is None else command.load
        ledger.undo.put(presences, agent, (now + row[6], reported, False))
        if fading or reported != load:
            part = _part(ledger)
            part._ring_at(agent, now + row[6])  # noqa: SLF001
            for task in list(part.declined.get(agent, ())):
                part._forget_decline(ledger, agent, task)  # noqa: SLF001
            part._tell(ledger, agent)  # noqa: SLF001
            ledger.emit("joined" if fading else "changed", None, agent)
        status = "rejoined" if fading else "renewed" if reported == load else "changed"
        answers.append(Advertised(agent, status, raw + row[6]))  # type: ignore[arg-type]
    return tuple(answers)


def withdraw(ledger: Ledger, command: Withdraw) -> bool | Refused:
    """Take an advert back."""
    row = ledger.tables["adverts"].get(command.agent)
    if row is None:
        return False
    if command.incarnation is not None and command.incarnation < row[1]:
        return Refused(AdvertRefusedError(command.agent, command.incarnation, row[1]))
    _part(ledger)._drop(ledger, command.agent, "withdrawn")  # noqa: SLF001
    return True


def decline(ledger: Ledger, command: Decline) -> Refused | None:
    """Remember that an agent does not want a task that it could take."""
    part, agent = _part(ledger), command.agent
    row = ledger.tasks.get(command.task)
    if row is None:
        return Refused(TaskNotFoundError(command.task, command.task in ledger.tombstones))
    if row.state is not READY or not part.may(agent, row):
        return Refused(NotOfferedError(agent, command.task, str(row.state)))
    until = 0 if command.retry_ns is None else ledger.timeline.reading[1] + command.retry_ns
    mine = part.declined.get(agent, {})
    if command.task in mine:
        part._forget_decline(ledger, agent, command.task)  # noqa: SLF001
    elif len(mine) >= _DECLINES:
        part._forget_decline(ledger, agent, next(iter(mine)))  # noqa: SLF001
    ordinal = ledger.ordinal()
    ledger.undo.put(ledger.tables["declines"], (agent, command.task), (ordinal, command.reason, until))
    part._note_decline(agent, command.task, ordinal)  # noqa: SLF001
    if until:
        heapq.heappush(part.alarms, (until, _DECLINE, agent, command.task))
    if ledger.news.is_wanted:  # somebody else may want it, now that this one does not
        ledger.news.ready.append((row.spec.kind, part.signature(row.spec), command.task))
    ledger.emit("declined", command.task, agent, 0, command.reason)
    return None


# -- queries --------------------------------------------------------------------------------


def record_of(ledger: Ledger, part: Capable, agent: str) -> AgentRecord:
    """Build the value of an agent that has an advert."""
    _, incarnation, capabilities, attributes, slots, accepts, ttl_ns = ledger.tables["adverts"][agent]
    deadline, load, fading = ledger.tables["presence"][agent]
    raw, now, _ = ledger.timeline.reading
    held = part.held(ledger, agent)
    advert = Advert(agent, capabilities, dict(attributes), slots, load, accepts, ttl_ns / 1e9, incarnation)
    benched = max(0, ledger.tables["streaks"].get(agent, (0, 0))[1] - now)
    return AgentRecord(
        agent,
        "fading" if fading or deadline <= now else "live",
        advert,
        held,
        max(load, min(1.0, held / slots) if slots else 1.0),
        benched / 1e9,
        raw + deadline - now,
    )


def agents(ledger: Ledger, query: Agents) -> Roster:
    """Find agents: live before fading, most preferences met, least loaded, least capable, by name."""
    part = _part(ledger)
    index = part.index
    found = index.masks(parse(query.requires or "").root)[0]
    preferred = [index.masks(parse(text).root)[0] for text in query.prefer]
    ranked = []
    for name in index.names_in(found):
        record, member = record_of(ledger, part, name), index.members[name]
        met = sum(bool(mask & member.bit) for mask in preferred)
        ranked.append(((record.state != "live", -met, record.load, member.weight, name), record))
    ranked.sort(key=lambda pair: pair[0])
    cursor = ledger.ring[0] + len(ledger.ring[1])
    return Roster(tuple([record for _, record in ranked[: query.count]]), cursor)


def offers(ledger: Ledger, query: Offers) -> tuple[Offer, ...]:
    """List what an agent could claim now, in the order in which it would get it."""
    part, order = _part(ledger), ledger.order
    if ledger.paused or ledger.held_back(query.agent) is not None:
        return ()
    assert isinstance(order, BySignature)
    now = ledger.timeline.reading[2]
    ledger.undo.look()  # looking corrects lazy heaps
    rows = order.best(query.agent, part.open_to(query.agent), query.count)
    ledger.undo.entries.clear()
    return tuple(
        [
            Offer(
                row.spec.id,
                row.spec.kind,
                row.spec.priority,
                row.spec.requires,
                None if row.spec.uses is None else dict(row.spec.uses),
                max(0, now - row.ready_ns),
            )
            for row in rows
        ]
    )


Capable.commands = {Advertise: advertise, Refresh: refresh, Withdraw: withdraw, Decline: decline}
Capable.queries = {Agents: agents, Offers: offers, WhyNot: why.why_not}

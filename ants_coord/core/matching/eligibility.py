"""
Capability matching: adverts in, eligibility out. There is no scheduler.

An agent declares what it can do; a task declares what it requires; an idle
agent claims, and gets the best task that it may take and that it accepts.
Adverts are soft state: live until their ttl, then fading (offered nothing that
requires anything) for one more ttl, then gone. Work that is running keeps its
own lease, whatever happens to the advert.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Hashable, Mapping
from operator import and_
from typing import Any

from sortedcontainers import SortedList

from ...errors import AgentGoneError, CoordinationError
from ...requirements import parse
from ...values.adverts import Advert, Advertised
from ...values.routes import Piece, Route
from ...values.rules import LOAD
from ...values.tasks import Task
from ..state.ledger import Ledger
from ..state.parts import Function
from ..state.records import CANCELLED, FAILED, READY, TASK, Row
from ..state.timeline import LEASE
from . import explain as why
from .index import MANY, Index, Open, Signature
from .members import (
    ACCEPTS,
    FADING,
    ORDINAL,
    SEAT,
    TEAM,
    TTL_NS,
    UNTIL,
    Member,
)
from .roster import Roster
from .routes import apply_routes
from .teams import RESERVATION, completed_by, disband, drop_rest, reserve, seat_for, why_no_team

FOR_GOOD = ("withdrawn", "retired")
"""why an agent has gone that may only come back as a new start"""
_GONE = 256
"""agents that have gone and are remembered, at most"""

_PRESENCE, _BENCH = 0, 1
_AT_ONCE = 1_000
"""adverts that fade per command, at most"""
_FAILURES = frozenset({"retry", "back_off", "give_up"})
_BENCH_NS = 1_000_000_000
_BENCH_MOST = 60


class Capable(Roster):
    """
    The eligibility part of the matchmaker, with the adverts and declines that it follows.

    Tables:
        adverts: agent -> (ordinal, incarnation, capabilities, attributes as pairs, slots, accepts, ttl in ns)
        presence: agent -> (deadline in lease time, reported load, whether it is fading)
        streaks: agent -> (failures in a row, benched until in lease time)
        reserved: agent -> (seat, team, until in lease time)
        absent: agent -> lease time until which it is left out of teams
        gone: agent -> (ordinal, why, incarnation, capabilities, attributes as pairs), the latest of them
    """

    honours = frozenset({"requires", "uses", "team"})
    tables = ("adverts", "presence", "streaks", "reserved", "absent", "gone")
    values = (Advert, Advertised, Piece, Route)

    def __init__(
        self, commands: Mapping[type, Function], queries: Mapping[type, Function], skills: Any
    ) -> None:
        super().__init__()
        self.commands, self.queries = commands, queries
        self.skills = skills
        """the part that keeps evidence by capability"""

    # -- the part ---------------------------------------------------------------------------

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild the index from the adverts."""
        self.ledger = ledger
        self.index = index = Index()
        self.alarms, self.listed = [], {}
        self.open_seats, self.plan = {}, {}
        adverts = ledger.tables["adverts"]
        reads = {
            atom.name for row in adverts.values() if row[ACCEPTS] for atom in parse(row[ACCEPTS]).atoms
        } - {LOAD}
        index.reads = tuple(sorted(reads))
        for agent, (deadline, _, fading) in ledger.tables["presence"].items():
            advert = adverts[agent]
            index.put(agent, *self.seen(ledger, agent), advert[ACCEPTS])
            self.ring_at(agent, deadline + advert[TTL_NS] if fading else deadline)
        self.by_weight = SortedList((member.weight, name) for name, member in index.members.items())
        for agent, (seat, _, until) in ledger.tables["reserved"].items():
            heapq.heappush(self.alarms, (until, RESERVATION, agent, seat))
        self.count_reserved()
        for agent, (_, until) in ledger.tables["streaks"].items():
            if until:
                heapq.heappush(self.alarms, (until, _BENCH, agent, ""))

    def ring_at(self, agent: str, when: int) -> None:
        """Set the alarm for an agent's presence; only one entry per agent counts."""
        listed = self.listed.get(agent)
        if listed is None or when < listed:
            self.listed[agent] = when
            heapq.heappush(self.alarms, (when, _PRESENCE, agent, ""))

    def pass_time(self, ledger: Ledger) -> None:
        """Let adverts fade and end declines, where due."""
        now = ledger.timeline.reading[LEASE]
        if not self.alarms or self.alarms[0][0] > now:
            return
        # only alarms that apply are counted: a restored replica has fewer others to step over
        for _ in range(_AT_ONCE):
            alarm = self._next_alarm()
            if alarm is None:
                return
            when, what, agent, _ = alarm
            if when > now:
                return
            if what == _PRESENCE:
                self._look_after(ledger, agent)
            elif what == RESERVATION:
                team = ledger.tables["reserved"][agent][TEAM]
                disband(self, ledger, team, agent, f"{agent} did not come for its seat in time")
            else:
                failures, _ = ledger.tables["streaks"][agent]
                ledger.undo.put(ledger.tables["streaks"], agent, (failures, 0))
                self.tell(ledger, agent)

    def _next_alarm(self) -> tuple[int, int, str, str] | None:
        """Return the earliest alarm that applies; drop those before it."""
        while self.alarms:
            if self._applies(*self.alarms[0]):
                return self.alarms[0]
            heapq.heappop(self.alarms)
        return None

    def _applies(self, when: int, what: int, agent: str, task: str) -> bool:
        tables = self.ledger.tables
        if what == RESERVATION:
            held = tables["reserved"].get(agent)
            return held is not None and held[SEAT] == task and held[UNTIL] == when
        if what == _BENCH:
            _, until = tables["streaks"].get(agent, (0, 0))
            return bool(until == when)
        return self.listed.get(agent) == when and not self._is_early(when, agent)

    def _is_early(self, when: int, agent: str) -> bool:
        """Tell whether an advert was refreshed since its alarm was set; if so, set a new alarm."""
        deadline, _, fading = self.ledger.tables["presence"][agent]
        due = deadline + self.ledger.tables["adverts"][agent][TTL_NS] if fading else deadline
        if due <= when:
            return False
        del self.listed[agent]
        self.ring_at(agent, due)
        return True

    def _look_after(self, ledger: Ledger, agent: str) -> None:
        """Let an agent fade that was not refreshed in time, or remove one that has faded."""
        deadline, load, fading = ledger.tables["presence"][agent]
        del self.listed[agent]
        if fading:
            self.drop(ledger, agent, "silent")
        else:
            ledger.undo.put(ledger.tables["presence"], agent, (deadline, load, True))
            ledger.emit("fading", None, agent)
            ledger.news.tell(agent)  # its slots and its load bind it no longer
            self.ring_at(agent, deadline + ledger.tables["adverts"][agent][TTL_NS])

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        """Return when the next advert fades or the next decline ends."""
        alarm = self._next_alarm()
        return None if alarm is None else max(0, alarm[0] - reading[LEASE])

    def granted(self, ledger: Ledger, row: Row) -> None:
        """Follow the grant of a seat; an agent that takes something is no longer absent."""
        assert row.agent is not None
        if row.spec.seat is not None:
            reserve(self, ledger, row)
        if row.agent in ledger.tables["absent"]:
            ledger.undo.drop(ledger.tables["absent"], row.agent)
            self.tell(ledger, row.agent)

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Tell an agent that a slot is free; bench an agent that fails several times in a row."""
        agent = row.agent
        assert agent is not None
        streaks = ledger.tables["streaks"]
        if verb in ("complete", "hand_in"):
            if agent in streaks:
                ledger.undo.drop(streaks, agent)
        elif verb in _FAILURES:
            failures, _ = streaks.get(agent, (0, 0))
            failures, until, most = failures + 1, 0, ledger.settings.bench_after
            if most and failures >= most:
                pause = min(1 << min(failures - most, 10), _BENCH_MOST) * _BENCH_NS
                until = ledger.timeline.reading[LEASE] + pause
                heapq.heappush(self.alarms, (until, _BENCH, agent, ""))
                ledger.emit("benched", None, agent, 0, {"failures": failures, "ns": pause})
            ledger.undo.put(streaks, agent, (failures, until))
        if row.spec.requires is not None and self.skills.is_kept(ledger):
            self.skills.tally(ledger, row, verb, self.asked_of(agent, row.spec))
        self.tell(ledger, agent)

    def judged(self, ledger: Ledger, agent: str, spec: Task, *, is_right: bool) -> None:
        """Note what a result was worth, for each capability that its task asked for."""
        if spec.requires is not None and self.skills.is_kept(ledger):
            for name in self.asked_of(agent, spec):
                self.skills.add_verdict(ledger, agent, name, float(is_right), float(not is_right))

    def asked_of(self, agent: str, spec: Task) -> list[str]:
        """Return the capabilities that a task asks for and that its agent has here."""
        member = self.index.members.get(agent)
        if member is None:
            return []
        # the signature already has the requirement parsed
        needed = self.index.signature(spec, is_kept=False).requirement.atoms
        has = [atom.name for atom in needed if atom.name in member.facts.capabilities]
        names = [name.removeprefix("proven.") for name in has if not name.startswith("addressee.")]
        return list(dict.fromkeys(names))

    def about(self, ledger: Ledger, agent: str) -> dict[str, Any]:
        """Return the outcomes of the tasks that required a capability."""
        return {"capabilities": self.skills.records(ledger, agent)}

    def ended(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Give up a team that has lost a seat for good."""
        if (row.spec.seat is not None or row.spec.team) and row.state in (FAILED, CANCELLED):
            team = row.spec.seat or row.spec.id
            if team in self.reserved_teams:
                disband(self, ledger, team, None, f"{row.spec.id} is {row.state}")
            drop_rest(ledger, row)

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return counts of adverts and signatures."""
        presence = ledger.tables["presence"]
        return {
            "adverts": len(presence),
            "fading": sum(row[FADING] for row in presence.values()),
            "signatures": sum(one is not None for one in self.index.signatures),
        }

    def check(self, ledger: Ledger) -> None:
        """Assert that the index follows the tables."""
        tables = ledger.tables
        assert set(tables["adverts"]) == set(tables["presence"]) == set(self.index.members)
        self.index.check()
        assert list(self.by_weight) == sorted((m.weight, name) for name, m in self.index.members.items())
        seats = {
            (row.spec.seat, row.spec.id)
            for row in ledger.tasks.values()
            if row.spec.seat and row.state is READY
        }
        assert seats == {(team, seat) for team, rows in self.open_seats.items() for seat in rows}
        for agent, (seat, team, _) in tables["reserved"].items():
            assert agent in tables["presence"]
            assert (team, seat) in seats
        rung = set(self.alarms)
        for agent, (deadline, _, fading) in tables["presence"].items():
            assert (self.listed[agent], _PRESENCE, agent, "") in rung
            assert self.listed[agent] <= deadline + (tables["adverts"][agent][TTL_NS] if fading else 0)
        for row in ledger.tasks.values():
            door = row.spec.door
            if row.spec.id in tables["handed"]:
                continue
            if row.state is READY and (door is None or ledger.is_open(door)):
                signature = row.lane.signature
                assert signature is self.index.signature(row.spec, is_kept=False), row
                assert self.index.ready[signature.block] & signature.bit or row.spec.seat is not None, row

    def rewrite(
        self, ledger: Ledger, tasks: tuple[Task, ...], payloads: tuple[Any, ...]
    ) -> tuple[tuple[Task, ...], tuple[Any, ...]] | CoordinationError:
        """Apply the board's routes to a batch."""
        return apply_routes(ledger, tasks, payloads)

    # -- eligibility ------------------------------------------------------------------------

    def heard_nobody(self, ledger: Ledger, raw_ns: int, late_ns: int) -> None:
        """Extend adverts by one ttl if they ran out while nobody could be heard."""
        previous, lease_now, _ = ledger.timeline.reading
        now = lease_now + max(0, raw_ns - previous)
        for agent, (deadline, load, fading) in sorted(ledger.tables["presence"].items()):
            ttl = ledger.tables["adverts"][agent][TTL_NS]
            if not fading and now - late_ns <= deadline <= now and late_ns >= ttl:
                ledger.undo.put(ledger.tables["presence"], agent, (now + ttl, load, False))

    def can(self, agent: str, task: Task) -> bool:
        """Tell whether an agent may take such a task now: requirement, own rule, amounts, declines."""
        if task.id in self.ledger.declines.active.get(agent, ()) or agent in self.ledger.tables["reserved"]:
            return False
        if agent not in self.index.members or self.ledger.tables["presence"][agent][FADING]:
            return not task.requires and not task.uses
        return self.may_do(agent, task)

    def signature(self, task: Task) -> Hashable:
        """Return the signature of a task."""
        return self.index.signature(task)

    def open_to(self, agent: str) -> list[Signature] | Open:
        """Return the signatures with tasks that this agent may take, with regard to amounts too."""
        index = self.index
        member = index.members.get(agent)
        if member is None or self.ledger.tables["presence"][agent][FADING]:
            view = index.plain
        else:
            if member.own_rule is not None:
                member.put_in(self.load(agent))
            view = index.view(member)
        if len(view) > 1:
            return self._open_in_blocks(agent, member, view)
        mask = view[0] & index.ready[0]
        if mask.bit_count() > MANY:
            return self._open_in_blocks(agent, member, view)
        found: list[Signature] = []
        signatures = index.signatures
        used: dict[str, int] | None = None
        while mask:  # `bits`, without a call for each
            low = mask & -mask
            mask ^= low
            signature = signatures[low.bit_length() - 1]
            assert signature is not None
            if signature.uses:
                assert member is not None
                if used is None:
                    used = self.used(agent)
                if any(used.get(name, 0) + n > member.capacity(name) for name, n in signature.uses):
                    continue
            found.append(signature)
        return found

    def _open_in_blocks(self, agent: str, member: Member | None, view: list[int]) -> list[Signature] | Open:
        used = {} if member is None else self.used(agent)

        def has_room(signature: Signature) -> bool:
            assert member is not None
            return all(used.get(name, 0) + n <= member.capacity(name) for name, n in signature.uses)

        masks = {block: mask for block, mask in enumerate(map(and_, view, self.index.ready)) if mask}
        found = Open(self.index, masks, has_room)
        return found if sum(map(int.bit_count, masks.values())) > MANY else list(found)

    def may(self, agent: str, row: Row) -> bool:
        """Tell whether an agent may take this very task, apart from slots and declines."""
        index, spec = self.index, row.spec
        reserved = self.ledger.tables["reserved"].get(agent)
        if spec.seat is not None or reserved is not None:
            return seat_for(self, self.ledger, agent) is row
        self.put_load_in(agent)
        member = index.members.get(agent)
        signature = index.signature(spec, is_kept=False)
        if member is None or self.ledger.tables["presence"][agent][FADING]:
            return signature.is_plain
        return signature.fits(member) and self.has_room(member, signature.uses)

    def surplus(self, agent: str, hint: tuple[str, Hashable, str]) -> int | None:
        """Return how much more a waiting agent can do; ties are broken by a hash, not by who came first."""
        row = self.ledger.tasks.get(hint[TASK])
        if row is None or self.holds_back(self.ledger, agent) is not None or not self.may(agent, row):
            return None
        member = self.index.members.get(agent)
        if member is None:
            return 0  # agents without an advert are served as in a claim queue: first come, first served
        return member.weight << 32 | zlib.crc32(f"{hint[TASK]}\0{agent}".encode()) or 1

    def why(self, ledger: Ledger, row: Row) -> list[str]:
        """Say what keeps every agent from a READY task."""
        return why_no_team(self, ledger, row) if row.spec.seat is not None else why.nobody(self, ledger, row)

    # -- what an agent has ------------------------------------------------------------------

    def tell(self, ledger: Ledger, agent: str) -> None:
        """Tell a waiting agent to look again, and those that may now make up a team with it."""
        if ledger.news.is_wanted:
            ledger.news.agents.append(agent)
            if self.open_seats:
                seats = completed_by(self, ledger, agent)
                ledger.news.ready += [(row.spec.kind, None, row.spec.id) for row in seats]

    def note_gone(self, ledger: Ledger, agent: str, row: tuple[Any, ...]) -> None:
        """Remember an agent that has gone, among the latest of them."""
        gone = ledger.tables["gone"]
        if agent not in gone and len(gone) >= _GONE:
            ledger.undo.drop(gone, min(gone, key=lambda name: gone[name][ORDINAL]))
        ledger.undo.put(gone, agent, (ledger.ordinal(), *row))

    def drop(self, ledger: Ledger, agent: str, why_gone: str, reason: str = "") -> None:
        """Remove an advert."""
        _, incarnation, capabilities, attributes, *_ = ledger.tables["adverts"][agent]
        self.note_gone(ledger, agent, (why_gone, incarnation, capabilities, attributes))
        ledger.undo.drop(ledger.tables["adverts"], agent)
        ledger.undo.drop(ledger.tables["presence"], agent)
        ledger.declines.forget_open(ledger, agent)
        self.listed.pop(agent, None)
        self.by_weight.discard((self.index.members[agent].weight, agent))
        self.index.drop(agent)
        if agent in ledger.tables["reserved"]:
            disband(self, ledger, ledger.tables["reserved"][agent][TEAM], None, f"{agent} has gone")
        said = f"{why_gone}: {reason}" if reason else why_gone
        if why_gone not in FOR_GOOD:
            ledger.news.tell(agent)  # its own slots and conditions bind it no longer
        elif ledger.news.is_wanted:
            ledger.news.gone.append((agent, AgentGoneError(agent, said)))
        ledger.emit("departed", None, agent, 0, said)
        for hook in ledger.on_advert:
            hook(ledger, agent)

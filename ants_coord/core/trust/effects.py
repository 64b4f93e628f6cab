"""
Restraint: the consequences of standing on a board with a TrustPolicy.

Limit early, quarantine late. The number of tasks that an agent may hold follows from a lower bound of what it
delivers, so newcomers and slow agents get fewer. Quarantine needs proof: an upper bound below a third, or
several bad outcomes in a row. After a while a quarantined agent may try one task, and only success lets it
back in. If more than a certain share of the established agents would be in quarantine, the cause is an outage
and not the agents: then nobody is quarantined, and an alarm says so.
"""

from __future__ import annotations

import heapq
from itertools import islice
from typing import Any

from ...values.trust import TrustPolicy
from ..state.ledger import Ledger, ns
from ..state.parts import Part
from ..state.records import READY, Row
from ..state.timeline import LEASE
from .evidence import FAILED_VERBS, LATEST, WRONG_IN_A_ROW, Reputation

_TRUSTED, _PROVEN = 0.5, 0.85
"""the lower bound from which an agent is established, and the one from which it has full rights"""
_HOPELESS, _WORTHLESS = 0.35, 0.5
"""the upper bound, of what is delivered or of what results are worth, below which the breaker opens"""
_MOST_RELAPSES = 10
_ENOUGH = 3
"""with fewer established agents at work than this, newcomers are not held back: somebody must do the work"""
_KEEP_SHARE = 0.9930924954370359  # 2^(-1/100)
_UNTIL, _RELAPSES, _WHY = range(3)
"""a row of the table `breakers`"""
_UNJUDGED = 4
"""
How many unjudged results an agent may have for each task it may hold.

Without this bound, a fast agent with wrong answers could finish the whole board before its first result is
judged.
"""
_LEAST_HOLD = 2.0
"""how many usual lengths a task may be held after any number of losses: slow work must stay possible"""


class Restraint(Part):
    """
    The effects of standing.

    Tables:
        breakers: agent -> (until in lease time, how often in a row, why)
        strikes: agent -> bad outcomes in a row
        established: agent -> (ordinal,) once it has been trusted
        holds: leased task -> (granted, latest deadline) in lease time; from its first renewal on
        alarm: "" -> (until in lease time,)
        share: "" -> (claims of newcomers, of everybody), both fading; with `newcomers` only
        shortened: leased task -> when its lease would have ended at full length, in lease time
        spared: agent -> 1 if it has lost a shortened lease: it gets full ones from then on
    """

    tables = ("breakers", "strikes", "established", "holds", "alarm", "share", "shortened", "spared")
    values = (TrustPolicy,)

    def __init__(self, reputation: Reputation) -> None:
        self.reputation = reputation
        self.alarms: list[tuple[int, str]] = []
        """heap of (lease time, agent) of the end of a quarantine, or of the alarm ("")"""

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild the alarms."""
        assert ledger.settings.trust is not None
        self.policy = ledger.settings.trust
        self.ledger = ledger
        tables = ledger.tables
        self.alarms = [(until, agent) for agent, (until, _, _) in tables["breakers"].items()]
        self.alarms += [(until, "") for (until,) in tables["alarm"].values()]
        heapq.heapify(self.alarms)

    # -- what an agent may ------------------------------------------------------------------

    def limit(self, ledger: Ledger, agent: str) -> int:
        """Return how many tasks an agent may hold."""
        if agent in ledger.tables["breakers"] or ledger.tables["alarm"]:
            return 1
        low = self.reputation.low(ledger, agent)
        most = self.policy.claims_most
        if low < _TRUSTED:
            return 1
        return min(most, 1 + round((most - 1) * (low - _TRUSTED) / (_PROVEN - _TRUSTED)))

    def holds_back(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent may not claim now: in quarantine, or holding as much as it is trusted with."""
        if not self.policy.strangers and not ledger.principals.vouched(ledger, agent):
            return "is a stranger: the policy lets only agents claim that somebody vouches for"
        holder = ledger.agents.get(agent)
        held = 0 if holder is None else len(holder.leases)
        if self.policy.newcomers is not None and self._had_their_share(ledger, agent):
            return f"has no standing yet, and newcomers have had their {self.policy.newcomers:.0%} of claims"
        breaker = ledger.tables["breakers"].get(agent)
        if breaker is not None and breaker[_UNTIL] > ledger.timeline.reading[LEASE]:
            return self.quarantined(ledger, agent)
        if not held:
            return None
        if breaker is not None:
            return "was in quarantine, and may hold one task at a time until one is completed"
        most = self.limit(ledger, agent)
        if held < most:
            return None
        if ledger.tables["alarm"]:
            return "everybody may hold one task at a time: so much fails that an outage is likely"
        low = self.reputation.low(ledger, agent)
        return f"holds {held} task(s), as many as its standing allows (at least {low:.2f})"

    def quarantined(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent may change nothing now: it is in quarantine and not yet on probation."""
        breaker = ledger.tables["breakers"].get(agent)
        now = ledger.timeline.reading[LEASE]
        if breaker is None or breaker[_UNTIL] <= now:
            return None
        return f"is in quarantine for {(breaker[_UNTIL] - now) / 1e9:.3g} s more: {breaker[_WHY]}"

    def _had_their_share(self, ledger: Ledger, agent: str) -> bool:
        return agent not in ledger.tables["established"] and self._are_newcomers_full(ledger)

    def _are_newcomers_full(self, ledger: Ledger) -> bool:
        new, everybody = ledger.tables["share"].get("", (0.0, 0.0))
        share = self.policy.newcomers
        if share is None or new <= share * everybody:
            return False
        known = (ledger.agents.get(agent) for agent in ledger.tables["established"])
        at_work = (row for row in known if row is not None and row.leases)
        return len(list(islice(at_work, _ENOUGH))) == _ENOUGH

    def granted(self, ledger: Ledger, row: Row) -> None:
        """Count a claim, of a newcomer or of a known agent."""
        if self.policy.newcomers is None:
            return
        new, everybody = ledger.tables["share"].get("", (0.0, 0.0))
        is_new = row.agent not in ledger.tables["established"]
        were_full = self._are_newcomers_full(ledger)
        fresh = (new * _KEEP_SHARE + is_new, everybody * _KEEP_SHARE + 1.0)
        ledger.undo.put(ledger.tables["share"], "", fresh)
        if were_full:
            self._tell_newcomers(ledger)

    def _tell_newcomers(self, ledger: Ledger) -> None:
        """Have newcomers look again that were held back, if they may claim now."""
        if ledger.news.is_wanted and not self._are_newcomers_full(ledger):
            ledger.news.tell_anybody(ledger.counts[READY])

    def bars(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent gets nothing now, or only others' results to judge; None if nothing bars it."""
        if self.owes(ledger, agent):
            return (
                f"has {ledger.checking.open[agent]} results that others have not judged yet, as many as its "
                "standing allows; until then it may only judge those of others"
            )
        return self.holds_back(ledger, agent)

    def owes(self, ledger: Ledger, agent: str) -> bool:
        """Tell whether so many results of an agent are unjudged that it gets no new work for now."""
        waiting: int = ledger.checking.open.get(agent, 0)
        return waiting > 0 and waiting >= _UNJUDGED * self.limit(ledger, agent)

    def length(self, ledger: Ledger, row: Row, agent: str, ttl_ns: int) -> int:
        """
        Return how long a new lease lasts if nobody has said how long it should be.

        The probe that may end a quarantine gets the full length. So does every agent that has lost a
        shortened lease: it may have been at work, and must not be judged by our thrift.
        """
        tables = ledger.tables
        # boards of format 1 shortened the leases of these, too
        is_spared = not ledger.is_old and (agent in tables["breakers"] or agent in tables["spared"])
        if not self.policy.short_leases or is_spared:
            return ttl_ns
        low = self.reputation.low(ledger, agent)
        if low >= 0.75:
            return ttl_ns
        if not ledger.is_old:
            ledger.undo.put(tables["shortened"], row.spec.id, ledger.timeline.reading[LEASE] + ttl_ns)
        return max(1, round(ttl_ns * (0.25 + low)))

    def spares(self, ledger: Ledger, row: Row) -> bool:
        """
        Tell whether a lease has run out only because we had shortened it: that does not count as silence.
        """
        until = ledger.tables["shortened"].get(row.spec.id)
        return until is not None and row.lost == "expired" and row.deadline_ns < until

    def latest(self, ledger: Ledger, row: Row) -> int | None:
        """Return the lease time beyond which a lease cannot be renewed; fixed at its first renewal."""
        if not self.policy.hold_most:
            return None
        tables, spec = ledger.tables, row.spec
        holds = tables["holds"]
        if spec.id not in holds:
            granted = row.deadline_ns - row.ttl_ns
            usual = ns(ledger.settings.lease_ttl if spec.lease_ttl is None else spec.lease_ttl)
            # each loss in a row halves how long a lease can be renewed; otherwise an agent that renews for
            # ever and delivers nothing would hold a task just as long at each try, and at each probe
            losses = tables["strikes"].get(row.agent, 0) + (row.agent in tables["breakers"])
            most = max(min(self.policy.hold_most, _LEAST_HOLD), self.policy.hold_most / 2.0**losses)
            latest = granted + round(max(usual, row.ttl_ns) * most)
            ledger.undo.put(holds, spec.id, (granted, latest))
        return int(holds[spec.id][LATEST])

    def latest_known(self, ledger: Ledger, row: Row) -> int | None:
        """
        Return what `latest` has fixed for a lease that has been renewed; None if it has not been renewed.
        """
        hold = ledger.tables["holds"].get(row.spec.id)
        return None if hold is None else int(hold[LATEST])

    def weight(self, ledger: Ledger, agent: str) -> float:
        """Return how much an agent's marks count."""
        if not self.policy.weigh_deposits:
            return 1.0
        breaker = ledger.tables["breakers"].get(agent)
        if breaker is not None:
            return 0.0
        return min(1.0, max(0.0, self.reputation.low(ledger, agent)) / _PROVEN)

    def rank(self, ledger: Ledger, agent: str, task: str, surplus: int) -> int:
        """
        Return the rank of a waiting agent among those that could take a task: the lowest is woken.

        The rank follows from what the agent is expected to deliver, never from the lower bound, which would
        starve newcomers. Every tenth task goes to newcomers first, or nobody would ever learn what they can
        do.
        """
        seen, mean = self.reputation.of(ledger, agent), 1.0
        if ledger.tables["quality"]:
            quality = self.reputation.quality(ledger, agent)
            mean = 1.0 if quality is None else quality.mean
        is_new = seen.good + seen.bad < 10 and seen.high >= 0.4
        row = ledger.tasks.get(task)
        for_new = row is not None and row.seq % 10 == 0
        expected = round((1.0 - seen.mean * mean) * 1_000_000)
        return (0 if is_new and for_new else 1 + expected) << 80 | surplus + 1

    def hopeless(self, ledger: Ledger, row: Row) -> str | None:
        """Return why a task should be given up: enough different agents have failed it."""
        most = self.policy.poison_after
        if not most:
            return None
        tried = {agent for agent, _, _ in ledger.tables["failers"].get(row.spec.id, ())} | {row.agent}
        if len(tried) < most:
            return None
        names = ", ".join(sorted(str(agent) for agent in tried))
        return f"poison: {len(tried)} different agents failed it ({names})"

    # -- what happens -----------------------------------------------------------------------

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Judge an agent by how its lease ended; its evidence has already been noted."""
        agent, tables = row.agent, ledger.tables
        assert agent is not None
        if row.spec.id in tables["holds"]:
            ledger.undo.drop(tables["holds"], row.spec.id)
        is_spared = self.spares(ledger, row)
        if row.spec.id in tables["shortened"]:
            ledger.undo.drop(tables["shortened"], row.spec.id)
        if is_spared:
            ledger.undo.put(tables["spared"], agent, 1)
        elif verb in ("complete", "hand_in"):
            if agent in tables["strikes"]:
                ledger.undo.drop(tables["strikes"], agent)
            if row.spec.verify is None:  # where results are checked, the verdict decides
                self._credit(ledger, agent)
        elif verb in FAILED_VERBS and self.hopeless(ledger, row) is not None:
            self.reputation.refund(ledger, row.spec.id)  # the task is at fault, and is given up
        elif verb in FAILED_VERBS:
            strikes = tables["strikes"].get(agent, 0)
            if len({name for name, _, _ in tables["failers"].get(row.spec.id, ())}) < 2:
                strikes += 1  # a failure on a task that others failed too is weaker evidence, and no strike
                ledger.undo.put(tables["strikes"], agent, strikes)
            self._judge(ledger, agent, strikes)
        ledger.news.tell(agent)
        if self.policy.newcomers is not None and agent in tables["established"]:
            self._tell_newcomers(ledger)  # fewer are at work

    def watches(self, ledger: Ledger, agent: str) -> bool:
        """Tell whether every result of an agent is checked now: it is on probation, or there is an alarm."""
        return agent in ledger.tables["breakers"] or bool(ledger.tables["alarm"])

    def proved(self, ledger: Ledger, agent: str) -> None:
        """Let an agent back in after its result passed a check."""
        self._credit(ledger, agent)
        ledger.news.tell(agent)

    def _credit(self, ledger: Ledger, agent: str) -> None:
        tables = ledger.tables
        if agent in tables["breakers"]:
            self._readmit(ledger, agent)
        if agent not in tables["established"] and self.reputation.low(ledger, agent) >= _TRUSTED:
            ledger.undo.put(tables["established"], agent, (ledger.ordinal(),))

    def disproved(self, ledger: Ledger, agent: str, kind: str, why: str) -> None:
        """Judge an agent whose result failed a check; the evidence has already been noted."""
        breaker = ledger.tables["breakers"].get(agent)
        quality, wrong = self.reputation.quality(ledger, agent), 0
        if (agent, kind) in ledger.tables["quality"]:
            wrong = ledger.tables["quality"][agent, kind][WRONG_IN_A_ROW]
        if breaker is not None:
            self._shut_out(ledger, agent, breaker[_RELAPSES] + 1, f"on probation, and {why}")
        elif wrong >= self.policy.quarantine_after:
            self._shut_out(ledger, agent, 0, f"{wrong} wrong results in a row")
        elif quality is not None and quality.high < _WORTHLESS:
            self._shut_out(ledger, agent, 0, f"its results are right in {quality.mean:.0%} of cases at best")
        ledger.news.tell(agent)

    def _judge(self, ledger: Ledger, agent: str, strikes: int) -> None:
        breaker = ledger.tables["breakers"].get(agent)
        seen = self.reputation.of(ledger, agent)
        if breaker is not None:
            why = "the task it was tried with failed, too"
            self._shut_out(ledger, agent, breaker[_RELAPSES] + 1, why)
        elif strikes >= self.policy.quarantine_after:
            self._shut_out(ledger, agent, 0, f"{strikes} bad outcomes in a row")
        elif seen.high < _HOPELESS:
            self._shut_out(
                ledger, agent, 0, f"it delivers {seen.mean:.0%} at best {seen.high:.0%} of its claims"
            )

    def shut_out(self, ledger: Ledger, agent: str, why: str) -> None:
        """Put an agent in quarantine because somebody says so; no budget limits this."""
        breaker = ledger.tables["breakers"].get(agent)
        self._open(ledger, agent, 0 if breaker is None else breaker[_RELAPSES] + 1, why)

    def _shut_out(self, ledger: Ledger, agent: str, relapses: int, why: str) -> None:
        tables = ledger.tables
        if relapses == 0 and agent in tables["established"]:
            out = sum(name in tables["established"] for name in tables["breakers"]) + 1
            # one agent may always be quarantined: one failing agent is no outage, however few agents there
            # are
            if out > max(1.0, self.policy.quarantine_most * len(tables["established"])):
                self._raise_alarm(ledger, agent, why)
                return
        self._open(ledger, agent, relapses, why)

    def _open(self, ledger: Ledger, agent: str, relapses: int, why: str) -> None:
        tables, now = ledger.tables, ledger.timeline.reading[LEASE]
        pause = ns(self.policy.cooldown * ledger.settings.lease_ttl) << min(relapses, _MOST_RELAPSES)
        ledger.undo.put(tables["breakers"], agent, (now + pause, relapses, why))
        heapq.heappush(self.alarms, (now + pause, agent))
        ledger.emit("quarantined", None, agent, 0, {"why": why, "ns": pause})

    def _raise_alarm(self, ledger: Ledger, agent: str, why: str) -> None:
        tables, now = ledger.tables, ledger.timeline.reading[LEASE]
        pause = ns(self.policy.cooldown * ledger.settings.lease_ttl)
        is_new = not tables["alarm"]
        ledger.undo.put(tables["alarm"], "", (now + pause,))
        heapq.heappush(self.alarms, (now + pause, ""))
        if is_new:
            ledger.emit(
                "alarm", None, agent, 0, {"why": f"{why}, as with too many others: an outage is likely"}
            )

    def _readmit(self, ledger: Ledger, agent: str) -> None:
        ledger.undo.drop(ledger.tables["breakers"], agent)
        self.reputation.pardon(ledger, agent)
        ledger.emit("readmitted", None, agent)

    # -- time -------------------------------------------------------------------------------

    def pass_time(self, ledger: Ledger) -> None:
        """Wake agents whose quarantine has reached its probe, and end the alarm."""
        now, tables = ledger.timeline.reading[LEASE], ledger.tables
        while self.alarms and self.alarms[0][0] <= now:
            when, agent = heapq.heappop(self.alarms)
            if agent:
                ledger.news.tell(agent)
            elif tables["alarm"].get("") == (when,):
                ledger.undo.drop(tables["alarm"], "")
                ledger.emit("alarm", None, None, 0, {"why": "over"})
                if ledger.news.is_wanted:
                    ledger.news.agents.extend(ledger.agents)

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        """Return when the next quarantine, or the alarm, ends."""
        return max(0, self.alarms[0][0] - reading[LEASE]) if self.alarms else None

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return how many are in quarantine, and whether there is an alarm."""
        return {"quarantined": len(ledger.tables["breakers"]), "alarm": bool(ledger.tables["alarm"])}

    def check(self, ledger: Ledger) -> None:
        """Assert that the tables agree with leases and alarms."""
        tables = ledger.tables
        for agent, (until, _, _) in tables["breakers"].items():
            assert until <= ledger.timeline.reading[LEASE] or (until, agent) in self.alarms
        for task, (granted, latest) in tables["holds"].items():
            row = ledger.tasks[task]
            assert row.agent is not None
            assert ledger.agents[row.agent].leases[row.token] is row
            assert granted < latest
            assert row.deadline_ns <= latest
        for (until,) in tables["alarm"].values():
            assert (until, "") in self.alarms

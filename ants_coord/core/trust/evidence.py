"""
Reputation: what agents have delivered, as evidence that fades; a fold over history.

Only what the board itself observes counts, never what agents say about each other. Each (agent, kind of task)
has a Beta distribution over how often a claim is delivered (Josang & Ismail 2002, with a uniform prior). Good
and bad evidence fade by half with fifty further outcomes and, slowly, with time. Bad evidence fades more
slowly than good, so waiting does not clean a record.

An update costs the same however long the history is, and uses only correctly rounded operations, so every
replica has the same bits.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import ClassVar

from ...values.tasks import Task
from ...values.trust import Channel, Record
from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import Row
from ..state.timeline import CALENDAR, LEASE
from ..state.undo import put_back

FAILED_VERBS = frozenset({"retry", "back_off", "give_up", "expire"})
"""ends of a lease that are the holder's doing; release is one too, but a polite one"""
DELIVERED = ("complete", "hand_in")
_KEEP = 0.9862327044933592  # 2^(-1/50)
_KEEP_QUALITY = 0.9930924954370359  # 2^(-1/100)
_HOUR = 3_600 * 1_000_000_000
_GOOD_HALF, _BAD_HALF = 30 * 24 * _HOUR, 90 * 24 * _HOUR
_SILENT, _OVERTIME, _FAILED = 2.0, 1.5, 1.0
_EARLY, _LATE = 0.1, 0.25
_LATE_GOOD, _LATE_BAD = 0.5, -1.0
_AGENTS, _KINDS = 10_000, 64
ORDINAL, GOOD, BAD, _, HOUR_ENDS = range(5)
"""a row of the table `evidence`"""
RIGHT, WRONG, RIGHT_IN_A_ROW, WRONG_IN_A_ROW, _ = range(5)
"""a row of the table `quality`"""
_, LATEST = range(2)
"""a row of the table `holds`, see effects.py"""


def channel(good: float, bad: float) -> Channel:
    """Return the distribution that these amounts of evidence stand for, under a uniform prior."""
    a, b = good + 1.0, bad + 1.0
    n = a + b
    mean, spread = a / n, math.sqrt(a * b / (n * n * (n + 1.0)))
    return Channel(good, bad, mean, mean - spread, mean + 1.645 * spread)


def _faded(amount: float, passed_ns: int, half_life: int) -> float:
    from ..state.decay import strength_at, weight_of  # noqa: PLC0415 - an hour has passed

    return amount * strength_at(weight_of(1.0, 0, half_life), passed_ns, half_life)


def _given_back(ledger: Ledger, row: Row) -> float:
    """Return the bad evidence for giving a lease back: little at first, more after half its time."""
    held = ledger.timeline.reading[LEASE] - (row.deadline_ns - row.ttl_ns)
    return _EARLY if 2 * held < row.ttl_ns else _LATE


class Reputation(Part):
    """
    What has been seen of agents.

    Tables:
        evidence: (agent, kind) -> (ordinal, good, bad, failures in a row, end of the last outcome's hour)
        quality: (agent, kind) -> (right, wrong, right in a row, wrong in a row, end of that hour)
        failers: task -> ((agent, kind, how bad), ...) of the agents that have failed it
    """

    tables: ClassVar[tuple[str, ...]] = ("evidence", "quality", "failers")
    of_work, of_results = "evidence", "quality"
    values = (Channel, Record)

    def __init__(self) -> None:
        self.kinds: OrderedDict[str, dict[str, None]] = OrderedDict()
        """agent -> kinds of task with evidence; the oldest agent first"""

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild the index."""
        self.kinds = OrderedDict()
        table = ledger.tables[self.of_work]
        for agent, kind in sorted(table, key=lambda key: table[key][ORDINAL]):
            self.kinds.setdefault(agent, {})[kind] = None

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Note how a lease ended."""
        agent, kind = row.agent, row.spec.kind
        if row.spec.__class__ is not Task and row.spec.verify is not None:
            kind = ledger.checking.kind_of(ledger, row)
        assert agent is not None
        if verb in DELIVERED:
            self.delivered(ledger, agent, kind, ledger.timeline.reading[CALENDAR])
            return
        bad = self.blame(ledger, row, verb)
        if bad is None:
            return
        if verb in FAILED_VERBS:
            known = ledger.tables["failers"].get(row.spec.id, ())
            ledger.undo.put(ledger.tables["failers"], row.spec.id, (*known[-15:], (agent, kind, bad)))
        self.add(ledger, agent, kind, 0.0, bad)

    def delivered(self, ledger: Ledger, agent: str, kind: str, now: int) -> None:
        """Note a lease that ended with a result. Every cycle comes here, so the usual case is spelt out."""
        table, key = ledger.tables["evidence"], (agent, kind)
        known = table.get(key)
        if known is not None and now < known[HOUR_ENDS]:
            ordinal, good, bad, _, until = known
            ledger.undo.entries.append((put_back, table, key, known))
            table[key] = (ordinal, good * _KEEP + 1.0, bad * _KEEP, 0, until)
        else:
            self.add(ledger, agent, kind, 1.0, 0.0)

    def blame(self, ledger: Ledger, row: Row, verb: str) -> float | None:
        """Return how much the end of a lease without a result says against its holder; None if nothing."""
        if ledger.restraint is not None and ledger.restraint.spares(ledger, row):
            return None
        if verb not in FAILED_VERBS:
            return _given_back(ledger, row) if verb == "release" else None
        known = ledger.tables["failers"].get(row.spec.id, ())
        others = {name for name, _, _ in known} - {row.agent}
        # a task that everybody fails says little about any of them
        return self._how_bad(ledger, row) / (1 + len(others))

    def _how_bad(self, ledger: Ledger, row: Row) -> float:
        if row.lost != "expired":
            return _FAILED
        hold = ledger.tables.get("holds", {}).get(row.spec.id)
        return _OVERTIME if hold is not None and row.deadline_ns >= hold[LATEST] else _SILENT

    def landed(self, ledger: Ledger, row: Row) -> None:
        """Note that a result came after its lease had run out: late, but better than nothing."""
        assert row.agent is not None
        self.add(ledger, row.agent, row.spec.kind, _LATE_GOOD, _LATE_BAD)

    def add(self, ledger: Ledger, agent: str, kind: str, good: float, bad: float) -> None:
        """Add one outcome. O(1)."""
        table, key = ledger.tables[self.of_work], (agent, kind)
        until = (ledger.timeline.reading[CALENDAR] // _HOUR + 1) * _HOUR
        row = table.get(key)
        if row is None:
            ordinal, was_good, was_bad, failures = self._known(ledger, agent, kind), 0.0, 0.0, 0
            if not ordinal:
                return
        else:
            ordinal, was_good, was_bad, failures, before = row
            if until > before:
                was_good = _faded(was_good, until - before, _GOOD_HALF)
                was_bad = _faded(was_bad, until - before, _BAD_HALF)
        failures = 0 if good else failures + (bad >= 0.5)
        fresh = (ordinal, was_good * _KEEP + good, max(0.0, was_bad * _KEEP + bad), failures, until)
        ledger.undo.put(table, key, fresh)

    def add_verdict(self, ledger: Ledger, agent: str, kind: str, right: float, wrong: float) -> None:
        """Add one verdict on a result. O(1)."""
        table, key = ledger.tables[self.of_results], (agent, kind)
        if key not in ledger.tables[self.of_work]:
            self.add(ledger, agent, kind, 0.0, 0.0)  # judged before its lease has ended
            if key not in ledger.tables[self.of_work]:
                return  # it has more kinds than are remembered
        until = (ledger.timeline.reading[CALENDAR] // _HOUR + 1) * _HOUR
        good, bad, streak, failures, before = table.get(key, (0.0, 0.0, 0, 0, until))
        if until > before:
            good, bad = _faded(good, until - before, _GOOD_HALF), _faded(bad, until - before, _BAD_HALF)
        good, bad = good * _KEEP_QUALITY + right, bad * _KEEP_QUALITY + wrong
        fresh = (good, bad, 0, failures + 1, until) if wrong else (good, bad, streak + 1, 0, until)
        ledger.undo.put(table, key, fresh)

    def quality_in(self, ledger: Ledger, agent: str, kind: str) -> tuple[float, float, int]:
        """Return the evidence of right and of wrong results, and the number of right ones in a row."""
        row = ledger.tables[self.of_results].get((agent, kind), (0.0, 0.0, 0))
        return row[RIGHT], row[WRONG], row[RIGHT_IN_A_ROW]

    def quality(self, ledger: Ledger, agent: str) -> Channel | None:
        """Return what an agent's results are worth, over all kinds; None if none was checked. O(kinds)."""
        table = ledger.tables[self.of_results]
        rows = [table[agent, kind] for kind in sorted(self.kinds.get(agent, ())) if (agent, kind) in table]
        if not rows:
            return None
        good = bad = 0.0
        for row in rows:
            good, bad = good + row[RIGHT], bad + row[WRONG]
        return channel(good, bad)

    def _known(self, ledger: Ledger, agent: str, kind: str) -> int:
        """Make room for a new pair and return its ordinal; 0 if this agent has too many kinds already."""
        kinds = self.kinds.get(agent)
        if kinds is None:
            if len(self.kinds) >= _AGENTS:
                self._let_go(ledger)
            kinds = self.kinds[agent] = {}
        elif len(kinds) >= _KINDS:
            return 0
        kinds[kind] = None
        return ledger.ordinal()

    def _let_go(self, ledger: Ledger) -> None:
        """Forget the oldest agent that holds nothing."""
        for agent, kinds in self.kinds.items():
            holder = ledger.agents.get(agent)
            if holder is None or not holder.leases:
                for kind in kinds:
                    ledger.undo.drop(ledger.tables[self.of_work], (agent, kind))
                    if (agent, kind) in ledger.tables[self.of_results]:
                        ledger.undo.drop(ledger.tables[self.of_results], (agent, kind))
                del self.kinds[agent]
                return

    def refund(self, ledger: Ledger, task: str) -> None:
        """Take back the bad evidence that a task has brought to the agents that tried it."""
        for agent, kind, bad in ledger.tables["failers"].get(task, ()):
            row = ledger.tables[self.of_work].get((agent, kind))
            if row is not None:
                ordinal, good, was_bad, failures, hour = row
                fresh = (ordinal, good, max(0.0, was_bad - bad), max(0, failures - 1), hour)
                ledger.undo.put(ledger.tables[self.of_work], (agent, kind), fresh)
                ledger.news.tell(agent)  # it may hold more now

    def pardon(self, ledger: Ledger, agent: str) -> None:
        """Halve the bad evidence of an agent that has passed its probe."""
        table, quality = ledger.tables[self.of_work], ledger.tables[self.of_results]
        for kind in self.kinds.get(agent, ()):
            ordinal, good, bad, _, hour = table[agent, kind]
            ledger.undo.put(table, (agent, kind), (ordinal, good, bad / 2, 0, hour))
            if (agent, kind) in quality:
                right, wrong, streak, _, hour = quality[agent, kind]
                ledger.undo.put(quality, (agent, kind), (right, wrong / 2, streak, 0, hour))

    def of(self, ledger: Ledger, agent: str) -> Channel:
        """Return what an agent delivers, over all kinds, as of its last outcome in each. O(kinds)."""
        table, good, bad = ledger.tables[self.of_work], 0.0, 0.0
        kinds = self.kinds.get(agent, ())
        for kind in kinds if len(kinds) < 2 else sorted(kinds):
            row = table[agent, kind]
            good, bad = good + row[GOOD], bad + row[BAD]
        return channel(good, bad)

    def low(self, ledger: Ledger, agent: str) -> float:
        """Return the lesser of two lower bounds: what an agent delivers, and what its results are worth."""
        delivery = self._low_delivery(ledger, agent)
        if ledger.tables[self.of_results]:
            quality = self.quality(ledger, agent)
            if quality is not None:
                return min(delivery, quality.low)
        return delivery

    def _low_delivery(self, ledger: Ledger, agent: str) -> float:
        """Return the lower bound of what an agent delivers, by the same steps as `of`."""
        kinds = self.kinds.get(agent, ())
        if len(kinds) != 1:
            return self.of(ledger, agent).low
        (kind,) = kinds
        _, good, bad, _, _ = ledger.tables[self.of_work][agent, kind]
        a, b = good + 1.0, bad + 1.0
        n = a + b
        low: float = a / n - math.sqrt(a * b / (n * n * (n + 1.0)))
        return low

    def records(self, ledger: Ledger, agent: str) -> tuple[Record, ...]:
        """Return what has been seen of an agent in each kind of task."""
        found = []
        for kind in sorted(self.kinds.get(agent, ())):
            _, good, bad, failures, _ = ledger.tables[self.of_work][agent, kind]
            checked = ledger.tables[self.of_results].get((agent, kind))
            quality = None if checked is None else channel(checked[RIGHT], checked[WRONG])
            streak = checked[RIGHT_IN_A_ROW] if checked else 0
            found.append(Record(kind, channel(good, bad), failures, quality, streak))
        return tuple(found)

    def check(self, ledger: Ledger) -> None:
        """Assert that the index follows the table, and that evidence is sound."""
        table = ledger.tables[self.of_work]
        assert {(agent, kind) for agent, kinds in self.kinds.items() for kind in kinds} == set(table)
        firsts = [min(table[agent, kind][ORDINAL] for kind in kinds) for agent, kinds in self.kinds.items()]
        assert firsts == sorted(firsts)
        for _, good, bad, failures, _ in table.values():
            assert 0 <= good < 73
            assert 0 <= bad < 146
            assert failures >= 0
        for key, (right, wrong, streak, failures, _) in ledger.tables[self.of_results].items():
            assert key in table
            assert 0 <= right < 146
            assert 0 <= wrong < 292
            assert not (streak and failures)
        for task in ledger.tables["failers"]:
            assert not ledger.tasks[task].state.is_final

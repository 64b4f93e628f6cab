"""
Tasks that wait for another opinion: results to check, or to be worked out once more.

An agent that took part in a task (or another of the same principal) gets no second lease of it. So these
tasks are not interchangeable, and are kept apart from the ready order: in lanes, one for each set of agents
and each kind of lease. At equal priority a claim is served from here first, so that work in progress is
finished before new work is started.

A claim looks at each lane, O(lanes). There are about as many lanes as agents whose results wait, and none on
boards without `verify=`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any, Final

from ..state.records import READY, Row
from ..state.same_content import as_check

if TYPE_CHECKING:
    from ..state.ledger import Ledger

_Key = tuple[Any, ...]
_Entry = tuple[int, int, str]
"""(negated priority, when the first result was handed in, task)"""
_TASK: Final = 2


class Opinions:
    """READY tasks with results that others have handed in, grouped by the agents that may not take them."""

    def __init__(self) -> None:
        self.lanes: dict[_Key, list[_Entry]] = {}
        self.rows: dict[str, tuple[_Key, _Entry]] = {}
        """task -> its lane and its entry there"""

    def add(self, row: Row, since: int, authors: tuple[str, ...]) -> None:
        """Add a row that has become READY with results. O(log n)."""
        spec = as_check(row.spec)
        uses = () if spec.uses is None else tuple(spec.uses.items())
        key = (authors, spec.kind, spec.requires, uses, spec.limit)
        entry = (-spec.priority, since, spec.id)
        insort(self.lanes.setdefault(key, []), entry)
        self.rows[spec.id] = key, entry

    def leave(self, row: Row) -> None:
        """Note that a row was claimed, or has ended. O(log n)."""
        key, entry = self.rows.pop(row.spec.id)
        lane = self.lanes[key]
        del lane[bisect_left(lane, entry)]
        if not lane:
            del self.lanes[key]

    def may(self, ledger: Ledger, agent: str, row: Row) -> bool:
        """Tell whether an agent may take this very task."""
        (authors, *_), _ = self.rows[row.spec.id]
        principals = ledger.principals
        if principals.of(ledger, agent) in {principals.of(ledger, author) for author in authors}:
            return False
        return ledger.eligibility.can(agent, as_check(row.spec))

    def first(self, ledger: Ledger, agent: str, kinds: tuple[str, ...] | None) -> Row | None:
        """Return the first row that an agent may take. O(lanes), plus the rows that it has declined."""
        best: _Entry | None = None
        for (_, kind, _, _, limit), lane in self.lanes.items():
            if kinds is not None and kind not in kinds:
                continue
            if limit is not None and not ledger.is_open(limit):
                continue
            for entry in lane:
                if best is not None and best <= entry:
                    break
                if self.may(ledger, agent, ledger.tasks[entry[_TASK]]):
                    best = entry
                    break
        return None if best is None else ledger.tasks[best[_TASK]]

    def best(self, ledger: Ledger, agent: str, count: int) -> list[Row]:
        """Return up to `count` rows that an agent could take, in order. O(rows)."""
        found = [
            entry
            for (_, _, _, _, limit), lane in self.lanes.items()
            if limit is None or ledger.is_open(limit)
            for entry in lane
            if self.may(ledger, agent, ledger.tasks[entry[_TASK]])
        ]
        return [ledger.tasks[task] for _, _, task in sorted(found)[:count]]

    def check(self, ledger: Ledger) -> None:
        """Assert that exactly the READY tasks with results are here."""
        expected = {task for task in ledger.tables["handed"] if ledger.tasks[task].state is READY}
        assert set(self.rows) == expected
        entries = {(*key, *entry) for key, lane in self.lanes.items() for entry in lane}
        assert entries == {(*key, *entry) for key, entry in self.rows.values()}
        assert all(self.lanes.values())
        for task in expected:
            assert ledger.tasks[task].lane is None

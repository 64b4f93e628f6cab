"""
Division of labour: how hard it is to draw an agent to a kind of task, learnt from its results.

Response thresholds (Bonabeau, Theraulaz, Deneubourg 1996; learning after
Theraulaz, Bonabeau, Deneubourg 1998): a stimulus draws an agent by
s^2 / (s^2 + threshold^2), which orders the same as s / threshold, so that is
what claims compare. Success lowers the threshold for that kind of task and
raises those for others; failure raises it. Thresholds scale attraction and
never refuse work, so specialists emerge, and are replaced when they leave.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ...commands.board import Thresholds as Asked
from ...values.marks import Threshold
from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import Row

LEAST, MOST = 0.1, 10.0
_KINDS = 64
"""kinds of task remembered for one agent"""
_AGENTS = 10_000
_ORDINAL, _PAIRS = range(2)
"""a row of the table `thresholds`"""
FAILURES = frozenset({"retry", "back_off", "give_up", "expire", "miss"})
"""ends of a lease from which agents and trails learn that it failed"""


class Thresholds(Part):
    """
    What each agent has become good at.

    Tables:
        thresholds: agent -> (ordinal, ((kind, threshold), ...) by kind)
    """

    tables = ("thresholds",)
    values = (Threshold,)

    def __init__(self) -> None:
        self.queries = {Asked: self._read}
        self.of: OrderedDict[str, dict[str, float]] = OrderedDict()
        """agent -> kind -> threshold, the longest known agent first"""

    def rebuild(self, ledger: Ledger) -> None:
        """Make the index."""
        table = ledger.tables["thresholds"]
        first = sorted(table, key=lambda agent: table[agent][_ORDINAL])
        self.of = OrderedDict((agent, dict(table[agent][_PAIRS])) for agent in first)

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Learn from a task that was completed, or that failed."""
        step = ledger.settings.learning
        if not step or (verb != "complete" and verb not in FAILURES):
            return
        agent, kind = row.agent, row.spec.kind
        assert agent is not None
        known = self.of.get(agent, {})
        if kind not in known and len(known) >= _KINDS:
            return
        learnt = dict(known)
        if verb == "complete":
            learnt = {other: min(MOST, value * (1.0 + step)) for other, value in known.items()}
            learnt[kind] = max(LEAST, known.get(kind, 1.0) * (1.0 - step))
        else:
            learnt[kind] = min(MOST, known.get(kind, 1.0) * (1.0 + step))
        if learnt != known:
            self._put(ledger, agent, learnt)

    def _put(self, ledger: Ledger, agent: str, learnt: dict[str, float]) -> None:
        table = ledger.tables["thresholds"]
        if agent not in table and len(table) >= _AGENTS:
            oldest = next(iter(self.of))
            ledger.undo.drop(table, oldest)
            del self.of[oldest]
        ordinal = table[agent][_ORDINAL] if agent in table else ledger.ordinal()
        ledger.undo.put(table, agent, (ordinal, tuple(sorted(learnt.items()))))
        self.of[agent] = learnt

    def _read(self, ledger: Ledger, query: Asked) -> tuple[Threshold, ...]:
        """Read an agent's thresholds."""
        known = sorted(self.of.get(query.agent, {}).items())
        return tuple([Threshold(query.agent, kind, value) for kind, value in known])

    def check(self, ledger: Ledger) -> None:
        """Assert that the index follows the table."""
        table: dict[str, Any] = ledger.tables["thresholds"]
        assert {agent: tuple(sorted(kinds.items())) for agent, kinds in self.of.items()} == {
            agent: pairs for agent, (_, pairs) in table.items()
        }
        ordinals = [table[agent][_ORDINAL] for agent in self.of]
        assert ordinals == sorted(ordinals)
        assert all(LEAST <= value <= MOST for kinds in self.of.values() for value in kinds.values())

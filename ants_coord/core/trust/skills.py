"""
Evidence by capability, for strategies that know which capabilities a task asked for.
"""

from __future__ import annotations

from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import Row
from .evidence import BAD, DELIVERED, GOOD, RIGHT, WRONG, Reputation, channel


class Skills(Reputation):
    """
    Reputation by capability: how agents did on the tasks that required a capability they have.

    The part that knows which capabilities a task asked of its holder calls this one; other strategies pay
    nothing. A board whose log does not name this part was written without it, and stays without it.

    Tables:
        skills: (agent, capability) -> as in evidence
        skill_quality: (agent, capability) -> as in quality
    """

    tables = ("skills", "skill_quality")
    of_work, of_results = "skills", "skill_quality"
    left = Part.left  # not called at every lease: see `tally`

    def is_kept(self, ledger: Ledger) -> bool:
        """Tell whether this board keeps evidence by capability."""
        return not ledger.rules or ("part Skills", self.version) in ledger.rules

    def tally(self, ledger: Ledger, row: Row, verb: str, names: list[str]) -> None:
        """Note how a lease ended that asked for these capabilities."""
        assert row.agent is not None
        good, bad = (1.0, 0.0) if verb in DELIVERED else (0.0, self.blame(ledger, row, verb))
        if bad is not None:
            for name in names:
                self.add(ledger, row.agent, name, good, bad)

    def of_one(self, ledger: Ledger, agent: str, name: str) -> float | None:
        """Return what to expect of an agent where a capability is required; None if it was never seen."""
        row = ledger.tables["skills"].get((agent, name))
        if row is None:
            return None
        expected = channel(row[GOOD], row[BAD]).mean
        checked = ledger.tables["skill_quality"].get((agent, name))
        return expected if checked is None else expected * channel(checked[RIGHT], checked[WRONG]).mean

"""
Taking back what one agent has done to the shared state, as one command.

Provenance makes it exact: a trail knows each author's share, so what is left is
the sum of the others' shares, never a subtraction; an entry knows who wrote
what before. What diffusion has carried to other places has no author any more
and stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...commands.board import RollBack
from ..state.parts import Part

if TYPE_CHECKING:
    from ..state.ledger import Ledger
    from .entries import Writing
    from .trails import Trails

__all__ = ["Rollback"]


class Rollback(Part):
    """The one command that undoes an agent's marks and entries."""

    def __init__(self, trails: Trails, entries: Writing) -> None:
        self.trails, self.entries = trails, entries
        self.commands = {RollBack: self.roll_back}

    def roll_back(self, ledger: Ledger, command: RollBack) -> dict[str, Any]:
        """Undo everything of an agent that is still there. O(trails + entries)."""
        agent = command.agent
        trails = sum(
            self.trails.disown(ledger, kind, place, agent)
            for kind, place in sorted(ledger.tables["trails"])
            if (kind, place) in ledger.tables["trails"]
        )
        mine = sorted(path for path, row in ledger.tables["entries"].items() if row[2] == agent)
        restored = sum(self.entries.restore(ledger, path, agent) for path in mine)
        answer = {"trails": trails, "restored": restored, "erased": len(mine) - restored}
        if ledger.restraint is not None and command.quarantine:
            ledger.restraint.shut_out(ledger, agent, f"what it did was taken back by {command.by}")
        ledger.emit("rolled back", None, agent, 0, {"by": command.by, **answer})
        return answer

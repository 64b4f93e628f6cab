"""
Rollback: undoing what one agent did to the shared state, as one command.

Provenance makes it exact. A trail knows each author's share, so what is left is the sum of the other shares,
never a subtraction. For an entry, the last deed of each agent is known. Diffusion removes authorship: what it
has carried to other places stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...commands.board import RollBack
from ..state.parts import Part
from ..state.records import DONE
from ..work.lifecycle import by_submission

if TYPE_CHECKING:
    from ..state.ledger import Ledger
    from .entries import Writing
    from .trails import Trails

_TOLD = 100


def _handed_on(ledger: Ledger, agent: str) -> dict[str, list[str]]:
    """
    Return the tasks whose results come from an agent and are needed by others: task -> tasks that need it.

    They stay as they are: a result that was handed on cannot be taken back, but somebody should look at it.
    """
    found: dict[str, list[str]] = {}
    for task, row in ledger.tasks.items():
        if row.state is DONE and row.outcome is not None and row.outcome.by == agent:
            needing = [other.spec.id for other in by_submission(ledger.dependents.get(task, {}))]
            if needing:
                found[task] = needing[:_TOLD]
            if len(found) >= _TOLD:
                break
    return found


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
        restored, erased = self.entries.roll_back(ledger, agent)
        answer = {
            "trails": trails,
            "restored": restored,
            "erased": erased,
            "handed_on": _handed_on(ledger, agent),
        }
        if ledger.restraint is not None and command.quarantine:
            ledger.restraint.shut_out(ledger, agent, f"what it did was taken back by {command.by}")
        ledger.emit("rolled back", None, agent, 0, {"by": command.by, **answer})
        return answer

"""
Principals: who vouches for which agent. An agent without a principal is its own.

Names are free, trust is not: what one principal's agents say about each other's work is worth nothing, so
they do not check each other. In one process this guards against mistakes, not against hostile code, which
could use any name.
"""

from __future__ import annotations

from ...commands.shared import Vouch
from ..state.ledger import Ledger
from ..state.parts import Part


def vouch(ledger: Ledger, command: Vouch) -> bool:
    """Set an agent's principal; return whether that is new."""
    table = ledger.tables["principals"]
    ordinal, principal, _ = table.get(command.agent, (0, None, None))
    if principal == command.principal:
        return False
    ledger.undo.put(table, command.agent, (ordinal or ledger.ordinal(), command.principal, command.by))
    ledger.emit("vouched", None, command.agent, 0, {"principal": command.principal, "by": command.by})
    if ledger.news.is_wanted:
        ledger.news.agents.append(command.agent)
        # others, too, may check now what they were too close to: each of its results that waits for a check
        for task, ((authors, kind, *_), _) in ledger.checking.opinions.rows.items():
            if command.agent in authors:
                ledger.news.ready.append((kind, None, task))
    return True


class Principals(Part):
    """
    The vouchers: who vouches for which agent; agents of one principal do not check each other.

    Tables:
        principals: agent -> (ordinal, principal, the agent that said so)
    """

    tables = ("principals",)

    def of(self, ledger: Ledger, agent: str) -> str:
        """Return an agent's principal: the agent itself, if nobody vouches for it."""
        _, principal, _ = ledger.tables["principals"].get(agent, (0, agent, None))
        return str(principal)

    def vouched(self, ledger: Ledger, agent: str) -> bool:
        """Tell whether somebody vouches for an agent."""
        return agent in ledger.tables["principals"]

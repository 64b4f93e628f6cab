"""
What one opening of a board has been granted, and gives back when it closes.
"""

from __future__ import annotations

from typing import Any

from ..commands.shared import Release
from ..core.state.ledger import Ledger
from ..values.tasks import Lease

__all__ = ["Grants"]


class Grants:
    """The tokens of leases and locks that were granted through one engine."""

    def __init__(self) -> None:
        self._tokens: set[int] = set()

    def note(self, reply: Any, ledger: Ledger) -> None:
        """Take note of what a reply grants, if it does; forget now and then what has ended."""
        if reply.__class__ is Lease:
            self._tokens.add(reply.token)
        elif reply.__class__ is tuple and reply and reply[0].__class__ is Lease:
            self._tokens.update(lease.token for lease in reply)
        else:
            return
        if len(self._tokens) > 64 and len(self._tokens) > 2 * ledger.alarms.live:
            self._tokens = self._tokens.intersection(live(ledger))

    def releases(self, ledger: Ledger) -> list[Release]:
        """Return the commands that give back what is still held."""
        alive = live(ledger)
        return [Release(alive[token], token) for token in sorted(self._tokens) if token in alive]


def live(ledger: Ledger) -> dict[int, str]:
    """Return the tokens of all live leases and locks, and what each is for."""
    found = dict.fromkeys(ledger.locks, "lock:")
    for agent in ledger.agents.values():
        found.update((token, row.spec.id) for token, row in agent.leases.items())
    return found

"""
What depends on the board's policies: whom a task would suit, and whose results are checked.
"""

from __future__ import annotations

from ..core.machine import Machine
from ..core.state.ledger import Hint
from ..core.state.records import READY

__all__ = ["draw", "surplus"]


def surplus(machine: Machine, agent: str, hint: Hint) -> int | None:
    """Return how much more an agent can do than a task would use it for; None if it may not take it."""
    ledger = machine.ledger
    row = ledger.tasks.get(hint[2])
    if row is None or row.state is not READY:
        return None  # it is gone already
    if ledger.declines.bars(ledger, agent, hint[2]):
        return None
    opinions = ledger.checking.opinions
    if hint[2] in opinions.rows:
        spare = 0 if opinions.may(ledger, agent, row) else None
    else:
        spare = ledger.eligibility.surplus(agent, hint)
    restraint = ledger.restraint
    if spare is None or restraint is None:
        return spare
    if restraint.holds_back(ledger, agent) is not None:
        return None
    if hint[2] not in opinions.rows and restraint.owes(ledger, agent):
        return None
    rank: int | None = restraint.rank(ledger, agent, hint[2], spare)
    return rank


def draw(secret: bytes, task: str, token: int) -> float:
    """Return a number in [0, 1) that only who knows the secret can foretell."""
    import hmac  # noqa: PLC0415 - 4 ms, for boards with a secret only

    # the same for a repeated call: who is not content with a draw cannot draw again
    digest = hmac.digest(secret, f"{task}#{token}".encode(), "sha256")
    return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)

"""
Whether a board that was opened is the one that was asked for, and is read by the rules of its writers.
"""

from __future__ import annotations

from typing import Any

import attrs

from ..commands.shared import Configure
from ..core.state.ledger import Ledger
from ..errors import JournalCorruptError, SettingsError
from ..values.settings import Settings

__all__ = ["compare_refusals", "upgrade"]


def upgrade(ledger: Ledger, asked: dict[str, Any]) -> Configure | None:
    """
    Return the command that makes the board the one that was asked for; None if it is.

    Args:
        ledger: the board's state.
        asked: the settings that the user named; the others are the board's own.

    Raises:
        SettingsError: they differ, and no logged upgrade leads from one to the other.

    """
    has = ledger.settings
    different = {
        name: (getattr(has, name), value)
        for name, value in attrs.asdict(Settings(**asked), recurse=False).items()
        if name in asked and getattr(has, name) != value
    }
    wanted = asked.get("strategy", has.strategy)
    if set(different) == {"strategy"} and has.strategy in ledger.strategies[wanted]().takes_over:
        return Configure(attrs.evolve(has, strategy=wanted))
    if different:
        raise SettingsError(different)
    return None


def compare_refusals(ledger: Ledger, name: str, seen: tuple[int, int], at: int) -> None:
    """Raise JournalCorruptError if a writer had refused other commands than we have."""
    position, refusals = seen
    ours = ledger.refusals_until(position)
    if ours is not None and ours != refusals:
        raise JournalCorruptError(
            name,
            f"its writer had refused {refusals} commands up to position {position}, and here it is "
            f"{ours}: the two follow different rules",
            at,
        )

"""Whether an opened board has the settings that were asked for, and is read by its writers' rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.state.ledger import Ledger
from ..errors import JournalCorruptError, SettingsError
from ..frozen import as_dict
from ..values.settings import Settings

if TYPE_CHECKING:
    from .log import Log


def compare(ledger: Ledger, asked: dict[str, Any]) -> None:
    """
    Refuse a board whose settings differ from those asked for: opening never changes a board.

    Args:
        ledger: the board's state.
        asked: the settings that the user named; all others are the board's own.

    Raises:
        SettingsError: a setting differs.

    """
    has = ledger.settings
    different = {
        name: (getattr(has, name), value)
        for name, value in as_dict(Settings(**asked)).items()
        if name in asked and getattr(has, name) != value
    }
    if different:
        raise SettingsError(different)


def compare_refusals(ledger: Ledger, log: Log, seen: tuple[int, int], at: int) -> None:
    """Raise JournalCorruptError if a writer refused other commands than we did."""
    position, refusals = seen
    refused = ledger.refused_at
    if refusals == ledger.refusals and (not refused or refused[-1] <= position):
        return  # usually nothing was refused since
    ours = ledger.refusals_until(position)
    if ours is not None and ours != refusals:
        raise JournalCorruptError(
            log.name,
            f"its writer had refused {refusals} commands up to position {position}, and here it is "
            f"{ours}: the two follow different rules",
            at,
        )

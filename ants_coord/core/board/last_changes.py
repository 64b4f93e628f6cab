"""
Deeds: the last change that each agent made to each entry, so that any of them can be rolled back.

The last deeds of all other agents say what an entry should be without some agents: the latest of these deeds
decides, whether it set a value or ended the entry. So it does not matter how often a value was overwritten,
erased or taken since, nor in which order agents are rolled back: a deed that has been taken back is gone, and
rolling back somebody else never restores it. The present author's deed is the entry itself and is not listed
here.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..state.ledger import Ledger

Deed = tuple[str, int, int, str, Any, int]
"""(agent, version, at ns, what, value, expires ns or 0)"""
DEED_BY: Final = 0
DEED_VERSION: Final = 1
DEED_WHAT: Final = 3
DEED_EXPIRES_NS: Final = 5
NOBODY = ""
"""stands for the author of what time does"""
_AUTHORS = 16
"""agents whose last deed on a path is remembered; the oldest is forgotten first"""


def replace_deeds(ledger: Ledger, path: str, agent: str, *deeds: Deed) -> None:
    """Replace the deeds of `agent` on a path, and those of the agents of the given ones, by these."""
    old = ledger.tables["deeds"].get(path, ())
    replaced = {agent, *[deed[DEED_BY] for deed in deeds]}
    fresh = (*[deed for deed in old if deed[DEED_BY] not in replaced], *deeds)[-_AUTHORS:]
    if not fresh:
        forget(ledger, path)
    elif fresh != old:
        ledger.undo.put(ledger.tables["deeds"], path, fresh)


def forget(ledger: Ledger, path: str) -> None:
    """Forget the deeds on an entry whose history is forgotten too."""
    if path in ledger.tables["deeds"]:
        ledger.undo.drop(ledger.tables["deeds"], path)


def last_deed(ledger: Ledger, path: str) -> Deed | None:
    """Return the latest deed that is not the present author's."""
    return max(ledger.tables["deeds"].get(path, ()), key=itemgetter(DEED_VERSION), default=None)


def paths_of(ledger: Ledger, agent: str) -> list[str]:
    """Return the paths on which an agent has a deed. O(paths)."""
    return [
        path
        for path, deeds in ledger.tables["deeds"].items()
        if any(deed[DEED_BY] == agent for deed in deeds)
    ]

"""
Deeds: the last thing that each agent has done to each entry, so that any of them can be taken back.

What an entry should be without some agents follows from the last deeds of all
others: the latest of them decides, a value or an end. So it does not matter how
often a value was overwritten, erased or taken since, nor in which order agents
are rolled back: a deed that has been taken back is gone, and comes back with
nobody else's. What the present author has done is the entry itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..state.ledger import Ledger

__all__ = ["NOBODY", "Deed", "forget", "last_deed", "paths_of", "remember", "take_back"]

Deed = tuple[str, int, int, str, Any, int]
"""(agent, version, at ns, what, value, expires ns or 0)"""
NOBODY = ""
"""does what time does"""
_AUTHORS = 16
"""agents whose last deed on a path is remembered; the oldest deed is forgotten first"""


def remember(ledger: Ledger, path: str, agent: str, *deeds: Deed) -> None:
    """Note deeds on a path in place of what their agents, and `agent`, had done there before."""
    table = ledger.tables["deeds"]
    old = table.get(path, ())
    replaced = {agent, *[deed[0] for deed in deeds]}
    fresh = (*[deed for deed in old if deed[0] not in replaced], *deeds)[-_AUTHORS:]
    if fresh != old:
        _put(ledger, path, fresh)


def take_back(ledger: Ledger, path: str, agent: str) -> None:
    """Forget what an agent has done to an entry."""
    old = ledger.tables["deeds"].get(path, ())
    fresh = tuple([deed for deed in old if deed[0] != agent])
    if fresh != old:
        _put(ledger, path, fresh)


def _put(ledger: Ledger, path: str, deeds: tuple[Deed, ...]) -> None:
    if deeds:
        ledger.undo.put(ledger.tables["deeds"], path, deeds)
    else:
        forget(ledger, path)


def forget(ledger: Ledger, path: str) -> None:
    """Forget what was done to an entry whose past is forgotten too."""
    if path in ledger.tables["deeds"]:
        ledger.undo.drop(ledger.tables["deeds"], path)


def last_deed(ledger: Ledger, path: str) -> Deed | None:
    """Return the latest deed that is not the present author's."""
    return max(ledger.tables["deeds"].get(path, ()), key=lambda deed: deed[1], default=None)


def paths_of(ledger: Ledger, agent: str) -> list[str]:
    """Return the paths on which an agent has done something. O(paths)."""
    return [path for path, deeds in ledger.tables["deeds"].items() if any(deed[0] == agent for deed in deeds)]

"""
What a change of the shared state touches besides itself: the ready order, reactions, watchers, owners.

The parts of a blackboard know each other only through this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..entries import Change, Changes, Page
from ..errors import CursorTooOld, NotOwnerError
from .decay import Weight

if TYPE_CHECKING:
    from ..commands import Refused
    from .activation import Activations
    from .foraging import ByTrails
    from .ledger import Ledger

__all__ = ["ABOUT_ENTRIES", "ABOUT_TRAILS", "Surroundings", "changes"]

ABOUT_ENTRIES = frozenset({"written", "taken", "erased", "lapsed"})
ABOUT_TRAILS = frozenset({"deposited", "reinforced", "weakened", "evaporated"})


class Surroundings:
    """One for all parts of a board."""

    ledger: Ledger
    reactions: Activations
    order: ByTrails

    def forbidden(self, ledger: Ledger, path: str, agent: str) -> NotOwnerError | None:
        """Return why an agent may not change what is at a path; the longest prefix that fits decides."""
        best = None
        for space in ledger.settings.namespaces:
            if path.startswith(space.prefix) and (best is None or len(space.prefix) > len(best.prefix)):
                best = space
        if best is None or agent in best.owners:
            return None
        return NotOwnerError(path, agent, best.prefix, best.owners)

    def moved(self, kind: str, place: str, weight: Weight | None) -> None:
        """Tell the ready order that a trail has another weight now; None: it is gone."""
        self.order.trail_moved(kind, place, weight)

    def trail_changed(
        self, ledger: Ledger, what: str, kind: str, place: str, strength: float, agent: str | None
    ) -> None:
        """Tell watchers and reactions of a trail."""
        if ledger.news.is_wanted:
            ledger.news.changed.append(place)
        if self.reactions.about_trails:
            self.reactions.notice_trail(ledger, what, kind, place, strength, agent)

    def entry_changed(self, ledger: Ledger, what: str, path: str, version: int, agent: str | None) -> None:
        """Tell watchers and reactions of an entry."""
        if ledger.news.is_wanted:
            ledger.news.changed.append(path)
        if self.reactions.about_entries:
            self.reactions.notice_entry(ledger, what, path, version, agent)


def _change(cursor: int, event: tuple[Any, ...]) -> Change | None:
    at, kind, _, agent, token, detail = event
    if kind in ABOUT_ENTRIES:
        return Change(kind, detail, agent, at, token, cursor=cursor)
    if kind in ABOUT_TRAILS:
        trail, place, strength = detail
        if kind == "evaporated":  # its third field is the instant
            return Change(kind, place, agent, strength, kind=trail, strength=0.0, cursor=cursor)
        return Change(kind, place, agent, at, kind=trail, strength=strength, cursor=cursor)
    return None


def changes(ledger: Ledger, query: Changes) -> Page | Refused:
    """Read a page of changes below a prefix. O(events since the cursor)."""
    from ..commands import Refused  # noqa: PLC0415 - for its type alone otherwise

    dropped, kept = ledger.ring
    assert query.since is not None
    if query.since < dropped:
        return Refused(CursorTooOld(query.since, dropped + 1))
    if query.since > dropped + len(kept):
        raise ValueError(
            f"since={query.since} is beyond the last event, {dropped + len(kept)}: "
            "the cursor belongs to another board"
        )
    found: list[Change] = []
    cursor = query.since
    for event in kept[query.since - dropped :]:
        cursor += 1
        change = _change(cursor, event)
        if change is not None and change.path.startswith(query.prefix):
            found.append(change)
            if len(found) == query.count:
                break
    return Page(tuple(found), cursor)

"""
What a change of the shared state affects: the ready order, reactions, watchers, owners.

A part of a blackboard that changes something tells the others through this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ...commands.board import Changes
from ...commands.shared import Refused
from ...errors import NotOwnerError, QuarantinedError
from ...values.entries import Change, Page
from ..state.ledger import FAR_NS
from ..state.parts import Part
from ..state.timeline import CALENDAR

if TYPE_CHECKING:
    from ..state.ledger import Ledger
    from .ranking import Rule

ABOUT_ENTRIES = frozenset({"written", "taken", "erased", "lapsed", "restored"})
ABOUT_TRAILS = frozenset({"deposited", "reinforced", "weakened", "evaporated"})


class Timed(Protocol):
    """A part in which time alone changes something."""

    def pass_due(self, ledger: Ledger) -> None:
        """Do what is due."""
        ...

    def next_due(self, ledger: Ledger) -> int:
        """Return the calendar time at which the next thing is due."""
        ...


class Reacting(Timed, Protocol):
    """The part that makes tasks of changes."""

    about_entries: bool
    about_trails: bool

    def notice_entry(self, ledger: Ledger, what: str, path: str, version: int, agent: str | None) -> None:
        """React to a change of an entry."""
        ...

    def notice_trail(
        self, ledger: Ledger, what: str, kind: str, place: str, strength: float, agent: str | None
    ) -> None:
        """React to a change of a trail."""
        ...

    def weakened(self, ledger: Ledger, kind: str, place: str) -> None:
        """Look again at when a trail falls that has lost weight by something that is no change of its own."""
        ...


class Following(Protocol):
    """The ready order that follows trails."""

    def trail_moved(self, rule: Rule, place: str) -> None:
        """Note that a trail has another weight."""
        ...


class Surroundings(Part):
    """
    What all parts of a board share: what they tell each other, and when time next changes any of them.

    Entries expire, trails evaporate, triggers fall. One bound says that none of this is due yet, so a command
    before that time pays one comparison.
    """

    order: Following
    trails: Timed
    entries: Timed
    reactions: Reacting
    next_ns = 0
    """before this (calendar time) nothing is due"""

    def rebuild(self, ledger: Ledger) -> None:
        """Look again at the next command."""
        self.next_ns = 0

    def due(self, at_ns: int) -> None:
        """Make sure that `pass_time` looks again at this time."""
        self.next_ns = min(self.next_ns, at_ns)

    def pass_time(self, ledger: Ledger) -> None:
        """Do what is due: trails first, because a trigger falls with them."""
        if ledger.timeline.reading[CALENDAR] < self.next_ns:
            return
        parts = (self.trails, self.entries, self.reactions)
        for part in parts:
            part.pass_due(ledger)
        self.next_ns = min([part.next_due(ledger) for part in parts])

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        """Return the time until the next look, which may come some time before anything happens."""
        return None if self.next_ns == FAR_NS else max(0, self.next_ns - reading[CALENDAR])

    def check(self, ledger: Ledger) -> None:
        """Assert that nothing is due before the next look."""
        for part in (self.trails, self.entries, self.reactions):
            assert self.next_ns <= max(part.next_due(ledger), ledger.timeline.reading[CALENDAR] + 1)

    def forbidden(self, ledger: Ledger, path: str, agent: str) -> NotOwnerError | QuarantinedError | None:
        """Return why an agent may not change what is at a path; the longest matching prefix decides."""
        if ledger.restraint is not None:
            why = ledger.restraint.quarantined(ledger, agent)
            if why is not None:
                return QuarantinedError(agent, why)
        best = None
        for space in ledger.settings.namespaces:
            if path.startswith(space.prefix) and (best is None or len(space.prefix) > len(best.prefix)):
                best = space
        if best is None or agent in best.owners:
            return None
        return NotOwnerError(path, agent, best.prefix, best.owners)

    def trail_changed(
        self, ledger: Ledger, what: str, kind: str, place: str, strength: float, agent: str | None
    ) -> None:
        """Tell watchers and reactions about a trail."""
        if ledger.news.is_wanted:
            ledger.news.changed.append(place)
        if self.reactions.about_trails:
            self.reactions.notice_trail(ledger, what, kind, place, strength, agent)

    def entry_changed(self, ledger: Ledger, what: str, path: str, version: int, agent: str | None) -> None:
        """Tell watchers and reactions about an entry."""
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
    assert query.since is not None
    if (missed := ledger.missed(query.since)) is not None:
        return Refused(missed)
    found: list[Change] = []
    cursor = query.since
    for event in ledger.events(query.since):
        cursor += 1
        change = _change(cursor, event)
        if change is not None and change.path.startswith(query.prefix):
            found.append(change)
            if len(found) == query.count:
                break
    return Page(tuple(found), cursor)

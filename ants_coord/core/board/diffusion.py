"""
Diffusion: trails spread over a graph of places, one explicit, bounded step at a time.

Each place divides a share of its trail evenly among its neighbours and keeps the rest; what an edge cannot
take stays, so the total is unchanged (as with NetLogo's `diffuse`). Evaporation multiplies all trails of a
kind by one factor, so it commutes with this step, and only forward weights are spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...commands.board import Diffuse
from ...commands.shared import Refused
from ...errors import LimitError, UnknownKindError
from ..state.decay import Weight, add, scaled
from ..state.parts import Part
from .ranking import WEIGHT

if TYPE_CHECKING:
    from ..state.ledger import Ledger
    from .surroundings import Surroundings
    from .trails import Trails


class Diffusion(Part):
    """The one command that spreads trails."""

    def __init__(self, around: Surroundings, trails: Trails) -> None:
        self.around, self.trails = around, trails
        self.commands = {Diffuse: self.diffuse}

    def diffuse(self, ledger: Ledger, command: Diffuse) -> int | Refused:
        """Spread one kind once. O(edges)."""
        kind, table, known = command.kind, ledger.tables["trails"], self.trails.known
        settings = ledger.settings
        if known and kind not in known:
            return Refused(UnknownKindError(kind, known))
        places = {place for place, _ in command.neighbours}
        places.update(place for _, others in command.neighbours for place in others)
        for place in sorted(places):
            error = self.around.forbidden(ledger, place, command.agent)
            if error is not None:
                return Refused(error)
        given = {place: table[kind, place][WEIGHT] for place in sorted(places) if (kind, place) in table}
        after: dict[str, Weight | None] = dict(given)
        kept = 1.0 - command.share
        giving = [
            (place, others) for place, others in sorted(command.neighbours) if place in given and others
        ]
        for place, _ in giving:
            after[place] = scaled(given[place], kept) if kept else None
        # contributions are added in the order of places, so that every replica rounds alike
        for place, others in giving:
            part = scaled(given[place], command.share / len(others))
            for other in sorted(others):
                has = after.get(other)
                after[other] = part if has is None else add(has, part)
        begun = self.trails.begun.get(command.agent, 0) + len(after) - len(given)
        if begun > settings.quota:
            return Refused(LimitError(f"live trails begun by {command.agent}", begun, settings.quota))
        moved = {place: weight for place, weight in after.items() if weight != given.get(place)}
        return self.trails.spread(ledger, kind, moved, command.agent)

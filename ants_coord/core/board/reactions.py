"""
Reactions: a change of the shared state becomes a task, in the same command, exactly once.

Work emerges from marks and entries, not from callbacks that die with their process. The change stands even if
its task is refused; the refusal is an event.

With `coalesce`, a path has at most one open task of a reaction. A change while that task waits is merged with
it (its payload tells the latest change). A change while it is leased is remembered and makes one follow-up
task after that attempt. So nothing that happened after an agent looked is lost, and a burst of a thousand
changes is one task.

The task of a reaction may cause further reactions. A change made by an agent while it holds such a task is
one step deeper. Beyond 16 steps no task is made, so a reaction that feeds itself ends in an event, not in a
flood of tasks.
"""

from __future__ import annotations

import hashlib
import heapq
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ...commands.board import React, Reactions, Unreact
from ...commands.shared import Refused, Submit
from ...errors import LimitError, UnknownKindError
from ...frozen import evolve
from ...values.entries import matches
from ...values.payloads import copy_json
from ...values.reactions import Reaction
from ...values.tasks import FINAL
from ..state.decay import dies_at
from ..state.ledger import FAR_NS, Ledger
from ..state.parts import Part
from ..state.records import LEASED, Row
from ..state.timeline import CALENDAR
from ..work.submitting import submit
from .entries import VERSION
from .ranking import WEIGHT

if TYPE_CHECKING:
    from .surroundings import Surroundings
    from .trails import Trails

_DEPTH = 16
_MOST = 1_024
_MOST_AT_ONCE = 10_000
"""most tasks that a new reaction may begin with"""
_LONG = 300
"""bytes of a path from which a task's id has a digest of it instead"""
_ORDINAL, _REACTION, _PAYLOAD = range(3)
"""a row of the table `reactions`"""
_, _, _DEEP = range(3)
"""a row of the table `causes`"""


_NONE = ("", ())
"""an activation that there is not"""


class Activations(Part):
    """
    The reactions of a board and the tasks they have made.

    Tables:
        reactions: name -> (ordinal, Reaction, payload of its task)
        activations: (name, path) -> (open task, (version, change, depth) that came since, or ())
        causes: task -> (name, path, depth)
        episodes: (name, place) -> (ordinal,) while a trigger's trail is strong
    """

    tables = ("reactions", "activations", "causes", "episodes")
    values = (Reaction,)

    def __init__(self, around: Surroundings, trails: Trails) -> None:
        self.around, self.trails = around, trails
        around.reactions = self
        self.commands = {React: self.react, Unreact: self.unreact}
        self.queries = {Reactions: self.reactions_by_name}
        self.about_entries = self.about_trails = False
        self.by_start: dict[str, list[Reaction]] = {}
        """first segment of the pattern ("**": any first segment, or one with a star) -> reactions in their
        order"""
        self.falls: list[tuple[int, str, str]] = []
        """heap of (ns, name, place): when an episode ends, or earlier"""
        self.listed: dict[tuple[str, str], int] = {}
        """(name, place) -> the entry of the heap that counts"""

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild the index and the alarms of the episodes."""
        rows = sorted(ledger.tables["reactions"].values(), key=itemgetter(_ORDINAL))
        self.by_start = {}
        for _, reaction, _ in rows:
            start = reaction.pattern.split("/", 1)[0]
            self.by_start.setdefault("**" if "*" in start else start, []).append(reaction)
        self.about_trails = any(reaction.trails is not None for _, reaction, _ in rows)
        self.about_entries = any(reaction.trails is None for _, reaction, _ in rows)
        self.falls, self.listed = [], {}
        for name, place in ledger.tables["episodes"]:
            self._watch_fall(ledger, ledger.tables["reactions"][name][_REACTION], place)

    # -- commands ---------------------------------------------------------------------------

    def react(self, ledger: Ledger, command: React) -> bool | Refused:
        """Set a reaction; it replaces one of the same name, together with that one's open activations."""
        reaction, payload = command.reaction, command.payload
        known = self.trails.known
        if reaction.trails is not None and known and reaction.trails not in known:
            return Refused(UnknownKindError(reaction.trails, known))
        table = ledger.tables["reactions"]
        old = table.get(reaction.name)
        bare = evolve(reaction, task=evolve(reaction.task, payload=None))
        if old is not None and old[_REACTION:] == (bare, payload):
            return False
        if old is None and len(table) >= _MOST:
            return Refused(LimitError("reactions of a board", len(table) + 1, _MOST))
        there = self._there(ledger, reaction) if command.existing else []
        if len(there) > _MOST_AT_ONCE:
            return Refused(
                LimitError(f"what reaction {reaction.name!r} begins with", len(there), _MOST_AT_ONCE)
            )
        if old is not None:
            self._end_episodes(ledger, reaction.name)
        ordinal = ledger.ordinal() if old is None else old[_ORDINAL]
        ledger.undo.put(table, reaction.name, (ordinal, bare, payload))
        self.rebuild(ledger)
        for path, version, strength in there:
            change = "created" if reaction.above is None else self._edge(ledger, bare, path, strength)
            if change:
                self._come(ledger, bare, path, version, change, 1)
        return old is None

    def _there(self, ledger: Ledger, reaction: Reaction) -> list[tuple[str, int, float]]:
        """Return what a reaction would have met if it had existed already: (path, version, strength)."""
        tables, pattern = ledger.tables, reaction.pattern
        if reaction.trails is None:
            return [
                (path, row[VERSION], 0.0)
                for path, row in sorted(tables["entries"].items())
                if matches(pattern, path)
            ]
        rule, now = self.trails.rule(reaction.trails), ledger.timeline.reading[CALENDAR]
        return [
            (place, 0, self.trails.strength(rule, row, now))
            for (kind, place), row in sorted(tables["trails"].items())
            if kind == reaction.trails and matches(pattern, place)
        ]

    def unreact(self, ledger: Ledger, command: Unreact) -> bool:
        """Remove a reaction."""
        if command.name not in ledger.tables["reactions"]:
            return False
        self._end_episodes(ledger, command.name)
        for name, path in [key for key in ledger.tables["activations"] if key[0] == command.name]:
            ledger.undo.drop(ledger.tables["activations"], (name, path))
        ledger.undo.drop(ledger.tables["reactions"], command.name)
        self.rebuild(ledger)
        return True

    def _end_episodes(self, ledger: Ledger, reaction: str) -> None:
        for key in [key for key in ledger.tables["episodes"] if key[0] == reaction]:
            self.listed.pop(key, None)
            ledger.undo.drop(ledger.tables["episodes"], key)

    def reactions_by_name(self, ledger: Ledger, query: Reactions) -> tuple[Reaction, ...]:
        """List the reactions by name."""
        return tuple(
            [
                evolve(reaction, task=evolve(reaction.task, payload=copy_json(payload)))
                for _, (_, reaction, payload) in sorted(ledger.tables["reactions"].items())
            ]
        )

    # -- changes ----------------------------------------------------------------------------

    def _about(self, path: str) -> list[Reaction]:
        """Return the reactions whose pattern a path matches."""
        start = path.split("/", 1)[0]
        some = self.by_start.get(start, ()) if start != "**" else ()
        return [
            reaction for reaction in (*some, *self.by_start.get("**", ())) if matches(reaction.pattern, path)
        ]

    def notice_entry(self, ledger: Ledger, what: str, path: str, version: int, agent: str | None) -> None:
        """React to a change of an entry."""
        for reaction in self._about(path):
            if reaction.trails is None and what in reaction.on:
                self._come(ledger, reaction, path, version, what, self._depth(ledger, agent))

    def notice_trail(
        self, ledger: Ledger, what: str, kind: str, place: str, strength: float, agent: str | None
    ) -> None:
        """React to a change of a trail; a trigger reacts to its edges."""
        for reaction in self._about(place):
            if reaction.trails != kind:
                continue
            change = what if reaction.above is None else self._edge(ledger, reaction, place, strength)
            if change in reaction.on:
                self._come(ledger, reaction, place, 0, change, self._depth(ledger, agent))

    def _edge(self, ledger: Ledger, reaction: Reaction, place: str, strength: float) -> str:
        assert reaction.above is not None
        assert reaction.below is not None
        episodes, key = ledger.tables["episodes"], (reaction.name, place)
        if key not in episodes:
            if strength < reaction.above:
                return ""
            ledger.undo.put(episodes, key, (ledger.ordinal(),))
            self._watch_fall(ledger, reaction, place)
            return "rose"
        if strength >= reaction.below:
            # weakened by something other than time, it falls earlier
            self._watch_fall(ledger, reaction, place)
            return ""
        ledger.undo.drop(episodes, key)
        self.listed.pop(key, None)
        return "fell"

    def _depth(self, ledger: Ledger, agent: str | None) -> int:
        """Return the depth of a change that this agent makes now."""
        holder = None if agent is None else ledger.agents.get(agent)
        if holder is None or not ledger.tables["causes"]:
            return 1
        causes = ledger.tables["causes"]
        held = [causes[row.spec.id][_DEEP] for row in holder.leases.values() if row.spec.id in causes]
        return 1 + max(held, default=0)

    def _come(
        self, ledger: Ledger, reaction: Reaction, path: str, version: int, change: str, depth: int
    ) -> None:
        """Make a task for a change, or merge the change with the task that is open."""
        key = (reaction.name, path)
        activations = ledger.tables["activations"]
        task, _ = activations.get(key, _NONE) if reaction.coalesce else _NONE
        row = ledger.tasks.get(task)
        if row is None or row.state in FINAL:
            self._create(ledger, reaction, path, version, change, depth)
        elif row.state is LEASED:
            ledger.undo.put(activations, key, (row.spec.id, (version, change, depth)))
        else:
            ledger.undo.touch(row)
            row.payload = {**row.payload, "version": version, "change": change}

    def _create(
        self, ledger: Ledger, reaction: Reaction, path: str, version: int, change: str, depth: int
    ) -> None:
        name = reaction.name
        if depth > _DEPTH:
            why = f"the change comes {depth - 1} reactions deep, at most {_DEPTH}: does {name!r} feed itself?"
            ledger.emit("unreacted", None, None, 0, [name, path, why])
            return
        short = path
        if len(path.encode()) > _LONG:  # ids are bounded, and the number makes them unique
            short = hashlib.blake2b(path.encode(), digest_size=16).hexdigest()
        payload = ledger.tables["reactions"][name][_PAYLOAD]
        payload = {**(payload or {}), "path": path, "version": version, "change": change}
        place = path if reaction.task.place is None else reaction.task.place
        task = evolve(reaction.task, id=f"{name}/{short}#{ledger.ordinal()}", place=place)
        reply = submit(ledger, Submit((task,), (payload,)))
        if isinstance(reply, Refused):
            ledger.emit("unreacted", None, None, 0, [name, path, str(reply.error)[:500]])
            return
        ledger.undo.put(ledger.tables["causes"], task.id, (name, path, depth))
        if reaction.coalesce:
            ledger.undo.put(ledger.tables["activations"], (name, path), (task.id, ()))
        ledger.emit("reacted", task.id, None, 0, [name, path])

    def ended(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Make the follow-up task if the path changed again during the task that has ended."""
        cause = ledger.tables["causes"].get(row.spec.id)
        if cause is None:
            return
        ledger.undo.drop(ledger.tables["causes"], row.spec.id)
        name, path, _ = cause
        task, since = ledger.tables["activations"].get((name, path), _NONE)
        if task != row.spec.id:
            return
        ledger.undo.drop(ledger.tables["activations"], (name, path))
        if since:
            self._create(ledger, ledger.tables["reactions"][name][_REACTION], path, *since)

    # -- falling edges ----------------------------------------------------------------------

    def _watch_fall(self, ledger: Ledger, reaction: Reaction, place: str) -> None:
        when, key = self._falls_at(ledger, reaction, place), (reaction.name, place)
        if when is not None and when < self.listed.get(key, FAR_NS):
            self.listed[key] = when
            heapq.heappush(self.falls, (when, *key))
            self.around.due(when)

    def weakened(self, ledger: Ledger, kind: str, place: str) -> None:
        """Look again at when a trail falls that has lost weight by something that is no change of its own."""
        for reaction in self._about(place):
            if reaction.trails == kind and (reaction.name, place) in ledger.tables["episodes"]:
                self._watch_fall(ledger, reaction, place)

    def _falls_at(self, ledger: Ledger, reaction: Reaction, place: str) -> int | None:
        """Return when a trail will be weaker than `below` if nobody lays a mark; None if never or if gone."""
        assert reaction.below is not None
        assert reaction.trails is not None
        row = ledger.tables["trails"].get((reaction.trails, place))
        rule = self.trails.rule(reaction.trails)
        if row is None or rule.floor >= reaction.below:
            return None
        return dies_at(row[WEIGHT], reaction.below, rule.half_life)

    def _next_fall(self, ledger: Ledger) -> tuple[int, Reaction, str] | None:
        falls, episodes = self.falls, ledger.tables["episodes"]
        while falls:
            when, name, place = falls[0]
            row = ledger.tables["reactions"].get(name)
            if row is None or self.listed.get((name, place)) != when or (name, place) not in episodes:
                heapq.heappop(falls)
                continue
            at = self._falls_at(ledger, row[_REACTION], place)
            if at is None:
                del self.listed[name, place]
                heapq.heappop(falls)
            elif at > when:  # reinforced since
                self.listed[name, place] = at
                heapq.heapreplace(falls, (at, name, place))
            else:
                return at, row[_REACTION], place
        return None

    def pass_due(self, ledger: Ledger) -> None:
        """End the episodes that are due."""
        now = ledger.timeline.reading[CALENDAR]
        while (due := self._next_fall(ledger)) is not None and due[0] <= now:
            _, reaction, place = due
            heapq.heappop(self.falls)
            del self.listed[reaction.name, place]
            ledger.undo.drop(ledger.tables["episodes"], (reaction.name, place))
            if "fell" in reaction.on:
                self._come(ledger, reaction, place, 0, "fell", 1)

    def next_due(self, ledger: Ledger) -> int:
        """Return when the next episode ends."""
        due = self._next_fall(ledger)
        return FAR_NS if due is None else due[0]

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return the number of reactions."""
        return {"reactions": len(ledger.tables["reactions"])}

    def check(self, ledger: Ledger) -> None:
        """Assert that the tables agree."""
        tables = ledger.tables
        for (name, path), (task, _) in tables["activations"].items():
            assert tables["causes"][task][:2] == (name, path)
            assert name in tables["reactions"]
        for task in tables["causes"]:
            assert ledger.tasks[task].state not in FINAL
        rung = {(name, place) for when, name, place in self.falls if self.listed.get((name, place)) == when}
        for name, place in tables["episodes"]:
            reaction = tables["reactions"][name][_REACTION]
            assert (reaction.trails, place) in tables["trails"]
            at = self._falls_at(ledger, reaction, place)
            assert at is None or ((name, place) in rung and self.listed[name, place] <= at)
        listed = [reaction for line in self.by_start.values() for reaction in line]
        assert len(listed) == len(tables["reactions"])

"""Reactions: rules that turn a change of the shared state into a task."""

from __future__ import annotations

from ..frozen import evolve, frozen, taking
from .checks import amount, check_name, quoted, strings
from .entries import checked_pattern
from .tasks import Task

_set = object.__setattr__
_ON = ("created", "changed", "deleted")
_EDGES = ("rose", "fell")


@frozen
class Reaction:
    """
    A rule that turns each matching change into a task.

    Args:
        name: name of the reaction; its tasks are called "<name>/<path>#<number>".
        pattern: paths of entries, or places of trails, such as "inbox/*", "posts/*.md" or "src/**".
        task: a template of the tasks; path, version (of entries) and change are added to the payload.
        on: the changes to react to: "created", "changed", "deleted"; for a trigger "rose", "fell".
        coalesce: allow one open task per path: changes before it is claimed are merged with it, and changes
            while it is leased make one follow-up task at its end.
        trails: react to this kind of mark; None reacts to entries.
        above: make a trigger: it reports "rose" once when the trail reaches this strength, and not again
            before the trail has fallen below `below`.
        below: the trigger reports "fell" at the instant when the trail becomes weaker than this; by default
            half of `above`.

    """

    name: str
    pattern: str
    task: Task
    on: tuple[str, ...] = taking(default=(), converter=strings)
    coalesce: bool = True
    trails: str | None = None
    above: float | None = None
    below: float | None = None

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name, "reaction name"))
        checked_pattern(self.pattern)
        if not isinstance(self.task, Task):
            raise TypeError(f"task must be a Task, not {quoted(self.task)}")
        if self.task.needs or self.task.parts or self.task.team or self.task.key:
            raise ValueError(
                f"the task of reaction {quoted(self.name)} can have no needs, parts, team or key"
            )
        # two equal templates must compare equal, whatever fresh ids they have
        _set(self, "task", evolve(self.task, id=self.name))
        if self.task.payload is not None and not isinstance(self.task.payload, dict):
            raise TypeError(
                f"the payload of reaction {quoted(self.name)} must be an object or None, "
                f"not {quoted(self.task.payload)}: path, version and change are added to it"
            )
        if not isinstance(self.coalesce, bool):
            raise TypeError(f"coalesce must be a bool, not {quoted(self.coalesce)}")
        self._check_trigger()
        known = _ON if self.above is None else _EDGES
        if isinstance(self.on, str):
            raise TypeError(f"on must be a list such as [{quoted(self.on)}], not a string")
        for change in self.on:
            if not isinstance(change, str) or change not in known:
                raise ValueError(f"on must name some of {', '.join(known)}, not {quoted(change)}")
        _set(self, "on", tuple(dict.fromkeys(self.on)) or known[:-1])

    def _check_trigger(self) -> None:
        if self.trails is not None:
            object.__setattr__(self, "trails", check_name(self.trails, "trails"))
        if self.above is None:
            if self.below is not None:
                raise ValueError("below= belongs to above=: a trigger has both edges")
            return
        if self.trails is None:
            raise ValueError("above= needs trails=: a trigger watches a kind of mark")
        _set(self, "above", amount(self.above, "above"))
        _set(self, "below", amount(self.above / 2 if self.below is None else self.below, "below"))
        assert self.above is not None
        assert self.below is not None
        if self.below >= self.above:
            raise ValueError(
                f"below={quoted(self.below)} must be under above={quoted(self.above)}: "
                "the gap keeps a trigger from chattering"
            )

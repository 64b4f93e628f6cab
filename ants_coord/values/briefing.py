"""What an agent should know when it starts to work on a board: bounded, and in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .marks import Trail
from ..frozen import frozen


@frozen
class OpenTask:
    """
    A task that an agent could claim now, and the history of earlier attempts.

    `tried` holds the last lines of its history and the last notes of its earlier holders, one line each.
    """

    task: str
    kind: str
    priority: int
    requires: str | None
    attempts: int
    tried: tuple[str, ...] = ()


@frozen
class Briefing:
    """
    What an agent should know when it starts or returns; `str()` of it is a text for a prompt.

    `open` lists the first tasks that it could claim, best first; `holds` the ids of tasks that it holds
    already. `barred` says why it gets nothing now (None: nothing bars it). `ready`, `unfinished` and `failed`
    count the tasks of the whole board; `trails` are the most attractive places (Blackboard).
    """

    agent: str
    unfinished: int
    ready: int
    failed: int
    holds: tuple[str, ...] = ()
    barred: str | None = None
    open: tuple[OpenTask, ...] = ()
    trails: tuple[Trail, ...] = ()

    def __str__(self) -> str:
        counts = f"{self.unfinished} task(s) unfinished, {self.ready} ready, {self.failed} failed"
        lines = [f"You are agent {self.agent!r} on a shared board: {counts}."]
        if self.holds:
            lines.append(f"You hold {', '.join(map(repr, self.holds))}.")
        if self.barred is not None:
            lines.append(f"You get nothing now: {self.barred}.")
        lines.append("Open to you, best first:" if self.open else "Nothing is open to you now.")
        for each in self.open:
            requires = "" if each.requires is None else f", requires {each.requires}"
            lines.append(f"- {each.task!r} (kind {each.kind}, priority {each.priority}{requires})")
            lines += [f"    {line}" for line in each.tried]
        if self.trails:
            lines.append("Strongest trails:")
        for trail in self.trails:
            lines.append(f"- {trail.place!r}: {trail.strength:.3g}, last by {trail.last_by}")
        return "\n".join(lines)

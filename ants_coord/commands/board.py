"""
Commands about the shared environment: marks, entries, reactions, roll-back.
"""

from __future__ import annotations

from typing import Any

from ..values.entries import Change, Entry, Page
from ..values.frozen import record
from ..values.marks import Mark, Threshold, Trail
from ..values.reactions import Reaction
from .shared import Command, Granting, Query


@record
class Deposit(Command[Trail]):
    """Lay a mark."""

    mark: Mark
    agent: str


@record
class Diffuse(Command[int]):
    """
    Let each place divide `share` of its trail evenly among its neighbours; returns how many trails changed.
    """

    kind: str
    neighbours: tuple[tuple[str, tuple[str, ...]], ...]
    share: float
    agent: str


@record
class Sense(Query[tuple[Trail, ...]]):
    """Read the trails at a place, by kind."""

    place: str
    kind: str | None = None


@record
class Strongest(Query[tuple[Trail, ...]]):
    """Read the strongest trails of a kind, or the most attractive places over all kinds."""

    kind: str | None = None
    count: int = 10


@record
class Thresholds(Query[tuple[Threshold, ...]]):
    """Read an agent's thresholds by kind of task."""

    agent: str


@record
class Write(Command[Entry]):
    """Write an entry if it has the version `expect` (0: there is none), and lay `mark` in the same step."""

    path: str
    value: Any
    agent: str
    expect: int | None = None
    ttl_ns: int | None = None
    mark: Mark | None = None


@record
class Take(Granting[Entry | None]):
    """
    Remove and return the first entry by path that matches; None if there is none.

    With `ttl_ns` it is lent: unless its taker erases it in that time, it returns.
    """

    pattern: str
    agent: str
    ttl_ns: int | None = None


@record
class Erase(Command[bool]):
    """Remove an entry; `expect` as for Write. Returns whether there was one."""

    path: str
    agent: str
    expect: int | None = None


@record
class Read(Query[Entry | None]):
    """Read one entry."""

    path: str


@record
class Entries(Query[tuple[Entry, ...]]):
    """List entries by path: those that begin with `prefix` and match `pattern`, after the path `after`."""

    prefix: str = ""
    pattern: str | None = None
    after: str | None = None
    count: int = 1000
    newer_than: int = 0


@record
class History(Query[tuple[Change, ...]]):
    """Read the history of an entry, oldest first, with the values."""

    path: str


@record
class Changes(Query[Page]):
    """Read changes below a prefix after a cursor; with None the state itself, as "present"."""

    prefix: str
    since: int | None
    count: int = 1000


@record
class React(Command[bool]):
    """
    Set a reaction; returns whether it is new. `payload` is the private copy of its task's payload.

    With `existing` it also reacts to what exists already, as if it had just been created.
    """

    reaction: Reaction
    payload: Any = None
    existing: bool = False


@record
class Unreact(Command[bool]):
    """Remove a reaction; the tasks that it made stay. Returns whether there was one."""

    name: str


@record
class Reactions(Query[tuple[Reaction, ...]]):
    """List the reactions by name."""


@record
class RollBack(Command[dict[str, Any]]):
    """
    Undo what an agent has done to the shared state, in one step.

    Entries that it wrote last get back the value that somebody else had given them, or are removed; its share
    is removed from trails. With a TrustPolicy the agent is also put in quarantine, unless `quarantine` is
    False. Returns how many trails changed and how many entries were restored and erased.
    """

    agent: str
    by: str
    quarantine: bool = True

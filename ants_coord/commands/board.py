"""
Commands about the shared environment: marks, entries, reactions, roll-back.
"""

from __future__ import annotations

from typing import Any

from ..frozen import record
from ..values.entries import Change, Entry, Page
from ..values.marks import Mark, Threshold, Trail
from ..values.reactions import Reaction
from .shared import Command, Granting, Query


@record
class Deposit(Command[Trail]):
    """The command to lay a mark."""

    mark: Mark
    agent: str


@record
class Diffuse(Command[int]):
    """
    The command to let each place divide `share` of its trail evenly among its neighbours.

    The reply is how many trails changed.
    """

    kind: str
    neighbours: tuple[tuple[str, tuple[str, ...]], ...]
    share: float
    agent: str


@record
class Sense(Query[tuple[Trail, ...]]):
    """The query for the trails at a place, by kind."""

    place: str
    kind: str | None = None


@record
class Strongest(Query[tuple[Trail, ...]]):
    """The query for the strongest trails of a kind, or the most attractive places over all kinds."""

    kind: str | None = None
    count: int = 10


@record
class Thresholds(Query[tuple[Threshold, ...]]):
    """The query for an agent's thresholds by kind of task."""

    agent: str


@record
class Write(Command[Entry]):
    """The command to write an entry if its version is `expect` (0: there is none); `mark` is laid with it."""

    path: str
    value: Any
    agent: str
    expect: int | None = None
    ttl_ns: int | None = None
    mark: Mark | None = None


@record
class Take(Granting[Entry | None]):
    """
    The command to take the first entry by path that matches; the reply is None if there is none.

    With `ttl_ns` it is lent: unless its taker erases it in that time, it returns.
    """

    pattern: str
    agent: str
    ttl_ns: int | None = None


@record
class Erase(Command[bool]):
    """The command to remove an entry; `expect` as for Write. The reply is whether there was one."""

    path: str
    agent: str
    expect: int | None = None


@record
class Read(Query[Entry | None]):
    """The query for one entry."""

    path: str


@record
class Entries(Query[tuple[Entry, ...]]):
    """The query for entries by path: those that begin with `prefix` and match `pattern`, after `after`."""

    prefix: str = ""
    pattern: str | None = None
    after: str | None = None
    count: int = 1000
    newer_than: int = 0


@record
class History(Query[tuple[Change, ...]]):
    """The query for the history of an entry, oldest first, with the values."""

    path: str


@record
class Changes(Query[Page]):
    """The query for changes below a prefix after a cursor; with None for the state itself, as "present"."""

    prefix: str
    since: int | None
    count: int = 1000


@record
class React(Command[bool]):
    """
    The command to set a reaction; the reply is whether it is new.

    `payload` is the private copy of its task's payload.

    With `existing` it also reacts to what exists already, as if it had just been created.
    """

    reaction: Reaction
    payload: Any = None
    existing: bool = False


@record
class Unreact(Command[bool]):
    """The command to remove a reaction; the tasks that it made stay. The reply is whether there was one."""

    name: str


@record
class Reactions(Query[tuple[Reaction, ...]]):
    """The query for the reactions, by name."""


@record
class RollBack(Command[dict[str, Any]]):
    """
    The command to undo what an agent has done to the shared state, in one step.

    Entries that it wrote last get back the value that somebody else had given them, or are removed; its share
    is removed from trails. With a TrustPolicy the agent is also put in quarantine, unless `quarantine` is
    False. The reply is how many trails changed and how many entries were restored and erased.
    """

    agent: str
    by: str
    quarantine: bool = True

"""The arguments of the verbs about marks, entries and reactions, checked once and turned into commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..commands.board import (
    Changes,
    Deposit,
    Diffuse,
    Entries,
    Erase,
    React,
    RollBack,
    Take,
    Write,
)
from ..commands.shared import MAX_BATCH, with_salt
from ..errors import LimitError
from ..values.checks import amount, check_id, check_name, count, listed, quoted, seconds
from ..values.entries import checked_pattern
from ..values.marks import Mark
from ..values.payloads import json_value
from ..values.reactions import Reaction
from ..values.tasks import Task
from . import arguments
from .arguments import Seconds


def deposit(mark: Mark, agent: str) -> Deposit:
    """Build a Deposit."""
    if mark.__class__ is not Mark:
        raise TypeError(f"deposit takes a Mark, not {quoted(mark)}; write Mark(kind, place, strength)")
    return Deposit(mark, arguments.agent_name(agent))


def diffuse(kind: str, neighbours: Mapping[str, Iterable[str]], share: float, agent: str) -> Diffuse:
    """Build a Diffuse."""
    if not isinstance(neighbours, Mapping):
        raise TypeError(f"neighbours must map a place to its neighbours, not {quoted(neighbours)}")
    checked, edges = [], 0
    for place, given in neighbours.items():
        check_id(place, "each place in neighbours")
        others = listed(given, f"the neighbours of {place!r}", "a list of places")
        found = tuple(dict.fromkeys(check_id(other, f"each neighbour of {place!r}") for other in others))
        if place in found:
            raise ValueError(f"neighbours names {place!r} as its own neighbour; what it keeps is 1 - share")
        checked.append((place, found))
        edges += 1 + len(found)
    if edges > MAX_BATCH:
        raise LimitError("places and edges in one step of diffusion", edges, MAX_BATCH)
    return Diffuse(
        check_name(kind, "mark kind"),
        tuple(checked),
        amount(share, "share", most=1.0),
        arguments.agent_name(agent),
    )


def _version(expect: int | None) -> int | None:
    return None if expect is None else count(expect, "expect", least=0)


def write(
    path: str, value: object, agent: str, expect: int | None, ttl: Seconds | None, mark: str | None = None
) -> Write:
    """Build a Write."""
    return Write(
        check_id(path, "path"),
        json_value(value, "value"),
        arguments.agent_name(agent),
        _version(expect),
        None if ttl is None else max(1, round(seconds(ttl, "ttl") * 1e9)),
        None if mark is None else Mark(mark, path),
    )


def erase(path: str, agent: str, expect: int | None) -> Erase:
    """Build an Erase."""
    return Erase(check_id(path, "path"), arguments.agent_name(agent), _version(expect))


def take(pattern: str, agent: str, lease_ttl: arguments.Seconds | None = None) -> Take:
    """Build a Take."""
    ttl_ns = None if lease_ttl is None else max(1, round(seconds(lease_ttl, "lease_ttl") * 1e9))
    return Take(checked_pattern(pattern), arguments.agent_name(agent), ttl_ns)


def start_of(prefix: str) -> str:
    """Return a checked prefix of paths; "" means all."""
    return "" if prefix == "" else check_id(prefix, "prefix")


def entries(
    prefix: str, pattern: str | None = None, after: str | None = None, n: int = 1000, newer_than: int = 0
) -> Entries:
    """Build an Entries."""
    return Entries(
        start_of(prefix),
        None if pattern is None else checked_pattern(pattern),
        None if after is None else check_id(after, "after"),
        count(n, "count", most=1 << 30),
        count(newer_than, "newer_than", least=0),
    )


def changes(prefix: str, since: int | None) -> Changes:
    """Build a Changes."""
    return Changes(start_of(prefix), None if since is None else count(since, "since", least=0))


def reaction(
    name: str,
    pattern: str,
    task: Task,
    on: Iterable[str],
    *,
    coalesce: bool,
    trails: str | None,
    above: float | None,
    below: float | None,
    existing: bool = False,
) -> React:
    """Build a React."""
    if not isinstance(existing, bool):
        raise TypeError(f"existing must be a bool, not {quoted(existing)}")
    wanted = on if isinstance(on, str) else listed(on, "on", "a list of changes")
    if not isinstance(task, Task):
        raise TypeError(f"task must be a Task, not {quoted(task)}")
    payload = json_value(task.payload, "payload")
    made = Reaction(name, pattern, with_salt(task, payload), wanted, coalesce, trails, above, below)
    first = "created" if above is None else "rose"
    if existing and first not in made.on:
        raise ValueError(f"existing=True needs on= with {quoted(first)}: what is there counts as that")
    return React(made, payload, existing)


def roll_back(agent: str, by: str, quarantine: bool) -> RollBack:
    """Build a RollBack."""
    if not isinstance(quarantine, bool):
        raise TypeError(f"quarantine must be a bool, not {quoted(quarantine)}")
    return RollBack(arguments.agent_name(agent), check_name(by, "by"), quarantine)

"""
Routing rules: how a board rewrites a task when it is submitted. Rules never choose an agent.

All rules whose `when` is true apply, in order. A rule may add requirements, set the priority, or split a task
into parts that it then waits for. Rules are settings, so they are data in the log. They are checked together
when they are set: a split that leads back to itself is refused, and so are two rules that can apply to one
task and together require what no agent can have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import LimitError, RequirementError
from ..frozen import frozen, taking
from ..requirements import Facts, evaluate, parse
from .checks import check_id, check_name, count, listed, quoted, strings

__all__ = ["Piece", "Route", "check_routes"]

MAX_ROUTES = 256
_MAX_PIECES = 64


def _requirement(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{field} must be a requirement such as 'kind == \"train\"', not {quoted(value)}")
    parse(value)
    return value


@frozen
class Piece:
    """
    One part of a task that is split; its id is "<task>/<name>", and its payload is the task's.

    Args:
        name: unique among the pieces of a rule.
        kind: kind of the part; by default its name.
        requires: requirement on its agent.
        needs: names of pieces that must be DONE first.

    """

    name: str
    kind: str = ""
    requires: str | None = None
    needs: tuple[str, ...] = taking(default=(), converter=strings)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name, "piece name"))
        object.__setattr__(self, "kind", check_name(self.kind or self.name, "piece kind"))
        if self.requires is not None:
            _requirement(self.requires, "piece requires")
        needs = listed(self.needs, "piece needs", "a list of names")
        object.__setattr__(self, "needs", tuple(check_id(name, "each of piece needs") for name in needs))


def _pieces(values: Iterable[Piece]) -> tuple[Piece, ...]:
    """Declare what `split` accepts."""
    return tuple(values)


@frozen
class Route:
    """
    A rule that rewrites the tasks that meet a condition, when they are submitted.

    Args:
        when: a condition on the task: kind, priority, place, limit, uses.NAME, tags as bare names.
        requires: a requirement to add to the task's own.
        priority: a priority that replaces the task's.
        split: parts to make; the task becomes claimable when they are DONE, and gets their results as inputs.

    Raises:
        TypeError, ValueError, RequirementError: the message names the field.

    """

    when: str
    requires: str | None = None
    priority: int | None = None
    split: tuple[Piece, ...] = taking(default=(), converter=_pieces)

    def __attrs_post_init__(self) -> None:
        _requirement(self.when, "when")
        if self.requires is not None:
            _requirement(self.requires, "requires")
        if self.priority is not None:
            count(self.priority, "priority", least=-(1 << 31), most=1 << 31)
        pieces = listed(self.split, "split", "a list of Pieces")
        object.__setattr__(self, "split", pieces)
        if len(pieces) > _MAX_PIECES:
            raise LimitError("pieces of one route", len(pieces), _MAX_PIECES)
        if self.requires is None and self.priority is None and not pieces:
            raise ValueError(f"route {quoted(self.when)} changes nothing; give requires, priority or split")
        known: set[str] = set()
        for piece in pieces:
            if not isinstance(piece, Piece):
                raise TypeError(f"split must hold Pieces, not {quoted(piece)}")
            if piece.name in known:
                raise ValueError(f"route {quoted(self.when)} has two pieces named {quoted(piece.name)}")
            for need in piece.needs:
                if need not in known:
                    raise ValueError(
                        f"piece {piece.name!r} needs {need!r}, which is no piece before it in this route"
                    )
            known.add(piece.name)


def check_routes(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """
    Return checked rules that do not contradict each other.

    Raises:
        ValueError: a split leads back to a rule that splits again, or two rules contradict each other.

    """
    found = listed(routes, "routes", "a list of Routes")
    if len(found) > MAX_ROUTES:
        raise LimitError("routes", len(found), MAX_ROUTES)
    for route in found:
        if not isinstance(route, Route):
            raise TypeError(f"routes must hold Routes, not {quoted(route)}")
    _refuse_loops(found)
    for number, one in enumerate(found):
        for other in found[:number]:
            if one.requires and other.requires and _can_meet(one, other):
                try:
                    parse(f"({one.requires}) and ({other.requires})")
                except RequirementError as problem:
                    raise ValueError(
                        f"routes {quoted(other.when)} and {quoted(one.when)} can meet on one task and "
                        f"contradict each other: {problem.problem}"
                    ) from None
    return found


def _can_meet(one: Route, other: Route) -> bool:
    try:
        parse(f"({one.when}) and ({other.when})")
    except RequirementError:
        return False
    return True


def _refuse_loops(routes: tuple[Route, ...]) -> None:
    """Follow each split to the rules that its pieces may meet in turn."""
    splitting = [route for route in routes if route.split]
    leads: dict[int, list[int]] = {}
    for number, route in enumerate(splitting):
        leads[number] = [
            other
            for other, target in enumerate(splitting)
            for piece in route.split
            if evaluate(parse(target.when).root, _facts(piece)) is not False
        ]
    for start in leads:
        path, seen = [start], set()
        while path:
            here = path.pop()
            for target in leads[here]:
                if target == start:
                    raise ValueError(
                        f"routes: what {quoted(splitting[start].when)} splits a task into can meet the same "
                        "rule again; let `when` name a kind that its pieces do not have"
                    )
                if target not in seen:
                    seen.add(target)
                    path.append(target)


class _Partial(dict[str, Any]):
    """Attributes of which missing ones may have any value, so that no test of them is false."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name)


def _facts(piece: Piece) -> Facts:
    return Facts({}, _Partial(kind=piece.kind))

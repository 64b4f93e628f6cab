"""
Marks and trails: what agents leave at places for others to follow.

A mark is laid at a place and becomes part of a *trail* (a kind at a place), whose strength fades. Kinds are
part of the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..frozen import frozen, maker, quick, taking
from .checks import amount, check_id, check_name, count, lasting, lasting_or_none, listed, quoted, seconds

_set = object.__setattr__
_MOST_KINDS = 256


@quick
class Mark:
    """
    A mark to lay.

    Args:
        kind: name of the kind of trail (a repellent is a kind of its own, never a negative strength).
        place: 1 to 512 bytes of text, the same as the `place` of tasks.
        strength: greater than 0 and at most 1e12.

    Example:
        >>> from ants_coord import Blackboard, Mark
        >>> with Blackboard(half_life=60) as board:
        ...     board.deposit(Mark("needs-review", "pr/17", 3.0), agent="scout").marks
        1

    """

    kind: str
    place: str
    strength: float = 1.0

    def _check(self: Any) -> None:
        self.kind = check_name(self.kind, "mark kind")
        self.place = check_id(self.place, "mark place")
        self.strength = amount(self.strength, "strength")


@frozen
class MarkKind:
    """
    How the marks of one kind behave.

    Args:
        name: name of the kind.
        half_life: seconds in which half of a trail evaporates; None uses the board's, with 0 it never
            evaporates.
        ceiling: the strength that deposits cannot exceed (the upper bound in max-min ant systems).
        floor: the strength below which a trail does not fall (the lower bound); such a trail is gone when
            nobody has laid a mark for `forget_after`. 0 means no floor.
        forget_after: seconds; only with a floor.
        repels: trails of this kind keep agents away from a place instead of attracting them.
        weight: how much one unit of this kind attracts or repels.
        success: factor for the trail at a task's place when the task is completed; 0 consumes it, 2 doubles
            it.
        failure: factor when an attempt fails or its lease runs out; None means 0.5 for kinds that attract and
            1 for kinds that repel.

    Example:
        >>> from ants_coord import MarkKind
        >>> MarkKind("danger", half_life=600, repels=True).repels
        True

    """

    name: str
    half_life: float | None = taking(default=None, converter=lasting_or_none)
    ceiling: float | None = None
    floor: float = 0.0
    forget_after: float = taking(default=86_400.0, converter=lasting)
    repels: bool = False
    weight: float = 1.0
    success: float = 1.0
    failure: float | None = None

    def __attrs_post_init__(self) -> None:
        _set(self, "name", check_name(self.name, "mark kind"))
        if self.half_life is not None:
            _set(self, "half_life", seconds(self.half_life, "half_life", zero=True))
        if self.ceiling is not None:
            _set(self, "ceiling", amount(self.ceiling, "ceiling"))
        _set(self, "floor", amount(self.floor, "floor", zero=True))
        if self.ceiling is not None and self.floor > self.ceiling:
            raise ValueError(
                f"floor={quoted(self.floor)} is above ceiling={quoted(self.ceiling)} of kind {self.name!r}"
            )
        _set(self, "forget_after", seconds(self.forget_after, "forget_after"))
        if not isinstance(self.repels, bool):
            raise TypeError(f"repels must be a bool, not {quoted(self.repels)}")
        _set(self, "weight", amount(self.weight, "weight", most=1e6))
        _set(self, "success", amount(self.success, "success", zero=True, most=1e3))
        if self.failure is not None:
            _set(self, "failure", amount(self.failure, "failure", zero=True, most=1e3))


def checked_kinds(kinds: Iterable[Any], faint: float) -> tuple[MarkKind, ...]:
    """Return kinds of marks with distinct names, whose bounds are not below `faint`."""
    found = listed(kinds, "kinds", "a list of MarkKinds")
    for kind in found:
        if not isinstance(kind, MarkKind):
            raise TypeError(f"kinds must hold MarkKinds, not {quoted(kind)}")
        for field in ("floor", "ceiling"):
            bound = getattr(kind, field)
            if bound and bound < faint:
                raise ValueError(
                    f"{field}={bound!r} of kind {kind.name!r} is below faint={faint!r}, where trails are gone"
                )
    names = [kind.name for kind in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"kinds names {quoted(twice)} twice")
    count(len(found), "number of kinds", least=0, most=_MOST_KINDS)
    return found


@quick
class Trail:
    """
    The present state of a trail: its strength, and who laid how many marks when (ns since the epoch).

    In the answer to a deposit, `laid` is the part of the mark that counted, which a ceiling may limit. `kind`
    is None if `strength` is the net of all kinds at a place.
    """

    kind: str | None
    place: str
    strength: float
    marks: int
    first_ns: int
    last_ns: int
    first_by: str
    last_by: str
    laid: float = 0.0


make_trail: Callable[..., Trail] = maker(Trail)


@frozen
class Threshold:
    """
    How hard it is to attract an agent to a kind of task: attraction is divided by this value, initially 1.
    """

    agent: str
    kind: str
    threshold: float

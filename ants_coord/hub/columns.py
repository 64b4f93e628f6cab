"""
Replies to batches, field by field: a column of ids, a column of tokens, and so on.

One by one, each value would name its class and tag each of its fields; packing and unpacking that was half of
what a hub did for a batch. A column whose values are alike is sent as a single value. Payloads, results and
inputs are JSON already, and are sent as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any

from ..core import snapshot
from ..frozen import fields, maker
from ..values.tasks import Lease, Outcome, TaskState, Ticket, make_lease, make_outcome

_STATES = {state.value: state for state in TaskState}


def _is_alike(column: tuple[Any, ...]) -> bool:
    return column.count(column[0]) == len(column)


def _is_nothing(column: tuple[Any, ...]) -> bool:
    # not whether all are alike: 1, 1.0 and True are equal, but not the same JSON
    return column.count(None) == len(column)


def _is_empty(column: tuple[Any, ...]) -> bool:
    return not any(column)


class _Plain:
    """How the values of a field are sent whose type says what they are: strings, numbers, states."""

    is_one = staticmethod(_is_alike)

    def sent(self, column: tuple[Any, ...]) -> Sequence[Any]:
        return column

    def heard(self, column: list[Any], count: int) -> Iterable[Any]:
        if len(column) == count:
            return column
        (value,) = column
        return repeat(value, count)


class _States(_Plain):
    def heard(self, column: list[Any], count: int) -> Iterable[Any]:
        return super().heard([_STATES[value] for value in column], count)


class _Free(_Plain):
    """JSON values of users; none is shared between two receivers, who may change theirs."""

    is_one = staticmethod(_is_nothing)


class _Inputs(_Plain):
    is_one = staticmethod(_is_empty)

    def heard(self, column: list[Any], count: int) -> Iterable[Any]:
        return column if len(column) == count else [{} for _ in super().heard(column, count)]


class _Tuples(_Plain):
    """Columns of names and notes, which few leases have."""

    is_one = staticmethod(_is_empty)

    def sent(self, column: tuple[Any, ...]) -> Sequence[Any]:
        return list(map(snapshot.pack, column))

    def heard(self, column: list[Any], count: int) -> Iterable[Any]:
        return super().heard(list(map(snapshot.unpack, column)), count)


_HOW: dict[str, _Plain] = {
    "Any": _Free(), "dict[str, Any]": _Inputs(), "TaskState": _States(),
    "tuple[str, ...]": _Tuples(), "tuple[NoteRecord, ...]": _Tuples(),
    "str": _Plain(), "int": _Plain(), "bool": _Plain(), "str | None": _Plain(),
}  # fmt: skip
"""type of a field -> how its values are sent"""


class _Kind:
    """How the values of a class are sent."""

    def __init__(self, kind: type, make: Callable[..., Any]) -> None:
        every = fields(kind)
        self.get = attrgetter(*[each.name for each in every])
        self.how = [_HOW[each.type] for each in every]
        self.make = make


KINDS: dict[type, _Kind] = {
    Ticket: _Kind(Ticket, maker(Ticket)),
    Lease: _Kind(Lease, make_lease),
    Outcome: _Kind(Outcome, make_outcome),
}
"""the classes whose values come in batches"""
_NAMED = {kind.__name__: how for kind, how in KINDS.items()}


def pack(values: tuple[Any, ...]) -> list[Any]:
    """Turn values of one class, at least two, into JSON."""
    kind = values[0].__class__
    known = KINDS[kind]
    sent: list[Any] = [kind.__name__, len(values)]
    for column, how in zip(zip(*map(known.get, values), strict=True), known.how, strict=True):
        sent.append(how.sent(column[:1] if how.is_one(column) else column))
    return sent


def unpack(sent: list[Any]) -> tuple[Any, ...]:
    """Invert `pack`."""
    name, count, *columns = sent
    known = _NAMED[name]
    heard = [how.heard(column, count) for how, column in zip(known.how, columns, strict=True)]
    return tuple(map(known.make, *heard))

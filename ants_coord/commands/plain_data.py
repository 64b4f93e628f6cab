"""
Our own commands and values as plain data, and back: one table of the types that their fields may have.

It is strict: a field that is not exactly of its type is refused, never converted. Values equal to their
default are left out. The functions for a class are made at its first use, so that a hook that locks one file
does not pay for the rest. For users' commands `codec.foreign` does the same with cattrs; a test compares the
two. A hub's clients write with it, too, and need no codec.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, get_args

from ..frozen import fields
from ..values.tasks import Task, TaskState
from .shared import Lookup

Function = Callable[[Any], Any]


class Strange(Exception):  # noqa: N818 - it never leaves the codec
    """Raised when plain data has fields that its class does not have."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(names)
        self.names = names


# -- what is read: a function for each type -------------------------------------------------------------


def exactly(kind: type) -> Function:
    """Return a function that accepts values of exactly this class."""

    def read(value: Any) -> Any:
        if value.__class__ is not kind:
            raise TypeError(f"expected {kind.__name__}, found {value!r:.80}")
        return value

    return read


def number(value: Any) -> float:
    """Accept a number."""
    if value.__class__ not in (int, float):
        raise TypeError(f"expected a number, found {value!r:.80}")
    return float(value)


def moment(value: Any) -> float | dt.datetime | None:
    """Accept seconds, a date or None."""
    if value is None:
        return None
    return dt.datetime.fromisoformat(value) if value.__class__ is str else number(value)


def uses(value: Any) -> dict[str, int] | None:
    """Accept amounts by name, or None; a task checks them itself."""
    if value is not None and value.__class__ is not dict:
        raise TypeError(f"expected an object, found {value!r:.80}")
    return value


def attributes(value: Any) -> dict[str, Any]:
    """Accept plain values by name."""
    if value.__class__ is not dict or not {*map(type, value.values())} <= {int, float, str, bool}:
        raise TypeError(f"expected an object of plain values, found {value!r:.80}")
    return value


_READ: dict[str, Function | None] = {
    "Any": None,
    "str": exactly(str),
    "int": exactly(int),
    "bool": exactly(bool),
    "float": number,
    "float | dt.datetime | None": moment,
    "Mapping[str, int] | None": uses,
    "Mapping[str, int | float | str | bool]": attributes,
    "Mapping[str, Any]": exactly(dict),
    "TaskState": TaskState,
}
"""type as written -> function; None accepts anything; compound types are added at their first use"""

_HOMES = {
    "Advert": "adverts", "Backoff": "tasks", "Mark": "marks", "MarkKind": "marks", "Namespace": "entries",
    "Piece": "routes", "Proof": "verification", "Reaction": "reactions", "Route": "routes",
    "Settings": "settings", "Task": "tasks", "TrustPolicy": "trust", "Verify": "verification",
}  # fmt: skip
"""values that commands carry -> module of `values`, which is imported for the first of them"""


def _reads(text: str) -> Function | None:
    """Return the function for a type."""
    if text not in _READ:
        _READ[text] = _made_of_others(text)
    return _READ[text]


def _made_of_others(text: str) -> Function | None:
    if text.endswith(" | None"):
        return _or_none(_reads(text.removesuffix(" | None")))
    if text.startswith("tuple["):
        inner = _split(text[len("tuple[") : -1])
        return many(_reads(inner[0])) if inner[1:] == ["..."] else fixed([_reads(each) for each in inner])
    if text == "Lookup":
        return _one_of(get_args(Lookup))
    if text.startswith("Literal["):
        return _one_of([each.strip("'\"") for each in _split(text[len("Literal[") : -1])])
    return _value(text)


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    found, depth = [""], 0
    for sign in text:
        depth += (sign == "[") - (sign == "]")
        if sign == "," and not depth:
            found.append("")
        else:
            found[-1] += sign
    return [each.strip() for each in found]


def _or_none(inner: Function | None) -> Function | None:
    if inner is None:
        return None
    return lambda value: None if value is None else inner(value)


def many(inner: Function | None) -> Function:
    """Return a function that reads a list of any length."""

    def read(value: Any) -> Any:
        if value.__class__ is not list:
            raise TypeError(f"expected a list, found {value!r:.80}")
        return tuple(value if inner is None else [inner(item) for item in value])

    return read


def fixed(inner: Sequence[Function | None]) -> Function:
    """Return a function that reads a list with a function for each place."""

    def read(value: Any) -> Any:
        if value.__class__ is not list or len(value) != len(inner):
            raise TypeError(f"expected a list of {len(inner)}, found {value!r:.80}")
        return tuple([item if take is None else take(item) for item, take in zip(value, inner, strict=True)])

    return read


def _one_of(words: Any) -> Function:
    def read(value: Any) -> Any:
        if value.__class__ is not str or value not in words:
            raise ValueError(f"expected one of {', '.join(words)}, found {value!r:.80}")
        return value

    return read


def _value(name: str) -> Function:
    """Read a value of ours, whose class is imported for the first of them."""
    made: list[Function] = []

    def read(value: Any) -> Any:
        if not made:
            made.append(reader(getattr(import_module(f"..values.{_HOMES[name]}", __package__), name)))
        return made[0](value)

    return read


def refuse_unnamed(given: Any) -> None:
    """Raise if a task has no id: each reader of the log would draw a different one."""
    if not given.get("id"):
        raise ValueError("a task without an id")


def _beside(kind: type) -> tuple[str, ...]:
    """Return the fields of a class that are in no log: a task's payload is beside it in the command."""
    return ("payload", "parts") if issubclass(kind, Task) else ()


@cache
def reader(kind: Any) -> Function:
    """Return the function that makes a command or value of a class from plain data."""
    beside = _beside(kind)
    known = {each.name: _reads(each.type) for each in fields(kind) if each.init and each.name not in beside}

    def read(given: Any) -> Any:
        if given.__class__ is not dict:
            raise TypeError(f"expected an object, found {given!r:.80}")
        if not given.keys() <= known.keys():
            raise Strange(given.keys() - known.keys())
        if kind is Task:
            refuse_unnamed(given)
        taken = {}
        for name, value in given.items():
            take = known[name]
            taken[name] = value if take is None else take(value)
        return kind(**taken)

    return read


# -- what is written -------------------------------------------------------------------------------------


def _date(value: Any) -> Any:
    return value.isoformat() if value.__class__ is dt.datetime else value


def _writes(text: str) -> Function | None:
    """Return the function for a type; None leaves the value as it is, because JSON can represent it."""
    if text == "float | dt.datetime | None":
        return _date
    inner = text.removesuffix(" | None")
    if inner.startswith("tuple[") and inner[len("tuple[") :].partition(",")[0] in _HOMES:
        return lambda value: [_written(each) for each in value]
    if inner in _HOMES:
        return _written if inner == text else _or_none(_written)
    return None


def _written(value: Any) -> Any:
    return writer(value.__class__)(value)


@cache
def writer(kind: Any) -> Function:
    """
    Return the function that makes plain data from a command or value; of tasks, without payload and parts.
    """
    beside = _beside(kind)
    known: dict[str, Any] = {}
    lines = ["def write(self):", "    made = {}"]
    for each in fields(kind):
        name = each.name
        if not each.init or name in beside:
            continue
        if kind is Task and name not in vars(kind)["__slots__"]:
            continue  # the class of usual tasks: their other fields have their defaults, see `sparse`
        known[f"write_{name}"] = write = _writes(each.type)
        value = f"self.{name}" if write is None else f"write_{name}(self.{name})"
        if each.is_required:
            lines.append(f"    made['{name}'] = {value}")
        else:
            known[f"default_{name}"] = each.default if each.factory is None else each.factory()
            lines += [f"    if self.{name} != default_{name}:", f"        made['{name}'] = {value}"]
    exec("\n".join([*lines, "    return made"]), known)  # noqa: S102 - made from field names
    return known["write"]  # type: ignore[no-any-return]

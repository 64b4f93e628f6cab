"""
What goes over a hub's socket: lists of JSON, one a line.

Commands and queries look as commands do in the log, so that a hub reads them with the log's own strict
reader; here they are written by a few lines that go by the fields, because a client should not have to
load, and compile, the library that the reader stands on. Replies look as they do in snapshots.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections.abc import Mapping
from typing import Any

import attrs

from ...core import snapshot
from ...core.state.rules import RulesMissing
from ...values.tasks import TaskRecord

__all__ = ["VERSION", "dumps", "fields_of", "loads", "mistake", "pack", "unpack"]

VERSION = 1
"""of these lines; a hub and a client of different ones do not talk"""

dumps = json.JSONEncoder(
    separators=(",", ":"), allow_nan=False, ensure_ascii=False, check_circular=False
).encode
loads = json.loads

_PLAIN = (str, int, float, bool, type(None))
_ATOMS = frozenset(_PLAIN)
_Slots = tuple[tuple[str, Any], ...]
_slots: dict[type, _Slots | None] = {}


def _slots_of(kind: type) -> _Slots | None:
    """Return (name, default) of each field that is said; None for what is no record."""
    if not attrs.has(kind):
        return None
    # a task's payload and parts stand beside it in the command
    left_out = ("payload", "parts") if kind.__name__ == "Task" else ()
    return tuple([(f.name, f.default) for f in attrs.fields(kind) if f.init and f.name not in left_out])


def fields_of(message: Any) -> dict[str, Any]:
    """Return the fields of a command or query (or a record in one) that are not at their default."""
    kind = message.__class__
    slots = _slots.get(kind)
    if slots is None:
        slots = _slots[kind] = _slots_of(kind) or ()
    said = {}
    for name, default in slots:
        value = getattr(message, name)
        if value is default:
            continue
        if default.__class__ is attrs.Factory:
            default = default.factory()  # noqa: PLW2901
        if value != default:
            said[name] = value if value.__class__ in _ATOMS else _plain(value)
    return said


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return fields_of(value)


# -- replies ----------------------------------------------------------------------------------

_learnt = False


def _learn() -> None:
    """Teach snapshots the values that only queries answer with, which no state holds."""
    global _learnt  # noqa: PLW0603 - once a process
    if _learnt:
        return
    _learnt = True
    from ...commands import board  # noqa: PLC0415 - seldom, and not before the first such answer
    from ...values import adverts, briefing, entries, events, marks, reactions, tasks, trust  # noqa: PLC0415

    snapshot.know(
        kind
        for module in (adverts, board, briefing, entries, events, marks, reactions, tasks, trust)
        for kind in vars(module).values()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__.startswith("ants_coord.values")
    )


def pack(value: Any) -> Any:
    """Turn a reply or an answer into JSON."""
    kind = value.__class__
    if kind in _ATOMS:
        return value
    if kind is tuple or kind is list:
        return {"t" if kind is tuple else "l": [pack(item) for item in value]}
    if kind is TaskRecord:  # a task is kept without its payload, which readers of a record see
        fields = [pack(getattr(value, field.name)) for field in attrs.fields(kind)]
        return {"r": [*fields, value.task.payload]}
    try:
        return snapshot.pack(value)
    except TypeError:
        _learn()
        return snapshot.pack(value)


def mistake(answer: dict[str, Any]) -> Exception:
    """Return what a hub says of a line that it cannot have been meant to take."""
    return TypeError(answer["say"]) if answer.get("error") == "TypeError" else ValueError(answer["say"])


def unpack(packed: Any) -> Any:
    """Invert `pack`."""
    if packed.__class__ is not dict:
        return packed
    ((tag, body),) = packed.items()
    if tag == "t":
        return tuple([unpack(item) for item in body])
    if tag == "l":
        return [unpack(item) for item in body]
    if tag == "r":
        *fields, payload = body
        record = TaskRecord(*[unpack(field) for field in fields])
        object.__setattr__(record.task, "payload", payload)
        return record
    try:
        return snapshot.unpack(packed)
    except RulesMissing:
        _learn()
        return snapshot.unpack(packed)

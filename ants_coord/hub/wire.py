"""
The protocol of a hub's socket: JSON lists, one per line.

Commands and queries have the form of commands in the log, so that a hub reads them with the log's own strict
reader. Here a few lines write them field by field, because a client should not have to load the codec.
Replies have the form that they have in snapshots.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from ..core import snapshot
from ..core.snapshot import ATOMS
from ..core.state.rule_versions import RulesMissing
from ..values.tasks import Task, TaskRecord
from . import columns

VERSION = 2
"""version of this protocol; a hub and a client with different ones do not talk"""

dumps = json.JSONEncoder(
    separators=(",", ":"), allow_nan=False, ensure_ascii=False, check_circular=False
).encode
loads = json.loads


def lines_of(inbox: bytearray, got: bytes) -> list[bytes]:
    """Add what has arrived to the beginning of a line, and take out the lines that are complete now."""
    start = len(inbox)  # earlier bytes have no end of line, and are not searched again
    inbox += got
    end = inbox.rfind(b"\n", start) + 1
    lines = bytes(inbox[:end]).split(b"\n")[:-1]
    del inbox[:end]
    return lines


_PLAIN = tuple(ATOMS)
_Slots = tuple[tuple[str, Any, bool], ...]
_slots: dict[type, _Slots | None] = {}
_is_json = re.compile(r"(tuple|str|int|float|bool|None|Any|[][,.| ])+").fullmatch
"""matches types whose values JSON can represent as they are; callers' own values were checked by the verbs"""


def _slots_of(kind: type) -> _Slots | None:
    """Return (name, default, is JSON) of each transmitted field; None if it is not a record."""
    if not attrs.has(kind):
        return None
    # a task's payload and parts are beside it in the command
    left_out = ("payload", "parts") if kind.__name__ == "Task" else ()
    every = [f for f in attrs.fields(kind) if f.init and f.name not in left_out]
    if kind is Task:  # a usual task, whose other fields have their defaults; see `sparse`
        every = [f for f in every if f.name in vars(kind)["__slots__"]]
    return tuple([(f.name, f.default, isinstance(f.type, str) and bool(_is_json(f.type))) for f in every])


def fields_of(message: Any) -> dict[str, Any]:
    """Return the fields of a command or query (or a record in one) that differ from their default."""
    kind = message.__class__
    slots = _slots.get(kind)
    if slots is None:
        slots = _slots[kind] = _slots_of(kind) or ()
    said = {}
    for name, default, is_json in slots:
        value = getattr(message, name)
        if value is default:
            continue
        if default.__class__ is attrs.Factory:
            default = default.factory()  # noqa: PLW2901
        if value != default:
            said[name] = value if is_json or value.__class__ in ATOMS else _plain(value)
    return said


def _plain(value: Any) -> Any:
    if value.__class__ in _slots:
        return fields_of(value)
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
    """Teach snapshots the values that occur only in answers to queries, never in the state."""
    global _learnt  # noqa: PLW0603 - once a process
    if _learnt:
        return
    _learnt = True
    from ..commands import board  # noqa: PLC0415 - seldom, and not before the first such answer
    from ..values import adverts, briefing, entries, events, marks, reactions, tasks, trust  # noqa: PLC0415

    snapshot.know(
        kind
        for module in (adverts, board, briefing, entries, events, marks, reactions, tasks, trust)
        for kind in vars(module).values()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__.startswith("ants_coord.values")
    )


def pack(value: Any) -> Any:
    """Turn a reply or an answer into JSON."""
    kind = value.__class__
    if kind in ATOMS:
        return value
    if kind is tuple or kind is list:
        if (
            kind is tuple
            and len(value) > 1
            and value[0].__class__ in columns.KINDS
            and len(set(map(type, value))) == 1
        ):
            return {"c": columns.pack(value)}
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
    """Return a hub's answer to a line that cannot be valid."""
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
    if tag == "c":
        return columns.unpack(body)
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

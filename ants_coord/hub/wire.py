"""
The protocol of a hub's socket: JSON lists, one per line.

Commands and queries have the form of commands in the log, so that a hub reads them with the log's own strict
reader. Replies have the form that they have in snapshots.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import attrs

from ..commands.plain_data import Function, writer
from ..core import snapshot
from ..core.snapshot import ATOMS
from ..core.state.rule_versions import RulesMissing
from ..values.tasks import TaskRecord
from . import columns

VERSION = 2
"""version of this protocol; a hub and a client with different ones do not talk"""

WAITER: dict[str, type] = {
    "ready": bool, "agent": str, "kinds": list, "ended": list, "names": list, "paths": list, "changes": bool,
    "drained": bool, "task": str, "passed": int,
}  # fmt: skip
"""the fields of a waiter that a hub needs, with their types in JSON; and "heard", if it hears of many ends"""

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


def fields_of(message: Any) -> dict[str, Any]:
    """Return the fields of a command or query that differ from their default, as the log has them."""
    return _writer(message.__class__)(message)  # type: ignore[no-any-return]


@cache
def _writer(kind: type) -> Function:
    if kind.__module__.startswith("ants_coord."):
        return writer(kind)
    from ..journals.codec.foreign import compiled  # noqa: PLC0415 - cattrs is for messages that are not ours

    return compiled(kind)[2]


# -- replies ----------------------------------------------------------------------------------


@cache
def _learn() -> None:
    """Teach snapshots, once, the values that occur only in answers to queries, never in the state."""
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

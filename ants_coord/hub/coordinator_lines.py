"""
The lines of coordinators: JSON lists, in the form of the log; see wire.py.

[session, number, command, {fields}]          carry a command out -> the reply
["?", query, {fields}]                        -> the answer
["hello", version, client, purpose, {keys}]   -> ["hello", now, settings]; wrong keys count as
                                              not shown
["key", agent, key]                           show one more -> ["key", agent, whether this hub asks for keys]
["now"], ["digest"], ["check"]                -> the time, the digest, null
["still", {waiter}, quiet_ns, idle]           -> why a wait will never end, or null
["wait", id, is_last, what, {waiter}]         wait in the line -> [id, reply, number], once there is one
["last", id], ["leave", id]                   try once more and answer; stop waiting
["withdraw", requests]                        give back what was granted to abandoned requests, each of them
                                              [session, number, id of its wait or 0]
                                              -> ["withdrawn", requests]
["bye", client, requests, [[task, token]]]    the same, and give these leases back -> null
["keep", token, task], ["unkeep", token]      watch a lease -> ["lost", token, reason]

`what` is a command or a query as above. Nothing here touches a socket or the board.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import attrs

from ..commands.reading import Outcomes, Unfinished
from ..commands.shared import Command, Note, Query, Refused
from ..engine.lobby import Drained, Waiter, mute
from ..errors import CoordinationError
from ..frozen import fields
from ..journals.codec import loads, read_command, read_query
from ..values.checks import Request, check_name
from ..values.payloads import MAX_NOTE, MAX_SIZE, json_value
from . import wire


@attrs.frozen
class Said:
    """One line: a command with its request, or a query."""

    what: Command[Any] | Query[Any]
    request: Request = None

    def answer(self, reply: Any, _: int) -> bytes:
        """Return the line that answers it."""
        return answer_of(reply)

    def refusal(self, problem: Exception) -> bytes:
        """Return the line that replaces an answer."""
        return refusal(problem)


def parsed(line: bytes) -> Any:
    """Return what a line says, a list or an object, or raise ValueError."""
    try:
        return loads(line)
    except RecursionError:
        raise ValueError("the line nests too deep") from None
    except ValueError as problem:
        raise ValueError(f"the line is no JSON ({problem}); send one object a line") from None


def read(line: bytes) -> list[Any]:
    """Return the list that a line is, or raise ValueError."""
    found = parsed(line)
    if not isinstance(found, list) or not found or not isinstance(found[0], str):
        raise ValueError(
            f'the line must be an object such as {{"verb": "hello"}}, '
            f"or a list that begins with a string, not {line[:60]!r}"
        )
    return found


def read_what(message: list[Any]) -> Said:
    """Return the command or query that a list is; raise ValueError, TypeError or RulesMissing."""
    if len(message) == 3 and message[0] == "?":
        return Said(read_query(message[1], message[2]))
    if len(message) != 4:
        raise ValueError(f"there is no command or query of {len(message)} parts: {message!r:.80}")
    request, command = read_command(*message)
    _check_request(*request)
    _check_values(command)
    return Said(command, request if request[1] else request[0])


_VALUES: dict[str, Callable[[Any], Iterable[Any]]] = {
    "Any": lambda value: (value,),
    "tuple[Any, ...]": lambda values: values,
    "tuple[tuple[str, int, Any], ...]": lambda endings: [result for _, _, result in endings],
}
"""type of a field -> the values of users in it"""


@cache
def _fields_with_values(kind: Any) -> list[tuple[str, Callable[[Any], Iterable[Any]]]]:
    return [(each.name, _VALUES[each.type]) for each in fields(kind) if each.type in _VALUES]


def _check_values(command: Command[Any]) -> None:
    """Refuse payloads and results that the verbs refuse: a client may be written by anybody."""
    kind: Any = command.__class__
    most = MAX_NOTE if kind is Note else MAX_SIZE
    for name, values_of in _fields_with_values(kind):
        for value in values_of(getattr(command, name)):
            json_value(value, name, most)


def waiter_of(told: Any) -> Waiter:
    """Return a waiter from a client's description."""
    if not isinstance(told, dict):
        raise TypeError(f"a waiter must be an object, not {told!r:.80}")
    fields: dict[str, Any] = {}
    for name, value in told.items():
        kind = bool if name == "heard" else wire.WAITER.get(name)
        if kind is None or value.__class__ is not kind:
            raise ValueError(f"a waiter's {name!r:.40} must not be {value!r:.80}")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise ValueError(f"a waiter's {name} must be strings, not {value!r:.80}")
        fields[name] = tuple(value) if isinstance(value, list) else value
    if fields.pop("heard", False):
        fields["heard"] = []
    return Waiter(mute, **fields)


def requests_of(told: list[Any]) -> list[tuple[str, int, int]]:
    """Return (session, number, id of the wait or 0) of each request that is withdrawn."""
    found = _rows(told, (str, int, int))
    for session, number, _ in found:
        if not number:
            raise ValueError(f"a request with an id of its caller's own cannot be withdrawn: {session!r:.80}")
        _check_request(session, number)
    return found


def _check_request(session: str, number: int) -> None:
    """Refuse what no client draws: names like these stand for callers' own ids, and for openings."""
    if not number:
        check_name(session, "request_id")
    elif number < 0 or session[:1] in ("", "=", "@"):
        raise ValueError(f"there is no request {session!r:.80}/{number}")


def leases_of(told: list[Any]) -> list[tuple[str, int]]:
    """Return (task, token) of each lease that is given back."""
    return _rows(told, (str, int))


def _rows(told: list[Any], types: tuple[type, ...]) -> list[Any]:
    for row in told:
        if not isinstance(row, list) or tuple(map(type, row)) != types:
            raise ValueError(f"this is no list of {', '.join(each.__name__ for each in types)}: {row!r:.80}")
    return [tuple(row) for row in told]


def is_done(query: Query[Any], answer: Any) -> bool:
    """Tell whether a waiting caller gets this answer; if it is not content, it asks again."""
    if isinstance(query, Unfinished):
        return bool(answer == 0)
    if isinstance(query, Outcomes):
        return any(outcome is not None for outcome in answer)
    return bool(getattr(answer, "changes", answer))


def line(message: Any) -> bytes:
    """Return a message as a line."""
    return wire.dumps(message).encode() + b"\n"


def answer_of(reply: Any) -> bytes:
    """Return the line that answers a command or a query."""
    return line(wire.pack(reply))


def pushed(number: int, reply: Any, request: int) -> bytes:
    """Return the line that answers a wait."""
    if isinstance(reply, Drained):
        packed: Any = {"drained": True}
    elif isinstance(reply, TimeoutError):
        packed = {"late": str(reply)}
    elif isinstance(reply, Exception) and not isinstance(reply, CoordinationError):
        packed = _bad(reply)
    else:
        packed = wire.pack(Refused(reply) if isinstance(reply, CoordinationError) else reply)
    return line([number, packed, request])


def refusal(problem: Exception) -> bytes:
    """Return the message that replaces an answer."""
    if isinstance(problem, CoordinationError):
        return answer_of(Refused(problem))
    return line(_bad(problem))


def _bad(problem: Exception) -> dict[str, Any]:
    return {"ok": False, "error": type(problem).__name__, "say": str(problem)}

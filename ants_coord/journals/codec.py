"""
Commands as bytes: JSON, strict in both directions, with a format version.

An entry is `[session, number, command name, {field: value}]`, and the first of
each batch also says what its writer had come to, `[position, refusals so far]`:
a reader that counts otherwise has another state. cattrs turns
commands into plain data and back, under hooks that refuse what its defaults
would mend (None to "None", "abc" to a tuple of letters): a log that does not
say exactly what was written must stop its readers, not be guessed at.

FORMAT grows by one when an old reader could misread a new log. Then: teach
`decode` the old form, add a log in the old form to the tests' corpus, and say
so in the changelog. A reader that meets a newer format refuses the file.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ..commands.shared import Command, Query
from ..core.machine import COMMANDS, QUERIES
from ..core.state.parts import Strategy
from ..core.state.rules import RulesMissing
from ..core.strategies import LEARNERS, every_part
from ..errors import LimitError
from ..values.settings import Settings
from ..values.tasks import Backoff, Task, TaskState
from ..values.verification import Verify

__all__ = [
    "FORMAT",
    "MAX_ENTRY",
    "decode",
    "decode_entry",
    "decode_piece",
    "encode",
    "encode_piece",
    "read_command",
    "read_query",
]

FORMAT = 2
"""Version of entries and snapshots."""

MAX_ENTRY = 1 << 28
"""bytes of an entry at most"""


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if value.__class__ is not kind:
            raise TypeError(f"expected {kind.__name__}, found {value!r:.80}")
        return value

    return structure


def _number(value: Any, _: Any) -> float:
    if value.__class__ not in (int, float):
        raise TypeError(f"expected a number, found {value!r:.80}")
    return float(value)


def _moment(value: Any, _: Any) -> float | dt.datetime | None:
    if value is None:
        return None
    return dt.datetime.fromisoformat(value) if value.__class__ is str else _number(value, float)


def _uses(value: Any, _: Any) -> dict[str, int] | None:
    if value is not None and not isinstance(value, dict):
        raise TypeError(f"expected an object, found {value!r:.80}")
    return value


_Attributes = Mapping[str, int | float | str | bool]


def _attributes(value: Any, _: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(
        type(item) in (int, float, str, bool) for item in value.values()
    ):
        raise TypeError(f"expected an object of plain values, found {value!r:.80}")
    return value


def _tuple_hook(kind: Any) -> Callable[[Any, Any], Any]:
    arguments = get_args(kind)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = _converter.get_structure_hook(arguments[0])

        def many(value: Any, _: Any) -> Any:
            if value.__class__ is not list:
                raise TypeError(f"expected a list, found {value!r:.80}")
            return tuple([inner(item, arguments[0]) for item in value])

        return many
    hooks = [(_converter.get_structure_hook(argument), argument) for argument in arguments]

    def fixed(value: Any, _: Any) -> Any:
        if value.__class__ is not list or len(value) != len(hooks):
            raise TypeError(f"expected a list of {len(hooks)}, found {value!r:.80}")
        return tuple([hook(item, kind) for item, (hook, kind) in zip(value, hooks, strict=True)])

    return fixed


def _is_tuple(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False, omit_if_default=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook_factory(_is_tuple, _tuple_hook)
    converter.register_structure_hook_func(lambda kind: kind == float | dt.datetime | None, _moment)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, int] | None, _uses)
    converter.register_structure_hook_func(lambda kind: kind == _Attributes, _attributes)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, Any], _exactly(dict))
    converter.register_structure_hook(TaskState, lambda value, _: TaskState(value))
    converter.register_unstructure_hook(dt.datetime, dt.datetime.isoformat)
    converter.register_unstructure_hook_func(
        lambda kind: kind == float | dt.datetime | None,
        lambda value: value.isoformat() if isinstance(value, dt.datetime) else value,
    )
    return converter


_converter = _make_converter()


_Known = dict[str, tuple[type, Callable[[Any, Any], Any], Callable[[Any], Any]]]
_named: dict[str, type] = {}
"""values by name: some are only named for type checkers where they are used, so that importing stays cheap"""


def _register() -> _Known:
    """Compile one function per command and direction, once."""
    parts = every_part()
    values: list[type] = [value for part in parts for value in part.values]
    _learn_values([Backoff, Verify, Task, *values, Settings])  # what others consist of comes first
    _converter.register_unstructure_hook(
        Task,
        make_dict_unstructure_fn(
            Task,
            _converter,
            _cattrs_omit_if_default=True,
            payload=override(omit=True),
            parts=override(omit=True),
        ),
    )
    kinds: dict[Any, Any] = dict(COMMANDS)
    for part in parts:
        kinds.update(part.commands)
    return {kind.__name__: _compiled(kind) for kind in kinds}


def _learn_values(values: list[type]) -> None:
    _named.update({value.__name__: value for value in values})
    for value in dict.fromkeys(values):
        attrs.resolve_types(value, {**vars(sys.modules[value.__module__]), **_named})
    for value in dict.fromkeys(values):
        _converter.register_structure_hook(
            value, make_dict_structure_fn(value, _converter, _cattrs_forbid_extra_keys=True)
        )


def _compiled(kind: Any) -> tuple[type, Callable[[Any, Any], Any], Callable[[Any], Any]]:
    attrs.resolve_types(kind, {**vars(sys.modules[kind.__module__]), **_named})
    return (
        kind,
        make_dict_structure_fn(kind, _converter, _cattrs_forbid_extra_keys=True),
        make_dict_unstructure_fn(kind, _converter, _cattrs_omit_if_default=True),
    )


def _learn(strategy: Strategy) -> None:
    """Learn the messages of a strategy that was registered after this module was imported."""
    kinds = [kind for part in strategy.parts for kind in part.commands]
    for kind in kinds:
        known = _KNOWN.get(kind.__name__, (kind,))[0]
        if (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
            raise ValueError(f"there is another command named {kind.__name__} already; rename it")
    _learn_values([value for part in strategy.parts for value in part.values])
    _KNOWN.update({kind.__name__: _compiled(kind) for kind in kinds})


_KNOWN = _register()
_queries: _Known = {}
"""those that were asked through a hub"""
LEARNERS.append(_learn)
_dumps = json.JSONEncoder(
    separators=(",", ":"),
    allow_nan=False,
    ensure_ascii=False,
    check_circular=False,  # payloads are our own copies
).encode


def encode(request: tuple[str, int], command: Command[Any], seen: tuple[int, int] | None = None) -> bytes:
    """
    Return the bytes of one entry; `seen` is (position, refusals) of its writer.

    Raises:
        LimitError: it is larger than a reader takes.

    """
    name = command.__class__.__name__
    entry = [*request, name, _KNOWN[name][2](command)]
    if seen is not None:
        entry.append(seen)
    body = _dumps(entry).encode()
    if len(body) > MAX_ENTRY:
        # whatever a reader would refuse must not be written: it would stop everybody, for ever
        raise LimitError(f"bytes of one {name} with all it carries", len(body), MAX_ENTRY)
    return body


def decode(body: bytes) -> tuple[tuple[str, int], Command[Any]]:
    """Return (request, command); raises as `decode_entry` does."""
    return decode_entry(body)[:2]


def decode_entry(body: bytes) -> tuple[tuple[str, int], Command[Any], tuple[int, int] | None]:
    """
    Return (request, command, what its writer had seen).

    Raises:
        RulesMissing: a command, or a field of one, that this version does not know.
        ValueError, TypeError, KeyError: the bytes are not an entry of this format.

    """
    if len(body) > MAX_ENTRY:
        raise ValueError(f"an entry of {len(body)} bytes")
    session, number, name, fields, *seen = _loads(body)
    request, command = read_command(session, number, name, fields)
    if len(seen) > 1:
        raise TypeError("malformed request id")
    return request, command, _seen(seen[0]) if seen else None


def read_command(session: Any, number: Any, name: Any, fields: Any) -> tuple[tuple[str, int], Command[Any]]:
    """Return (request, command) of what an entry says; raises as `decode_entry` does."""
    if session.__class__ is not str or number.__class__ is not int:
        raise TypeError("malformed request id")
    if name.__class__ is not str:
        raise TypeError(f"malformed command name {name!r:.80}")
    if name not in _KNOWN:
        raise RulesMissing([f"the command {name:.80}"])
    kind, structure, _ = _KNOWN[name]
    try:
        command = structure(fields, kind)
    except ForbiddenExtraKeysError as problem:
        raise RulesMissing([f"{name} with {', '.join(sorted(problem.extra_fields))}"]) from problem
    except Exception as problem:
        raise ValueError(f"{name}: {problem}") from problem
    if name == "Submit" and len(command.tasks) != len(command.payloads):
        raise ValueError("tasks and payloads differ in number")
    if name == "LockNames" and len(set(command.names)) != max(1, len(command.names)):
        raise ValueError("names of a lock are missing or come twice")
    return (session, number), command


def read_query(name: Any, fields: Any) -> Query[Any]:
    """
    Return a query whose fields were written as those of commands are.

    Raises:
        RulesMissing: this version does not know it.
        ValueError: its fields are not what they must be.

    """
    known = _queries.get(name) if name.__class__ is str else None
    if known is None:
        for kind in (*QUERIES, *[kind for part in every_part() for kind in part.queries]):
            if kind.__name__ == name:
                known = _queries[name] = _compiled(kind)
    if known is None:
        raise RulesMissing([f"the query {name!r:.80}"])
    try:
        return known[1](fields, known[0])  # type: ignore[no-any-return]
    except Exception as problem:
        raise ValueError(f"{name}: {problem}") from problem


def _seen(value: Any) -> tuple[int, int]:
    position, refusals = value
    if position.__class__ is not int or refusals.__class__ is not int:
        raise TypeError(f"expected [position, refusals], found {value!r:.80}")
    return position, refusals


def encode_piece(records: list[list[Any]]) -> bytes:
    """Return the bytes of one piece of a snapshot."""
    return _dumps(records).encode()


def decode_piece(piece: bytes) -> list[list[Any]]:
    """Return the records of one piece; raises ValueError if it is not one."""
    found = _loads(piece)
    if found.__class__ is not list:
        raise ValueError("a piece of a snapshot must be a list")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0.0:  # 1e999 is read as endless, which could not be written again
        raise ValueError(f"{text:.80} is too large for a number")
    return number


# of a key that stands twice the last one counts, as everywhere in Python: a hook that looked for such
# cost a tenth of a replay, and entries were written by a machine
_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _loads(body: bytes) -> Any:
    text = body.decode()
    found, end = _decoder.raw_decode(
        text
    )  # `decode` would look for white space around it, which we do not write
    if end != len(text):
        raise ValueError("there is something behind the entry")
    return found

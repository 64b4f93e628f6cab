"""
Commands as bytes: JSON, strict in both directions, with a format version.

An entry is `[session, number, command name, {field: value}]`. The first entry of each batch also has its
writer's state, `[position, refusals so far]`: a reader with another count has another state.
commands/plain_data.py turns commands into plain data and back, and repairs nothing (None is not "None", "abc"
is not a tuple of letters): a log that does not say exactly what was written must stop its readers, not make
them guess.

usual       the commands of every cycle, hand-written
text        JSON as it stands in a log, strict
foreign     commands of strategies that users have added, as plain data

FORMAT grows by one when an old reader could misread a new log. Then: teach
`decode` the old form, add a log in the old form to the tests' corpus, and say
so in the changelog. A reader that meets a newer format refuses the file.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from ...commands.plain_data import Function, Strange, reader, writer
from ...commands.shared import Command, Query
from ...core.machine import COMMANDS
from ...core.state.parts import Part, Strategy
from ...core.state.rule_versions import RulesMissing
from ...core.strategies import LEARNERS, added_parts, every_part
from ...errors import CoordinationError, LimitError
from ...values.checks import check_name
from .text import dumps, loads, parsed, quoted, scan
from .usual import READ, WRITE

__all__ = [
    "FORMAT",
    "MAX_ENTRY",
    "decode",
    "decode_entry",
    "decode_piece",
    "encode",
    "encode_piece",
    "loads",
    "read_command",
    "read_query",
]

FORMAT = 2
"""Version of entries and snapshots."""

_UNSAID: Any = object()
MAX_ENTRY = 1 << 28
"""most bytes of an entry"""


class _Known(dict[str, tuple[Any, Function, Function]]):
    """
    Messages by name: (class, function that reads one, function that writes one).

    Each is looked up at its first use: a board uses few, and need not import the parts of other strategies
    for them.

    Args:
        common: returns the messages of every strategy.
        of_part: messages of a part.

    """

    def __init__(
        self, common: Callable[[], Iterable[type]], of_part: Callable[[Part], Iterable[type]]
    ) -> None:
        super().__init__()
        self._common, self._of_part = common, of_part

    def __missing__(self, name: str) -> tuple[Any, Function, Function]:
        for kind in chain(self._common(), chain.from_iterable(map(self._of_part, every_part()))):
            if kind.__name__ == name:
                self[name] = found = kind, reader(kind), writer(kind)
                return found
        for kind in chain.from_iterable(map(self._of_part, added_parts())):
            if kind.__name__ == name:
                from .foreign import compiled  # noqa: PLC0415 - cattrs is for messages that are not ours

                self[name] = found = compiled(kind)
                return found
        raise KeyError(name)


def _learn(strategy: Strategy) -> None:
    """Learn the messages of a strategy that was added after this module was imported."""
    from .foreign import compiled, learn_values  # noqa: PLC0415 - see above

    kinds = [kind for part in strategy.parts for kind in part.commands]
    for kind in kinds:
        try:
            known = _KNOWN[kind.__name__][0]
        except KeyError:
            continue
        if (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
            raise ValueError(f"there is another command named {kind.__name__} already; rename it")
    learn_values([value for part in strategy.parts for value in part.values])
    _KNOWN.update({kind.__name__: compiled(kind) for kind in kinds})


def _common_queries() -> Iterable[type]:
    from ...core.reading import QUERIES  # noqa: PLC0415 - logs have none; only a hub reads queries

    return QUERIES


_KNOWN = _Known(lambda: COMMANDS, operator.attrgetter("commands"))
_QUERIES = _Known(_common_queries, operator.attrgetter("queries"))
"""queries that are asked through a hub"""
LEARNERS.append(_learn)


def encode(request: tuple[str, int], command: Command[Any], seen: tuple[int, int] | None = None) -> bytes:
    """
    Return the bytes of one entry; `seen` is (position, refusals) of its writer.

    Raises:
        LimitError: it is larger than a reader accepts.

    """
    name = command.__class__.__name__
    usual = WRITE.get(command.__class__)
    fields = None if usual is None else usual(command)
    if fields is None:
        fields = dumps(_KNOWN[name][2](command))
    session, number = request
    state = "" if seen is None else f",[{seen[0]},{seen[1]}]"
    body = f'[{quoted(session)},{number},"{name}",{fields}{state}]'.encode()
    if len(body) > MAX_ENTRY:
        # an entry that readers would refuse must not be written: it would stop everybody, for ever
        raise LimitError(f"bytes of one {name} with all it carries", len(body), MAX_ENTRY)
    return body


def decode(body: bytes) -> tuple[tuple[str, int], Command[Any]]:
    """Return (request, command); raises as `decode_entry` does."""
    return decode_entry(body)[:2]


def decode_entry(body: bytes) -> tuple[tuple[str, int], Command[Any], tuple[int, int] | None]:
    """
    Return (request, command, what its writer had seen).

    Raises:
        RulesMissing: this version does not know the command, or a field of it.
        ValueError, TypeError, KeyError: the bytes are not an entry of this format.

    """
    if len(body) > MAX_ENTRY:
        raise ValueError(f"an entry of {len(body)} bytes")
    text = body.decode()
    try:  # `parsed`, and for usual commands `read_command`, without their calls: all of a replay comes here
        found, end = scan(text, 0)
    except StopIteration:
        raise ValueError("the entry is no JSON") from None
    if end != len(text):
        raise ValueError("there is something behind the entry")
    if len(found) == 5:
        session, number, name, fields, seen = found
    else:
        (session, number, name, fields), seen = found, _UNSAID
    command = None
    if name.__class__ is str is session.__class__ and number.__class__ is int and fields.__class__ is dict:
        try:
            command = READ[name](fields)
        except KeyError:
            pass  # it goes the general way
        except Exception as problem:
            raise ValueError(f"{name}: {problem}") from problem
    if command is None:
        _, command = read_command(session, number, name, fields)
    if seen is _UNSAID:
        return (session, number), command, None
    position, refusals = seen
    if not position.__class__ is int is refusals.__class__:
        raise TypeError(f"expected [position, refusals], found {seen!r:.80}")
    return (session, number), command, (position, refusals)


def _fits_submit(command: Any) -> None:
    if len(command.tasks) != len(command.payloads):
        raise ValueError("tasks and payloads differ in number")


def _fits_split(command: Any) -> None:
    _fits_submit(command)
    if not {task.id for task in command.tasks}.issuperset(command.parts):
        raise ValueError("a part is none of the tasks")


def _fits_renew(command: Any) -> None:
    if command.agents and len(command.agents) != len(command.leases):
        raise ValueError("agents and leases differ in number")


def _fits_lock(command: Any) -> None:
    if len(set(command.names)) != max(1, len(command.names)):
        raise ValueError("names of a lock are missing or come twice")


def _fits_diffuse(command: Any) -> None:
    check_name(command.kind, "mark kind")


_FITS: dict[str, Callable[[Any], None]] = {
    "Diffuse": _fits_diffuse,
    "Submit": _fits_submit,
    "Split": _fits_split,
    "Renew": _fits_renew,
    "LockNames": _fits_lock,
}
"""what fields must hold together: the core relies on it"""


def read_command(session: Any, number: Any, name: Any, fields: Any) -> tuple[tuple[str, int], Command[Any]]:
    """Return (request, command) from an entry's data; raises as `decode_entry` does."""
    if session.__class__ is not str or number.__class__ is not int:
        raise TypeError("malformed request id")
    if name.__class__ is not str:
        raise TypeError(f"malformed command name {name!r:.80}")
    usual = READ.get(name) if fields.__class__ is dict else None
    try:
        command = None if usual is None else usual(fields)
    except Exception as problem:
        raise ValueError(f"{name}: {problem}") from problem
    if command is not None:
        return (session, number), command
    try:
        _, read, _ = _KNOWN[name]
    except KeyError:
        raise RulesMissing([f"the command {name:.80}"]) from None
    try:
        command = read(fields)
    except Strange as problem:
        raise RulesMissing([f"{name} with {', '.join(sorted(problem.names))}"]) from problem
    except Exception as problem:
        raise ValueError(f"{name}: {problem}") from problem
    if name in _FITS:
        _FITS[name](command)
    return (session, number), command


def check_made_by_hand(command: Command[Any]) -> None:
    """
    Refuse a command that could be written and never be read again: it would stop every reader of its board.

    The verbs make no such commands, so only what comes from elsewhere has to pay for being read at once.

    Raises:
        ValueError: a field has a wrong type or value, or is no JSON.
        LimitError: it is larger than a reader accepts.

    """
    name = command.__class__.__name__
    try:
        if _KNOWN[name][0] is not command.__class__:
            return
    except KeyError:
        return  # of a strategy that has no log
    try:
        decode(encode(("", 0), command))
    except CoordinationError:
        raise
    except Exception as problem:
        why = (str(problem) or problem.__class__.__name__).removeprefix(f"{name}: ")
        raise ValueError(
            f"{name} cannot be read again from a log: {why}; the verbs check what they take"
        ) from problem


def read_query(name: Any, fields: Any) -> Query[Any]:
    """
    Return a query whose fields are written like those of commands.

    Raises:
        RulesMissing: this version does not know it.
        ValueError: its fields have wrong types or values.

    """
    try:
        _, read, _ = _QUERIES[name]
    except (KeyError, TypeError):
        raise RulesMissing([f"the query {name!r:.80}"]) from None
    try:
        return read(fields)  # type: ignore[no-any-return]
    except Exception as problem:
        raise ValueError(f"{name}: {problem}") from problem


def encode_piece(records: list[list[Any]]) -> bytes:
    """Return the bytes of one piece of a snapshot."""
    return dumps(records).encode()


def decode_piece(piece: bytes) -> list[list[Any]]:
    """Return the records of one piece; raises ValueError if it is not one."""
    found = parsed(piece)
    if found.__class__ is not list:
        raise ValueError("a piece of a snapshot must be a list")
    return found

"""
The state as records: snapshots that never make a caller wait, and a digest.

A snapshot is cut at one position and written later, piece by piece, while commands go on. The small tables
are copied at the cut. Each task row is packed when its turn comes or just before its first change
(`Undo.touch` calls us), whichever is earlier. So the pieces together are the state at the cut.

Records are lists of JSON values: [table, ...]. The digest is taken over the
records of the *logical* state in a fixed order, never over heap layout.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

from .. import errors
from ..commands.shared import Lost, Refused, Renewed
from ..frozen import fields, has
from ..values import settings
from ..values import tasks as values
from ..values.settings import Settings
from ..values.tasks import Outcome, Task, TaskState
from .machine import Machine
from .state.ledger import EVENT_SIZE, Ledger, events_in
from .state.parts import Strategy
from .state.records import AgentRow, LockRow, Row, Seldom, SessionRow
from .state.rule_versions import OLD_RULES, RulesMissing, lacking
from .strategies import LEARNERS, added_parts, every_part

Record = list[Any]
_CHUNK = 25
"""rows of small tables are written this many to a record, so that all records weigh about the same"""

# -- values as JSON ---------------------------------------------------------------------------

_KNOWN: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        values.Backoff,
        values.Lease,
        values.NoteRecord,
        values.Outcome,
        settings.Settings,
        values.Ticket,
        Refused,
        Renewed,
        Lost,
        *(getattr(errors, name) for name in errors.__all__),
    )
}
_FIELDS: dict[type, Callable[[Any], Iterable[Any]]] = {}
"""class -> what returns a value's fields; the classes of parts are learnt when the first one is met, because
importing them takes time"""


def _fields_of(kind: type) -> Callable[[Any], Iterable[Any]]:
    if kind not in _KNOWN.values():
        _learn()
    if _KNOWN.get(kind.__name__) is not kind:
        raise TypeError(f"{kind.__name__} is none of our values")
    names = [field.name for field in fields(kind)] if has(kind) else []
    if len(names) > 1:
        _FIELDS[kind] = attrgetter(*names)
    else:
        _FIELDS[kind] = lambda value: [getattr(value, name) for name in names]
    return _FIELDS[kind]


def _learn() -> None:
    parts = (*every_part(), *added_parts())
    _KNOWN.update({value.__name__: value for part in parts for value in part.values})


def know(kinds: Iterable[type]) -> None:
    """
    Also pack and unpack values of these classes, which occur in answers to queries but never in the state.
    """
    for kind in kinds:
        _KNOWN.setdefault(kind.__name__, kind)


def _learn_added(strategy: Strategy) -> None:
    for value in [value for part in strategy.parts for value in part.values]:
        known = _KNOWN.get(value.__name__, value)
        if (known.__module__, known.__qualname__) != (value.__module__, value.__qualname__):
            raise ValueError(f"there is another value named {value.__name__} already; rename it")
        _KNOWN[value.__name__] = value


LEARNERS.append(_learn_added)


_TASK_DEFAULTS = {field.name: field.default for field in fields(Task) if field.init}
_TASK_FIELDS = tuple(_TASK_DEFAULTS)
_SETTINGS_DEFAULTS: list[Any] = []
"""of each field, packed; filled in below, after `pack` is defined"""
ATOMS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
"""classes of values that JSON has"""
_STATES = {state.value: state for state in TaskState}


def pack(value: Any) -> Any:
    """Turn a reply or a part of one into JSON: plain values as they are, the rest tagged."""
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is dict:
        return {"d": [[key, pack(item)] for key, item in value.items()]}
    if kind in (list, tuple):
        return {"t" if kind is tuple else "l": [pack(item) for item in value]}
    if kind is TaskState:
        return {"s": value.value}
    if kind is dt.datetime:
        return {"m": value.isoformat()}
    if isinstance(value, Task):
        return {"k": pack_task(value)}
    if kind is Settings:
        return {"v": ["Settings", *_settled(value)]}
    items = (_FIELDS.get(kind) or _fields_of(kind))(value)
    # most are atoms: a call for each would be most of what a hub does for a batch
    packed = [item if item.__class__ in ATOMS else pack(item) for item in items]
    if kind is values.Lease and value.role is None:
        packed.pop()  # this field was added later, and digests must stay what they were
    return {"v": [kind.__name__, *packed]}


def _settled(settings: Settings) -> list[Any]:
    """
    Pack settings up to the last changed one, so that a setting added later leaves every digest unchanged.
    """
    values = [pack(getattr(settings, field.name)) for field in fields(Settings)]
    while values and values[-1] == _SETTINGS_DEFAULTS[len(values) - 1]:
        values.pop()
    return values


def unpack(packed: Any) -> Any:
    """Invert `pack`."""
    if not isinstance(packed, dict):
        return packed
    ((tag, body),) = packed.items()
    match tag:
        case "d":
            return {key: unpack(item) for key, item in body}
        case "t":
            return tuple([unpack(item) for item in body])
        case "l":
            return [unpack(item) for item in body]
        case "s":
            return _STATES[body]
        case "m":
            return dt.datetime.fromisoformat(body)
        case "k":
            return unpack_task(body)
        case "v":
            name, *fields = body
            if name not in _KNOWN:
                _learn()
            if name not in _KNOWN:
                raise RulesMissing([f"values named {name!r}"])
            return _KNOWN[name](*[field if field.__class__ in ATOMS else unpack(field) for field in fields])
    raise ValueError(f"unknown tag {tag!r}")


_SETTINGS_DEFAULTS.extend([pack(getattr(Settings(), field.name)) for field in fields(Settings)])


def pack_task(task: Task) -> dict[str, Any]:
    """Turn a task into JSON without its payload (rows keep their own copy) and its defaults."""
    packed = {}
    for name in _TASK_FIELDS:
        value = getattr(task, name)
        if value != _TASK_DEFAULTS[name] and name != "payload":
            packed[name] = pack(value)
    return packed


def unpack_task(packed: dict[str, Any]) -> Task:
    """Invert `pack_task`."""
    if len(packed) == 1:
        return Task(packed["id"])
    return Task(**{name: unpack(value) for name, value in packed.items()})


_OF_LOCK = attrgetter("token", "agent", "deadline_ns", "ttl_ns", "depth", "holder", "shared")
_OF_AGENT = attrgetter("number", "claimed", "completed", "failed", "expired", "released")
_OF_OUTCOME = attrgetter("result", "reason", "by", "attempts", "late")


def _pack_row(row: Row) -> Record:
    outcome = row.outcome
    return [
        "task",
        pack_task(row.spec),
        row.payload,
        row.seq,
        row.submitted_ns,
        row.state.value,
        row.attempts,
        row.releases,
        row.generation,
        row.token,
        row.agent,
        row.deadline_ns,
        row.ttl_ns,
        row.due_ns,
        row.ready_ns,
        row.lost,
        None if outcome is None else list(_OF_OUTCOME(outcome)),
        row.cause,
        row.note,
        list(row.history),
        row.idle_no,
        row.idle_ns,
        row.finish_by_ns,
    ]


def _unpack_row(record: Record) -> Row:
    (
        _, spec, payload, seq, submitted, state, attempts, releases, generation, token, agent, deadline_ns,
        ttl_ns, due_ns, ready_ns, lost, ended, cause, note, history, idle_no, idle_ns, finish_by_ns,
    ) = record  # fmt: skip
    task = unpack_task(spec)
    found = _STATES[state]
    outcome = None if ended is None else _unpack_outcome(task.id, found, ended)
    if payload is not None:
        # readers of a record see the payload in the task too; copying it is up to them
        object.__setattr__(task, "payload", payload)
    row = Row(
        task, payload, seq, submitted, found, attempts, token, agent, deadline_ns, ttl_ns, ready_ns, lost,
        outcome, note, idle_no, idle_ns,
    )  # fmt: skip
    seldom = Seldom(releases, generation, due_ns, cause, tuple(history), finish_by_ns)
    if seldom != row.seldom:
        row.seldom = seldom
    return row


def _unpack_outcome(task_id: str, state: TaskState, packed: list[Any]) -> Outcome:
    result, reason, by, attempts, late = packed
    return Outcome(task_id, state, result, reason, by, attempts, late)


# -- the cut ----------------------------------------------------------------------------------


class Cut:
    """
    The state at one position, handed out in pieces.

    Args:
        machine: it may go on applying commands. Call `step` until it returns no records, or `drop` to abandon
            the snapshot.

    """

    _numbers = 0

    def __init__(self, machine: Machine) -> None:
        ledger = self._ledger = machine.ledger
        if ledger.undo.entries:
            ledger.mend()
        Cut._numbers += 1
        self._number = Cut._numbers
        self.position = ledger.position
        self._last_seq = ledger.last_seq
        self._ready: list[Record] = list(_small_tables(ledger))
        self._long = _long_tables(ledger)
        self._rows = iter(list(ledger.tasks.values()))
        self._open = True
        ledger.undo.before_change = self._save_first
        ledger.look_again()

    def _save_first(self, row: Row) -> None:
        if row.mark != self._number:
            if row.seq <= self._last_seq:  # otherwise it is younger than the cut
                self._ready.append(_pack_row(row))
            row.mark = self._number  # last: an exception before this line must not lose the row

    def step(self, count: int = 300) -> list[Record]:
        """Return the next records, about `count` of them; an empty list ends the snapshot."""
        ready = self._ready
        while len(ready) < count and self._open:
            record = next(self._long, None)
            if record is not None:
                ready.append(record)
                continue
            row = next(self._rows, None)
            if row is None:
                self.drop()
            else:
                self._save_first(row)
        piece, self._ready = ready[:count], ready[count:]
        return piece

    def drop(self) -> None:
        """Stop following changes."""
        self._open = False
        if self._ledger.undo.before_change == self._save_first:
            self._ledger.undo.before_change = None
            self._ledger.look_again()


_REFUSALS = 9
"""the position of the number of refusals in the head record"""


def _small_tables(ledger: Ledger) -> Iterator[Record]:
    yield [
        "head",
        pack(ledger.settings),
        ledger.position,
        list(ledger.timeline.reading),
        ledger.last_token,
        ledger.last_seq,
        ledger.paused,
        ledger.configured,
        [list(rule) for rule in ledger.rules],
        ledger.refusals,
    ]
    for lock in ledger.locks.values():
        yield ["lock", list(lock.names), *_OF_LOCK(lock)]
    for name, n in sorted(ledger.limits.items()):
        yield ["limit", name, n]
    yield ["agent", None, *_OF_AGENT(ledger.departed)]
    for agent, row in ledger.agents.items():
        yield ["agent", agent, *_OF_AGENT(row)]
    yield ["ring", ledger.ring[0]]


def _long_tables(ledger: Ledger) -> Iterator[Record]:
    """Copy references to tables that may be long; their values never change, and are packed later."""
    stones = list(ledger.tombstones.items())
    sessions = [
        (name, _pack_session(session), list(session.replies.items()))
        for name, session in ledger.sessions.items()
    ]
    values = ledger.ring[1][:]
    tables = [(name, list(ledger.tables[name].items())) for name in sorted(ledger.tables)]

    def packed() -> Iterator[Record]:
        for task_id, stone in stones:
            yield ["stone", task_id, *stone]
        for name, session, replies in sessions:
            yield ["session", name, *session]
            for place, (number, reply) in enumerate(replies):
                yield from _pack_reply(name, place, number, reply)
        for name, rows in tables:
            for key, value in rows:
                yield ["row", name, pack(key), pack(value)]
        for start in range(0, len(values) // EVENT_SIZE, _CHUNK):
            yield ["events", start, list(map(list, events_in(values, start, start + _CHUNK)))]

    return packed()


def _pack_session(session: SessionRow) -> Record:
    used = [session.fingerprint, session.used_for] if session.fingerprint else []
    return [session.number, session.seen_ns, session.low, *used]


def _pack_reply(session: str, place: int, number: int, reply: Any) -> Iterator[Record]:
    """
    Yield a remembered reply; a reply to a large batch in several records, none heavier than a few tasks.
    """
    if reply.__class__ is tuple and len(reply) > _CHUNK:
        for start in range(0, len(reply), _CHUNK):
            part = [pack(one) for one in reply[start : start + _CHUNK]]
            yield ["reply", session, place, number, start, part]
    else:
        yield ["reply", session, place, number, None, pack(reply)]


def records(machine: Machine) -> Iterator[Record]:
    """Return the whole state at once, tasks in submission order."""
    if machine.ledger.undo.entries:
        machine.ledger.mend()
    yield from _small_tables(machine.ledger)
    yield from _long_tables(machine.ledger)
    for row in machine.ledger.tasks.values():
        yield _pack_row(row)


def _in_order(found: Iterable[Record], key: Callable[[Record], str]) -> Iterator[Record]:
    """Sort the rows of tables, whose order in memory has no meaning; all other records have an order."""
    rows = []
    for record in found:
        if record[0] == "row":
            rows.append(record)
        else:
            yield record
    yield from sorted(rows, key=key)


def digest(machine: Machine) -> str:
    """Return SHA-256 over the canonical state: equal exactly for equal boards."""
    import hashlib  # noqa: PLC0415 - for tests and verification only
    import json  # noqa: PLC0415

    sha = hashlib.sha256()
    for record in _in_order(records(machine), json.dumps):
        if record[0] == "head":
            # a refused command changes nothing: refusals are counted only to verify a replay
            record = record[:_REFUSALS]  # noqa: PLW2901
        sha.update(json.dumps(record, sort_keys=True, separators=(",", ":")).encode())
        sha.update(b"\n")
    return sha.hexdigest()


def restore(machine: Machine, pieces: Iterable[Record]) -> None:
    """
    Fill a fresh machine from the records of a snapshot, in any order after the head.

    Raises:
        ValueError, KeyError, TypeError: a record is malformed; the machine is void.
        RulesMissing: the board needs code that this version does not have.

    """
    ledger, pieces_of = machine.ledger, _Pieces()
    for record in pieces:
        match record[0]:
            case "task":
                row = _unpack_row(record)
                ledger.tasks[row.spec.id] = row
            case "head":
                _take_head(ledger, record)
            case "lock":
                _, names, token, *rest = record
                ledger.locks[token] = LockRow(tuple(names), token, *rest)
            case "limit":
                _, name, n = record
                ledger.limits[name] = n
            case "agent":
                _, name, *tallies = record
                if name is None:
                    ledger.departed = AgentRow(*tallies)
                else:
                    ledger.agents[name] = AgentRow(*tallies)
            case "row":
                _, name, key, value = record
                ledger.tables.setdefault(name, {})[unpack(key)] = unpack(value)
            case "stone":
                _, task_id, *stone = record
                ledger.tombstones[task_id] = tuple(stone)
            case "session":
                _, name, *session = record
                ledger.sessions[name] = SessionRow(*session)
            case "ring":
                ledger.ring = (record[1], [])
            case other:
                if not pieces_of.take(record):
                    raise RulesMissing([f"records named {other!r}"])
    pieces_of.put(ledger)
    ledger.rebuild()


def _take_head(ledger: Ledger, record: Record) -> None:
    _, settings, ledger.position, reading, *scalars = record
    ledger.settings = _settings(unpack(settings))
    ledger.timeline.reading = tuple(reading)
    ledger.last_token, ledger.last_seq, ledger.paused, ledger.configured, *since_2 = scalars
    if since_2:
        rules, ledger.refusals = since_2
        ledger.rules = tuple([(what, version) for what, version in rules])
    elif ledger.configured:
        ledger.rules = OLD_RULES
    missing = lacking(ledger.strategies, ledger.settings.strategy, ledger.rules)
    if missing:
        raise RulesMissing(missing)


class _Pieces:
    """Values that come in several records, until all of their pieces are there."""

    def __init__(self) -> None:
        self._events: list[tuple[int, list[list[Any]]]] = []
        self._replies: dict[tuple[str, int, int], list[tuple[int, Any]]] = {}

    def take(self, record: Record) -> bool:
        """Keep a record if it is such a piece; tell whether it was."""
        if record[0] == "events":
            _, start, events = record
            self._events.append((start, events))
        elif record[0] == "reply":
            _, name, place, number, start, reply = record
            body = unpack(reply) if start is None else [unpack(one) for one in reply]
            self._replies.setdefault((name, place, number), []).append((-1 if start is None else start, body))
        else:
            return False
        return True

    def put(self, ledger: Ledger) -> None:
        """Hand over everything, in its old order."""
        for _, events in sorted(self._events, key=lambda pair: pair[0]):
            for event in events:
                ledger.ring[1].extend(event)
        for (name, _, number), parts in sorted(self._replies.items(), key=lambda item: item[0]):
            parts.sort(key=lambda pair: pair[0])
            whole = parts[0][1] if parts[0][0] < 0 else tuple([one for _, part in parts for one in part])
            ledger.sessions[name].replies[number] = whole


def _settings(value: Any) -> Settings:
    if not isinstance(value, Settings):
        raise TypeError(f"the head must hold settings, not {value!r}")
    return value

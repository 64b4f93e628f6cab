"""
Requests that come twice: recognised, and answered with the first reply.

A reply can be lost after its command was written (of 110 appends whose answer was cut off, 109 had been
committed), so every logged command carries (session, number). At least the last 64 replies of a session are
kept. They are dropped 64 at a time, because dropping them singly would copy the rest each time. Sessions that
have been idle for `session_retention` are dropped.

A request id chosen by the caller is (id, 0). It belongs to one agent and one exact command, whose digest is
kept; any other use of it is refused, by name. (A name space per agent was tried first. Calls through the
board, which name no agent, then shared ids with everybody, and whether two uses collided depended on who
spoke.) An answer that found nothing is not kept: a caller that repeats it wants to know whether there is
something now.

Replies are kept without payloads and results: the task has those, and the caller's objects must not be shared
with the state.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import islice
from typing import Any

from ..commands.shared import Command, Complete, Refused, Submit
from ..errors import RequestReusedError, RequestTooOld
from ..frozen import evolve, fields, has
from ..values.checks import is_fresh_holder, is_fresh_id
from ..values.tasks import Lease, Outcome, Task, make_lease, make_outcome, private
from .state.ledger import Ledger, ns
from .state.records import LEASED, SessionRow
from .state.timeline import CALENDAR
from .work.leases import lease_of
from .work.openings import note_holder

_KEPT = 64
MOST_KEPT = 2 * _KEPT
"""replies of a session that are kept before the oldest are dropped"""
_HOLD_NOTHING = frozenset({Submit, Complete})
"""the usual commands that grant nothing, and use nothing that is held afterwards"""


def answer_again(ledger: Ledger, request: tuple[str, int], command: Command[Any]) -> tuple[Any] | None:
    """Return the first reply (or the refusal of a second use) in a 1-tuple, or None if the request is new."""
    name, number = request
    if number == 0:
        return _answer_named(ledger, name, command)
    session = ledger.sessions.get(name)
    if session is None:
        return None
    if number in session.replies:
        return (_refill(ledger, session.replies[number]),)
    if number <= session.low:
        return (Refused(RequestTooOld(f"{name}/{number}")),)
    return None


def last_answer(ledger: Ledger, name: str) -> tuple[int, Any] | None:
    """Return (number, reply) of the last request of a session that is remembered, or None."""
    session = ledger.sessions.get(name)
    if session is None:
        return None
    number = max(session.replies)
    return number, _refill(ledger, session.replies[number])


def _answer_named(ledger: Ledger, request_id: str, command: Command[Any]) -> tuple[Any] | None:
    session = ledger.sessions.get(f"={request_id}")
    if session is None:
        return None
    if session.fingerprint != fingerprint(command):
        return (Refused(RequestReusedError(request_id, session.used_for, _told(command))),)
    return (_refill(ledger, session.replies[0]),)


def _told(command: Command[Any]) -> str:
    """Say what a request id is used for: the verb, and the agent if the command names one."""
    agent = getattr(command, "by", None) or getattr(command, "agent", None)
    name = command.__class__.__name__
    return name if agent is None else f"{name} by {agent!r}"


def remember_reply(ledger: Ledger, request: tuple[str, int], command: Command[Any], reply: Any) -> None:
    """Keep a reply, and drop those that are too old."""
    name, number = request
    if number == 0:
        name = f"={name}"  # no session that the library draws begins like this
    undo, sessions, now = ledger.undo, ledger.sessions, ledger.timeline.reading[CALENDAR]
    # spelt out, because every command in a log comes here
    if type(command) not in _HOLD_NOTHING and (name[:1] == "@" or ledger.tables["openings"]):
        note_holder(ledger, name, command, reply)
    session = sessions.get(name)
    if session is None:
        session = SessionRow(ledger.ordinal(), now)
        if number == 0:
            session.fingerprint, session.used_for = fingerprint(command), _told(command)
        undo.put(sessions, name, session)
        _drop_idle(ledger, now)
    # every logged command comes here, so one undo entry covers both changes
    if len(session.replies) < MOST_KEPT:
        undo.entries.append((unremember, session, session.seen_ns, number))
        session.seen_ns = now
        session.replies[number] = condense(reply)
        return
    undo.touch_session(session)
    session.seen_ns = now
    # a fresh dict: taking back a drop in place would change the order of the old one
    replies = {**session.replies, number: condense(reply)}
    oldest = sorted(replies)[: len(replies) - _KEPT]
    for each in oldest:
        del replies[each]
    session.low = max(session.low, oldest[-1])
    session.replies = replies


def unremember(session: SessionRow, seen_ns: int, number: int) -> None:
    """Undo what is kept of a new request."""
    session.seen_ns = seen_ns
    session.replies.pop(number, None)  # the number is new: a known request is answered from memory


def fingerprint(command: Command[Any]) -> str:
    """
    Return a digest that is equal for equal commands, in every process and release.

    Drawn ids count by their position only, because a caller that builds its task again draws another id.
    Defaults are left out, so that a field added by a later release changes nothing.
    """
    import hashlib  # noqa: PLC0415 - 3 ms, for callers that name their requests
    import json  # noqa: PLC0415

    drawn: dict[str, str] = {}
    if command.__class__ is Submit:
        fresh = [task.id for task in command.tasks if is_fresh_id(task.id)]
        drawn = {task_id: f"~{place}" for place, task_id in enumerate(fresh)}
    text = json.dumps(_plain(command, drawn), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any, drawn: dict[str, str]) -> Any:
    if isinstance(value, str):
        return drawn.get(value, str(value))
    if value.__class__ is float:
        return int(value) if value.is_integer() else value  # a log may say 1 where the caller said 1.0
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(_plain(key, drawn)): _plain(item, drawn) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item, drawn) for item in value)
    if isinstance(value, (tuple, list)):
        return [_plain(item, drawn) for item in value]
    if has(value.__class__):
        return [value.__class__.__name__, _fields(value, drawn)]
    return value


def _fields(value: Any, drawn: dict[str, str]) -> dict[str, Any]:
    found = {}
    for field in fields(value.__class__):
        if not field.init or field.metadata.get("drawn"):
            continue
        if field.name == "holder" and is_fresh_holder(value.holder):
            continue  # drawn for this call
        if isinstance(value, Task) and field.name in ("payload", "parts"):
            continue  # they are beside the task in a Submit
        item = getattr(value, field.name)
        if item is not field.default and item != field.default:
            found[field.name] = _plain(item, drawn)
    return found


def _drop_idle(ledger: Ledger, now_ns: int) -> None:
    """
    Look at the two oldest sessions: drop them, or move them to the end if they are alive.

    A call adds one session and removes up to two, so idle ones do not pile up.
    """
    oldest = now_ns - ns(ledger.settings.session_retention)
    for name in list(islice(ledger.sessions, 2)):
        session = ledger.sessions[name]
        ledger.undo.drop(ledger.sessions, name)
        if session.seen_ns > oldest:
            ledger.undo.touch_session(session)
            session.number = ledger.ordinal()
            ledger.undo.put(ledger.sessions, name, session)


def condense(reply: Any) -> Any:
    """Return a reply as it is kept: without payloads and results."""
    kind = type(reply)
    if kind is Lease:
        return make_lease(
            reply.task, reply.token, reply.agent, reply.kind, None, {},
            reply.attempt, reply.expires_ns, reply.ttl_ns, reply.names, (), reply.role,
        )  # fmt: skip
    if kind is Outcome:
        if reply.result is None:
            return reply
        return make_outcome(reply.task, reply.state, None, reply.reason, reply.by, reply.attempts, reply.late)
    if kind is tuple and reply and isinstance(reply[0], (Lease, Outcome)):
        return tuple([condense(part) for part in reply])
    return reply


def _refill(ledger: Ledger, reply: Any) -> Any:
    if isinstance(reply, Lease):
        row = ledger.tasks.get(reply.task)
        if row is None or row.token != reply.token or row.state is not LEASED:
            return reply  # the lease is lost by now; its holder will be told
        full = lease_of(ledger, row)
        return evolve(full, expires_ns=reply.expires_ns)
    if isinstance(reply, Outcome):
        row = ledger.tasks.get(reply.task)
        if row is None or row.outcome is None or condense(row.outcome) != reply:
            return reply  # the task was forgotten, and another one has its id by now
        return private(row.outcome)
    if isinstance(reply, tuple) and reply and isinstance(reply[0], (Lease, Outcome)):
        return tuple([_refill(ledger, part) for part in reply])
    return reply

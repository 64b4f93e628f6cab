"""
Requests that come twice: recognised, and answered with the first reply.

A reply can be lost after its command was written (109 of 110 appends whose
answer was cut off had been committed), so every logged command carries
(session, number). At least the last 64 replies of a session are kept, and
dropped 64 at a time, since one by one would copy them each time; sessions
that have been idle for `session_retention` are dropped.

Replies are kept without payloads and results: those are in the task, and a
caller must not share them with us.
"""

from __future__ import annotations

from typing import Any

import attrs

from ..commands.shared import Refused
from ..errors import RequestTooOld
from ..values.tasks import Lease, Outcome, make_lease, make_outcome
from .reading import private
from .state.ledger import Ledger, ns
from .state.records import LEASED, SessionRow
from .work.leases import lease_of

__all__ = ["answer_again", "remember_reply"]

_KEPT = 64


def answer_again(ledger: Ledger, request: tuple[str, int]) -> tuple[Any] | None:
    """Return the first reply in a 1-tuple, or None if the request is new."""
    session = ledger.sessions.get(request[0])
    if session is None:
        return None
    if request[1] in session.replies:
        return (_refill(ledger, session.replies[request[1]]),)
    if request[1] <= session.low:
        return (Refused(RequestTooOld(f"{request[0]}/{request[1]}")),)
    return None


def remember_reply(ledger: Ledger, request: tuple[str, int], reply: Any) -> None:
    """Keep a reply, and drop what is too old."""
    name, number = request
    undo, sessions, now = ledger.undo, ledger.sessions, ledger.timeline.reading[2]
    session = sessions.get(name)
    if session is None:
        session = SessionRow(ledger.ordinal(), now)
        undo.put(sessions, name, session)
        _drop_idle(ledger, now)
    undo.touch_session(session)
    session.seen_ns = now
    if len(session.replies) < 2 * _KEPT:
        undo.put(session.replies, number, _condense(reply))
        return
    # a fresh dict: putting a dropped reply back would change the order of the old one
    replies = {**session.replies, number: _condense(reply)}
    for oldest in sorted(replies)[: len(replies) - _KEPT]:
        del replies[oldest]
        session.low = max(session.low, oldest)
    session.replies = replies


def _drop_idle(ledger: Ledger, now_ns: int) -> None:
    """
    Look at the two longest known sessions: drop them, or move them to the end if they are alive.

    One session is added per call and up to two leave, so idle ones do not pile up.
    """
    oldest = now_ns - ns(ledger.settings.session_retention)
    for name in list(ledger.sessions)[:2] if len(ledger.sessions) < 3 else _first_two(ledger):
        session = ledger.sessions[name]
        ledger.undo.drop(ledger.sessions, name)
        if session.seen_ns > oldest:
            ledger.undo.touch_session(session)
            session.number = ledger.ordinal()
            ledger.undo.put(ledger.sessions, name, session)


def _first_two(ledger: Ledger) -> list[str]:
    names = iter(ledger.sessions)
    return [next(names), next(names)]


def _condense(reply: Any) -> Any:
    if isinstance(reply, Lease):
        return make_lease(
            reply.task,
            reply.token,
            reply.agent,
            reply.kind,
            None,
            {},
            reply.attempt,
            reply.expires_ns,
            reply.ttl_ns,
            reply.names,
        )
    if isinstance(reply, Outcome):
        return make_outcome(reply.task, reply.state, None, reply.reason, reply.by, reply.attempts, reply.late)
    if isinstance(reply, tuple) and reply and isinstance(reply[0], (Lease, Outcome)):
        return tuple([_condense(part) for part in reply])
    return reply


def _refill(ledger: Ledger, reply: Any) -> Any:
    if isinstance(reply, Lease):
        row = ledger.tasks.get(reply.task)
        if row is None or row.token != reply.token or row.state is not LEASED:
            return reply  # the lease is lost by now; its holder will be told so
        full = lease_of(ledger, row)
        return attrs.evolve(full, expires_ns=reply.expires_ns)
    if isinstance(reply, Outcome):
        row = ledger.tasks.get(reply.task)
        if row is None or row.outcome is None or _condense(row.outcome) != reply:
            return reply  # forgotten; another task has the id by now
        return private(row.outcome)
    if isinstance(reply, tuple) and reply and isinstance(reply[0], (Lease, Outcome)):
        return tuple([_refill(ledger, part) for part in reply])
    return reply

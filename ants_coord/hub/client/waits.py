"""What a client tells a hub about its waits, and how it reads the answers."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import attrs

from ...commands.shared import Query, Refused
from ...engine.keeper import Kept
from ...engine.lobby import Drained, Waiter
from .. import wire
from .lanes import Session


@attrs.define(eq=False)
class Wait:
    """A caller that waits at the hub; it gets one answer, or one for each end that it waits for."""

    number: int
    waiter: Waiter
    what: list[Any]
    """the command that the hub is to try, or the query that it is to repeat"""
    session: Session | None = None
    answers: deque[list[Any]] = attrs.field(factory=deque)
    told: threading.Event = attrs.field(factory=threading.Event)
    ended: dict[str, str] = attrs.field(factory=dict)
    """"how": whether its answer was taken, or its caller left"""
    is_last: bool = False
    """its time is over: the hub tries once more, and answers whatever the result is"""
    left: dict[str, None] | None = None
    """in a wait for many ends: those not yet reported"""


def asked(query: Query[Any]) -> list[Any]:
    """Return the message that asks a query."""
    return ["?", query.__class__.__name__, wire.fields_of(query)]


def about(waiter: Waiter) -> dict[str, Any]:
    """Return the description of a waiter."""
    told = {name: value for name in wire.WAITER if (value := getattr(waiter, name))}
    if waiter.heard is not None:
        told["heard"] = True
    return told


def said(wait: Wait) -> list[Any]:
    """Return the message that starts a wait, at this hub or the next."""
    described = about(wait.waiter)
    if wait.left is not None:
        described["ended"] = list(wait.left)
    return ["wait", wait.number, wait.is_last, wait.what, described]


def told_of(withdrawn: dict[tuple[str, int], int]) -> list[list[Any]]:
    """Return the message that withdraws abandoned requests."""
    return [[*request, wait] for request, wait in list(withdrawn.items())]


def watched(kept: Kept) -> list[Any]:
    """Return the message that asks a hub to watch a lease."""
    return ["keep", kept.lease.token, kept.lease.task]


def read(answer: list[Any]) -> Any:
    """Return a reply that came as the answer to a wait."""
    packed = answer[1]
    if isinstance(packed, dict):
        if "late" in packed:
            return Refused(TimeoutError(packed["late"]))  # type: ignore[arg-type]
        if "drained" in packed:
            return Refused(Drained())  # type: ignore[arg-type]
        if "say" in packed:
            return Refused(wire.mistake(packed))  # type: ignore[arg-type]
    return wire.unpack(packed)


def raised(reply: Any) -> Any:
    """Return a reply, or raise the error of a refusal."""
    if reply.__class__ is Refused:
        raise reply.fresh_error()
    return reply

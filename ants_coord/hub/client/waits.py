"""
What a client says to a hub of its waits, and what it reads in the answers.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import attrs

from ...commands.shared import Query, Refused
from ...engine.keeper import Kept
from ...engine.lobby import Drained, Waiter
from ...errors import HeldError
from . import wire
from .lanes import Session

__all__ = ["Wait", "about", "asked", "is_vain", "raised", "read", "said", "told_of", "watched"]

_SAID = ("ready", "agent", "kinds", "ended", "names", "paths", "changes", "drained", "task", "passed")
"""what a hub needs to know of a waiter"""


@attrs.define(eq=False)
class Wait:
    """A caller that waits at the hub; it gets one answer, or one for each end that it waits for."""

    number: int
    waiter: Waiter
    what: list[Any]
    """what the hub is to try, or to look at"""
    session: Session | None = None
    answers: deque[list[Any]] = attrs.field(factory=deque)
    told: threading.Event = attrs.field(factory=threading.Event)
    is_last: bool = False
    """its time is over: the hub tries once more, and answers whatever comes of it"""
    left: dict[str, None] | None = None
    """of a wait for many ends: those that were not told yet"""


def asked(query: Query[Any]) -> list[Any]:
    """Return how a query is asked."""
    return ["?", query.__class__.__name__, wire.fields_of(query)]


def about(waiter: Waiter) -> dict[str, Any]:
    """Return how a waiter is described."""
    told = {name: getattr(waiter, name) for name in _SAID if getattr(waiter, name)}
    if waiter.heard is not None:
        told["heard"] = True
    return told


def said(wait: Wait) -> list[Any]:
    """Return how a wait begins, at this hub or the next."""
    described = about(wait.waiter)
    if wait.left is not None:
        described["ended"] = list(wait.left)
    return ["wait", wait.number, wait.is_last, wait.what, described]


def told_of(withdrawn: dict[tuple[str, int], int]) -> list[list[Any]]:
    """Return how requests of nobody are told."""
    return [[*request, wait] for request, wait in list(withdrawn.items())]


def watched(kept: Kept) -> list[Any]:
    """Return how a hub is told to watch a lease."""
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


def is_vain(reply: Any) -> bool:
    """Tell whether a try was in vain, and who waits goes on."""
    return reply is None or (reply.__class__ is Refused and isinstance(reply.error, HeldError))


def raised(reply: Any) -> Any:
    """Return a reply; raise what refuses."""
    if reply.__class__ is Refused:
        raise reply.error
    return reply

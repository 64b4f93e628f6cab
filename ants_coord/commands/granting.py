"""
What gives back what a `Granting` command has handed over, when nobody has heard its reply.
"""

from __future__ import annotations

from typing import Any

from ..values.tasks import Lease
from .shared import Command, Release

__all__ = ["given_back"]


def given_back(reply: Any, now_ns: int) -> list[Command[Any]]:
    """
    Return the commands that give back what a reply hands over.

    Leases end. An entry is written again, as its author's, unless there is a new one at its path. A lease may
    be given back twice, since its token is used up. An entry may not: others may have taken it in between.
    """
    handed = reply if isinstance(reply, tuple) else (reply,)
    back: list[Command[Any]] = [Release(one.task, one.token) for one in handed if isinstance(one, Lease)]
    if back or not handed or reply is None:
        return back
    from ..values.entries import Entry  # noqa: PLC0415 - here and below: most boards have no entries
    from .board import Write  # noqa: PLC0415

    for one in handed:
        if isinstance(one, Entry):
            ttl_ns = None if one.expires_ns is None else one.expires_ns - now_ns
            if ttl_ns is None or ttl_ns > 0:
                back.append(Write(one.path, one.value, one.author, expect=0, ttl_ns=ttl_ns))
    return back

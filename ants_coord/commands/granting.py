"""
What gives back what a `Granting` command has handed over, when nobody has heard its reply.
"""

from __future__ import annotations

from typing import Any

from ..values.tasks import Lease
from .shared import Command, Release


def given_back(reply: Any, now_ns: int, agent: str | None = None) -> list[Command[Any]]:
    """
    Return the commands that give back what a reply hands over, in the name of `agent` if it is given.

    Leases end. An entry is written again, as its author's, unless there is a new one at its path. A lease may
    be given back twice, since its token is used up. An entry may not: others may have taken it in between.
    """
    leases = [one for one in (reply if isinstance(reply, tuple) else (reply,)) if isinstance(one, Lease)]
    if leases or not reply:
        return [Release(lease.task, lease.token, agent) for lease in leases]
    from ..values.entries import Entry  # noqa: PLC0415 - here and below: most boards have no entries
    from .board import Write  # noqa: PLC0415

    if not isinstance(reply, Entry):
        return []
    ttl_ns = None if reply.expires_ns is None else reply.expires_ns - now_ns
    if ttl_ns is not None and ttl_ns <= 0:
        return []
    return [Write(reply.path, reply.value, agent or reply.author, expect=0, ttl_ns=ttl_ns)]

"""
Arguments that more than one verb takes, checked once and turned into commands for both colours.

Every check that can fail happens here or in the verb itself, before a command exists: a bad argument raises
at the call, and nothing is logged.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable
from types import CoroutineType
from typing import Literal

from ..commands.purses import Spend
from ..commands.reading import Outcomes
from ..commands.shared import (
    Claim,
    Complete,
    Decline,
    Fail,
    LockNames,
    Note,
    Release,
    Renew,
    Split,
    submission,
)
from ..errors import LimitError
from ..values import checks as names
from ..values.checks import count, flag, quoted, seconds
from ..values.payloads import MAX_NOTE, json_value
from ..values.tasks import Lease, Task, Ticket

_MOST_DIGITS = 20
"""of a fencing token: it is a time in microseconds, and an int of the log"""
_HANDLE = re.compile(r"#[0-9]+\Z")
Seconds = float | dt.timedelta
TaskLike = Task | Ticket | Lease | str
"""A task: a Task, its ticket, its lease or its id."""
Until = Literal["closed", "drained", "idle"]


class HasLease:
    """Something that holds a lease and stands for it, such as a Hold."""

    lease: Lease


LeaseLike = Lease | HasLease | str
"""A lease: a Lease, its scope, or its handle "id#token"."""


@functools.lru_cache(maxsize=1024)
def _good_name(agent: str) -> str:
    return names.check_name(agent, "agent")


def agent_name(agent: str) -> str:
    """Return a checked agent name; the last thousand are remembered as good."""
    # a list cannot be looked up among them, and the interpreter's complaint would not name the field
    return _good_name(agent) if agent.__class__ is str else names.check_name(agent, "agent")


def task_id(task: TaskLike, field: str = "task") -> str:
    """Return the id of a task given in any form."""
    if isinstance(task, str):
        return names.check_id(task, "task id" if field == "task" else field)
    if isinstance(task, (Task, Ticket)):
        return task.id
    if isinstance(task, Lease):
        return task.task
    if isinstance(task, HasLease):
        raise TypeError(f"{field} must be a Task, a Ticket, a Lease or an id, not a scope; give its .lease")
    raise TypeError(f"{field} must be a Task, a Ticket, a Lease or an id, not {quoted(task)}")


def pair(lease: LeaseLike) -> tuple[str, int]:
    """Return (task id, token) of a lease given in any form."""
    if lease.__class__ is Lease:
        return lease.task, lease.token
    if isinstance(lease, HasLease):
        return lease.lease.task, lease.lease.token
    if isinstance(lease, str):
        task, mark, token = lease.rpartition("#")
        if mark and token.isascii() and token.isdigit() and len(token) <= _MOST_DIGITS:
            return task, int(token)
        raise ValueError(f'lease must be a handle such as "frame-1#1700000000000000", not {quoted(lease)}')
    raise TypeError(f"lease must be a Lease, a Hold or a handle, not {quoted(lease)}")


def held(lease: object, verb: str) -> Lease:
    """Return the lease that a scope is to hold, or raise an error that says what was given instead."""
    if isinstance(lease, Lease):
        return lease
    if lease is None:
        raise TypeError(
            f"{verb} needs a lease, not None: nothing was claimed (claim_nowait answers None when no task "
            "may run now); test for None first, or wait with claim()"
        )
    if isinstance(lease, CoroutineType):
        lease.close()
        raise TypeError(f"{verb} needs a lease, not a coroutine: await the claim first")
    if isinstance(lease, str):
        raise TypeError(
            f"{verb} needs the lease that a claim returned, not its handle {quoted(lease)}; with a handle "
            "you can renew, complete, fail or release"
        )
    if isinstance(lease, (Task, Ticket)):
        raise TypeError(
            f"{verb} needs a lease, not a {type(lease).__name__}: claim(agent, task=...) gives one"
        )
    raise TypeError(f"{verb} needs the lease that a claim returned, not {quoted(lease)}")


def timeout_ns(timeout: Seconds | None, field: str = "timeout") -> int | None:
    """Return a timeout in ns; None waits for ever."""
    if timeout is None:
        return None
    return round(seconds(timeout, field, zero=True) * 1e9)


def ttl_ns(ttl: Seconds | None, field: str = "lease_ttl") -> int | None:
    """Return a time to live in ns; None is left to the board."""
    return None if ttl is None else max(1, round(seconds(ttl, field) * 1e9))


def kinds_of(kinds: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return checked kinds, each once; None takes any."""
    if kinds is None:
        return None
    if isinstance(kinds, str):
        raise TypeError(f"kinds must be a list of names such as [{quoted(kinds)}], not a string")
    wanted = names.listed(kinds, "kinds", "a list of names")
    found = tuple(dict.fromkeys(names.check_name(kind, "each of kinds") for kind in wanted))
    if not found:
        raise ValueError("kinds is empty; leave it out to take any kind")
    return found


@functools.lru_cache(maxsize=1024)
def _plain_claim(agent: str) -> Claim:
    return Claim(agent_name(agent))  # commands are never changed, so one object serves many times


def claim(
    agent: str,
    task: TaskLike | None = None,
    kinds: Iterable[str] | None = None,
    lease_ttl: Seconds | None = None,
) -> Claim:
    """Build a Claim."""
    if task is None and kinds is None and lease_ttl is None and agent.__class__ is str:
        return _plain_claim(agent)
    wanted = None if task is None else task_id(task)
    return Claim(agent_name(agent), kinds_of(kinds), wanted, ttl_ns(lease_ttl))


def renew(leases: Iterable[LeaseLike], lease_ttl: Seconds | None) -> Renew:
    """Build a Renew."""
    return Renew(tuple([pair(lease) for lease in leases]), ttl_ns(lease_ttl))


def complete(lease: LeaseLike, result: object, late: str, secret: bytes | None) -> Complete:
    """Build a Complete, with the random number by which the secret decides whether the result is checked."""
    if late not in ("refuse", "accept"):
        raise ValueError(f"late must be 'refuse' or 'accept', not {quoted(late)}")
    task, token = (lease.task, lease.token) if lease.__class__ is Lease else pair(lease)
    value = json_value(result, "result")
    draw = None if secret is None else drawn(secret, task, token)
    return Complete(task, token, value, late, draw)  # type: ignore[arg-type]


def drawn(secret: bytes, task: str, token: int) -> float:
    """Return a number in [0, 1) that only the owner of the secret can predict."""
    import hmac  # noqa: PLC0415 - 4 ms, for boards with a secret only

    # the same for a repeated call: so an agent that dislikes the draw cannot draw again
    digest = hmac.digest(secret, f"{task}#{token}".encode(), "sha256")
    return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)


def fail(lease: LeaseLike, reason: str, retry: bool | Seconds, trace: str = "") -> Fail:
    """Build a Fail; `trace` is the traceback of the error."""
    if not isinstance(reason, str):
        raise TypeError(f"reason must be a string, not {quoted(reason)}")
    task, token = pair(lease)
    text = json_value(reason[:2_000], "reason")
    if isinstance(retry, bool):
        return Fail(task, token, text, retry, trace=trace)
    return Fail(task, token, text, retry=True, retry_ns=timeout_ns(retry, "retry"), trace=trace)


def release(lease: LeaseLike) -> Release:
    """Build a Release."""
    return Release(*pair(lease))


def decline(
    what: LeaseLike | TaskLike, pause: Seconds | None, reason: str, agent: str | None, *, everything: bool
) -> Decline:
    """Build a Decline of a lease, or of a task that is on offer to an agent."""
    if not isinstance(reason, str):
        raise TypeError(f"reason must be a string, not {quoted(reason)}")
    everything = flag(everything, "all")
    if everything and pause is None:
        raise ValueError("seconds must be given with all=True: for how long the agent wants nothing")
    text = json_value(reason[:500], "reason")
    pause_ns = timeout_ns(pause, "seconds")
    if isinstance(what, (Lease, HasLease)) or (isinstance(what, str) and _HANDLE.search(what)):
        task, token = pair(what)
        who = "" if agent is None else agent_name(agent)
        return Decline(who, task, text, pause_ns, token, everything)
    if agent is None:
        raise ValueError("agent must be given with a task: who declines it; a lease names its holder itself")
    return Decline(agent_name(agent), task_id(what), text, pause_ns, 0, everything)


def split(lease: LeaseLike, parts: Iterable[Task]) -> Split:
    """Build a Split."""
    if isinstance(parts, (Task, str)):
        raise TypeError(f"split takes a list of Tasks, not {quoted(parts)}")
    named = names.listed(parts, "tasks", "a list of Tasks")
    if not named:
        raise ValueError("split needs at least one Task; to give the lease back, release it")
    batch = submission(named)
    return Split(*pair(lease), tuple([part.id for part in named]), batch.tasks, batch.payloads)


def spent(lease: LeaseLike, name: str, n: int, coordination: object) -> Spend:
    """Build a Spend."""
    if not isinstance(coordination, bool):
        raise TypeError(f"coordination must be a bool, not {quoted(coordination)}")
    named = names.check_name(name, "purse")
    return Spend(*pair(lease), named, count(n, "n", least=0), coordination)


def note(lease: LeaseLike, value: object) -> Note:
    """Build a Note."""
    return Note(*pair(lease), json_value(value, "note", MAX_NOTE))


def lock(
    resources: tuple[str, ...],
    agent: str,
    lease_ttl: Seconds | None,
    holder: str | None = None,
    *,
    shared: bool = False,
) -> LockNames:
    """Build a LockNames; the order of the names does not matter. A holder is drawn if none is given."""
    if not resources:
        raise ValueError("lock needs at least one name")
    if isinstance(resources[0], (list, tuple, set, frozenset)):
        raise TypeError(
            f"each lock name must be a string, not {quoted(resources[0])}; write lock(*names) for many"
        )
    if not isinstance(shared, bool):
        raise TypeError(f"shared must be True or False, not {quoted(shared)}")
    whose = names.fresh_holder() if holder is None else names.check_name(holder, "holder")
    wanted = sorted({names.check_lock_name(name) for name in resources})
    if len(wanted) > 256:
        raise LimitError("names in one lock", len(wanted), 256)
    return LockNames(tuple(wanted), agent_name(agent), ttl_ns(lease_ttl), whose, shared)


def outcomes(wanted: Iterable[TaskLike]) -> Outcomes:
    """Build an Outcomes."""
    if isinstance(wanted, (str, Task, Ticket, Lease)):
        raise TypeError(f"tasks must be a list of tasks, not the single {quoted(wanted)}")
    return Outcomes(tuple([task_id(task) for task in names.listed(wanted, "tasks", "a list of tasks")]))

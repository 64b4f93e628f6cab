"""
The commands that every strategy has, and what commands and queries are.

The state of a board can only change by commands. A command is plain data and self-contained: no clock, no
randomness, no callables. `Command[R]` names its reply type, so that `execute(command)` is typed without a
table. It is not frozen: it lives from a verb to its answer, and freezing it costs as much as applying it.
Nobody may change it after passing it on. Queries read the same state and change nothing; they are never
logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Literal, TypeVar

from ..errors import CoordinationError, LimitError
from ..frozen import evolve, field, frozen, record
from ..values.checks import is_fresh_id, quoted
from ..values.payloads import json_value
from ..values.settings import Settings
from ..values.tasks import Lease, Outcome, Task, TaskState, Ticket

__all__ = [
    "MAX_BATCH",
    "Adopt",
    "Cancel",
    "Claim",
    "ClaimMany",
    "Command",
    "Complete",
    "CompleteMany",
    "Configure",
    "Decline",
    "EndOpening",
    "Fail",
    "Granting",
    "LockNames",
    "Lost",
    "Note",
    "Pause",
    "Query",
    "Refused",
    "Release",
    "ReleaseAll",
    "Renew",
    "Renewed",
    "Requeue",
    "Resume",
    "SetLimit",
    "Split",
    "Submit",
    "Upgrade",
    "Vouch",
    "Wakeup",
    "submission",
]

R = TypeVar("R", covariant=True)

MAX_BATCH = 10_000
"""Most tasks, leases or ids in one command."""

_MAX_DEPTH = 16

Lookup = Literal["same", "keep", "replace", "rerun"]


class Command(Generic[R]):
    """The base of everything that changes state; R is the type of the reply."""

    __slots__ = ()


class Granting(Command[R]):
    """The base of commands that hand something over; see granting.py for replies that nobody hears."""

    __slots__ = ()


class Query(Generic[R]):
    """The base of everything that only reads; R is the type of the reply."""

    __slots__ = ()


@frozen
class Refused:
    """The reply that refuses, with the reason; the state is as before."""

    error: CoordinationError

    def fresh_error(self) -> CoordinationError:
        """Return the error to raise: a board remembers `error`, and would remember its callers' frames."""
        return self.error.__class__(*self.error.args)


@frozen
class Renewed:
    """The reply to a renewal: the lease lasts until `expires_ns` now."""

    token: int
    expires_ns: int


@frozen
class Lost:
    """The reply to a renewal that the lease is gone; `reason` as in LeaseLostError."""

    token: int
    reason: str


@record
class Configure(Command[Settings]):
    """The command to set all settings, the first entry of every log; with `first`, only if there are none."""

    settings: Settings
    first: bool = False
    rules: tuple[tuple[str, int], ...] = ()
    """(what, version) of everything that readers of the log must have from here on; () changes nothing"""


@record
class Upgrade(Command[bool]):
    """
    The command to go on under these rules; the reply is whether they are new here.

    Live leases and locks are revoked (attempts do not count), because their holders rely on the old rules.
    """

    rules: tuple[tuple[str, int], ...]


@record
class Submit(Command[tuple[Ticket, ...]]):
    """The command to add a batch, all or nothing; `payloads` are private, checked copies, in its order."""

    tasks: tuple[Task, ...]
    payloads: tuple[Any, ...]
    if_exists: Lookup = "same"
    ahead_ns: int = field(default=0, metadata={"drawn": True})
    """how far the board's clock was ahead of the wall clock, to which the dates of tasks refer"""


def _taken_apart(task: Task, depth: int) -> Iterator[Task]:
    """Yield the parts of a task, after the parts of parts, then the task itself, which now needs them."""
    if depth > _MAX_DEPTH:
        raise LimitError("depth of parts", depth, _MAX_DEPTH)
    if not task.parts:
        yield task
        return
    for part in task.parts:
        yield from _taken_apart(part, depth + 1)
    yield evolve(task, parts=(), needs=(*task.needs, *[part.id for part in task.parts]))


def _way_to_a_task(given: object) -> str:
    if isinstance(given, str):
        return f"write Task({quoted(given)}) for a plain id"
    if isinstance(given, dict):
        return f"write Task(**{quoted(given)}) if these are the fields of one"
    if isinstance(given, (list, tuple)):
        return "submit_many takes several"
    return f"write Task(payload={quoted(given)}) if this is what to do"


def submission(tasks: tuple[Task, ...], if_exists: Lookup = "same") -> Submit:
    """Return a Submit whose payloads have been checked and copied."""
    if if_exists not in ("same", "keep", "replace", "rerun"):
        raise ValueError(f"if_exists must be 'same', 'keep', 'replace' or 'rerun', not {quoted(if_exists)}")
    if len(tasks) > MAX_BATCH:
        raise LimitError("tasks in one batch", len(tasks), MAX_BATCH)
    payloads, composed, asks = [], False, False
    for task in tasks:
        if task.__class__ is not Task:  # it has more fields than most, or is not a task
            if not isinstance(task, Task):
                raise TypeError(f"submit takes a Task, not {quoted(task)}; {_way_to_a_task(task)}")
            if task.parts:
                composed = True
            if task.verify is not None:
                asks = True
        payloads.append(json_value(task.payload, "payload"))
    if composed:
        return submission(tuple([each for task in tasks for each in _taken_apart(task, 0)]), if_exists)
    if asks:
        tasks = tuple([with_salt(task, payload) for task, payload in zip(tasks, payloads, strict=True)])
    return Submit(tasks, tuple(payloads), if_exists)


def with_salt(task: Task, payload: Any) -> Task:
    """Return a task whose known answer, if it has one, cannot be recognised by its digest alone."""
    verify = task.verify
    if verify is None or verify.digest is None:
        return task
    from ..values.verification import sealed  # noqa: PLC0415 - few tasks have a known answer

    # a fresh id differs when the same request is made again
    known_as = "" if is_fresh_id(task.id) else task.id
    return evolve(task, verify=sealed(verify, [known_as, task.kind, payload]))


@record
class Split(Command[tuple[Ticket, ...]]):
    """
    The command to let a leased task wait for new tasks.

    It needs `parts` of them, whose results go to its next holder.
    """

    task: str
    token: int
    parts: tuple[str, ...]
    tasks: tuple[Task, ...]
    payloads: tuple[Any, ...]
    agent: str | None = None
    """the agent that acts, as in Complete"""


@record
class Claim(Granting[Lease | None]):
    """The command to lease one READY task to `agent`: the first in order, or a particular one."""

    agent: str
    kinds: tuple[str, ...] | None = None
    task: str | None = None
    ttl_ns: int | None = None


@record
class ClaimMany(Granting[tuple[Lease, ...]]):
    """The command to lease up to `count` READY tasks to `agent` in one step."""

    agent: str
    count: int
    kinds: tuple[str, ...] | None = None
    ttl_ns: int | None = None


@record
class Renew(Command[tuple[Renewed | Lost, ...]]):
    """The command to move the deadlines of (task, token) pairs; each is answered separately."""

    leases: tuple[tuple[str, int], ...]
    ttl_ns: int | None = None
    agents: tuple[str | None, ...] = ()
    """the agents that act, in the order of the leases; if empty, the present holders"""


@record
class Complete(Command[Outcome]):
    """The command to end a leased task with its result."""

    task: str
    token: int
    result: Any = None
    late: Literal["refuse", "accept"] = "refuse"
    draw: float | None = field(default=None, metadata={"drawn": True})
    """number in [0, 1) that decides whether the result is checked; None means it is"""
    agent: str | None = None
    """the agent that acts, which must hold the lease; None acts for the present holder"""


@record
class CompleteMany(Command[tuple[Outcome, ...]]):
    """The command to end several leased tasks, all or none: (task, token, result) each."""

    endings: tuple[tuple[str, int, Any], ...]
    agent: str | None = None
    """the agent that acts, which must hold the lease; None acts for the present holder"""


@record
class Fail(Command[TaskState]):
    """
    The command to end an attempt without a result; `retry_ns` overrides the backoff, `retry=False` gives up.

    `trace` is the traceback of the error, kept with the newest line of the history.
    """

    task: str
    token: int
    reason: str
    retry: bool = True
    retry_ns: int | None = None
    trace: str = ""
    agent: str | None = None
    """the agent that acts, which must hold the lease; None acts for the present holder"""


@record
class Release(Command[TaskState]):
    """The command to give a lease back politely: the attempt does not count."""

    task: str
    token: int
    agent: str | None = None
    """the agent that acts, which must hold the lease; None acts for the present holder"""


@record
class Decline(Command[None]):
    """
    The command to give a leased task back, or to turn one down.

    Its agent is not offered it (or anything) for a while.
    """

    agent: str
    task: str
    reason: str = ""
    retry_ns: int | None = None
    """how long; None means until the task or the agent's advert changes"""
    token: int = 0
    """of the lease that is given back; 0 for a task that is on offer"""
    everything: bool = False


@record
class ReleaseAll(Command[int]):
    """The command to give back every lease of an agent; the reply is how many."""

    agent: str


@record
class Adopt(Granting[tuple[Lease, ...]]):
    """
    The command to re-issue an agent's live leases under new tokens; the old tokens are superseded.

    Only leases whose holder has been silent for two thirds of their length, unless `force`.
    """

    agent: str
    force: bool = False
    gone: tuple[str, ...] = field(default=(), metadata={"drawn": True})
    """openings that are known to have ended: what they hold is adopted as well"""


@record
class EndOpening(Command[int]):
    """
    The command to report that an opening of the board has ended.

    The reply is how many leases and locks it held.

    These return at once, as if their time were over; with `keep` they stay until then, without an owner.
    """

    opening: str
    keep: bool = False


@record
class Note(Command[None]):
    """The command to keep a progress note with a leased task."""

    task: str
    token: int
    note: Any
    agent: str | None = None
    """the agent that acts, which must hold the lease; None acts for the present holder"""


@record
class Cancel(Command[TaskState]):
    """The command to cancel a task and, by cascade, the tasks that need it."""

    task: str
    reason: str = "cancelled"


@record
class Requeue(Command[Ticket]):
    """The command to restart a FAILED task as a new generation, with new attempts."""

    task: str


@record
class SetLimit(Command[None]):
    """The command to let at most `n` tasks with this limit name be leased at once."""

    name: str
    n: int


@record
class Pause(Command[None]):
    """The command to stop claims; renewals and completions continue."""


@record
class Resume(Command[None]):
    """The command to allow claims again."""


@record
class LockNames(Granting[Lease]):
    """
    The command to lock all names for `agent`, or none; refused with HeldError.

    Only the same agent with the same holder may re-enter. Shared locks only exclude exclusive ones.
    """

    names: tuple[str, ...]
    agent: str
    ttl_ns: int | None = None
    holder: str = ""
    shared: bool = False


@record
class Vouch(Command[bool]):
    """The command to set who vouches for an agent: agents of one principal do not check each other."""

    agent: str
    principal: str
    by: str


@record
class Wakeup(Command[None]):
    """
    The command to let time pass: to expire, unblock and forget what is due.

    `late_ns` is how late the writer was. While it was paused it heard nobody, so silence in that time is no
    evidence against adverts.
    """

    late_ns: int = 0

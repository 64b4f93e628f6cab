"""
The verbs' arguments, checked once and turned into commands for both colours; and the meaning of outcomes.

Every check that can fail happens here, before a command exists, so a bad argument raises at the call and
nothing is logged.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable
from types import CoroutineType
from typing import Any, Literal, Protocol, TypeVar

from ..commands.purses import SetPurse, Spend
from ..commands.reading import BriefingOf, Outcomes, Tasks
from ..commands.shared import (
    MAX_BATCH,
    Cancel,
    Claim,
    ClaimMany,
    Command,
    Complete,
    CompleteMany,
    Configure,
    Decline,
    Fail,
    LockNames,
    Note,
    Release,
    Renew,
    Split,
    submission,
)
from ..errors import LimitError, TaskDroppedError, TaskFailedError
from ..values import checks as names
from ..values.checks import count, flag, quoted, seconds
from ..values.frozen import evolve
from ..values.payloads import MAX_NOTE, copy_json, json_value
from ..values.settings import Settings
from ..values.tasks import Lease, Outcome, Task, TaskState, Ticket

_MOST_DIGITS = 20
"""of a fencing token: it is a time in microseconds, and an int of the log"""
_HANDLE = re.compile(r"#[0-9]+\Z")
_SHORTEST_WINDOW = 0.01
"""seconds; a shorter ttl would only wake everybody up"""
Seconds = float | dt.timedelta
TaskLike = Task | Ticket | Lease | str
"""A task: a Task, its ticket, its lease or its id."""
R = TypeVar("R")
Until = Literal["closed", "drained", "idle"]


class Host(Protocol):
    """The engine as the arguments of verbs see it."""

    secret: bytes | None
    """decides which results are checked"""

    def rules_of(self, strategy: str) -> tuple[tuple[str, int], ...]:
        """Return the rules that a board of this strategy follows here."""
        ...


class HasLease:
    """Something that holds a lease and stands for it, such as a Hold."""

    lease: Lease


LeaseLike = Lease | HasLease | str
"""A lease: a Lease, its scope, or its handle "id#token"."""


def made_by_hand(command: Command[R]) -> Command[R]:
    """Return a command that did not come from a verb, if a log that holds it can be read again."""
    if not isinstance(command, Command):
        raise TypeError(f"command must be one of ants_coord.commands, not {quoted(command)}")
    from ..journals.codec import check_made_by_hand  # noqa: PLC0415 - a board in memory has no codec otherwise

    check_made_by_hand(command)
    return command


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


def result_of(outcome: Outcome) -> Any:
    """Return the result of a DONE outcome, or raise the error for any other."""
    if outcome.state is TaskState.DONE:
        return copy_json(outcome.result)
    if outcome.state is TaskState.CANCELLED:
        raise TaskDroppedError(outcome)
    raise TaskFailedError(outcome)


def timeout_ns(timeout: Seconds | None, field: str = "timeout") -> int | None:
    """Return a timeout in ns; None waits for ever."""
    if timeout is None:
        return None
    return round(seconds(timeout, field, zero=True) * 1e9)


def _ttl_ns(lease_ttl: Seconds | None) -> int | None:
    return None if lease_ttl is None else max(1, round(seconds(lease_ttl, "lease_ttl") * 1e9))


def _kinds(kinds: Iterable[str] | None) -> tuple[str, ...] | None:
    if kinds is None:
        return None
    if isinstance(kinds, str):
        raise TypeError(f"kinds must be a list of names such as [{quoted(kinds)}], not a string")
    wanted = names.listed(kinds, "kinds", "a list of names")
    found = tuple(dict.fromkeys(names.check_name(kind, "each of kinds") for kind in wanted))
    if not found:
        raise ValueError("kinds is empty; leave it out to take any kind")
    return found


def until(value: str) -> Until:
    """Return a checked `until`."""
    if value not in ("closed", "drained", "idle"):
        raise ValueError(f"until must be 'closed', 'drained' or 'idle', not {quoted(value)}")
    return value  # type: ignore[return-value]


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
    return Claim(agent_name(agent), _kinds(kinds), wanted, _ttl_ns(lease_ttl))


def claim_many(agent: str, n: int, kinds: Iterable[str] | None, lease_ttl: Seconds | None) -> ClaimMany:
    """Build a ClaimMany."""
    if count(n, "count") > MAX_BATCH:
        raise LimitError("tasks in one batch", n, MAX_BATCH)
    return ClaimMany(agent_name(agent), n, _kinds(kinds), _ttl_ns(lease_ttl))


def renew(leases: Iterable[LeaseLike], lease_ttl: Seconds | None) -> Renew:
    """Build a Renew."""
    return Renew(tuple([pair(lease) for lease in leases]), _ttl_ns(lease_ttl))


def complete(lease: LeaseLike, result: object, late: str, host: Host) -> Complete:
    """Build a Complete, with the random number by which the host decides whether the result is checked."""
    if late not in ("refuse", "accept"):
        raise ValueError(f"late must be 'refuse' or 'accept', not {quoted(late)}")
    task, token = (lease.task, lease.token) if lease.__class__ is Lease else pair(lease)
    value = json_value(result, "result")
    draw = None if host.secret is None else drawn(host.secret, task, token)
    return Complete(task, token, value, late, draw)  # type: ignore[arg-type]


def drawn(secret: bytes, task: str, token: int) -> float:
    """Return a number in [0, 1) that only the owner of the secret can predict."""
    import hmac  # noqa: PLC0415 - 4 ms, for boards with a secret only

    # the same for a repeated call: so an agent that dislikes the draw cannot draw again
    digest = hmac.digest(secret, f"{task}#{token}".encode(), "sha256")
    return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)


def complete_many(endings: Iterable[tuple[LeaseLike, object]]) -> CompleteMany:
    """Build a CompleteMany."""
    wanted = names.listed(endings, "endings", "a list of pairs (lease, result)")
    for each in wanted:
        if not isinstance(each, (tuple, list)) or len(each) != 2:
            raise TypeError(f"each of endings must be a pair (lease, result), not {quoted(each)}")
    found = tuple(
        [
            (lease.task, lease.token, json_value(result, "result"))
            if lease.__class__ is Lease  # the usual case, without a call
            else (*pair(lease), json_value(result, "result"))
            for lease, result in wanted
        ]
    )
    if len(found) > MAX_BATCH:
        raise LimitError("tasks in one batch", len(found), MAX_BATCH)
    return CompleteMany(found)


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


def purse(name: str, amount: int, per: Seconds | None) -> SetPurse:
    """Build a SetPurse."""
    named = names.check_name(name, "purse")
    amount = count(amount, "amount", least=0)
    if per is None:
        return SetPurse(named, amount)
    length = seconds(per, "per")
    if length < _SHORTEST_WINDOW:
        raise ValueError(f"per must be at least {_SHORTEST_WINDOW} seconds, not {quoted(per)}")
    return SetPurse(named, amount, round(length * 1e9))


def spent(lease: LeaseLike, name: str, n: int, coordination: object) -> Spend:
    """Build a Spend."""
    if not isinstance(coordination, bool):
        raise TypeError(f"coordination must be a bool, not {quoted(coordination)}")
    named = names.check_name(name, "purse")
    return Spend(*pair(lease), named, count(n, "n", least=0), coordination)


def note(lease: LeaseLike, value: object) -> Note:
    """Build a Note."""
    return Note(*pair(lease), json_value(value, "note", MAX_NOTE))


def cancel(task: TaskLike, reason: str) -> Cancel:
    """Build a Cancel."""
    if not isinstance(reason, str):
        raise TypeError(f"reason must be a string, not {quoted(reason)}")
    return Cancel(task_id(task), json_value(reason[:500], "reason"))


def extend(has: Settings, to: str, host: Host) -> Configure:
    """Build the Configure that extends a board."""
    strategies = {"matchmaker": "match", "blackboard": "board"}
    if not isinstance(to, str) or to not in strategies:
        raise ValueError(f"a board is extended to 'matchmaker' or 'blackboard', not to {quoted(to)}")
    wanted = strategies[to]
    return Configure(evolve(has, strategy=wanted), rules=host.rules_of(wanted))


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
    return LockNames(tuple(wanted), agent_name(agent), _ttl_ns(lease_ttl), whose, shared)


def briefing(agent: str, most: int) -> BriefingOf:
    """Check the arguments of a briefing and build its query."""
    return BriefingOf(agent_name(agent), count(most, "count", most=100))


def tasks(
    state: TaskState | str | Iterable[TaskState | str] | None,
    kinds: Iterable[str] | None,
    tag: str | None,
    after: TaskLike | None,
    n: int,
) -> Tasks:
    """Build a Tasks."""
    states = None
    if state is not None:
        wanted = [state] if isinstance(state, str) else names.listed(state, "state", "a state or a list")
        try:
            states = tuple(TaskState(one) for one in wanted)
        except ValueError:
            known = ", ".join(TaskState)
            raise ValueError(f"state must be among {known}, not {quoted(state)}") from None
    if tag is not None:
        names.check_name(tag, "tag")
    wanted_after = None if after is None else task_id(after, "after")
    return Tasks(states, _kinds(kinds), tag, wanted_after, count(n, "count", most=MAX_BATCH))


def outcomes(wanted: Iterable[TaskLike]) -> Outcomes:
    """Build an Outcomes."""
    if isinstance(wanted, (str, Task, Ticket, Lease)):
        raise TypeError(f"tasks must be a list of tasks, not the single {quoted(wanted)}")
    return Outcomes(tuple([task_id(task) for task in names.listed(wanted, "tasks", "a list of tasks")]))


def asked_for(tasks: tuple[Task, ...], tickets: tuple[Ticket, ...]) -> list[Ticket]:
    """
    Return the tickets of the tasks that the caller passed, without those of their parts.

    They are found by position, not by id: a repeated request may have drawn other ids than the first.
    """
    if len(tasks) == len(tickets):
        return list(tickets)
    found, place = [], -1
    for task in tasks:
        place += _size(task)
        found.append(tickets[place])
    return found


def _size(task: Task) -> int:
    return 1 + sum(map(_size, task.parts))

"""
The values that users pass in and get back: frozen, comparable, without behaviour.

Values that a user passes in (Task, Backoff) are checked when they are made, so that a bad argument is refused
at the line that wrote it. Values that come back (Ticket, Lease, Outcome, TaskRecord ...) are made by the
core.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..frozen import blank, evolve, field, fields, filler, frozen, maker, quick, refuse_unknown, taking, twins
from .checks import (
    amount,
    check_id,
    check_name,
    count,
    fresh,
    lasting,
    lasting_or_none,
    listed,
    plain,
    quoted,
    seconds,
    strings,
)
from .payloads import NESTS, copy_json

__all__ = [
    "Backoff",
    "Explanation",
    "Lease",
    "NoteRecord",
    "Outcome",
    "Standing",
    "Statistics",
    "Task",
    "TaskRecord",
    "TaskState",
    "Ticket",
    "blank_task",
    "private",
]

_set = object.__setattr__


if TYPE_CHECKING:
    from attrs import frozen as _task

    from .trust import Channel, Record
    from .verification import Verify
else:
    from ..frozen import sparse

    _task = sparse("id", "kind", "payload", "priority")


class TaskState(enum.StrEnum):
    """The state of a task; docs/explanation/lifecycle.md draws the transitions."""

    WAITING = "waiting"
    """a task that it needs has not ended"""
    DELAYED = "delayed"
    """waiting for a time: a delay, or the pause after a failure"""
    READY = "ready"
    """claimable"""
    LEASED = "leased"
    """leased to one agent until a deadline"""
    DONE = "done"
    """completed; final"""
    FAILED = "failed"
    """out of attempts, given up, or past its finish_by; only requeue leaves it"""
    CANCELLED = "cancelled"
    """cancelled, by itself or with a task that it needs; it comes back only with that task"""

    @property
    def is_final(self) -> bool:
        """Whether the task has ended."""
        return self in FINAL


FINAL = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED})


def _moment(value: object, field: str) -> float | dt.datetime:
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise ValueError(f"{field} must be an aware datetime (or seconds from now), not {quoted(value)}")
        return value.astimezone(dt.UTC)
    return seconds(value, field, zero=True)


def _a_moment(value: float | dt.timedelta | dt.datetime | None) -> float | dt.datetime | None:
    """Declare what `delay` and `finish_by` accept."""
    return None if value is None else _moment(value, "a moment")


def _tasks(values: Iterable[Task]) -> tuple[Task, ...]:
    """Declare what `parts` accepts."""
    return tuple(values)


def _needs(values: Iterable[Task | Ticket | Lease | str]) -> tuple[str, ...]:
    """Declare what `needs` accepts."""
    return tuple([_id_of(value, "each of needs") for value in values])


def _id_of(value: object, field: str) -> str:
    """Return the id of a task given in any form."""
    if isinstance(value, (Task, Ticket)):
        return value.id
    return value.task if isinstance(value, Lease) else check_id(value, field)


def _names(values: object, field: str, check: Any) -> tuple[str, ...]:
    found = tuple([check(value, f"each of {field}") for value in listed(values, field, "a list of strings")])
    if len(set(found)) != len(found):
        twice = next(value for value in found if found.count(value) > 1)
        raise ValueError(f"{field} names {quoted(twice)} twice")
    return found


@frozen
class Backoff:
    """
    The pause after a failed attempt: first * factor**(attempts - 1) seconds, at most `limit`.

    A part of the pause, which depends on the task's id and the attempt, is left out. So tasks that failed
    together, because a service was down, do not all come back at the same instant.

    Args:
        first: seconds after the first failure.
        limit: longest pause in seconds.
        factor: multiplies the pause at each further failure; an int, so that powers stay exact.
        on_expiry: also pause after an expired lease; off by default, since silence usually means a crash.
        jitter: share of a pause that may be left out, 0 to 1; 0 keeps pauses exact.

    """

    first: float = taking(default=1.0, converter=lasting)
    limit: float = taking(default=300.0, converter=lasting)
    factor: int = 2
    on_expiry: bool = False
    jitter: float = 0.25

    def __attrs_post_init__(self) -> None:
        _set(self, "first", seconds(self.first, "backoff.first", zero=True))
        _set(self, "limit", seconds(self.limit, "backoff.limit", zero=True))
        _set(self, "factor", count(self.factor, "backoff.factor", most=1000))
        if not isinstance(self.on_expiry, bool):
            raise TypeError(f"backoff.on_expiry must be a bool, not {quoted(self.on_expiry)}")
        _set(self, "jitter", amount(self.jitter, "backoff.jitter", zero=True, most=1.0))


@_task
class Task:
    """
    A task: what to do, and the conditions for doing it.

    Args:
        id: 1 to 512 bytes of text; by default a fresh one.
        kind: a name that selects the handler.
        payload: any JSON value; every claim gets a fresh copy.
        priority: an int; higher runs first.
        requires: what an agent must be able to do (Matchmaker, Blackboard).
        uses: name -> amount of an agent's capacity, held while leased (Matchmaker, Blackboard).
        spends: purse -> amount that the work may consume; reserved at the claim, settled by `spent`.
        place: where the work is; trails that lead there attract agents (Blackboard).
        needs: tasks that must be DONE first, each a Task, a Ticket, a Lease or an id; their results arrive as
            `inputs`, by id.
        if_need_fails: if a needed task fails, "cancel" (with the chain as the reason) or "run" anyway.
        delay: seconds (or an aware datetime) before it may run.
        finish_by: seconds from submission (or an aware datetime) until it is FAILED as late.
        lease_ttl: seconds that a lease lasts without renewal; None uses the board's.
        stall_after: seconds without a sign of work after which renewals no longer count; 0 is off, None uses
            the board's.
        max_attempts: attempts before it is FAILED for good; None uses the board's.
        backoff: pause after a failure; None uses the board's.
        key: a name that at most one unfinished task has, to avoid duplicates.
        limit: name of a concurrency limit that it counts against.
        tags: labels to filter by.
        parts: tasks that this one consists of, submitted with it. It becomes claimable when they are DONE,
            and gets their results as inputs, in order.
        team: one requirement per seat. That many different agents each hold a lease at the same time, or none
            does; the task itself then gets their results, as with `parts` (Matchmaker, Blackboard).
        verify: how its result is checked before it counts.
        seat: set by submit on the seats of a team: the team's task.

    Raises:
        TypeError, ValueError: the message names the field, the value and the rule.

    Example:
        >>> Task("report", payload={"month": "May"}, needs=("scan",), max_attempts=5).needs
        ('scan',)

    """

    id: str = ""
    kind: str = field(default="default", kw_only=True)
    payload: Any = field(default=None, kw_only=True)
    priority: int = field(default=0, kw_only=True)
    requires: str | None = field(default=None, kw_only=True)
    uses: Mapping[str, int] | None = field(default=None, kw_only=True)
    spends: Mapping[str, int] | None = field(default=None, kw_only=True)
    place: str | None = field(default=None, kw_only=True)
    needs: tuple[str, ...] = taking(default=(), kw_only=True, converter=_needs)
    if_need_fails: Literal["cancel", "run"] = field(default="cancel", kw_only=True)
    delay: float | dt.datetime | None = taking(default=None, kw_only=True, converter=_a_moment)
    finish_by: float | dt.datetime | None = taking(default=None, kw_only=True, converter=_a_moment)
    lease_ttl: float | None = taking(default=None, kw_only=True, converter=lasting_or_none)
    stall_after: float | None = taking(default=None, kw_only=True, converter=lasting_or_none)
    max_attempts: int | None = field(default=None, kw_only=True)
    backoff: Backoff | None = field(default=None, kw_only=True)
    key: str | None = field(default=None, kw_only=True)
    limit: str | None = field(default=None, kw_only=True)
    tags: tuple[str, ...] = taking(default=(), kw_only=True, converter=strings)
    parts: tuple[Task, ...] = taking(default=(), kw_only=True, converter=_tasks)
    team: tuple[str, ...] = taking(default=(), kw_only=True, converter=strings)
    verify: Verify | None = field(default=None, kw_only=True)
    seat: str | None = field(default=None, kw_only=True)
    is_plain: bool = field(default=True, init=False, eq=False, repr=False)
    """whether it has no needs, limits, delays, requirements or known answer: then a shorter path is used"""
    door: Any = field(default=None, init=False, eq=False, repr=False)
    """what holds it back when it is ready: its limit, or (limit, what it spends); usually nothing"""

    if not TYPE_CHECKING:

        def __new__(cls, id="", *, kind="default", payload=None, priority=0, **more):  # noqa: A002
            """Make a task: usually of this class, otherwise of the one with slots for all fields."""
            self = blank_task()
            self.id = f"{fresh.prefix}{next(fresh.numbers)}" if id == "" else check_id(id, "task id")
            if kind != "default" or kind.__class__ is not str:
                kind = check_name(kind, "kind")
            if priority != 0 or priority.__class__ is not int:
                priority = count(priority, "priority", least=-(1 << 31), most=1 << 31)
            self.kind, self.payload, self.priority = kind, payload, priority
            if more:
                return _with_more(self, more)
            self.__class__ = Task
            return self

        def __reduce__(self):
            return _again, ({each.name: getattr(self, each.name) for each in fields(Task) if each.init},)

    def _check_optional(self: Any) -> None:
        self.needs = _names(self.needs, "needs", _id_of)
        self.tags = _names(self.tags, "tags", check_name)
        self._check_parts()
        self._check_team()
        self._check_optional_names()
        self._check_optional_times()
        self.door = self.limit if self.spends is None else (self.limit, tuple(self.spends.items()))
        waits = (self.door, self.key, self.place, self.requires, self.uses, self.delay, self.finish_by)
        has_answer = self.verify is not None and self.verify.digest is not None
        self.is_plain = not (self.needs or self.parts or self.team or has_answer) and waits == (None,) * 7
        if self.if_need_fails not in ("cancel", "run"):
            raise ValueError(f"if_need_fails must be 'cancel' or 'run', not {quoted(self.if_need_fails)}")

    def _check_parts(self: Any) -> None:
        self.parts = listed(self.parts, "parts", "a list of Tasks")
        known = {self.id, *self.needs}
        for part in self.parts:
            if not isinstance(part, Task):
                raise TypeError(f"each of parts must be a Task, not {quoted(part)}")
            if part.id in known:
                raise ValueError(
                    f"parts names {quoted(part.id)} twice, or it is the task itself or one of its needs"
                )
            known.add(part.id)

    def _check_team(self: Any) -> None:
        self.team = listed(self.team, "team", "a list of requirements, one a seat")
        if len(self.team) == 1 or len(self.team) > 64:
            raise ValueError(f"team must have 2 to 64 seats, not {len(self.team)}")
        if self.team:
            from ..requirements import parse  # noqa: PLC0415

            for requires in self.team:
                if not isinstance(requires, str):
                    raise TypeError(f"each seat of team must be a requirement, not {quoted(requires)}")
                parse(requires)
            self.team = tuple(map(plain, self.team))
            if self.verify is not None:
                raise ValueError("verify cannot be asked of a team; give it to a task that needs the team")

    def _check_optional_names(self: Any) -> None:
        if self.limit is not None:
            self.limit = check_name(self.limit, "limit")
        if self.key is not None:
            self.key = check_id(self.key, "key")
        if self.place is not None:
            self.place = check_id(self.place, "place")
        if self.requires is not None:
            from ..requirements import parse  # noqa: PLC0415 - most tasks require nothing

            if not isinstance(self.requires, str):
                raise TypeError(
                    f"requires must be a string such as 'gpu and mem >= 16', not {quoted(self.requires)}"
                )
            parse(self.requires)
            self.requires = plain(self.requires)
        for kept, such_as in (("uses", {"gpu_mem": 16}), ("spends", {"llm": 20_000})):
            value = getattr(self, kept)
            if value is None:
                continue
            if not isinstance(value, Mapping):
                raise TypeError(f"{kept} must be a mapping such as {such_as}, not {quoted(value)}")
            amounts = {
                check_name(name, f"each name in {kept}"): count(amount, f"{kept}[{quoted(name)}]")
                for name, amount in sorted(value.items())
            }
            setattr(self, kept, amounts)
        self.spends = self.spends or None

    def _check_optional_times(self: Any) -> None:
        if self.delay is not None:
            self.delay = _moment(self.delay, "delay")
        if self.finish_by is not None:
            self.finish_by = _moment(self.finish_by, "finish_by")
        if self.lease_ttl is not None:
            self.lease_ttl = seconds(self.lease_ttl, "lease_ttl")
        if self.stall_after is not None:
            self.stall_after = seconds(self.stall_after, "stall_after", zero=True)
        if self.max_attempts is not None:
            count(self.max_attempts, "max_attempts", most=1_000_000)
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise TypeError(f"backoff must be a Backoff, not {quoted(self.backoff)}")
        if self.verify is not None:
            from .verification import Verify  # noqa: PLC0415 - most tasks are not verified

            if not isinstance(self.verify, Verify):
                raise TypeError(
                    f"verify must be a Verify, such as Verify.by_check(), not {quoted(self.verify)}"
                )


_new = object.__new__
_OPEN, _OPEN_FULL, _FULL = twins(Task)
_fill, _is_usual = filler(Task)
_NAMES = tuple([each.name for each in fields(Task) if each.init])


def _with_more(plain: Any, more: dict[str, Any]) -> Any:
    """Return a task with more than an id, kind, payload and priority."""
    made = _new(_OPEN_FULL)
    made.id, made.kind, made.payload, made.priority = plain.id, plain.kind, plain.payload, plain.priority
    try:
        _fill(made, **more)
    except TypeError:
        refuse_unknown(Task, [name for name in more if name not in _NAMES])
    made._check_optional()  # noqa: SLF001 - as an __init__ would
    if _is_usual(made):  # for example needs=[]
        plain.__class__ = Task
        return plain
    made.__class__ = _FULL
    return made


def _again(given: dict[str, Any]) -> Task:
    return Task(**given)


blank_task: Callable[[], Any] = functools.partial(_new, _OPEN)
"""makes a plain task whose fields are set in place afterwards; then it gets its class"""


@quick
class Ticket:
    """The answer to submit: the id, whether this call created the task, and its state."""

    id: str
    created: bool
    state: TaskState


blank_ticket: Callable[[], Any] = blank(Ticket)


@frozen
class NoteRecord:
    """What an agent noted about a task while holding it: in which attempt, and when (ns since the epoch)."""

    agent: str
    attempt: int
    at_ns: int
    note: Any = None


@quick
class Lease:
    """
    One agent's right to one task (or to named locks) until a deadline.

    `token` is the fencing token. It grows strictly over the whole board, so an outside resource that
    remembers the highest token it has seen can refuse a holder that was paused (Chubby's sequencer; Kleppmann
    2016). `expires_ns` is on the board's clock, in nanoseconds since the epoch, and only a hint: the board
    decides. `inputs` holds the results of the task's needs by id, and `notes` the last progress notes of
    earlier attempts, oldest first. `role` is set on the seat of a team: the team's requirement for that seat.
    """

    task: str
    token: int
    agent: str
    kind: str = "default"
    payload: Any = None
    inputs: dict[str, Any] = field(factory=dict)
    attempt: int = 1
    expires_ns: int = 0
    ttl_ns: int = 0
    names: tuple[str, ...] = ()
    notes: tuple[NoteRecord, ...] = ()
    role: str | None = None

    @property
    def handle(self) -> str:
        """The printable form "id#token", accepted wherever a lease is."""
        return f"{self.task}#{self.token}"


make_lease: Callable[..., Lease] = maker(Lease)
blank_lease: Callable[[], Any] = blank(Lease)


@quick
class Outcome:
    """How a task ended: `result` when DONE, `reason` otherwise; `by` is the last holder."""

    task: str
    state: TaskState
    result: Any = None
    reason: str = ""
    by: str | None = None
    attempts: int = 0
    late: bool = False


make_outcome: Callable[..., Outcome] = maker(Outcome)
blank_outcome: Callable[[], Any] = blank(Outcome)


def private(outcome: Outcome) -> Outcome:
    """Return an outcome whose result is the reader's own copy."""
    if outcome.result.__class__ in NESTS:
        return evolve(outcome, result=copy_json(outcome.result))
    return outcome


@frozen
class TaskRecord:
    """
    The present state of a task: a copy, not a live view. Times are ns since the epoch.

    `note` is the present holder's last note, `notes` the last few of all attempts, oldest first.
    """

    task: Task
    state: TaskState
    attempts: int
    releases: int
    submitted_ns: int
    lease: Lease | None = None
    outcome: Outcome | None = None
    waits_for: tuple[str, ...] = ()
    ready_ns: int | None = None
    note: Any = None
    history: tuple[str, ...] = ()
    notes: tuple[NoteRecord, ...] = ()


@frozen
class Standing:
    """
    What the coordinator itself has seen of an agent, without the opinions of others.

    `delivery` is what to expect of its claims and `quality` of its results (None if none was checked), over
    all kinds of task. `kinds` is the same for each kind, and `capabilities` for each required capability
    (which is then the record's `kind`). On a board with proofs, `proofs` says which capabilities are
    "proven", only "claimed", or "refuted". `principal` is the one who vouches for it. `limit` is how many
    tasks it may hold (None: any number, the board has no TrustPolicy). `barred` says why it gets nothing now,
    or only one task at a time; None if nothing bars it.
    """

    agent: str
    claimed: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    released: int = 0
    held: int = 0
    delivery: Channel | None = None
    kinds: tuple[Record, ...] = ()
    limit: int | None = None
    barred: str | None = None
    quality: Channel | None = None
    principal: str | None = None
    capabilities: tuple[Record, ...] = ()
    proofs: Mapping[str, str] = field(factory=dict)


@frozen
class Statistics:
    """The counts of one instant; `cursor` is where events(since=...) continues from here."""

    tasks: dict[str, int]
    unfinished: int
    locks: int
    agents: int
    claimed: int
    completed: int
    failed: int
    expired: int
    released: int
    remembered: int
    paused: bool
    position: int
    cursor: int
    parts: dict[str, Any] = field(factory=dict)
    """counts of the strategy's own parts"""


@frozen
class Explanation:
    """Why a task or an agent is in its present state: the state, then one sentence per cause."""

    subject: str
    state: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.subject} is {self.state}: " + "; ".join(self.reasons)

"""
The life of a task as ONE literal table, and the private records of the state.

Everything that moves a task goes through `TRANSITIONS`; the diagram in the docs is drawn from it, and a pair
that is not in it cannot happen. Records are mutable and private: they never leave the core (only values do),
and they are changed only after `Undo.touch` has saved their old form.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ...frozen import entity, field, fields
from ...values.tasks import Outcome, Task, TaskState, make_outcome

if TYPE_CHECKING:
    from ...errors import CoordinationError

WAITING = TaskState.WAITING
DELAYED = TaskState.DELAYED
READY = TaskState.READY
LEASED = TaskState.LEASED
DONE = TaskState.DONE
FAILED = TaskState.FAILED
CANCELLED = TaskState.CANCELLED

AT = {state: number for number, state in enumerate(TaskState)}
"""the index of a state in `Ledger.tally`; not a dict, which takes long to store under an enum member"""
READY_AT, LEASED_AT, DONE_AT = AT[READY], AT[LEASED], AT[DONE]

TRANSITIONS: dict[TaskState, dict[str, TaskState]] = {
    WAITING: {
        "unblock": READY,  # the last need ended
        "postpone": DELAYED,  # ... but its delay has not
        "rewrite": WAITING,  # submit with if_exists="replace", decided again from here
        "miss": FAILED,  # finish_by passed
        "cancel": CANCELLED,
    },
    DELAYED: {
        "ripen": READY,  # the delay or backoff ended
        "rewrite": WAITING,
        "land": DONE,  # complete(late="accept") by the latest lease
        "miss": FAILED,
        "cancel": CANCELLED,
    },
    READY: {
        "claim": LEASED,
        "reject": FAILED,  # the result was judged wrong, and no attempts are left
        "rewrite": WAITING,
        "land": DONE,
        "miss": FAILED,
        "cancel": CANCELLED,
    },
    LEASED: {
        "complete": DONE,
        "retry": READY,  # failed, may try again at once
        "back_off": DELAYED,  # failed, may try again later
        "give_up": FAILED,  # failed for good, or out of attempts
        "release": READY,  # given back politely
        "hand_back": READY,  # declined by its holder, or to be tried again without anybody's fault
        "split": WAITING,  # its holder split it, and it waits for the new parts
        "put_off": DELAYED,  # the same, but not before some time
        "exhaust": FAILED,  # put off for the last time
        "hand_in": READY,  # a result that others must check before it counts
        "expire": READY,  # the holder fell silent
        "miss": FAILED,
        "cancel": CANCELLED,
    },
    DONE: {},
    FAILED: {
        "revive": WAITING,  # requeue, or submit with if_exists="rerun"; the next state is decided from here
    },
    CANCELLED: {
        "recall": WAITING,  # only a task that a cascade cancelled, when the cause is revived
    },
}
"""state -> {verb: next state}. DONE is final; so is CANCELLED, except for the cascade of a revived task."""
CLAIMED, COMPLETED = TRANSITIONS[READY]["claim"], TRANSITIONS[LEASED]["complete"]
"""the two transitions of every cycle, looked up once"""


class Seldom(NamedTuple):
    """
    Fields that most tasks never use: kept apart, and one for all that have none of it.

    Each field that a row has by itself costs memory, and a step of the garbage collector, in every task. It
    does not change: a row that comes to have one of these gets another Seldom.
    """

    releases: int = 0
    generation: int = 0
    due_ns: int = 0
    cause: str | None = None
    history: tuple[str, ...] = ()
    finish_by_ns: int = 0
    waiting: int = 0
    """how many needs have not ended: derived"""


_NOTHING = Seldom()


def _set_seldom(name: str, row: Row, value: Any) -> None:
    if getattr(row.seldom, name) != value:
        row.seldom = row.seldom._replace(**{name: value})


def _of_seldom(name: str) -> Any:
    return property(attrgetter(f"seldom.{name}"), functools.partial(_set_seldom, name))


@entity
class Row:
    """
    A task in the ledger. What is `Seldom` is read and set as if it were a field of the row; so is `outcome`.

    Times ending in `_ns` are calendar time, except `deadline_ns`, which is
    lease time (see timeline.py). `token` is the latest lease's, live exactly
    while the state is LEASED; `lost` says how it ended otherwise.
    """

    # primary: kept by Undo, snapshots and the digest
    spec: Task
    payload: Any
    seq: int
    submitted_ns: int
    state: TaskState
    attempts: int = 0
    token: int = 0
    agent: str | None = None
    deadline_ns: int = 0
    ttl_ns: int = 0
    ready_ns: int = -1
    lost: str = ""
    ended: Outcome | None = None
    note: Any = None
    idle_no: int = 0
    idle_ns: int = 0
    seldom: Seldom = _NOTHING
    result: Any = None
    """of a task that its last holder has completed in time; then `ended` is None"""
    # derived: rebuilt from the fields above
    lane: Any = None
    mark: int = 0

    releases = _of_seldom("releases")
    generation = _of_seldom("generation")
    due_ns = _of_seldom("due_ns")
    cause = _of_seldom("cause")
    history = _of_seldom("history")
    finish_by_ns = _of_seldom("finish_by_ns")
    waiting = _of_seldom("waiting")

    @property
    def outcome(self) -> Outcome | None:
        """
        How the task ended; None while it has not.

        The usual end is told by the row itself, so the outcome is made when somebody asks. Kept, it would be
        one object more for each task that is done: memory, and a third of what the garbage collector walks
        through each time.
        """
        if self.state is DONE and self.ended is None:
            return make_outcome(self.spec.id, DONE, self.result, "", self.agent, self.attempts, False)
        return self.ended

    @outcome.setter
    def outcome(self, outcome: Outcome | None) -> None:
        self.ended, self.result = outcome, None


_FRESH = tuple([each.default for each in fields(Row)[5:] if each.name != "ready_ns"])
_blank = functools.partial(object.__new__, Row)


def fresh_row(spec: Task, payload: Any, seq: int, now_ns: int) -> Row:
    """Return the row of a new task that is READY at once, as most are: in half the time of the class."""
    row: Any = _blank()
    row.spec, row.payload = spec, payload
    row.seq, row.state = seq, READY
    row.submitted_ns = row.ready_ns = now_ns
    (
        row.attempts, row.token, row.agent, row.deadline_ns, row.ttl_ns, row.lost, row.ended, row.note,
        row.idle_no, row.idle_ns, row.seldom, row.result, row.lane, row.mark,
    ) = _FRESH  # fmt: skip
    return row  # type: ignore[no-any-return]


@entity
class LockRow:
    """
    Named locks under one lease; `depth` counts re-entries by the same holder.

    `holder` tells two scopes, or two sessions, of one agent apart.
    """

    names: tuple[str, ...]
    token: int
    agent: str
    deadline_ns: int
    ttl_ns: int
    depth: int = 1
    holder: str = ""
    shared: bool = False


@entity
class AgentRow:
    """What has been seen of an agent; `leases` (token -> Row) is derived."""

    number: int = 0
    claimed: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    released: int = 0
    leases: dict[int, Row] = field(factory=dict)


@entity
class SessionRow:
    """
    The last replies of one client, by request number; up to `low` they are forgotten.

    A request id that a caller chose is a session of its own with the one number 0; `fingerprint` and
    `used_for` say for what.
    """

    number: int
    seen_ns: int
    low: int = -1
    fingerprint: str = ""
    used_for: str = ""
    replies: dict[int, Any] = field(factory=dict)


# -- tombstones of tasks, and hints about them -------------------------------------------------------

Stone = tuple[Any, ...]
_, _, CONTENT, FORGOTTEN_NS = range(4)
"""of the stone of a forgotten task: the digest of its content, and when that was"""
Hint = tuple[str, Hashable, str]
"""kind, signature and id of a task that became claimable"""
# of a hint
KIND: Final = 0
TASK: Final = 2
ANY: Hint = ("", None, "")
"""any task, of whatever kind and signature, may have become claimable"""


class News:
    """What the latest commands made possible: hints about which waiters to wake. Cleared by the reader."""

    __slots__ = ("agents", "changed", "ended", "freed", "gone", "is_wanted", "ready")

    def __init__(self) -> None:
        self.is_wanted = False
        """whether anybody listens; set by the reader, so that news nobody reads costs nothing"""
        self.agents: list[str] = []
        """agents whose own circumstances changed: an advert, a slot, a decline"""
        self.changed: list[str] = []
        """paths of shared entries and trails that changed"""
        self.ready: list[Hint] = []
        """each task that became claimable; ANY if it may be any task"""
        self.ended: list[str] = []
        """ids of tasks that ended"""
        self.freed: list[str] = []
        """names of locks that were freed"""
        self.gone: list[tuple[str, CoordinationError]] = []
        """agents that get nothing more, and the error for those that wait for them"""

    def tell(self, agent: str) -> None:
        """Note that an agent should look again."""
        if self.is_wanted:
            self.agents.append(agent)

    def tell_anybody(self, count: int) -> None:
        """Note that as many waiters should look again, of any agent; at most a thousand."""
        if self.is_wanted:
            self.ready.extend([ANY] * min(count, 1_000))

"""
Every error that ants_coord raises on purpose.

::

    CoordinationError                 base of all; has fields, and says what to do next
      LeaseLostError                  the lease is gone: stop writing, claim again
      HeldError                       a named lock (or a particular task) is held by somebody else
      TaskNotFoundError               no task has this id (or it has been forgotten)
      TaskExistsError                 the id or key is taken by a different task
      TaskFailedError                 the result was asked for and there is none
        TaskDroppedError              ... because the task was cancelled
      DeadlockError                   a handler waits for what only it, or others that wait, could do
      DependencyError                 a need is unknown, or the needs form a cycle
      FieldNotHonouredError           a task field means nothing to this strategy (also a ValueError)
      AdvertRefusedError              a newer start of the agent has advertised under this name
      AgentGoneError                  the agent has left, or was retired: nothing is offered to it any more
      NotOfferedError                 a task was declined that was not on offer
      NotOwnerError                   a path or place belongs to the owners of its namespace
      StaleVersionError               an entry has changed since it was read
      QuarantinedError                an agent in quarantine tried to change the shared state
      UnknownKindError                a mark is of no kind that the board declares (also a ValueError)
      FaintMarkError                  a mark is too weak to begin a trail (also a ValueError)
      NotSupportedError               a verb means nothing to the strategy of this board
      RequirementError                a requirement cannot be read; names the column (also a ValueError)
      IllegalTransitionError          the task is in a state that this verb does not leave
      CursorTooOld                    events before this cursor are no longer kept
      RequestReusedError              a request id that was used for something else
      RequestTooOld                   a repeat of a request that is no longer remembered
      LimitError                      a size or count is over its limit
      PurseError                      no purse has this name, or it never holds so much
      SettingsError                   the board was opened with other settings than it has
      ClosedError                     the coordinator is closed, or was inherited by a fork
      ReentrantCallError              a verb was called in the middle of another one of the same thread
      JournalError                    the log could not be read or written
        JournalConflictError          the file belongs to something else
          JournalRewoundError         the log lacks what was read before; the board was read again
        JournalCorruptError           an entry is damaged; names its position
        JournalVersionError           the file was written by a newer format

Bad arguments are the built-in ValueError and TypeError, raised at the call and
before anything is journaled; waiting in vain is the built-in TimeoutError.
In the core a refusal is a *reply* (`Refused`), because replicas must agree on
it; only the fronts raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values.frozen import problem

if TYPE_CHECKING:
    from .values.tasks import Outcome

__all__ = [
    "AdvertRefusedError",
    "AgentGoneError",
    "ClosedError",
    "CoordinationError",
    "CursorTooOld",
    "DeadlockError",
    "DependencyError",
    "FaintMarkError",
    "FieldNotHonouredError",
    "ForeignLeaseError",
    "HeldError",
    "IllegalTransitionError",
    "JournalConflictError",
    "JournalCorruptError",
    "JournalError",
    "JournalRewoundError",
    "JournalVersionError",
    "LeaseLostError",
    "LimitError",
    "NotOfferedError",
    "NotOwnerError",
    "NotSupportedError",
    "PurseError",
    "QuarantinedError",
    "RequestReusedError",
    "RequestTooOld",
    "RequirementError",
    "SettingsError",
    "StaleVersionError",
    "TaskDroppedError",
    "TaskExistsError",
    "TaskFailedError",
    "TaskNotFoundError",
    "UnknownKindError",
    "VerdictError",
    "WrongKeyError",
]

_CLASSES = {"claim": "ClaimQueue", "match": "Matchmaker", "board": "Blackboard"}
"""strategy -> the class that opens it; each may be extended to those behind it"""
_LOST = {
    "expired": "its lease ran out before this call",
    "superseded": "a newer lease replaced it",
    "cancelled": "the task was cancelled",
    "finished": "the task has ended",
    "revoked": "the lease was given back or taken away",
    "foreign": "it is another agent's",
    "unknown": "no such lease was ever granted here",
}


class CoordinationError(Exception):
    """The base of all errors of this package: one `except` catches them all."""

    def __str__(self) -> str:
        return self.__class__.__name__


@problem
class LeaseLostError(CoordinationError):
    """
    Raised when a lease is no longer held; nothing was changed.

    `reason` is one of expired, superseded, cancelled, finished, revoked,
    unknown. The work may have been given to somebody else: stop writing.
    """

    task_id: str
    token: int
    reason: str

    def __str__(self) -> str:
        return (
            f"lease {self.task_id}#{self.token} is lost: {_LOST.get(self.reason, self.reason)}; "
            "stop writing and claim again"
        )


@problem
class WrongKeyError(CoordinationError):
    """Raised when a caller speaks as an agent without its key."""

    agent: str

    def __str__(self) -> str:
        return f"this is not the key of agent {self.agent!r}; the host makes it with key_of({self.agent!r})"


@problem
class ForeignLeaseError(CoordinationError):
    """Raised when a handle is used with another agent's lease; nothing was changed."""

    agent: str
    task_id: str
    holder: str

    def __str__(self) -> str:
        return f"the lease of task {self.task_id!r} is {self.holder!r}'s; {self.agent!r} may not speak for it"


@problem
class VerdictError(CoordinationError, ValueError):
    """Raised when a check is completed with something that is no verdict; the lease is still held."""

    task_id: str
    kind: str
    verdict: str

    def __str__(self) -> str:
        return (
            f"a lease of kind {self.kind!r} on task {self.task_id!r} checks a result: complete it with True, "
            f"False or {{'ok': bool, 'reason': str}}, not {self.verdict}"
        )


@problem
class HeldError(CoordinationError):
    """Raised when somebody else holds what was asked for: `holder`, for at most `expires_in` seconds."""

    name: str
    holder: str
    expires_in: float
    by_another_scope: bool = False
    """whether the agent that asks holds it itself, in another scope or session"""

    def __str__(self) -> str:
        where = " in another scope (only the same holder= enters again)" if self.by_another_scope else ""
        return (
            f"{self.name!r} is held by {self.holder!r}{where} for up to {self.expires_in:.3g} s more; "
            "wait with timeout=, or try again then"
        )


@problem
class TaskNotFoundError(CoordinationError):
    """Raised when no task has this id; `forgotten` if one had, before its retention ended."""

    task_id: str
    forgotten: bool = False

    def __str__(self) -> str:
        if self.forgotten:
            return (
                f"task {self.task_id!r} ended and has been forgotten; "
                "raise retention= to keep finished tasks longer"
            )
        return f"there is no task {self.task_id!r}; list them with tasks()"


@problem
class TaskExistsError(CoordinationError):
    """Raised when the id (or the key, then `key` is set) belongs to another task."""

    task_id: str
    key: str | None = None

    def __str__(self) -> str:
        if self.key is not None:
            return f"key {self.key!r} is taken by the unfinished task {self.task_id!r}"
        return (
            f"task {self.task_id!r} exists with different content; "
            "use another id, or if_exists='keep', 'replace' or 'rerun'"
        )


@problem
class TaskFailedError(CoordinationError):
    """Raised when the result of a task is asked for and it ended without one; `outcome` says why."""

    outcome: Outcome

    def __str__(self) -> str:
        ended = self.outcome
        return f"task {ended.task!r} ended as {ended.state}: {ended.reason}"


@problem
class TaskDroppedError(TaskFailedError):
    """Raised when the task was cancelled, by itself or with a task that it needs."""


@problem
class DeadlockError(CoordinationError):
    """Raised when a handler waits for another task, and all who could do that task wait like it."""

    task_id: str
    why: str

    def __str__(self) -> str:
        return (
            f"the handler of task {self.task_id!r} waits for other tasks, and so does everybody who holds a "
            f"lease: {self.why}. Start another worker, give serve a higher concurrency=, or submit a task "
            "with needs=... instead of waiting inside a handler"
        )


@problem
class DependencyError(CoordinationError):
    """Raised when a task needs one that is unknown, whose result is forgotten, or itself; see `problem`."""

    task_id: str
    problem: str

    def __str__(self) -> str:
        return f"task {self.task_id!r}: {self.problem}"


@problem
class FieldNotHonouredError(CoordinationError, ValueError):
    """Raised when a task field has no meaning with this strategy; names the one that honours it."""

    task_id: str
    field: str
    value: object
    strategy: str
    honoured_by: str

    def __str__(self) -> str:
        return (
            f"task {self.task_id!r}: {self.field}={self.value!r} has no meaning with strategy "
            f"{self.strategy!r}; {self.honoured_by} honours it"
        )


@problem
class RequirementError(CoordinationError, ValueError):
    """Raised when a requirement cannot be read; `column` (from 1) is where, `problem` what would be right."""

    text: str
    column: int
    problem: str

    def __str__(self) -> str:
        return f"requirement {self.text!r}, column {self.column}: {self.problem}"


@problem
class AdvertRefusedError(CoordinationError):
    """Raised when a newer start of the agent has advertised under this name."""

    agent: str
    incarnation: int
    newest: int

    def __str__(self) -> str:
        return (
            f"agent {self.agent!r}: incarnation {self.incarnation} is older than {self.newest}, which "
            "advertises under this name; stop, or join under another name"
        )


@problem
class AgentGoneError(CoordinationError):
    """Raised when an agent that has left, or was retired, advertises or waits for work; join again."""

    agent: str
    why: str

    def __str__(self) -> str:
        return (
            f"agent {self.agent!r} has gone ({self.why}): nothing is offered to this start of it any more; "
            "join again to start a new one"
        )


@problem
class NotOfferedError(CoordinationError):
    """Raised when an agent declines a task that it could not have taken."""

    agent: str
    task_id: str
    state: str

    def __str__(self) -> str:
        return (
            f"task {self.task_id!r} ({self.state}) is not on offer to {self.agent!r}, so it cannot be "
            "declined; offers() lists what is"
        )


@problem
class NotSupportedError(CoordinationError):
    """Raised when a verb belongs to another strategy than the board follows."""

    verb: str
    strategy: str

    def __str__(self) -> str:
        return (
            f"{self.verb} means nothing on a board with strategy {self.strategy!r}; "
            "extend('matchmaker') or extend('blackboard') makes it one that has it, for good"
        )


@problem
class IllegalTransitionError(CoordinationError):
    """Raised when the task's state does not allow this verb."""

    task_id: str
    state: str
    verb: str

    def __str__(self) -> str:
        return f"task {self.task_id!r} is {self.state}: it cannot be {self.verb} now"


@problem
class CursorTooOld(CoordinationError):  # noqa: N818 - the name users of event streams know
    """Raised when events between `cursor` and `oldest` are gone; read the state, then go on from there."""

    cursor: int
    oldest: int

    def __str__(self) -> str:
        return (
            f"events {self.cursor} to {self.oldest - 1} are no longer kept; read the state with "
            f"tasks(), then continue with events(since=<statistics().cursor>); a watch begun without "
            f"since= starts with the state as it is and goes on from there"
        )


@problem
class RequestTooOld(CoordinationError):  # noqa: N818
    """Raised when a repeat is older than the replies that are remembered."""

    request: str

    def __str__(self) -> str:
        return f"request {self.request!r} is too old to be answered again; look the task up instead"


@problem
class RequestReusedError(CoordinationError, ValueError):
    """Raised when a request id has been used for something else: another command, or other arguments."""

    request: str
    used_for: str
    asked: str

    def __str__(self) -> str:
        if self.used_for == self.asked:
            told = f"another {self.asked}: a repeat has the same arguments"
        else:
            told = f"{self.used_for}, and this is {self.asked}"
        return f"request id {self.request!r} has been used for {told}; take another id. Nothing was changed"


@problem
class LimitError(CoordinationError):
    """Raised when a size or count is over its limit: which one, the value, and what is allowed."""

    limit: str
    value: object
    allowed: object

    def __str__(self) -> str:
        return f"{self.limit} is {self.value}, but at most {self.allowed} is allowed"


@problem
class NotOwnerError(CoordinationError):
    """Raised when a path or place belongs to the owners of its namespace; nothing was changed."""

    path: str
    agent: str
    prefix: str
    owners: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.agent!r} may not change {self.path!r}: what begins with {self.prefix!r} belongs to "
            f"{', '.join(self.owners) or 'nobody'}"
        )


@problem
class StaleVersionError(CoordinationError):
    """Raised when an entry has changed since it was read (version 0: there is none); read it again."""

    path: str
    expected: int
    found: int

    def __str__(self) -> str:
        has = f"has version {self.found}" if self.found else "does not exist"
        wanted = f"version {self.expected}" if self.expected else "no entry"
        return f"{self.path!r} {has}, not {wanted} as expected; read it again, then decide again"


@problem
class QuarantinedError(CoordinationError):
    """Raised when an agent in quarantine tries to change the shared state; `standing(agent)` says more."""

    agent: str
    why: str

    def __str__(self) -> str:
        return f"{self.agent!r} {self.why}"


@problem
class UnknownKindError(CoordinationError, ValueError):
    """Raised when a mark is of no kind that the board declares."""

    kind: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        import difflib  # noqa: PLC0415 - 9 ms, for this sentence only

        close = difflib.get_close_matches(self.kind, self.known, 1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        return f"the board has no kind of mark {self.kind!r}, only {', '.join(self.known)}{meant}"


@problem
class PurseError(CoordinationError):
    """Raised when a purse is named that there is none of, or that never holds so much."""

    purse: str
    problem: str
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        there = f"; there are {', '.join(self.known)}" if self.known else ""
        way = f"board.purse({self.purse!r}, amount) makes or fills it"
        return f"purse {self.purse!r}: {self.problem}{there}; {way}"


@problem
class FaintMarkError(CoordinationError, ValueError):
    """Raised when a mark is too weak to begin a trail."""

    strength: float
    faint: float

    def __str__(self) -> str:
        return (
            f"a mark of strength {self.strength!r} would be gone at once: trails below faint={self.faint!r} "
            "are gone; lay a stronger one, or open the board with a smaller faint"
        )


@problem
class SettingsError(CoordinationError):
    """Raised when a board is opened with other settings than it has."""

    differences: dict[str, tuple[object, object]]

    def __str__(self) -> str:
        if set(self.differences) == {"strategy"}:
            return self._of_another_class()
        told = "; ".join(
            f"{name} is {has!r}, asked for {asked!r}"
            for name, (has, asked) in sorted(self.differences.items())
        )
        return (
            f"the board has other settings: {told}. "
            "Leave them out to take the board's, or change them for everybody with configure()"
        )

    def _of_another_class(self) -> str:
        has, asked = (str(name) for name in self.differences["strategy"])
        right = _CLASSES.get(has)
        told = f"the board's strategy is {has!r}, asked for {asked!r}; open it "
        told += "as a Board" if right is None else f"as a {right}, or as a Board"
        to = _CLASSES.get(asked, "").lower()
        if to and list(_CLASSES).index(asked) > list(_CLASSES).index(has if right else "board"):
            told += f"; extend({to!r}) on it, or `ants-coord extend FILE {to}`, makes it one for good"
        return told


@problem
class ClosedError(CoordinationError):
    """Raised when a verb is called after close(), or in a child that inherited an open board by a fork."""

    why: str = "the coordinator is closed; open a new one"

    def __str__(self) -> str:
        return self.why


class ReentrantCallError(CoordinationError):
    """Raised when a verb is called in the middle of another verb of the same thread; `close()` may be."""

    def __str__(self) -> str:
        return "called in the middle of another verb (signal handler, __del__); set a flag there instead"


@problem
class JournalError(CoordinationError):
    """Raised when the log cannot be read or written; the cause is chained."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@problem
class JournalConflictError(JournalError):
    """Raised when the file belongs to something else, or changed under an open board."""


@problem
class JournalRewoundError(JournalConflictError):
    """Raised when a log lacks what was read from it before; told once, and the board has been read again."""


@problem
class JournalCorruptError(JournalError):
    """Raised when an entry of the log is damaged; names its position. Nothing was changed."""

    position: int

    def __str__(self) -> str:
        return f"{self.path}: damaged at position {self.position}: {self.problem}; nothing was changed"


@problem
class JournalVersionError(JournalError):
    """Raised when another format version, or rules that are not here, wrote the log; nothing was changed."""

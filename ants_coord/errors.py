"""
The errors of coordinators: each class is one entry of a table. `guard` and the testing kit have their own.

An entry says when the error is raised, and has its fields and its message (`says`, with the fields in
braces), which names the way out. A few classes choose between messages, in `_told`. The hierarchy in
docs/reference/errors.md is drawn from the classes. No message is longer than a screen.

Bad arguments raise the built-in ValueError and TypeError, at the call and before anything is logged. A wait
that ends without success raises the built-in TimeoutError. In the core a refusal is a *reply* (`Refused`),
because replicas must agree on it; it is raised outside the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frozen import problem

if TYPE_CHECKING:
    from .values.tasks import Outcome

_CLASSES = {"claim": "ClaimQueue", "match": "Matchmaker", "board": "Blackboard"}
"""strategy -> the class that opens it; each may be extended to the later ones"""
_LOST = {
    "expired": "its lease ran out before this call",
    "superseded": "a newer lease replaced it",
    "cancelled": "the task was cancelled",
    "finished": "the task has ended",
    "revoked": "the lease was given back or taken away",
    "foreign": "it is another agent's",
    "unknown": "no such lease was ever granted here",
}


def shortened(message: str, most: int = 2_000) -> str:
    """Return a message without its middle if it is too long for a screen: its end says what to do."""
    return message if len(message) <= most else f"{message[: most - 600]} ... {message[-500:]}"


class CoordinationError(Exception):
    """The base of all errors of this package: one `except` catches them all."""

    says = ""
    """the message, with the fields in braces"""

    def __str__(self) -> str:
        return shortened(self._told())

    def _told(self) -> str:
        return self.says.format_map(self.__dict__) if self.says else self.__class__.__name__


@problem
class LeaseLostError(CoordinationError):
    """
    Raised when a lease is no longer held; nothing was changed.

    `reason` is one of expired, superseded, cancelled, finished, revoked,
    unknown. The work may have been given to another agent: stop writing.
    """

    task_id: str
    token: int
    reason: str

    def _told(self) -> str:
        return (
            f"lease {self.task_id}#{self.token} is lost: {_LOST.get(self.reason, self.reason)}; "
            "stop writing and claim again"
        )


@problem
class WrongKeyError(CoordinationError):
    """
    Raised when a caller acts as an agent without its key; nothing was changed.

    `shown` is false if a hub asks for keys and this one (or, with agent "", any) was not shown to it.
    """

    agent: str
    shown: bool = True

    def _told(self) -> str:
        name = repr(self.agent) if self.agent else "name"
        way_out = f"the host makes it with key_of({name})"
        if self.shown:
            return f"this is not the key of agent {name}; {way_out}"
        missing = f"the key of agent {name} was not" if self.agent else "no key was"
        return (
            f"this hub asks for keys, and {missing} shown to it: "
            f"act through shared().as_agent({name}, key); {way_out}"
        )


@problem
class ForeignLeaseError(CoordinationError):
    """Raised when a handle is used with another agent's lease; nothing was changed."""

    agent: str
    task_id: str
    holder: str
    says = "the lease of task {task_id!r} is {holder!r}'s; {agent!r} may not speak for it"


@problem
class VerdictError(CoordinationError, ValueError):
    """Raised when a check is completed with something that is not a verdict; the lease is still held."""

    task_id: str
    kind: str
    verdict: str
    says = (
        "a lease of kind {kind!r} on task {task_id!r} checks a result: complete it with True, "
        "False or {{'ok': bool, 'reason': str}}, not {verdict}"
    )


@problem
class HeldError(CoordinationError):
    """Raised when somebody else holds a requested name: `holder`, for at most `expires_in` seconds."""

    name: str
    holder: str
    expires_in: float
    by_another_scope: bool = False
    """whether the requesting agent holds it itself, in another scope or session"""

    def _told(self) -> str:
        where = " in another scope (only the same holder= enters again)" if self.by_another_scope else ""
        return (
            f"{self.name!r} is held by {self.holder!r}{where} for up to {self.expires_in:.3g} s more; "
            "wait with timeout=, or try again then"
        )


@problem
class TaskNotFoundError(CoordinationError):
    """Raised when no task has this id; `forgotten` is true if one had it and its retention has ended."""

    task_id: str
    forgotten: bool = False

    def _told(self) -> str:
        if self.forgotten:
            return (
                f"task {self.task_id!r} ended and has been forgotten; "
                "raise retention= to keep finished tasks longer"
            )
        return f"there is no task {self.task_id!r}; list them with tasks()"


@problem
class TaskExistsError(CoordinationError):
    """Raised when the id (or the key; then `key` is set) belongs to another task."""

    task_id: str
    key: str | None = None

    def _told(self) -> str:
        if self.key is not None:
            taken = f"key {self.key!r} is taken by the unfinished task {self.task_id!r}"
            return f"{taken}; leave this task out until that one has ended"
        return (
            f"task {self.task_id!r} exists with different content; "
            "use another id, or if_exists='keep', 'replace' or 'rerun'"
        )


@problem
class TaskFailedError(CoordinationError):
    """Raised when the result of a task is asked for and it ended without one; `outcome` says why."""

    outcome: Outcome
    says = "task {outcome.task!r} ended as {outcome.state}: {outcome.reason}"


@problem
class TaskDroppedError(TaskFailedError):
    """Raised when the task was cancelled, by itself or with a task that it needs."""


@problem
class DeadlockError(CoordinationError):
    """
    Raised when a handler waits for another task, and every agent that could do that task is waiting too.
    """

    task_id: str
    why: str
    says = (
        "the handler of task {task_id!r} waits for other tasks, and so does everybody who holds a lease; "
        "submit a task with needs=... instead of waiting inside a handler, start another worker, or give "
        "serve a higher concurrency=: {why}"
    )


@problem
class DependencyError(CoordinationError):
    """Raised when a task needs an unknown task, one whose result is forgotten, or itself; see `problem`."""

    task_id: str
    problem: str
    says = "task {task_id!r}: {problem}"


@problem
class FieldNotHonouredError(CoordinationError, ValueError):
    """Raised when a task field has no meaning with this strategy; names the one that honours it."""

    task_id: str
    field: str
    value: object
    strategy: str
    honoured_by: str
    says = (
        "task {task_id!r}: {field}={value!r} has no meaning with strategy "
        "{strategy!r}; {honoured_by} honours it"
    )


@problem
class RequirementError(CoordinationError, ValueError):
    """Raised when a requirement cannot be parsed; `column` (from 1) is where, `problem` what is wrong."""

    text: str
    column: int
    problem: str

    def _told(self) -> str:
        start = max(0, min(self.column - 140, len(self.text) - 280))  # of a long text what is near the column
        near, cut = self.text[start : start + 280], "..." * (len(self.text) > 280)
        return f"requirement {cut}{near!r}{cut}, column {self.column}: {self.problem}"


@problem
class AdvertRefusedError(CoordinationError):
    """Raised when a newer start of the agent has advertised under this name."""

    agent: str
    incarnation: int
    newest: int
    says = (
        "agent {agent!r}: incarnation {incarnation} is older than {newest}, which "
        "advertises under this name; stop, or join under another name"
    )


@problem
class AgentGoneError(CoordinationError):
    """Raised when an agent that has left, or was retired, advertises or waits for work; join again."""

    agent: str
    why: str
    says = (
        "agent {agent!r} has gone ({why}): nothing is offered to this start of it any more; "
        "join again to start a new one"
    )


@problem
class NotOfferedError(CoordinationError):
    """Raised when an agent declines a task that it could not have taken."""

    agent: str
    task_id: str
    state: str
    says = (
        "task {task_id!r} ({state}) is not on offer to {agent!r}, so it cannot be "
        "declined; offers() lists what is"
    )


@problem
class NotSupportedError(CoordinationError):
    """Raised when a verb belongs to another strategy than the board follows."""

    verb: str
    strategy: str
    says = (
        "{verb} means nothing on a board with strategy {strategy!r}; "
        "extend('matchmaker') or extend('blackboard') makes it one that has it, for good"
    )


@problem
class IllegalTransitionError(CoordinationError):
    """Raised when the task's state does not allow this verb."""

    task_id: str
    state: str
    verb: str
    says = "task {task_id!r} is {state}: it cannot be {verb} now"


@problem
class CursorTooOld(CoordinationError):  # noqa: N818 - the name that users of event streams know
    """
    Raised when the events between `cursor` and `oldest` are gone; read the state, then continue from there.
    """

    cursor: int
    oldest: int

    def _told(self) -> str:
        return (
            f"events {self.cursor} to {self.oldest - 1} are no longer kept; read the state with "
            f"tasks(), then continue with events(since=<statistics().cursor>); a watch begun without "
            f"since= starts with the state as it is and goes on from there"
        )


@problem
class RequestTooOld(CoordinationError):  # noqa: N818
    """Raised when a repeated request is older than the replies that are remembered."""

    request: str
    says = "request {request!r} is too old to be answered again; look the task up instead"


@problem
class RequestReusedError(CoordinationError, ValueError):
    """Raised when a request id has been used for something else: another command, or other arguments."""

    request: str
    used_for: str
    asked: str

    def _told(self) -> str:
        told = f"{self.used_for}, and this is {self.asked}"
        if self.used_for == self.asked:
            told = f"another {self.asked}: a repeat has the same arguments"
        return f"request id {self.request!r} has been used for {told}; take another id. Nothing was changed"


@problem
class LimitError(CoordinationError):
    """Raised when a size or count is over its limit: says which limit, the value, and what is allowed."""

    limit: str
    value: object
    allowed: object
    says = "{limit} is {value}, but at most {allowed} is allowed"


@problem
class NotOwnerError(CoordinationError):
    """Raised when a path or place belongs to the owners of a namespace; nothing was changed."""

    path: str
    agent: str
    prefix: str
    owners: tuple[str, ...]

    def _told(self) -> str:
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

    def _told(self) -> str:
        has = f"has version {self.found}" if self.found else "does not exist"
        wanted = f"version {self.expected}" if self.expected else "no entry"
        return f"{self.path!r} {has}, not {wanted} as expected; read it again, then decide again"


@problem
class QuarantinedError(CoordinationError):
    """Raised when an agent in quarantine tries to change the shared state; `standing(agent)` says more."""

    agent: str
    why: str
    says = "{agent!r} {why}"


@problem
class UnknownKindError(CoordinationError, ValueError):
    """Raised when a mark is of a kind that the board does not declare."""

    kind: str
    known: tuple[str, ...]

    def _told(self) -> str:
        import difflib  # noqa: PLC0415 - 9 ms, for this message only

        close = difflib.get_close_matches(self.kind, self.known, 1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        return f"the board has no kind of mark {self.kind!r}, only {', '.join(self.known)}{meant}"


@problem
class PurseError(CoordinationError):
    """Raised when there is no purse of this name, or when it can never hold that much."""

    purse: str
    problem: str
    known: tuple[str, ...] = ()

    def _told(self) -> str:
        there = f"; there are {', '.join(self.known)}" if self.known else ""
        way = f"board.purse({self.purse!r}, amount) makes or fills it"
        return f"purse {self.purse!r}: {self.problem}{there}; {way}"


@problem
class FaintMarkError(CoordinationError, ValueError):
    """Raised when a mark is too weak to start a trail."""

    strength: float
    faint: float
    says = (
        "a mark of strength {strength!r} would be gone at once: trails below faint={faint!r} "
        "are gone; lay a stronger one, or open the board with a smaller faint"
    )


@problem
class SettingsError(CoordinationError):
    """Raised when a board is opened with settings that differ from its own."""

    differences: dict[str, tuple[object, object]]

    def _told(self) -> str:
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
    """
    Raised when a verb is called after close(), or in a child process that inherited an open board by a fork.
    """

    why: str = "the coordinator is closed; open a new one"
    says = "{why}"


class ReentrantCallError(CoordinationError):
    """Raised when a verb is called inside another verb of the same thread; only `close()` may be."""

    says = "called in the middle of another verb (signal handler, __del__); set a flag there instead"


@problem
class JournalError(CoordinationError):
    """Raised when the log cannot be read or written; the cause is chained."""

    path: str
    problem: str
    says = "{path}: {problem}"


@problem
class JournalConflictError(JournalError):
    """Raised when the file belongs to something else, or was changed under an open board."""


@problem
class JournalRewoundError(JournalConflictError):
    """Raised when a log lacks entries that were read from it before; raised once, after reading it again."""


@problem
class JournalCorruptError(JournalError):
    """Raised when an entry of the log is damaged; names its position. Nothing was changed."""

    position: int
    says = "{path}: damaged at position {position}: {problem}; nothing was changed"


@problem
class JournalVersionError(JournalError):
    """Raised when the log was written in another format version, or under rules that this version lacks."""


__all__ = [name for name, kind in globals().items() if getattr(kind, "__module__", "") == __name__]
"""everything that is defined here: the classes above"""

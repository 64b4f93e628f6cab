"""
The parts that make a strategy: who may take a task, in which order, and what else is remembered.

A machine is the shared ledger (tasks, leases, needs, limits, retention ...)
plus the parts that the board's strategy names. The ledger asks the eligibility
part for a task's signature (tasks of one signature are open to the same
agents) and for the signatures open to an agent; the order part keeps READY
tasks by signature and finds the first. ClaimQueue is `Anyone` ordered by
`ByPriority`.

A part keeps its own state in the ledger's *tables*: plain dicts whose keys are strings, integers or tuples of
them, and whose values are IMMUTABLE and made of JSON values and tuples. They change only through
`ledger.undo.put` and `ledger.undo.drop`, so undo, snapshots, restoring and the digest are the same code for
every part. The order of a table has no meaning (a value that needs a place among others holds an ordinal).
Everything else is an index, derived by `rebuild` from the tables and the task rows.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ...errors import CoordinationError
from ...frozen import frozen
from ...values.tasks import Task
from .records import Row

if TYPE_CHECKING:
    from ...values.settings import Settings

Ledger = Any
"""what hooks are handed: the ledger, which is built of parts; this page does not look into it"""
Function = Callable[[Any, Any], Any]
"""carries a command out, or answers a query: (ledger, message) -> reply"""
Gate = Callable[[Any, str], "str | None"]
"""returns why an agent may not claim anything now; None if it may"""


class Part:
    """
    A piece of state beside the ledger's own, with the commands and queries about it.

    Hooks that a part does not override cost nothing: the ledger only calls overridden ones. Hooks run inside
    a command, after the row has been touched; they must not fail.
    """

    version: ClassVar[int] = 1
    """must grow when the same commands would lead to another state; a board's log names it"""
    tables: ClassVar[tuple[str, ...]] = ()
    """names of the ledger's tables that this part owns"""
    commands: Mapping[type, Function] = {}
    queries: Mapping[type, Function] = {}
    idle: Mapping[type, Function] = {}
    """commands that often have nothing to do -> function that tells whether this one would"""
    values: ClassVar[tuple[type, ...]] = ()
    """attrs classes that may occur in replies, settings or tables"""

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild every index from the tables; called before rows are indexed, and when settings change."""

    def settle(self, ledger: Ledger) -> None:
        """Build what also depends on rows and leases, once these are indexed."""

    def pass_time(self, ledger: Ledger) -> None:
        """Do what is due at `ledger.timeline.reading`."""

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        """Return the nanoseconds from `reading` until time alone changes something; None for never."""

    def heard_nobody(self, ledger: Ledger, raw_ns: int, late_ns: int) -> None:
        """Note that for this long before the stamp nobody could be heard; called before time passes."""

    def holds_back(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent may not claim anything now; None if it may."""

    def rewrite(
        self, ledger: Ledger, tasks: tuple[Task, ...], payloads: tuple[Any, ...]
    ) -> tuple[tuple[Task, ...], tuple[Any, ...]] | CoordinationError:
        """Return what a batch becomes at submit; the first tasks replace the given ones, by id."""
        return tasks, payloads

    def reconfigured(self, ledger: Ledger, old: Settings) -> None:
        """Convert the tables to new settings; `rebuild` follows."""

    def configured(self, ledger: Ledger) -> None:
        """Do what follows from new settings, once every part follows them."""

    def advertised(self, ledger: Ledger, agent: str) -> None:
        """Note that an agent's advert was added, changed, returned or removed."""

    def shown(
        self, ledger: Ledger, agent: str, capabilities: tuple[str, ...], attributes: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        """Return the part of an advert that others may count on."""
        return capabilities, attributes

    def about(self, ledger: Ledger, agent: str) -> dict[str, Any]:
        """Return what this part knows of an agent, by field of Standing."""
        return {}

    def judged(self, ledger: Ledger, agent: str, spec: Task, *, is_right: bool) -> None:
        """Note that an agent's result (or its verdict; then `spec` is the check) was judged."""

    def granted(self, ledger: Ledger, row: Row) -> None:
        """Note that a lease was granted; the row holds it."""

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Note that a lease ended by this transition; the row still names agent and token."""

    def ended(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Note that a task has ended; the row holds its outcome."""

    def replaced(self, ledger: Ledger, row: Row) -> None:
        """Note that the content of a task that nobody had started was replaced."""

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return what `statistics()` shows of this part."""
        return {}

    def check(self, ledger: Ledger) -> None:
        """Assert the part's invariants. O(everything)."""


class Refusals(Part):
    """The part that knows what agents decline for now; every board has one."""

    active: dict[str, dict[str, None]]
    """agent -> the tasks that it declines now"""
    decliners: dict[str, dict[str, None]]
    """task -> the agents that decline it now"""
    tried: dict[str, dict[str, None]]
    """task -> the agents that have declined it"""
    alarms: list[tuple[int, str, str]]

    def expire(self, ledger: Ledger) -> None:
        """End the declines whose time is over."""
        raise NotImplementedError

    def next_ns(self, ledger: Ledger) -> int | None:
        """Return the lease time at which the next decline ends."""
        raise NotImplementedError

    def bars(self, ledger: Ledger, agent: str, task: str) -> bool:
        """Tell whether an agent must not be woken for a task."""
        raise NotImplementedError

    def limited_ns(self, ledger: Ledger, agent: str) -> int:
        """Return for how long an agent has said that it wants nothing."""
        raise NotImplementedError

    def told(self, ledger: Ledger, task: str) -> list[str]:
        """Say which agents decline a task."""
        raise NotImplementedError

    def put(self, ledger: Ledger, agent: str, task: str, reason: str, pause_ns: int | None) -> int:
        """Enter a decline of a task; return how often this agent has declined it."""
        raise NotImplementedError

    def limit(self, ledger: Ledger, agent: str, reason: str, pause_ns: int) -> int:
        """Note that an agent wants nothing for a while; return how often in a row it has said so."""
        raise NotImplementedError

    def took(self, ledger: Ledger, agent: str, task: str) -> None:
        """End the decline of a task that its agent takes after all."""
        raise NotImplementedError

    def succeeded(self, ledger: Ledger, agent: str) -> None:
        """Forget how often an agent said that it is limited."""
        raise NotImplementedError

    def forget_task(self, ledger: Ledger, task: str) -> None:
        """Drop all declines of a task."""
        raise NotImplementedError

    def forget_open(self, ledger: Ledger, agent: str) -> None:
        """Drop an agent's declines that have no time."""
        raise NotImplementedError


class Till(Part):
    """The part that knows what work may consume; boards with a purse have one."""

    def can_pay(self, ledger: Ledger, spends: tuple[tuple[str, int], ...]) -> bool:
        """Tell whether each purse holds this amount."""
        raise NotImplementedError

    def why(self, ledger: Ledger, task: Task) -> list[str]:
        """Say which purses cannot pay for a task, and until when."""
        raise NotImplementedError


@frozen
class Common:
    """The parts that every board has, whatever its strategy; the ledger calls some of them by name."""

    first: tuple[Part, ...]
    """the parts before the strategy's own"""
    declines: Refusals
    checking: Any
    principals: Any
    reputation: Any
    restraint: Any
    """the effects of standing; None without a TrustPolicy"""
    purses: Till | None = None
    """what work may consume, if the board has a purse"""

    @property
    def last(self) -> tuple[Part, ...]:
        """Return the parts after the strategy's own."""
        known = (self.checking, self.principals, self.reputation)
        return known if self.restraint is None else (*known, self.restraint)


class Eligibility(Protocol):
    """The part that decides which agent may take a task."""

    honours: frozenset[str]
    """the Task fields that this part gives a meaning to"""

    def signature(self, task: Task) -> Hashable:
        """Return what decides who may take this task; equal for interchangeable tasks."""
        ...

    def open_to(self, agent: str) -> Iterable[Hashable]:
        """Return at least the signatures with READY tasks that this agent may take from now."""
        ...

    def may(self, agent: str, row: Row) -> bool:
        """Tell whether this agent may take this very task now."""
        ...

    def can(self, agent: str, task: Task) -> bool:
        """Tell whether this agent may do what such a task asks now, apart from teams."""
        ...

    def surplus(self, agent: str, hint: tuple[str, Hashable, str]) -> int | None:
        """Return how much more this agent can do than a task would use; None if it may not take it."""
        ...

    def why(self, ledger: Ledger, row: Row) -> list[str]:
        """Say what keeps agents from a READY task; an empty list if any may take it."""
        ...


class Order(Protocol):
    """In which order READY tasks are taken."""

    honours: frozenset[str]

    def add(self, row: Row, signature: Hashable) -> None:
        """Add a row that has become READY."""
        ...

    def leave(self, row: Row) -> None:
        """Note that a row is no longer READY."""
        ...

    def reorder(self, row: Row) -> None:
        """Forget a row whose spec is about to be replaced."""
        ...

    def first(self, agent: str, signatures: Iterable[Hashable], kinds: tuple[str, ...] | None) -> Row | None:
        """Return the best row for this agent among these signatures and kinds whose limit is open."""
        ...

    def passing_over(
        self,
        agent: str,
        signatures: Iterable[Hashable],
        kinds: tuple[str, ...] | None,
        declined: Container[str],
    ) -> Row | None:
        """Return the best row that is none of these; called only if `first` has found a declined one."""
        ...

    def best(self, agent: str, signatures: Iterable[Hashable], count: int) -> list[Row]:
        """Return up to `count` rows that this agent could take now, in order."""
        ...

    def reopen(self, limit: Hashable) -> None:
        """Note that a named limit, or a purse, has room again."""
        ...

    def check(self, rows: Iterable[Row]) -> None:
        """Assert the part's own invariants."""
        ...


@frozen
class Strategy:
    """
    The parts of one strategy, made for one ledger.

    Args:
        eligibility: who may take a task.
        order: makes the order part from the ledger.
        parts: everything with state or verbs of its own (the eligibility part too, if it has some).
        takes_over: strategies whose boards this one can continue, by a logged upgrade.
        version: must grow when the same commands would lead to another state; a board's log names it.

    """

    eligibility: Eligibility
    order: Callable[[Ledger], Order]
    parts: tuple[Part, ...] = ()
    takes_over: frozenset[str] = frozenset()
    version: int = 1


class Anyone:
    """The eligibility part of the claim queue: every agent may take every task."""

    honours: frozenset[str] = frozenset()
    signatures: tuple[Hashable, ...] = (None,)

    def signature(self, task: Task) -> Hashable:
        """Return the one signature there is."""
        return None

    def open_to(self, agent: str) -> Iterable[Hashable]:
        """Return the one signature there is."""
        return self.signatures

    def may(self, agent: str, row: Row) -> bool:
        """Return True."""
        return True

    def can(self, agent: str, task: Task) -> bool:
        """Return True."""
        return True

    def surplus(self, agent: str, hint: tuple[str, Hashable, str]) -> int | None:
        """Return 0: no agent is too good for anything."""
        return 0

    def why(self, ledger: Ledger, row: Row) -> list[str]:
        """Return an empty list."""
        return []

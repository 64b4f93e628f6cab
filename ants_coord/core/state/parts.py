"""
The parts that make a strategy: who may, in which order, and what else is remembered.

A machine is the shared ledger (tasks, leases, needs, limits, retention ...)
plus the parts that the board's strategy names. The ledger asks the eligibility
part for a task's signature (tasks of one signature are open to the same
agents) and for the signatures open to an agent; the order part keeps READY
tasks by signature and finds the first. ClaimQueue is `Anyone` ordered by
`ByPriority`.

State of a part's own lives in the ledger's *tables*: plain dicts whose keys are
strings, integers or tuples of them and whose values are IMMUTABLE and made of
JSON values and tuples. They change only through `ledger.undo.put` and
`ledger.undo.drop`, so taking back, snapshots, restoring and the digest are the
same code for every part. The order of a table means nothing (a value that
needs a place among others holds an ordinal). All else is an index, derived
by `rebuild` from the tables and the task rows.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ...errors import CoordinationError
from ...values.frozen import frozen
from ...values.tasks import Task
from .records import Row

if TYPE_CHECKING:
    from ...values.settings import Settings
    from .ledger import Ledger

__all__ = [
    "Anyone",
    "Common",
    "Eligibility",
    "Function",
    "Gate",
    "Order",
    "Part",
    "Refusals",
    "Strategy",
    "Till",
]

Function = Callable[[Any, Any], Any]
"""carries a command out, or answers a query: (ledger, message) -> reply"""
Gate = Callable[[Any, str], "str | None"]
"""returns why an agent may not claim anything now; None if it may"""


class Part:
    """
    A piece of state beside the ledger's own, and what may be done with it.

    Hooks that a part does not override cost nothing: the ledger only calls
    those that are its own. Hooks run inside a command, after the row has been
    touched; they must not fail.
    """

    version: ClassVar[int] = 1
    """grows when the same commands would come to another state; a board's log names it"""
    tables: ClassVar[tuple[str, ...]] = ()
    """names of the ledger's tables that this part owns"""
    commands: Mapping[type, Function] = {}
    queries: Mapping[type, Function] = {}
    idle: Mapping[type, Function] = {}
    """commands that often have nothing to do -> function that tells whether this one would"""
    values: ClassVar[tuple[type, ...]] = ()
    """attrs classes that may stand in replies, settings or tables"""

    def rebuild(self, ledger: Ledger) -> None:
        """Make every index from the tables; called before rows are indexed, and when settings change."""

    def settle(self, ledger: Ledger) -> None:
        """Make what also depends on rows and leases, once these are indexed."""

    def pass_time(self, ledger: Ledger) -> None:
        """Do what is due at `ledger.timeline.reading`."""

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        """Return the nanoseconds from `reading` until time alone changes something; None for never."""

    def heard_nobody(self, ledger: Ledger, raw_ns: int, late_ns: int) -> None:
        """Take note that for so long before this stamp nobody could be heard; called before time passes."""

    def holds_back(self, ledger: Ledger, agent: str) -> str | None:
        """Return why an agent may not claim anything now; None if it may."""

    def rewrite(
        self, ledger: Ledger, tasks: tuple[Task, ...], payloads: tuple[Any, ...]
    ) -> tuple[tuple[Task, ...], tuple[Any, ...]] | CoordinationError:
        """Return what a batch becomes at submit; the first tasks stand for the given ones, by id."""
        return tasks, payloads

    def reconfigured(self, ledger: Ledger, old: Settings) -> None:
        """Carry the tables over to new settings; `rebuild` follows."""

    def configured(self, ledger: Ledger) -> None:
        """Do what follows from new settings, once every part goes by them."""

    def advertised(self, ledger: Ledger, agent: str) -> None:
        """Note that an agent's advert came, changed, came back or went."""

    def shown(
        self, ledger: Ledger, agent: str, capabilities: tuple[str, ...], attributes: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        """Return what others may count on of an advert."""
        return capabilities, attributes

    def about(self, ledger: Ledger, agent: str) -> dict[str, Any]:
        """Return what this part knows of an agent, by field of Standing."""
        return {}

    def judged(self, ledger: Ledger, agent: str, spec: Task, *, is_right: bool) -> None:
        """Note that an agent's result of a task (or its verdict, then `spec` is the check) was judged."""

    def granted(self, ledger: Ledger, row: Row) -> None:
        """Note that a lease was granted; the row holds it."""

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Note that a lease ended by this arrow of the table; the row still names agent and token."""

    def ended(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Note that a task has ended; the row holds its outcome."""

    def replaced(self, ledger: Ledger, row: Row) -> None:
        """Note that a task that nobody had started has new content."""

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return what `statistics()` shows of this part."""
        return {}

    def check(self, ledger: Ledger) -> None:
        """Assert the part's invariants. O(everything)."""


class Refusals(Part):
    """The part that knows what agents do not want for now; every board has one."""

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
        """Tell whether an agent is not to be woken for a task."""
        raise NotImplementedError

    def limited_ns(self, ledger: Ledger, agent: str) -> int:
        """Return for how long an agent has said that it wants nothing."""
        raise NotImplementedError

    def told(self, ledger: Ledger, task: str) -> list[str]:
        """Say who declines a task."""
        raise NotImplementedError

    def put(self, ledger: Ledger, agent: str, task: str, reason: str, pause_ns: int | None) -> int:
        """Enter a decline of a task; returns how often this agent has declined it."""
        raise NotImplementedError

    def limit(self, ledger: Ledger, agent: str, reason: str, pause_ns: int) -> int:
        """Note that an agent wants nothing for a while; returns how often in a row it said so."""
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
        """Drop the declines without a time of an agent."""
        raise NotImplementedError


class Till(Part):
    """The part that knows what work may consume; boards with a purse have one."""

    def can_pay(self, ledger: Ledger, spends: tuple[tuple[str, int], ...]) -> bool:
        """Tell whether each purse has so much."""
        raise NotImplementedError

    def why(self, ledger: Ledger, task: Task) -> list[str]:
        """Say which purses cannot pay for a task, and until when."""
        raise NotImplementedError


@frozen
class Common:
    """The parts that every board has, whatever its strategy; the ledger asks some of them by name."""

    first: tuple[Part, ...]
    """those that come before the strategy's own"""
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
        """Return those that come after the strategy's own."""
        known = (self.checking, self.principals, self.reputation)
        return known if self.restraint is None else (*known, self.restraint)


class Eligibility(Protocol):
    """Who may take a task."""

    honours: frozenset[str]
    """names of the Task fields that this part gives a meaning to"""

    def signature(self, task: Task) -> Hashable:
        """Return what decides who may take this task; equal for interchangeable tasks."""
        ...

    def open_to(self, agent: str) -> Iterable[Hashable]:
        """Return the signatures with READY tasks, or more, that this agent may take from now."""
        ...

    def may(self, agent: str, row: Row) -> bool:
        """Tell whether this agent may take this very task now."""
        ...

    def can(self, agent: str, task: Task) -> bool:
        """Tell whether this agent may do what such a task asks now; teams aside."""
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
        """Take in a row that has become READY."""
        ...

    def leave(self, row: Row) -> None:
        """Note that a READY row has left that state."""
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
        """Return the best row that is none of these; asked only if `first` has found one that is declined."""
        ...

    def best(self, agent: str, signatures: Iterable[Hashable], count: int) -> list[Row]:
        """Return up to `count` rows that this agent could take now, in order."""
        ...

    def reopen(self, limit: Hashable) -> None:
        """Note that a named limit (or a purse) has a free slot again."""
        ...

    def check(self, rows: Iterable[Row]) -> None:
        """Assert the part's own invariants."""
        ...


@frozen
class Strategy:
    """
    One strategy's parts, made anew for each ledger.

    Args:
        eligibility: who may.
        order: makes the order part from the ledger.
        parts: everything with state or verbs of its own (the eligibility part too, if it has some).
        takes_over: strategies whose boards this one can carry on, by a logged upgrade.
        version: grows when the same commands would come to another state; a board's log names it.

    """

    eligibility: Eligibility
    order: Callable[[Ledger], Order]
    parts: tuple[Part, ...] = ()
    takes_over: frozenset[str] = frozenset()
    version: int = 1


class Anyone:
    """The eligibility part of the claim queue: every agent may take every task."""

    honours: frozenset[str] = frozenset()
    _ONE: tuple[None] = (None,)

    def signature(self, task: Task) -> Hashable:
        """Return the one signature there is."""
        return None

    def open_to(self, agent: str) -> Iterable[Hashable]:
        """Return the one signature there is."""
        return self._ONE

    def may(self, agent: str, row: Row) -> bool:
        """Agree."""
        return True

    def can(self, agent: str, task: Task) -> bool:
        """Agree."""
        return True

    def surplus(self, agent: str, hint: tuple[str, Hashable, str]) -> int | None:
        """Return 0: nobody is too good for anything."""
        return 0

    def why(self, ledger: Ledger, row: Row) -> list[str]:
        """Return nothing."""
        return []

# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
What a function may ask of a coordinator for event loops, by purpose; `AsyncCoordinator` is all of it.

What a verb promises is told once, in the classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from os import PathLike
    from types import TracebackType
    from typing import Unpack
    from ..commands.shared import Command, Query
    from ..fronts.agent import Shared
    from ..fronts.aio_hold import AsyncHold, AsyncKeepAlive, AsyncLockHold
    from ..fronts.arguments import LeaseLike, Seconds, TaskLike, Until
    from ..fronts.build import AnySettings
    from ..fronts.file_names import Path
    from ..fronts.hold import OnError
    from ..fronts.serving import Handlers, Served
    from ..values.briefing import Briefing
    from ..values.events import Event
    from ..values.settings import Settings
    from ..values.tasks import (
        Explanation,
        Lease,
        Outcome,
        Standing,
        Statistics,
        Task,
        TaskRecord,
        TaskState,
        Ticket,
    )
    from .agent import Agent
    from .outbox import Connection, Outbox

__all__ = [
    "AsyncAgentVerbs",
    "AsyncBudgets",
    "AsyncClaims",
    "AsyncCoordinator",
    "AsyncHolds",
    "AsyncLocks",
    "AsyncOperatorVerbs",
    "AsyncReads",
    "AsyncResults",
    "AsyncSteers",
    "AsyncSubmits",
]

R = TypeVar("R")


class AsyncSubmits(Protocol):
    """The verbs that add tasks."""

    async def submit(
        self,
        task: Task,
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> Ticket:
        """Add a task."""
        ...

    async def submit_many(
        self,
        tasks: Iterable[Task],
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> list[Ticket]:
        """Add a batch: all of it, or nothing. Tasks of a batch may need each other, in any order."""
        ...


class AsyncClaims(Protocol):
    """The verbs that lease tasks to an agent."""

    async def claim(
        self,
        agent: str,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> Lease:
        """Wait for a task and lease it."""
        ...

    async def claim_nowait(
        self,
        agent: str,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Lease | None:
        """Lease a task if one may run now, otherwise return None. `claim` waits for one."""
        ...

    async def claim_many(
        self,
        agent: str,
        count: int,
        *,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> list[Lease]:
        """Lease several tasks that may run now, in one step."""
        ...

    def claims(
        self,
        agent: str,
        *,
        until: Until = "closed",
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
    ) -> AsyncIterator[Lease]:
        """Iterate over leases, waiting for each."""
        ...


class AsyncHolds(Protocol):
    """The verbs that keep and end what is leased."""

    def work(self, lease: Lease, *, timeout: Seconds | None = None, on_error: OnError = "raise") -> AsyncHold:
        """Return the scope that holds a lease: it renews, then completes, fails or releases."""
        ...

    def keep_alive(self, lease: Lease) -> AsyncKeepAlive:
        """Return a scope that renews a lease and does nothing else. `work` also ends the task."""
        ...

    async def renew(
        self,
        lease: LeaseLike,
        *,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> int:
        """Extend a lease. Scopes (`work`, `keep_alive`, `lock`) do this by themselves."""
        ...

    async def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """Keep a progress note with a leased task, for others to read and for the next holder."""
        ...

    async def complete(
        self,
        lease: LeaseLike,
        result: object = None,
        *,
        late: Literal["refuse", "accept"] = "refuse",
        request_id: str | None = None,
    ) -> Outcome:
        """End a task with its result. A scope (`work`) does this by itself."""
        ...

    async def complete_many(
        self,
        endings: Iterable[tuple[LeaseLike, object]],
        *,
        request_id: str | None = None,
    ) -> list[Outcome]:
        """End several tasks in one step: all of them, or none if one lease is lost."""
        ...

    async def fail(
        self,
        lease: LeaseLike,
        reason: str,
        *,
        retry: bool | Seconds = True,
        request_id: str | None = None,
    ) -> TaskState:
        """End an attempt without a result; the task is retried if it has attempts left."""
        ...

    async def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """Give a lease or a lock back; the attempt does not count."""
        ...

    async def decline(
        self,
        what: LeaseLike | TaskLike,
        seconds: Seconds | None = None,
        reason: str = "",
        *,
        agent: str | None = None,
        all: bool = False,
        request_id: str | None = None,
    ) -> None:
        """Say "not now, not me": give a lease back at once, or turn down a task on offer."""
        ...

    async def split(
        self,
        lease: LeaseLike,
        tasks: Iterable[Task],
        *,
        request_id: str | None = None,
    ) -> list[Ticket]:
        """Let a leased task wait for new parts: the lease ends, and the attempt is not counted."""
        ...


class AsyncLocks(Protocol):
    """The verbs that lock names."""

    def lock(
        self,
        *names: str,
        agent: str,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
    ) -> AsyncLockHold:
        """Return a scope that locks all names or none: it waits at its entry and unlocks at its exit."""
        ...

    async def lock_nowait(
        self,
        *names: str,
        agent: str,
        lease_ttl: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
        request_id: str | None = None,
    ) -> Lease:
        """Lock all names now, or none. Nobody renews the lock: `release` it, or let it expire."""
        ...

    def lock_files(
        self,
        *paths: Path,
        agent: str,
        root: Path = ".",
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
    ) -> AsyncLockHold:
        """Return a scope that locks files, however their paths are spelled; otherwise it is as `lock`."""
        ...

    async def holder(self, name: str) -> Lease | None:
        """Return the lock that holds a name now."""
        ...


class AsyncResults(Protocol):
    """The verbs that wait for what became of tasks."""

    async def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """Wait for a task to end, successfully or not."""
        ...

    async def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """Wait for the result of a task."""
        ...

    async def results(
        self,
        tasks: Iterable[TaskLike],
        *,
        timeout: Seconds | None = None,
        return_exceptions: bool = False,
    ) -> list[Any]:
        """Wait for the results of several tasks."""
        ...

    def as_finished(
        self,
        tasks: Iterable[TaskLike],
        *,
        timeout: Seconds | None = None,
    ) -> AsyncIterator[Outcome]:
        """Iterate over outcomes as tasks end, whichever ends first."""
        ...

    async def drain(self, *, timeout: Seconds | None = None) -> None:
        """Wait until no task is unfinished."""
        ...


class AsyncBudgets(Protocol):
    """The verbs that set what may be spent, and charge it."""

    async def purse(
        self,
        name: str,
        amount: int,
        *,
        per: Seconds | None = None,
        request_id: str | None = None,
    ) -> None:
        """Set how much tasks with `spends` may consume of something: tokens, money, calls."""
        ...

    async def spent(
        self,
        lease: LeaseLike,
        purse: str,
        n: int,
        *,
        coordination: bool = False,
        request_id: str | None = None,
    ) -> int:
        """Charge a purse for the cost of work under a lease; each call adds to the earlier ones."""
        ...


class AsyncReads(Protocol):
    """The verbs that look, and change nothing."""

    async def find(self, task: TaskLike) -> TaskRecord | None:
        """Return the record of a task: its state, its history and its outcome."""
        ...

    async def tasks(
        self,
        *,
        state: TaskState | str | Iterable[TaskState | str] | None = None,
        kinds: Iterable[str] | None = None,
        tag: str | None = None,
        after: TaskLike | None = None,
        count: int = 100,
    ) -> list[TaskRecord]:
        """List tasks in the order of submission, a page at a time."""
        ...

    async def leases(self, agent: str | None = None) -> list[Lease]:
        """List the live leases of tasks and locks, the oldest first."""
        ...

    async def explain(self, task: TaskLike) -> Explanation:
        """Explain the state of a task: what it waits for, who holds it, or why nobody takes it."""
        ...

    async def explain_agent(self, agent: str) -> Explanation:
        """Explain what an agent holds, and why it does or does not get work."""
        ...

    async def briefing(self, agent: str, *, count: int = 5) -> Briefing:
        """Return what an agent should know when it starts or returns: open tasks, earlier attempts, trails."""
        ...

    async def standing(self, agent: str) -> Standing:
        """Return an agent's record: what it delivered, failed and let expire."""
        ...

    async def statistics(self) -> Statistics:
        """Count everything: tasks by state, leases, locks, events."""
        ...

    async def settings(self) -> Settings:
        """Return the board's settings; `configure` changes them."""
        ...

    def events(self, *, since: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """Iterate over events, each once and in order."""
        ...


class AsyncSteers(Protocol):
    """The verbs that change what others do: for an operator."""

    async def cancel(
        self,
        task: TaskLike,
        *,
        reason: str = "cancelled",
        request_id: str | None = None,
    ) -> None:
        """Cancel a task, and the tasks that need it. Its holder is told at once, or at its next call."""
        ...

    async def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """Restart a FAILED task with new attempts, together with the tasks that its failure had cancelled."""
        ...

    async def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """Set how many tasks that name a limit may be leased at once; the default is 1."""
        ...

    async def pause(self, *, request_id: str | None = None) -> None:
        """Stop all claims until `resume`; leases that are held continue."""
        ...

    async def resume(self, *, request_id: str | None = None) -> None:
        """Allow claims again after `pause`."""
        ...

    async def configure(self, *, request_id: str | None = None, **changes: Unpack[AnySettings]) -> Settings:
        """Change settings for all users of this board."""
        ...

    async def extend(
        self,
        to: Literal["matchmaker", "blackboard"],
        *,
        request_id: str | None = None,
    ) -> Settings:
        """Give this board a strategy that can do more, permanently and for all its users."""
        ...

    async def adopt(self, agent: str, *, force: bool = False, request_id: str | None = None) -> list[Lease]:
        """Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off."""
        ...

    async def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """Give back everything that an agent holds; the attempts do not count."""
        ...

    async def vouch(self, agent: str, principal: str, *, by: str) -> bool:
        """Record who vouches for an agent: agents of one principal do not check each other's results."""
        ...


class AsyncAgentVerbs(AsyncSubmits, AsyncClaims, AsyncHolds, AsyncLocks, Protocol):
    """The verbs of an agent."""


class AsyncOperatorVerbs(AsyncReads, AsyncSteers, Protocol):
    """The verbs of an operator."""


class AsyncCoordinator(AsyncAgentVerbs, AsyncResults, AsyncBudgets, AsyncOperatorVerbs, Protocol):
    """What every strategy offers."""

    async def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """Carry out any command. Normally use the verbs."""
        ...

    async def query(self, query: Query[R]) -> R:
        """Answer any query; it changes nothing and is not logged. Normally use the verbs."""
        ...

    async def serve(
        self,
        handlers: Handlers,
        *,
        agent: str | None = None,
        concurrency: int = 1,
        agents: Literal["as needed"] | None = None,
        most: int = 20,
        until: Until = "closed",
        timeout: Seconds | None = None,
        lease_ttl: Seconds | None = None,
        signals: bool = False,
    ) -> Served:
        """Run a worker: claim, renew, run the handler, complete or fail, and repeat."""
        ...

    def as_agent(self, name: str) -> Agent:
        """Return an agent's own handle: the verbs that an agent needs, with its name bound."""
        ...

    def key_of(self, agent: str) -> str:
        """Return the key with which an agent may act through `shared()`."""
        ...

    def shared(self) -> Shared[Agent]:
        """Return a view of this coordinator that many agents may share: each needs a key for its handle."""
        ...

    async def backup(self, to: str | PathLike[str]) -> None:
        """Write a complete copy of the board as it is at this moment, while others go on working."""
        ...

    async def outbox(self, connection: Connection) -> Outbox:
        """Return an outbox: tasks and endings that are committed or rolled back with your own rows."""
        ...

    async def close(self, *, keep: bool = False) -> None:
        """Release what was claimed through this instance, wake every waiter, and close. May be repeated."""
        ...

    async def __aenter__(self) -> Self:
        """Open the board."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the board."""
        ...

"""
The ports: what a clock, an alarm and a journal must do, and what a coordinator is.

Protocols only. `Coordinator` and `AsyncCoordinator` are what an agent loop is
written against; a test compares them with each other and with the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .agent import Agent, AsyncAgent
    from .aio import KeepAlive as AsyncKeepAlive
    from .commands import Command, Query
    from .events import Event
    from .hold import AsyncHold, AsyncLockHold, Hold, LockHold
    from .sync import KeepAlive
    from .values import (
        Explanation,
        Lease,
        Outcome,
        Settings,
        Standing,
        Statistics,
        Task,
        TaskRecord,
        TaskState,
        Ticket,
    )
    from .verbs import LeaseLike, Seconds, TaskLike, Until
    from .worker import Handlers, Served

__all__ = ["Alarm", "AsyncCoordinator", "Clock", "Coordinator", "Entry", "Journal"]

R = TypeVar("R")


class Alarm(Protocol):
    """Something that rings once at about a time, and can be set again."""

    def set(self, at_ns: int) -> None:
        """Ring at `at_ns`, or earlier if it was already set to."""
        ...

    def close(self) -> None:
        """Never ring again."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    def now_ns(self) -> int:
        """Return the stamp of this instant, integer nanoseconds since the epoch."""
        ...

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that calls `ring` when it is due."""
        ...


@attrs.frozen
class Entry:
    """One line of the log: its position (from 1, no gaps), the journal's raw stamp, the command."""

    position: int
    stamp_ns: int
    body: bytes


class Journal(Protocol):
    """
    A dumb ordered log: total order, dense positions, durable when append returns.

    Everything that means something is in the machine. Methods block and are
    called by one thread at a time.
    """

    @property
    def clock(self) -> Clock:
        """The clock whose stamps the journal gives its entries."""
        ...

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """
        Append all bodies, or none, and return every entry after position `after`, ours included.

        Entries up to some position may have been trimmed; then the first one
        returned is not `after + 1`, and the caller starts over from `load`.
        """
        ...

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position; cheap if nothing was written since the last call."""
        ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` from another thread whenever somebody else may have appended; returns a stop."""
        ...

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest whole snapshot as (position, pieces), or None."""
        ...

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep one piece of a snapshot; None says that it is whole: older ones and entries may go."""
        ...

    def close(self) -> None:
        """Let go of everything. May be called again."""
        ...


class Coordinator(Protocol):
    """
    What an agent loop for threads is written against; every strategy offers it.

    `Board` in sync.py documents each verb in full.
    """

    def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """Carry any command out; raises what the core refuses."""
        ...

    def query(self, query: Query[R]) -> R:
        """Answer any query; never logged."""
        ...

    def submit(
        self,
        task: Task,
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> Ticket:
        """Add a task."""
        ...

    def submit_many(
        self,
        tasks: Iterable[Task],
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> list[Ticket]:
        """Add a batch, all or nothing; tasks of a batch may need each other in any order."""
        ...

    def claim(
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

    def claim_nowait(
        self,
        agent: str,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Lease | None:
        """Lease a task if one may run now, else return None."""
        ...

    def claim_many(
        self,
        agent: str,
        count: int,
        *,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> list[Lease]:
        """Lease up to `count` tasks that may run now, in one step."""
        ...

    def claims(
        self,
        agent: str,
        *,
        until: Until = "closed",
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
    ) -> Iterator[Lease]:
        """Iterate over leases, waiting for each."""
        ...

    def work(self, lease: Lease, *, timeout: Seconds | None = None) -> Hold:
        """Return the scope that holds a lease: it renews, then completes, fails or releases."""
        ...

    def keep_alive(self, lease: Lease) -> KeepAlive:
        """Return a scope that renews a lease and does nothing else."""
        ...

    def renew(
        self, lease: LeaseLike, *, lease_ttl: Seconds | None = None, request_id: str | None = None
    ) -> int:
        """Move a lease's deadline; returns it in board ns. Raises LeaseLostError."""
        ...

    def complete(
        self,
        lease: LeaseLike,
        result: object = None,
        *,
        late: Literal["refuse", "accept"] = "refuse",
        request_id: str | None = None,
    ) -> Outcome:
        """End a task with its result."""
        ...

    def complete_many(
        self, endings: Iterable[tuple[LeaseLike, object]], *, request_id: str | None = None
    ) -> list[Outcome]:
        """End several tasks, (lease, result) each, in one step: all, or none if a lease is lost."""
        ...

    def fail(
        self, lease: LeaseLike, reason: str, *, retry: bool | Seconds = True, request_id: str | None = None
    ) -> TaskState:
        """End an attempt; retry=False gives up, seconds retry after a pause of your own."""
        ...

    def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """Give a lease back; the attempt does not count."""
        ...

    def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """Keep a progress note with a leased task."""
        ...

    def adopt(self, agent: str, *, request_id: str | None = None) -> list[Lease]:
        """Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off."""
        ...

    def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """Give back everything an agent holds; returns how many leases."""
        ...

    def serve(
        self,
        handlers: Handlers,
        *,
        agent: str | None = None,
        concurrency: int = 1,
        until: Until = "closed",
        timeout: Seconds | None = None,
        lease_ttl: Seconds | None = None,
        signals: bool = False,
    ) -> Served:
        """Work: claim, keep alive, run the handler, complete or fail; until there is no more."""
        ...

    def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """Wait for a task to end, however it does."""
        ...

    def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """Wait for a task's result; raises TaskFailedError or TaskDroppedError if there is none."""
        ...

    def results(self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None) -> list[Any]:
        """Wait for all results, in the order of `tasks`; `timeout` is for all together."""
        ...

    def as_finished(self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None) -> Iterator[Outcome]:
        """Iterate over outcomes as tasks end; `timeout` is for all together."""
        ...

    def drain(self, *, timeout: Seconds | None = None) -> None:
        """Wait until no task is unfinished."""
        ...

    def lock(
        self, *names: str, agent: str, lease_ttl: Seconds | None = None, timeout: Seconds | None = None
    ) -> LockHold:
        """Return a scope that locks all names or none: it waits on entry and frees on exit."""
        ...

    def lock_nowait(
        self, *names: str, agent: str, lease_ttl: Seconds | None = None, request_id: str | None = None
    ) -> Lease:
        """Lock all names now, or raise HeldError; nobody renews it: `release` it, or let it run out."""
        ...

    def holder(self, name: str) -> Lease | None:
        """Return the lock that holds a name, or None."""
        ...

    def cancel(self, task: TaskLike, *, reason: str = "cancelled", request_id: str | None = None) -> None:
        """Drop a task now, and what needs it; a holder learns at once or at its next call."""
        ...

    def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """Bring a FAILED task back with fresh attempts, and the dependents it took along."""
        ...

    def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """Let at most `n` tasks that name this limit be leased at once (1 until told)."""
        ...

    def pause(self, *, request_id: str | None = None) -> None:
        """Stop claims; what is held goes on."""
        ...

    def resume(self, *, request_id: str | None = None) -> None:
        """Allow claims again."""
        ...

    def configure(self, *, request_id: str | None = None, **changes: Any) -> Settings:
        """Change settings for everybody who uses this board; see Settings for the names."""
        ...

    def settings(self) -> Settings:
        """Return the board's settings."""
        ...

    def find(self, task: TaskLike) -> TaskRecord | None:
        """Look a task up; None if there is none (any more)."""
        ...

    def tasks(
        self,
        *,
        state: TaskState | str | Iterable[TaskState | str] | None = None,
        kinds: Iterable[str] | None = None,
        tag: str | None = None,
        after: TaskLike | None = None,
        count: int = 100,
    ) -> list[TaskRecord]:
        """List tasks in submission order, a page of `count` after the task `after`."""
        ...

    def leases(self, agent: str | None = None) -> list[Lease]:
        """List live leases, of one agent or of all, oldest first."""
        ...

    def explain(self, task: TaskLike) -> Explanation:
        """Say why a task is where it is."""
        ...

    def explain_agent(self, agent: str) -> Explanation:
        """Say what an agent holds and why it gets work, or does not."""
        ...

    def standing(self, agent: str) -> Standing:
        """Return what has been seen of an agent."""
        ...

    def statistics(self) -> Statistics:
        """Count everything."""
        ...

    def events(self, *, since: int = 0, follow: bool = False) -> Iterator[Event]:
        """Iterate over events, each once and in order."""
        ...

    def as_agent(self, name: str) -> Agent:
        """Return a handle with the agent's name bound."""
        ...

    def close(self) -> None:
        """Release what was claimed through this instance, wake every waiter, and close. May be repeated."""
        ...

    def __enter__(self) -> Self:
        """Open the board."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the board."""
        ...


class AsyncCoordinator(Protocol):
    """
    What an agent loop for asyncio is written against: the verbs of Coordinator, with await.
    """

    async def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """Carry any command out; raises what the core refuses."""
        ...

    async def query(self, query: Query[R]) -> R:
        """Answer any query; never logged."""
        ...

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
        """Add a batch, all or nothing; tasks of a batch may need each other in any order."""
        ...

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
        """Lease a task if one may run now, else return None."""
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
        """Lease up to `count` tasks that may run now, in one step."""
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

    def work(self, lease: Lease, *, timeout: Seconds | None = None) -> AsyncHold:
        """Return the scope that holds a lease: it renews, then completes, fails or releases."""
        ...

    def keep_alive(self, lease: Lease) -> AsyncKeepAlive:
        """Return a scope that renews a lease and does nothing else."""
        ...

    async def renew(
        self, lease: LeaseLike, *, lease_ttl: Seconds | None = None, request_id: str | None = None
    ) -> int:
        """Move a lease's deadline; returns it in board ns. Raises LeaseLostError."""
        ...

    async def complete(
        self,
        lease: LeaseLike,
        result: object = None,
        *,
        late: Literal["refuse", "accept"] = "refuse",
        request_id: str | None = None,
    ) -> Outcome:
        """End a task with its result."""
        ...

    async def complete_many(
        self, endings: Iterable[tuple[LeaseLike, object]], *, request_id: str | None = None
    ) -> list[Outcome]:
        """End several tasks, (lease, result) each, in one step: all, or none if a lease is lost."""
        ...

    async def fail(
        self, lease: LeaseLike, reason: str, *, retry: bool | Seconds = True, request_id: str | None = None
    ) -> TaskState:
        """End an attempt; retry=False gives up, seconds retry after a pause of your own."""
        ...

    async def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """Give a lease back; the attempt does not count."""
        ...

    async def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """Keep a progress note with a leased task."""
        ...

    async def adopt(self, agent: str, *, request_id: str | None = None) -> list[Lease]:
        """Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off."""
        ...

    async def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """Give back everything an agent holds; returns how many leases."""
        ...

    async def serve(
        self,
        handlers: Handlers,
        *,
        agent: str | None = None,
        concurrency: int = 1,
        until: Until = "closed",
        timeout: Seconds | None = None,
        lease_ttl: Seconds | None = None,
        signals: bool = False,
    ) -> Served:
        """Work: claim, keep alive, run the handler, complete or fail; until there is no more."""
        ...

    async def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """Wait for a task to end, however it does."""
        ...

    async def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """Wait for a task's result; raises TaskFailedError or TaskDroppedError if there is none."""
        ...

    async def results(self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None) -> list[Any]:
        """Wait for all results, in the order of `tasks`; `timeout` is for all together."""
        ...

    def as_finished(
        self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None
    ) -> AsyncIterator[Outcome]:
        """Iterate over outcomes as tasks end; `timeout` is for all together."""
        ...

    async def drain(self, *, timeout: Seconds | None = None) -> None:
        """Wait until no task is unfinished."""
        ...

    def lock(
        self, *names: str, agent: str, lease_ttl: Seconds | None = None, timeout: Seconds | None = None
    ) -> AsyncLockHold:
        """Return a scope that locks all names or none: it waits on entry and frees on exit."""
        ...

    async def lock_nowait(
        self, *names: str, agent: str, lease_ttl: Seconds | None = None, request_id: str | None = None
    ) -> Lease:
        """Lock all names now, or raise HeldError; nobody renews it: `release` it, or let it run out."""
        ...

    async def holder(self, name: str) -> Lease | None:
        """Return the lock that holds a name, or None."""
        ...

    async def cancel(
        self, task: TaskLike, *, reason: str = "cancelled", request_id: str | None = None
    ) -> None:
        """Drop a task now, and what needs it; a holder learns at once or at its next call."""
        ...

    async def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """Bring a FAILED task back with fresh attempts, and the dependents it took along."""
        ...

    async def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """Let at most `n` tasks that name this limit be leased at once (1 until told)."""
        ...

    async def pause(self, *, request_id: str | None = None) -> None:
        """Stop claims; what is held goes on."""
        ...

    async def resume(self, *, request_id: str | None = None) -> None:
        """Allow claims again."""
        ...

    async def configure(self, *, request_id: str | None = None, **changes: Any) -> Settings:
        """Change settings for everybody who uses this board; see Settings for the names."""
        ...

    async def settings(self) -> Settings:
        """Return the board's settings."""
        ...

    async def find(self, task: TaskLike) -> TaskRecord | None:
        """Look a task up; None if there is none (any more)."""
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
        """List tasks in submission order, a page of `count` after the task `after`."""
        ...

    async def leases(self, agent: str | None = None) -> list[Lease]:
        """List live leases, of one agent or of all, oldest first."""
        ...

    async def explain(self, task: TaskLike) -> Explanation:
        """Say why a task is where it is."""
        ...

    async def explain_agent(self, agent: str) -> Explanation:
        """Say what an agent holds and why it gets work, or does not."""
        ...

    async def standing(self, agent: str) -> Standing:
        """Return what has been seen of an agent."""
        ...

    async def statistics(self) -> Statistics:
        """Count everything."""
        ...

    def events(self, *, since: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """Iterate over events, each once and in order."""
        ...

    def as_agent(self, name: str) -> AsyncAgent:
        """Return a handle with the agent's name bound."""
        ...

    async def close(self) -> None:
        """Release what was claimed through this instance, wake every waiter, and close. May be repeated."""
        ...

    async def __aenter__(self) -> Self:
        """Open the board."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the board."""
        ...

"""
The coordinators for event loops: the names and arguments of ants_coord, with await.

A board in memory answers at once, on the loop, since its lock is never held
for long; a board with a journal does its file I/O in a few threads of its own,
never on the loop. Waiting takes no thread in either case.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from . import verbs
from .abc import Clock
from .agent import AsyncAgent
from .commands import (
    Adopt,
    Command,
    Configure,
    Events,
    Explain,
    ExplainAgent,
    Holder,
    Leases,
    Pause,
    Query,
    Release,
    ReleaseAll,
    Renewed,
    Resume,
    SettingsOf,
    StandingOf,
    StatisticsOf,
    Unfinished,
    submission,
)
from .core.machine import Machine
from .core.reading import private
from .engine import Drained, Engine
from .errors import ClosedError, LeaseLostError
from .events import Event
from .hold import AsyncHold, AsyncLockHold
from .names import check_id, fresh_agent
from .presets import Where, build, changed
from .values import (
    Backoff,
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
    count,
)
from .verbs import LeaseLike, Seconds, TaskLike, Until, checked_request
from .waiting import Countdown, Waiter, mute
from .worker import Handlers, Served, Stop, result_of, serve_on_loop

if TYPE_CHECKING:
    from .sync import Board as SyncBoard

__all__ = ["Board", "ClaimQueue"]

R = TypeVar("R")


class Board:
    """
    What all strategies share, for event loops. Whoever opens it closes it (or `async with`).

    Args:
        where: None for memory, a path for a SQLite file, or a journal.
        clock: replaces the time source, for tests.
        durability: of a file: "power" or "process"; see SQLiteJournal.
        lease_ttl, max_attempts, backoff, aging, retention, retention_count, id_retention,
        id_retention_count, event_count, session_retention: see Settings. What is not given
            is the board's own, or the default on a new board.

    Nothing is opened before the first verb or `async with`.

    """

    _machine: Callable[[], Machine] = Machine
    _strategy = "claim"

    def __init__(
        self,
        where: Where = None,
        *,
        clock: Clock | None = None,
        durability: Literal["power", "process"] = "power",
        lease_ttl: Seconds | None = None,
        max_attempts: int | None = None,
        backoff: Backoff | None = None,
        aging: Seconds | None = None,
        retention: Seconds | None = None,
        retention_count: int | None = None,
        id_retention: Seconds | None = None,
        id_retention_count: int | None = None,
        event_count: int | None = None,
        session_retention: Seconds | None = None,
    ) -> None:
        asked: dict[str, Any] = {
            "strategy": self._strategy,
            "lease_ttl": lease_ttl,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "aging": aging,
            "retention": retention,
            "retention_count": retention_count,
            "id_retention": id_retention,
            "id_retention_count": id_retention_count,
            "event_count": event_count,
            "session_retention": session_retention,
        }
        self._engine = build(type(self)._machine, where, clock=clock, durability=durability, asked=asked)

    @classmethod
    def _over_engine(cls, engine: Engine) -> Self:
        board = cls.__new__(cls)
        board._engine = engine
        return board

    @classmethod
    def over(cls, machine: Callable[[], Machine], where: Where = None, **settings: Any) -> Self:
        """Return a coordinator over a machine of your own: `machine` makes an empty one."""
        clock, durability = settings.pop("clock", None), settings.pop("durability", "power")
        engine = build(machine, where, clock=clock, durability=durability, asked=settings)
        return cls._over_engine(engine)

    @property
    def sync(self) -> SyncBoard:
        """The same board for threads; closing either closes both."""
        from . import sync  # noqa: PLC0415 - each colour knows the other only here

        return getattr(sync, type(self).__name__, sync.Board)._over_engine(self._engine)

    # -- the three primitives -----------------------------------------------------------------

    async def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """Carry any command out; raises what the core refuses."""
        return await self._do(command, checked_request(request_id))

    async def _do(self, command: Command[R], request_id: str | None = None) -> R:
        if not self._engine.blocking:
            return self._engine.execute(command, request_id)
        return await self._off_loop(self._engine.execute, command, request_id)

    async def _ask(self, query: Query[R]) -> R:
        if not self._engine.blocking:
            return self._engine.ask(query)
        return await self._off_loop(self._engine.ask, query)

    async def _off_loop(self, call: Callable[..., R], *arguments: Any) -> R:
        """
        Run file I/O in one of the engine's threads.

        The caller may be cancelled while the thread is busy; a lease that is
        granted to nobody then is given back as soon as it arrives.
        """
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._engine.threads(), call, *arguments)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(self._return_unused)
            raise

    def _return_unused(self, work: asyncio.Future[Any]) -> None:
        if work.cancelled() or work.exception() is not None:
            return
        reply = work.result()
        leases = reply if isinstance(reply, tuple) else (reply,)
        for lease in leases:
            if isinstance(lease, Lease):
                self._engine.threads().submit(self._give_back, lease)

    def _give_back(self, lease: Lease) -> None:
        try:
            self._engine.execute(Release(lease.task, lease.token))
        except (LeaseLostError, ClosedError):
            return

    async def query(self, query: Query[R]) -> R:
        """Answer any query; never logged."""
        return await self._ask(query)

    async def _wait(self, step: Callable[[Waiter], R | None], waiter: Waiter, timeout: Seconds | None) -> R:
        """Try `step` until it answers; sleep in between until somebody says that it may."""
        wait_ns = verbs.timeout_ns(timeout)
        engine, loop, bell = self._engine, asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # a waiter that outlives its loop has nobody to wake
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(bell.set)

        waiter.wake = wake
        if wait_ns is not None:
            if engine.blocking:
                await self._off_loop(engine.open)
            else:
                engine.open()
            waiter.until_ns = engine.now_ns() + wait_ns
        try:
            while True:
                reply = await self._off_loop(step, waiter) if engine.blocking else step(waiter)
                if reply is not None:
                    return reply
                await bell.wait()
                bell.clear()
        except BaseException:
            if engine.blocking:
                engine.threads().submit(engine.leave, waiter)
            else:
                engine.leave(waiter)
            raise

    async def _countdown(self, timeout: Seconds | None) -> Countdown:
        wait_ns = verbs.timeout_ns(timeout)
        if wait_ns is not None:
            if self._engine.blocking:
                await self._off_loop(self._engine.open)
            else:
                self._engine.open()
        return Countdown(self._engine.now_ns, wait_ns)

    # -- submitting ---------------------------------------------------------------------------

    async def submit(
        self,
        task: Task,
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> Ticket:
        """
        Add a task.

        Args:
            task: what to do.
            if_exists: "same" answers an equal task with its ticket and refuses a different one;
                "keep" keeps whatever is there; "replace" replaces what nobody has started;
                "rerun" starts a FAILED one again with this content.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            TaskExistsError, DependencyError, IllegalTransitionError, LimitError,
            FieldNotHonouredError, ClosedError.

        """
        command = submission((task,), if_exists)
        return (await self._do(command, checked_request(request_id)))[0]

    async def submit_many(
        self,
        tasks: Iterable[Task],
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> list[Ticket]:
        """Add a batch, all or nothing; tasks of a batch may need each other in any order."""
        command = submission(tuple(tasks), if_exists)
        return list(await self._do(command, checked_request(request_id))) if command.tasks else []

    # -- claiming -----------------------------------------------------------------------------

    async def claim(
        self,
        agent: str,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> Lease:
        """
        Wait for a task and lease it.

        Args:
            agent: who asks; a name.
            task: a particular task.
            kinds: only these kinds.
            lease_ttl: seconds the lease lasts; the task's or the board's if not given.
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError, ClosedError; for a particular task also TaskNotFoundError and
            IllegalTransitionError (it has ended).

        """
        command = verbs.claim(agent, task, kinds, lease_ttl)
        waiter = Waiter(mute, ready=True, kinds=command.kinds, changes=task is not None)
        return await self._wait(lambda w: self._engine.try_or_enter(command, w), waiter, timeout)

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
        command = verbs.claim(agent, task, kinds, lease_ttl)
        return await self._do(command, checked_request(request_id))

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
        command = verbs.claim_many(agent, count, kinds, lease_ttl)
        return list(await self._do(command, checked_request(request_id)))

    def claims(
        self,
        agent: str,
        *,
        until: Until = "closed",
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
    ) -> AsyncIterator[Lease]:
        """
        Iterate over leases, waiting for each.

        Args:
            agent: who asks.
            until: "closed" goes on until the coordinator closes; "drained" ends when no task
                is unfinished; "idle" ends when nothing may run now.
            kinds: only these kinds.
            lease_ttl: as in `claim`.

        """
        return self._claims(agent, until=until, kinds=kinds, lease_ttl=lease_ttl, stop=None)

    async def _claims(
        self,
        agent: str,
        *,
        until: Until,
        kinds: Iterable[str] | None,
        lease_ttl: Seconds | None,
        stop: Stop | None,
    ) -> AsyncIterator[Lease]:
        verbs.until(until)
        command = verbs.claim(agent, None, kinds, lease_ttl)

        def step(waiter: Waiter) -> Lease | None:
            if stop is not None:
                stop.watch(waiter)
            return self._engine.try_or_enter(command, waiter)

        while True:
            waiter = Waiter(mute, ready=True, kinds=command.kinds, drained=until == "drained")
            try:
                lease = await self._wait(step, waiter, 0 if until == "idle" else None)
            except (Drained, TimeoutError, ClosedError):
                return
            finally:
                if stop is not None:
                    stop.unwatch(waiter)
            yield lease

    # -- holding ------------------------------------------------------------------------------

    def work(self, lease: Lease, *, timeout: Seconds | None = None) -> AsyncHold:
        """
        Return the scope that holds a lease: it renews, then completes, fails or releases.

        Args:
            lease: what a claim returned.
            timeout: seconds after which the attempt is failed.

        """
        return AsyncHold(self._engine, lease, self._do, timeout)

    def keep_alive(self, lease: Lease) -> KeepAlive:
        """Return a scope that renews a lease and does nothing else."""
        return KeepAlive(AsyncHold(self._engine, lease, self._do))

    async def renew(
        self, lease: LeaseLike, *, lease_ttl: Seconds | None = None, request_id: str | None = None
    ) -> int:
        """Move a lease's deadline; returns it in board ns. Raises LeaseLostError."""
        answer = (await self._do(verbs.renew((lease,), lease_ttl), checked_request(request_id)))[0]
        if isinstance(answer, Renewed):
            return answer.expires_ns
        raise LeaseLostError(verbs.pair(lease)[0], answer.token, answer.reason)

    async def complete(
        self,
        lease: LeaseLike,
        result: object = None,
        *,
        late: Literal["refuse", "accept"] = "refuse",
        request_id: str | None = None,
    ) -> Outcome:
        """
        End a task with its result.

        Args:
            lease: the lease, its scope or its handle.
            result: any JSON value.
            late: "accept" lets the result of an expired lease land while nobody else has the task.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            LeaseLostError: the task is not yours any more; nothing was changed.

        """
        command = verbs.complete(lease, result, late)
        return private(await self._do(command, checked_request(request_id)))

    async def complete_many(
        self, endings: Iterable[tuple[LeaseLike, object]], *, request_id: str | None = None
    ) -> list[Outcome]:
        """End several tasks, (lease, result) each, in one step: all, or none if a lease is lost."""
        command = verbs.complete_many(endings)
        return [private(one) for one in await self._do(command, checked_request(request_id))]

    async def fail(
        self,
        lease: LeaseLike,
        reason: str,
        *,
        retry: bool | Seconds = True,
        request_id: str | None = None,
    ) -> TaskState:
        """End an attempt; retry=False gives up, seconds retry after a pause of your own."""
        return await self._do(verbs.fail(lease, reason, retry), checked_request(request_id))

    async def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """Give a lease back; the attempt does not count."""
        await self._do(verbs.release(lease), checked_request(request_id))

    async def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """Keep a progress note with a leased task."""
        await self._do(verbs.note(lease, note), checked_request(request_id))

    async def adopt(self, agent: str, *, request_id: str | None = None) -> list[Lease]:
        """Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off."""
        return list(await self._do(Adopt(verbs.agent_name(agent)), checked_request(request_id)))

    async def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """Give back everything an agent holds; returns how many leases."""
        return await self._do(ReleaseAll(verbs.agent_name(agent)), checked_request(request_id))

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
        """
        Work: claim, keep alive, run the handler, complete or fail; until there is no more.

        Args:
            handlers: one function for every task, or {kind: function}; plain or async.
                Each gets the Hold and returns the result.
            agent: this worker's name; made from host, process and a nonce if not given.
            concurrency: tasks at a time, each in a thread.
            until: as in `claims`.
            timeout: seconds after which an attempt is failed.
            lease_ttl: as in `claim`.
            signals: drain at the first SIGINT or SIGTERM, give everything back at the second.

        Returns:
            What was done, counted.

        """
        name = fresh_agent() if agent is None else verbs.agent_name(agent)
        count(concurrency, "concurrency", most=10_000)
        return await serve_on_loop(
            self._engine,
            lambda stop, kinds: self._claims(name, until=until, kinds=kinds, lease_ttl=lease_ttl, stop=stop),
            handlers,
            agent=name,
            concurrency=concurrency,
            timeout=timeout,
            signals=signals,
            run=self._do,
        )

    # -- results ------------------------------------------------------------------------------

    async def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """Wait for a task to end, however it does."""
        query = verbs.outcomes([task])
        waiter = Waiter(mute, ended=query.tasks)
        found = await self._wait(
            lambda w: self._engine.look_or_enter(query, lambda o: o[0] is not None, w),
            waiter,
            timeout,
        )
        assert found[0] is not None
        return found[0]

    async def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """Wait for a task's result; raises TaskFailedError or TaskDroppedError if there is none."""
        return result_of(await self.outcome(task, timeout=timeout))

    async def results(self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None) -> list[Any]:
        """Wait for all results, in the order of `tasks`; `timeout` is for all together."""
        left = await self._countdown(timeout)
        return [await self.result(task, timeout=left()) for task in tasks]

    async def as_finished(
        self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None
    ) -> AsyncIterator[Outcome]:
        """Iterate over outcomes as tasks end; `timeout` is for all together."""
        left = await self._countdown(timeout)
        pending = verbs.outcomes(tasks).tasks
        while pending:
            query = verbs.outcomes(pending)
            found = await self._wait(
                lambda w, query=query: self._engine.look_or_enter(query, any, w),  # type: ignore[misc]
                Waiter(mute, ended=pending),
                left(),
            )
            pending = tuple([task for task, ended in zip(pending, found, strict=True) if ended is None])
            for ended in found:
                if ended is not None:
                    yield ended

    async def drain(self, *, timeout: Seconds | None = None) -> None:
        """Wait until no task is unfinished."""
        waiter = Waiter(mute, drained=True)
        query = Unfinished()
        await self._wait(
            lambda w: self._engine.look_or_enter(query, lambda n: n == 0, w) is not None or None,
            waiter,
            timeout,
        )

    # -- locks --------------------------------------------------------------------------------

    def lock(
        self,
        *names: str,
        agent: str,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> AsyncLockHold:
        """
        Return a scope that locks all names or none: it waits on entry and frees on exit.

        Args:
            names: resources, such as file paths; 1 to 512 bytes each.
            agent: who locks; entering again as the same agent does not block.
            lease_ttl: seconds a lock lasts without renewal (the scope renews).
            timeout: seconds to wait on entry; None waits for ever.

        """
        command = verbs.lock(names, agent, lease_ttl)
        waiter_for = command.names

        async def acquire() -> Lease:
            waiter = Waiter(mute, names=waiter_for)
            return await self._wait(lambda w: self._engine.try_or_enter(command, w), waiter, timeout)

        return AsyncLockHold(acquire, self._engine, self._do)

    async def lock_nowait(
        self,
        *names: str,
        agent: str,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Lease:
        """Lock all names now, or raise HeldError; nobody renews it: `release` it, or let it run out."""
        return await self._do(verbs.lock(names, agent, lease_ttl), checked_request(request_id))

    async def holder(self, name: str) -> Lease | None:
        """Return the lock that holds a name, or None."""
        return await self._ask(Holder(check_id(name, "name")))

    # -- steering -----------------------------------------------------------------------------

    async def cancel(
        self, task: TaskLike, *, reason: str = "cancelled", request_id: str | None = None
    ) -> None:
        """Drop a task now, and what needs it; a holder learns at once or at its next call."""
        await self._do(verbs.cancel(task, reason), checked_request(request_id))

    async def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """Bring a FAILED task back with fresh attempts, and the dependents it took along."""
        return await self._do(verbs.requeue(task), checked_request(request_id))

    async def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """Let at most `n` tasks that name this limit be leased at once (1 until told)."""
        await self._do(verbs.limit(name, n), checked_request(request_id))

    async def pause(self, *, request_id: str | None = None) -> None:
        """Stop claims; what is held goes on."""
        await self._do(Pause(), checked_request(request_id))

    async def resume(self, *, request_id: str | None = None) -> None:
        """Allow claims again."""
        await self._do(Resume(), checked_request(request_id))

    async def configure(self, *, request_id: str | None = None, **changes: Any) -> Settings:
        """Change settings for everybody who uses this board; see Settings for the names."""
        command = Configure(changed(await self.settings(), changes))
        return await self._do(command, checked_request(request_id))

    # -- reading ------------------------------------------------------------------------------

    async def settings(self) -> Settings:
        """Return the board's settings."""
        return await self._ask(SettingsOf())

    async def find(self, task: TaskLike) -> TaskRecord | None:
        """Look a task up; None if there is none (any more)."""
        return await self._ask(verbs.find(task))

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
        return list(await self._ask(verbs.tasks(state, kinds, tag, after, count)))

    async def leases(self, agent: str | None = None) -> list[Lease]:
        """List live leases, of one agent or of all, oldest first."""
        return list(await self._ask(Leases(None if agent is None else verbs.agent_name(agent))))

    async def explain(self, task: TaskLike) -> Explanation:
        """Say why a task is where it is."""
        return await self._ask(Explain(verbs.task_id(task)))

    async def explain_agent(self, agent: str) -> Explanation:
        """Say what an agent holds and why it gets work, or does not."""
        return await self._ask(ExplainAgent(verbs.agent_name(agent)))

    async def standing(self, agent: str) -> Standing:
        """Return what has been seen of an agent."""
        return await self._ask(StandingOf(verbs.agent_name(agent)))

    async def statistics(self) -> Statistics:
        """Count everything."""
        return await self._ask(StatisticsOf())

    async def events(self, *, since: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """
        Iterate over events, each once and in order.

        Args:
            since: continue after this cursor; 0 begins with the oldest event that is kept.
            follow: wait for more at the end, until the coordinator closes.

        Raises:
            CursorTooOld: events after `since` are gone; nothing is skipped silently.

        """
        cursor = count(since, "since", least=0)
        while True:
            query = Events(cursor)
            if follow:
                waiter = Waiter(mute, changes=True)
                try:
                    page = await self._wait(
                        lambda w, query=query: self._engine.look_or_enter(query, bool, w),  # type: ignore[misc]
                        waiter,
                        None,
                    )
                except ClosedError:
                    return
            else:
                page = await self._ask(query)
                if not page:
                    return
            for event in page:
                yield event
            cursor = page[-1].cursor

    # -- the rest -----------------------------------------------------------------------------

    def as_agent(self, name: str) -> AsyncAgent:
        """Return a handle with the agent's name bound."""
        return AsyncAgent(self, verbs.agent_name(name))

    def check(self) -> None:
        """Assert every invariant of the state; for tests."""
        self._engine.check()

    async def close(self) -> None:
        """Release what was claimed through this instance, wake every waiter, and close. May be repeated."""
        if self._engine.blocking:
            # not in the engine's threads, which end with it
            await asyncio.to_thread(self._engine.close)
        else:
            self._engine.close()

    async def __aenter__(self) -> Self:
        """Open the board."""
        if self._engine.blocking:
            await self._off_loop(self._engine.open)
        else:
            self._engine.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the board."""
        await self.close()


class ClaimQueue(Board):
    """
    Claim-and-lock: a shared task queue, atomic claims, leases that expire.

    Who may take a task: everybody. In which order: priority, then submission.
    See Board for the arguments and verbs.

    Example:
        >>> async def hello() -> str:
        ...     async with ClaimQueue() as board:
        ...         ticket = await board.submit(Task("hello", payload={"to": "ants"}))
        ...         async with board.work(await board.claim("worker-1")) as job:
        ...             job.result = f"hello, {job.payload['to']}"
        ...         return await board.result(ticket)
        >>> asyncio.run(hello())
        'hello, ants'

    """


class KeepAlive:
    """A scope that renews one lease and cancels its body when it is lost."""

    def __init__(self, hold: AsyncHold) -> None:
        self._hold = hold
        self.lease = hold.lease

    @property
    def lost(self) -> bool:
        """Whether the lease is known to be lost."""
        return self._hold.lost_reason is not None

    async def __aenter__(self) -> Self:
        """Begin renewing."""
        await self._hold.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop renewing."""
        ours = self._hold._is_our_cancellation(error)  # noqa: SLF001 - a scope without an ending
        self._hold._stop_keeping()  # noqa: SLF001
        if ours:
            self._hold.check()

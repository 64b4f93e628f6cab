"""
The verbs of one line, for event loops: ending, steering and looking.

The verbs that wait or hold are in aio.py; `Board` there has them all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..commands import (
    Adopt,
    Command,
    Configure,
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
)
from ..core.reading import private
from ..engine import Engine
from ..errors import ClosedError, LeaseLostError
from ..fronts import arguments
from ..fronts.arguments import LeaseLike, Seconds, TaskLike
from ..fronts.build import changed
from ..names import check_id
from ..settings import Settings
from ..values import (
    Explanation,
    Lease,
    Outcome,
    Standing,
    Statistics,
    TaskRecord,
    TaskState,
    Ticket,
)
from ..waiting import Countdown, Waiter

__all__ = ["Verbs"]

R = TypeVar("R")


class Verbs:
    """The three primitives, and what neither waits nor holds."""

    _engine: Engine

    async def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """Carry any command out; raises what the core refuses."""
        return await self._do(command, request_id)

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
        try:
            work = loop.run_in_executor(self._engine.threads(), call, *arguments)
        except RuntimeError:  # the threads are gone
            raise ClosedError from None
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
                self._soon(self._give_back, lease)  # after close() it has been given back

    def _soon(self, call: Callable[..., object], *arguments: Any) -> None:
        """
        Do something that nobody waits for, and that has no meaning any more after close().

        The lock may be busy with the disk, so not on the loop; once the board is closed there are no threads.
        """
        with contextlib.suppress(RuntimeError, ClosedError):
            if self._engine.blocking:
                self._engine.threads().submit(call, *arguments)
            else:
                call(*arguments)

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
        wait_ns = arguments.timeout_ns(timeout)
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
            self._soon(engine.leave, waiter)
            raise

    async def _countdown(self, timeout: Seconds | None) -> Countdown:
        wait_ns = arguments.timeout_ns(timeout)
        if wait_ns is not None:
            if self._engine.blocking:
                await self._off_loop(self._engine.open)
            else:
                self._engine.open()
        return Countdown(self._engine.now_ns, wait_ns)

    # -- one line each ------------------------------------------------------------------------

    async def renew(
        self, lease: LeaseLike, *, lease_ttl: Seconds | None = None, request_id: str | None = None
    ) -> int:
        """Move a lease's deadline; returns it in board ns. Raises LeaseLostError."""
        answer = (await self._do(arguments.renew((lease,), lease_ttl), request_id))[0]
        if isinstance(answer, Renewed):
            return answer.expires_ns
        raise LeaseLostError(arguments.pair(lease)[0], answer.token, answer.reason)

    async def complete_many(
        self, endings: Iterable[tuple[LeaseLike, object]], *, request_id: str | None = None
    ) -> list[Outcome]:
        """End several tasks, (lease, result) each, in one step: all, or none if a lease is lost."""
        command = arguments.complete_many(endings)
        return [private(one) for one in await self._do(command, request_id)]

    async def fail(
        self,
        lease: LeaseLike,
        reason: str,
        *,
        retry: bool | Seconds = True,
        request_id: str | None = None,
    ) -> TaskState:
        """End an attempt; retry=False gives up, seconds retry after a pause of your own."""
        return await self._do(arguments.fail(lease, reason, retry), request_id)

    async def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """Give a lease back; the attempt does not count."""
        await self._do(arguments.release(lease), request_id)

    async def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """Keep a progress note with a leased task."""
        await self._do(arguments.note(lease, note), request_id)

    async def adopt(self, agent: str, *, request_id: str | None = None) -> list[Lease]:
        """Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off."""
        return list(await self._do(Adopt(arguments.agent_name(agent)), request_id))

    async def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """Give back everything an agent holds; returns how many leases."""
        return await self._do(ReleaseAll(arguments.agent_name(agent)), request_id)

    async def holder(self, name: str) -> Lease | None:
        """Return the lock that holds a name, or None."""
        return await self._ask(Holder(check_id(name, "name")))

    async def cancel(
        self, task: TaskLike, *, reason: str = "cancelled", request_id: str | None = None
    ) -> None:
        """Drop a task now, and what needs it; a holder learns at once or at its next call."""
        await self._do(arguments.cancel(task, reason), request_id)

    async def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """Bring a FAILED task back with fresh attempts, and the dependents it took along."""
        return await self._do(arguments.requeue(task), request_id)

    async def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """Let at most `n` tasks that name this limit be leased at once (1 until told)."""
        await self._do(arguments.limit(name, n), request_id)

    async def pause(self, *, request_id: str | None = None) -> None:
        """Stop claims; what is held goes on."""
        await self._do(Pause(), request_id)

    async def resume(self, *, request_id: str | None = None) -> None:
        """Allow claims again."""
        await self._do(Resume(), request_id)

    async def configure(self, *, request_id: str | None = None, **changes: Any) -> Settings:
        """Change settings for everybody who uses this board; see Settings for the names."""
        command = Configure(changed(await self.settings(), changes))
        return await self._do(command, request_id)

    async def settings(self) -> Settings:
        """Return the board's settings."""
        return await self._ask(SettingsOf())

    async def find(self, task: TaskLike) -> TaskRecord | None:
        """Look a task up; None if there is none (any more)."""
        return await self._ask(arguments.find(task))

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
        return list(await self._ask(arguments.tasks(state, kinds, tag, after, count)))

    async def leases(self, agent: str | None = None) -> list[Lease]:
        """List live leases, of one agent or of all, oldest first."""
        return list(await self._ask(Leases(None if agent is None else arguments.agent_name(agent))))

    async def explain(self, task: TaskLike) -> Explanation:
        """Say why a task is where it is."""
        return await self._ask(Explain(arguments.task_id(task)))

    async def explain_agent(self, agent: str) -> Explanation:
        """Say what an agent holds and why it gets work, or does not."""
        return await self._ask(ExplainAgent(arguments.agent_name(agent)))

    async def standing(self, agent: str) -> Standing:
        """Return what has been seen of an agent."""
        return await self._ask(StandingOf(arguments.agent_name(agent)))

    async def vouch(self, agent: str, principal: str, *, by: str) -> bool:
        """
        Say who vouches for an agent: agents of one principal do not check each other's results.

        Args:
            agent: whom it is about; an agent that nobody vouches for is its own principal.
            principal: who vouches for it, a name: a person, a team, a provider.
            by: who says so; it stands in the event.

        Returns:
            Whether that was news.

        """
        return await self._do(arguments.vouch(agent, principal, by))

    async def statistics(self) -> Statistics:
        """Count everything."""
        return await self._ask(StatisticsOf())

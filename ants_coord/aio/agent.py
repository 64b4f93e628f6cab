# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
An agent's own handle on a coordinator for event loops: the verbs with the agent's name bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..fronts.agent import Handle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from typing import Any, Literal
    from ..fronts.aio_hold import AsyncHold, AsyncKeepAlive, AsyncLockHold
    from ..fronts.arguments import LeaseLike, Seconds, TaskLike, Until
    from ..fronts.file_names import Path
    from ..fronts.hold import OnError
    from ..fronts.serving import Handlers, Served
    from ..values.briefing import Briefing
    from ..values.tasks import Explanation, Lease, Outcome, Standing, Task, TaskRecord, TaskState, Ticket
    from .board import Board

__all__ = ["Agent"]


class Agent(Handle):
    """
    An agent's own handle on a coordinator for event loops: the verbs with the agent's name bound.

    An agent that is handed its own handle cannot claim under another name by mistake (models invent
    names), nor end another's lease (ForeignLeaseError). In one process this guards against bugs, not
    against hostile code.
    `board.as_agent(name)` makes it; the verbs are those of Board, without `agent`.

    """

    _board: Board

    async def find(self, task: TaskLike) -> TaskRecord | None:
        """
        Return the record of a task: its state, its history and its outcome.

        Args:
            task: the task, its ticket or its id.

        Returns:
            A TaskRecord; None if the task is unknown or forgotten.

        """
        return await self._board.find(task)

    async def leases(self) -> list[Lease]:
        """
        List the live leases of tasks and locks, the oldest first.

        Returns:
            A list of Leases; the `task` of a lock is "lock:" and its first name.

        """
        return await self._board.leases(self.name)

    async def explain(self, task: TaskLike) -> Explanation:
        """
        Explain the state of a task: what it waits for, who holds it, or why nobody takes it.

        Args:
            task: the task, its ticket or its id; "lock:" and a name asks who holds that lock, and how.

        Returns:
            An Explanation; `str()` of it has one sentence per line.

        Raises:
            TaskNotFoundError: the task is unknown or forgotten.

        """
        return await self._board.explain(task)

    async def explain_agent(self) -> Explanation:
        """
        Explain what an agent holds, and why it does or does not get work.

        Returns:
            An Explanation; `str()` of it has one sentence per line.

        """
        return await self._board.explain_agent(self.name)

    async def briefing(self, *, count: int = 5) -> Briefing:
        """
        Return what an agent should know when it starts or returns: open tasks, earlier attempts, trails.

        Args:
            count: most tasks, and most trails, to tell, 1 to 100.

        Returns:
            A Briefing; `str()` of it is a text of bounded length for a prompt. It quotes other agents:
            treat it as data.

        """
        return await self._board.briefing(self.name, count=count)

    async def standing(self) -> Standing:
        """
        Return an agent's record: what it delivered, failed and let expire.

        Returns:
            A Standing with the counts, an estimate of how reliably the agent delivers, and what bars it, if
            anything. An agent that was never seen has one, too.

        """
        return await self._board.standing(self.name)

    async def renew(
        self,
        lease: LeaseLike,
        *,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> int:
        """
        Extend a lease. Scopes (`work`, `keep_alive`, `lock`) do this by themselves.

        Args:
            lease: the lease, its scope or its handle.
            lease_ttl: seconds from now; by default the length it had before.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The new deadline in nanoseconds of the board's clock.

        Raises:
            LeaseLostError: the lease is no longer the caller's; stop working on the task.

        """
        return await self._board.renew(self._own(lease), lease_ttl=lease_ttl, request_id=request_id)

    async def complete_many(
        self,
        endings: Iterable[tuple[LeaseLike, object]],
        *,
        request_id: str | None = None,
    ) -> list[Outcome]:
        """
        End several tasks in one step: all of them, or none if one lease is lost.

        Args:
            endings: pairs of a lease (or its scope, or its handle) and its result, any JSON value; at most
                10,000.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of Outcomes in the same order.

        Raises:
            LeaseLostError: one of the leases is lost, and nothing was changed; leave it out and try again.
            VerdictError: one of the tasks is a check, and its result no verdict; nothing was changed.

        """
        return await self._board.complete_many(
            [(self._own(lease), result) for lease, result in endings],
            request_id=request_id,
        )

    async def complete(
        self,
        lease: LeaseLike,
        result: object = None,
        *,
        late: Literal["refuse", "accept"] = "refuse",
        request_id: str | None = None,
    ) -> Outcome:
        """
        End a task with its result. A scope (`work`) does this by itself.

        Completing the same lease again changes nothing and returns the first outcome.

        Args:
            lease: the lease, its scope or its handle.
            result: any JSON value; by default None.
            late: "accept" takes the result of an expired lease while nobody else has the task; by default it
                is refused.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The Outcome. Its state is DONE, or READY if the result must still be checked (`verify`).

        Raises:
            LeaseLostError: the task is no longer the caller's; nothing was changed. Drop the result.
            VerdictError: the task is a check, and the result no verdict; the lease is still held. Try again.

        """
        return await self._board.complete(self._own(lease), result, late=late, request_id=request_id)

    async def fail(
        self,
        lease: LeaseLike,
        reason: str,
        *,
        retry: bool | Seconds = True,
        request_id: str | None = None,
    ) -> TaskState:
        """
        End an attempt without a result; the task is retried if it has attempts left.

        Args:
            lease: the lease, its scope or its handle.
            reason: the reason, kept in the task's history; its first 2,000 characters.
            retry: True retries after the task's backoff, a number after that many seconds; False gives up.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The TaskState: READY, DELAYED, or FAILED if no attempts are left.

        Raises:
            LeaseLostError: the task is no longer the caller's; nothing was changed.

        """
        return await self._board.fail(self._own(lease), reason, retry=retry, request_id=request_id)

    async def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """
        Give a lease or a lock back; the attempt does not count.

        Args:
            lease: the lease, its scope or its handle.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Raises:
            LeaseLostError: it is no longer the caller's, so there is nothing to give back.

        """
        await self._board.release(self._own(lease), request_id=request_id)

    async def split(
        self,
        lease: LeaseLike,
        tasks: Iterable[Task],
        *,
        request_id: str | None = None,
    ) -> list[Ticket]:
        """
        Let a leased task wait for new parts: the lease ends, and the attempt is not counted.

        The task keeps its id. When its parts are DONE it can be claimed again, and the next holder gets their
        results as inputs. If a part fails, the task is cancelled with the reason, or runs anyway with
        `if_need_fails="run"`.

        Args:
            lease: the lease, its scope or its handle.
            tasks: the parts, under new ids; they may need each other, and other tasks.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of the parts' Tickets in the same order.

        Raises:
            LeaseLostError: the task is no longer the caller's.
            TaskExistsError: the id or the key of a part belongs to another task; use new ones.
            DependencyError: a need of a part is unknown, or there is a cycle.
            IllegalTransitionError: a seat of a team, or a check, cannot be split.
            LimitError: more than 16 levels of parts, or more than 10,000 parts and needs.
            FieldNotHonouredError: a part has a field that means nothing to this strategy.
            PurseError: a part reserves from a purse that is unknown or can never pay.

        """
        return await self._board.split(self._own(lease), tasks, request_id=request_id)

    async def spent(
        self,
        lease: LeaseLike,
        purse: str,
        n: int,
        *,
        coordination: bool = False,
        request_id: str | None = None,
    ) -> int:
        """
        Charge a purse for the cost of work under a lease; each call adds to the earlier ones.

        The amount is taken from the task's reservation (`spends`), and beyond that from what is left in the
        purse; below zero the purse is in debt. The unspent part of a reservation is free again when the lease
        ends.

        Args:
            lease: the lease, its scope or its handle.
            purse: the purse's name; it need not be one that the task reserves from.
            n: the amount, 0 or more, in the purse's own unit.
            coordination: whether it was spent on talking to other agents and not on the work; counted
                separately. By default it was the work.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            What is left in the purse and not reserved; below zero it is in debt.

        Raises:
            LeaseLostError: the lease is over; nothing was charged.
            PurseError: there is no such purse; `purse` makes one.

        """
        return await self._board.spent(
            self._own(lease),
            purse,
            n,
            coordination=coordination,
            request_id=request_id,
        )

    async def decline(
        self,
        what: LeaseLike | TaskLike,
        seconds: Seconds | None = None,
        reason: str = "",
        *,
        all: bool = False,
        request_id: str | None = None,
    ) -> None:
        """
        Say "not now, not me": give a lease back at once, or turn down a task on offer.

        Others may take the task; this agent is not offered it for a while. It costs neither an attempt nor
        standing. Each time the same agent declines the same task, the time doubles.

        Args:
            what: the lease (its scope, or its handle "id#token"), or a task that is on offer.
            seconds: how long; None means until the task or the agent's advert changes. Naming the task in a
                claim overrules the decline.
            reason: a reason for `explain`, such as "429"; its first 500 characters.
            all: the agent wants no task at all for that long, for example because it is rate-limited.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Raises:
            LeaseLostError: the task is no longer the caller's; nothing was changed.
            ForeignLeaseError: the lease is not that of `agent`.
            NotOfferedError: the agent could not take this task now, so there is nothing to decline.
            TaskNotFoundError: the task is unknown or forgotten.

        """
        await self._board.decline(what, seconds, reason, agent=self.name, all=all, request_id=request_id)

    async def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """
        Keep a progress note with a leased task, for others to read and for the next holder.

        Args:
            lease: the lease, its scope or its handle.
            note: any JSON value; it replaces the previous note.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Raises:
            LeaseLostError: the task is no longer the caller's; stop working on it.

        """
        await self._board.progress(self._own(lease), note, request_id=request_id)

    async def adopt(self, *, force: bool = False, request_id: str | None = None) -> list[Lease]:
        """
        Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off.

        Args:
            force: also take leases whose holder has been heard within two thirds of the lease's length and is
                not known to be dead. By default, a second session of one name does not take the work of the
                first.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of the new Leases; an empty list if there was nothing to take.

        """
        return await self._board.adopt(self.name, force=force, request_id=request_id)

    async def release_all(self, *, request_id: str | None = None) -> int:
        """
        Give back everything that an agent holds; the attempts do not count.

        Args:
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The number of leases and locks.

        """
        return await self._board.release_all(self.name, request_id=request_id)

    async def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """
        Wait for a task to end, successfully or not.

        Args:
            task: the task, its ticket or its id.
            timeout: seconds to wait; None waits for ever.

        Returns:
            An Outcome with the state in which the task ended, the result and the reason.

        Raises:
            TimeoutError: it has not ended; the message says why.
            TaskNotFoundError: it is unknown or forgotten.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        """
        return await self._board.outcome(task, timeout=timeout)

    async def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """
        Wait for the result of a task.

        Args:
            task: the task, its ticket or its id.
            timeout: seconds to wait; None waits for ever.

        Returns:
            The JSON value with which it was completed.

        Raises:
            TaskFailedError: it failed; the error says why, and has the outcome. `requeue` starts it again.
            TaskDroppedError: it was cancelled.
            TimeoutError: it has not ended; the message says why.
            TaskNotFoundError: it is unknown or forgotten.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        """
        return await self._board.result(task, timeout=timeout)

    async def results(
        self,
        tasks: Iterable[TaskLike],
        *,
        timeout: Seconds | None = None,
        return_exceptions: bool = False,
    ) -> list[Any]:
        """
        Wait for the results of several tasks.

        Args:
            tasks: tasks, tickets or ids.
            timeout: seconds to wait for all together; None waits for ever.
            return_exceptions: put the error of a task in the place of its result. By default the first one is
                raised.

        Returns:
            A list of the results in the order of `tasks`.

        Raises:
            TaskFailedError, TaskDroppedError, TimeoutError, TaskNotFoundError, DeadlockError, ClosedError: as
                in `result`, for the first task in this order without a result.

        """
        return await self._board.results(tasks, timeout=timeout, return_exceptions=return_exceptions)

    def lock(
        self,
        *names: str,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
    ) -> AsyncLockHold:
        """
        Return a scope that locks all names or none: it waits at its entry and unlocks at its exit.

        Args:
            names: resources, such as paths; 1 to 512 bytes each, 256 at most. "src/" covers everything below
                it.
            lease_ttl: seconds that a lock lasts without renewal (the scope renews it); by default as the
                board says.
            timeout: seconds to wait at the entry; None waits for ever.
            holder: a name, such as a session's id; scopes with the same holder may re-enter. Without it,
                another scope of the same agent waits like anybody else.
            shared: whether others that also lock shared may be inside at the same time.

        Returns:
            A scope; within it, it has the lock's `token` for `Guard`.

        Raises:
            TimeoutError: at the entry: others held a name for all that time; the message says who.
            QuarantinedError: at the entry: the agent may not change the shared state.
            LeaseLostError: at the exit: the lock ran out in between; others may have been inside.
            ClosedError: the coordinator was closed during the wait.

        """
        return self._board.lock(
            *names,
            agent=self.name,
            lease_ttl=lease_ttl,
            timeout=timeout,
            holder=holder,
            shared=shared,
        )

    async def lock_nowait(
        self,
        *names: str,
        lease_ttl: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
        request_id: str | None = None,
    ) -> Lease:
        """
        Lock all names now, or none. Nobody renews the lock: `release` it, or let it expire.

        Args:
            names: as in `lock`.
            lease_ttl: seconds that the lock lasts; by default as the board says.
            holder: as in `lock`.
            shared: as in `lock`.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The Lease of the lock, with its `token` and `names`.

        Raises:
            HeldError: somebody else holds one of the names; the error says who, and for how long at most.
            QuarantinedError: the agent may not change the shared state.

        """
        return await self._board.lock_nowait(
            *names,
            agent=self.name,
            lease_ttl=lease_ttl,
            holder=holder,
            shared=shared,
            request_id=request_id,
        )

    def lock_files(
        self,
        *paths: Path,
        root: Path = ".",
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
    ) -> AsyncLockHold:
        """
        Return a scope that locks files, however their paths are spelled; otherwise it is as `lock`.

        Args:
            paths: files, and folders with everything below them; absolute, or relative to the root.
            root: the folder that names are relative to, such as the repository's; it must be the same for all
                users of a board. By default the current folder.
            lease_ttl: as in `lock`.
            timeout: as in `lock`.
            holder: as in `lock`.
            shared: as in `lock`.

        Returns:
            A scope, as `lock` does.

        Raises:
            ValueError: a path lies outside the root.
            TimeoutError, QuarantinedError, LeaseLostError, ClosedError: as in `lock`.

        """
        return self._board.lock_files(
            *paths,
            agent=self.name,
            root=root,
            lease_ttl=lease_ttl,
            timeout=timeout,
            holder=holder,
            shared=shared,
        )

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
            task: the task to add.
            if_exists: what to do if there is a task of this id. "same" returns its ticket if it is equal, and
                refuses a different one; "keep" keeps the existing task; "replace" replaces it if nobody has
                started it; "rerun" starts a FAILED one again with this content. It is not about keys.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A Ticket with the task's `id` and `state`, and whether this call `created` it.

        Raises:
            TaskExistsError: the id belongs to another task; use another id, or `if_exists`. Or the key
                belongs to the unfinished task `task_id`; leave this one out until that one has ended.
            DependencyError: a need is unknown, or there is a cycle; submit the need first.
            IllegalTransitionError: the existing task cannot be replaced or rerun in its state.
            LimitError: the payload is larger than 1 MiB, or the task has more than 10,000 parts.
            FieldNotHonouredError: a field means nothing to this strategy; the error names the one that
                honours it.
            PurseError: it reserves from a purse that is unknown or can never pay; `purse` makes one.
            RequirementError: `requires` contradicts a route of the board, or asks for a proof that it does
                not have.

        """
        return await self._board.submit(task, if_exists=if_exists, request_id=request_id)

    async def submit_many(
        self,
        tasks: Iterable[Task],
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> list[Ticket]:
        """
        Add a batch: all of it, or nothing. Tasks of a batch may need each other, in any order.

        Args:
            tasks: the tasks to add, at most 10,000 with their parts.
            if_exists: as in `submit`, for each of them.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of their Tickets in the same order.

        Raises:
            TaskExistsError: an id or a `key` is taken, and nothing was added. If it is a key, leave that task
                out and submit the rest.
            DependencyError, IllegalTransitionError, LimitError, FieldNotHonouredError, PurseError,
                RequirementError: as in `submit`, for one of them; nothing was added.

        """
        return await self._board.submit_many(tasks, if_exists=if_exists, request_id=request_id)

    async def claim(
        self,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> Lease:
        """
        Wait for a task and lease it.

        Args:
            task: a particular task; by default the best one.
            kinds: only tasks of these kinds.
            lease_ttl: seconds that the lease lasts; by default as the task or the board says.
            timeout: seconds to wait; None waits for ever.

        Returns:
            A Lease with the task's id, payload and inputs. Hold it in `work`, or end it with `complete`,
            `fail` or `release`.

        Raises:
            TimeoutError: no task could be claimed in time; the message says why.
            TaskNotFoundError, IllegalTransitionError: the particular task is unknown, or has ended.
            AgentGoneError: the agent was retired during the wait; end this process, or join again.
            AdvertRefusedError: a newer start of the agent has advertised during the wait; end this one.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        """
        return await self._board.claim(
            self.name,
            task=task,
            kinds=kinds,
            lease_ttl=lease_ttl,
            timeout=timeout,
        )

    async def claim_nowait(
        self,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Lease | None:
        """
        Lease a task if one may run now, otherwise return None. `claim` waits for one.

        Args:
            task: a particular task; by default the best one.
            kinds: only tasks of these kinds.
            lease_ttl: seconds that the lease lasts; by default as the task or the board says.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A Lease as from `claim`, or None if no task may run now.

        Raises:
            TaskNotFoundError, IllegalTransitionError: the particular task is unknown, or has ended.

        """
        return await self._board.claim_nowait(
            self.name,
            task=task,
            kinds=kinds,
            lease_ttl=lease_ttl,
            request_id=request_id,
        )

    async def claim_many(
        self,
        count: int,
        *,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> list[Lease]:
        """
        Lease several tasks that may run now, in one step.

        Args:
            count: most tasks to lease, 1 to 10,000.
            kinds: only tasks of these kinds; by default of any.
            lease_ttl: seconds that each lease lasts; by default as the task or the board says.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of Leases in the order of claiming; an empty list if nothing may run.

        """
        return await self._board.claim_many(
            self.name,
            count,
            kinds=kinds,
            lease_ttl=lease_ttl,
            request_id=request_id,
        )

    def claims(
        self,
        *,
        until: Until = "closed",
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
    ) -> AsyncIterator[Lease]:
        """
        Iterate over leases, waiting for each.

        Args:
            until: when to end: "closed", when the coordinator closes; "drained", when no task is unfinished;
                "idle", when nothing may run now.
            kinds: only tasks of these kinds; by default of any.
            lease_ttl: as in `claim`.

        Yields:
            Leases. End each before the next: hold it in `work`, or end it with `complete`, `fail` or
            `release`.

        Raises:
            ClosedError: with "drained", the coordinator closed while tasks were unfinished.
            AgentGoneError, AdvertRefusedError: the agent was retired, or started again elsewhere, during a
                wait.
            DeadlockError: as in `claim`.

        """
        return self._board.claims(self.name, until=until, kinds=kinds, lease_ttl=lease_ttl)

    def work(self, lease: Lease, *, timeout: Seconds | None = None, on_error: OnError = "raise") -> AsyncHold:
        """
        Return the scope that holds a lease: it renews, then completes, fails or releases.

        Args:
            lease: the lease that a claim returned.
            timeout: seconds after which the attempt is failed; by default never.
            on_error: "raise" re-raises an exception of the body after failing the attempt, and raises
                LeaseLostError if the lease was lost. "log" logs both to "ants_coord" and goes on after the
                scope, so that a loop survives failed tasks.

        Returns:
            A scope. Within it, set its `result`; it also has `payload`, `inputs`, `progress` and more.

        Raises:
            LeaseLostError: at the exit: the lease was lost, or the attempt failed because of `timeout` while
                the body went on. The result is refused: drop it.
            TimeoutError: at the exit, on an event loop: the body was cancelled after `timeout`; a thread
                cannot be stopped.

        """
        return self._board.work(self._own(lease), timeout=timeout, on_error=on_error)

    def keep_alive(self, lease: Lease) -> AsyncKeepAlive:
        """
        Return a scope that renews a lease and does nothing else. `work` also ends the task.

        Args:
            lease: the lease that a claim returned.

        Returns:
            A scope; its `lost` says whether the lease is known to be gone. In that case, stop working on the
            task.

        """
        return self._board.keep_alive(self._own(lease))

    async def serve(
        self,
        handlers: Handlers,
        *,
        concurrency: int = 1,
        agents: Literal["as needed"] | None = None,
        most: int = 20,
        until: Until = "closed",
        timeout: Seconds | None = None,
        lease_ttl: Seconds | None = None,
        signals: bool = False,
    ) -> Served:
        """
        Run a worker: claim, renew, run the handler, complete or fail, and repeat.

        Args:
            handlers: one function for every task, or {kind: function}; plain or async. A handler gets the
                Hold and returns the result.
            concurrency: number of tasks at a time.
            agents: "as needed" starts with one task at a time. It adds one only if ready work waits longer
                than a task takes and the last addition raised the rate of completions, and removes one that
                did not pay off or had nothing to do. Each decision is logged and returned.
            most: most tasks at a time, with agents="as needed".
            until: as in `claims`.
            timeout: seconds after which an attempt is failed; by default never.
            lease_ttl: as in `claim`.
            signals: drain at the first SIGINT or SIGTERM, give everything back at the second.

        Returns:
            A Served: how many attempts were `completed`, `failed`, `released` or `lost`, and seconds of work.

        Raises:
            ClosedError: with until="drained", the coordinator closed while tasks were unfinished.
            AgentGoneError, AdvertRefusedError: the agent was retired, or started again elsewhere, during a
                wait.

        """
        return await self._board.serve(
            handlers,
            agent=self.name,
            concurrency=concurrency,
            agents=agents,
            most=most,
            until=until,
            timeout=timeout,
            lease_ttl=lease_ttl,
            signals=signals,
        )

# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
An agent's own handle on a coordinator for threads: the verbs with the agent's name bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..fronts.agent import Handle

if TYPE_CHECKING:
    from collections.abc import Iterator, Iterable
    from typing import Any, Literal
    from ..fronts.hold import Hold, KeepAlive, LockHold
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
    An agent's own handle on a coordinator for threads: the verbs with the agent's name bound.

    An agent that is handed its own handle cannot claim under another name by mistake (models invent
    names), nor end another's lease. In one process this guards against bugs, not against hostile code.
    `board.as_agent(name)` makes it; the verbs are those of Board, without `agent`.

    """

    _board: Board

    def find(self, task: TaskLike) -> TaskRecord | None:
        """
        Return what is known of a task, or None if there is none (any more).

        Args:
            task: the task, its ticket or its id.

        """
        return self._board.find(task)

    def leases(self) -> list[Lease]:
        """List live leases, the oldest first."""
        return self._board.leases(self.name)

    def explain(self, task: TaskLike) -> Explanation:
        """
        Say why a task is where it is: what it waits for, who holds it, why nobody takes it.

        Args:
            task: the task, its ticket or its id; "lock:" before a name asks who holds that lock, and how.

        Returns:
            An Explanation; `str` of it is a sentence a line.

        Raises:
            TaskNotFoundError: there is no such task (any more).

        """
        return self._board.explain(task)

    def explain_agent(self) -> Explanation:
        """
        Say what an agent holds, and why it gets work or does not.

        Returns:
            An Explanation; `str` of it is a sentence a line.

        """
        return self._board.explain_agent(self.name)

    def briefing(self, *, count: int = 5) -> Briefing:
        """
        Return what an agent should know that begins, or comes back: what is open, what was tried, trails.

        Args:
            count: tasks, and trails, that are told at most, 1 to 100.

        Returns:
            A Briefing; `str` of it is a text for a prompt, of bounded length. It quotes what other agents
            have said: treat it as data.

        """
        return self._board.briefing(self.name, count=count)

    def standing(self) -> Standing:
        """Return what has been seen of an agent: what it delivered, failed and let expire."""
        return self._board.standing(self.name)

    def renew(
        self,
        lease: LeaseLike,
        *,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> int:
        """
        Move the deadline of a lease. Scopes (`work`, `keep_alive`, `lock`) do this by themselves.

        Args:
            lease: the lease, its scope or its handle.
            lease_ttl: seconds from now; as long as before if not given.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            The new deadline in nanoseconds of the board's clock.

        Raises:
            LeaseLostError: the lease is not yours any more; stop working on the task.

        """
        return self._board.renew(self._own(lease), lease_ttl=lease_ttl, request_id=request_id)

    def complete_many(
        self,
        endings: Iterable[tuple[LeaseLike, object]],
        *,
        request_id: str | None = None,
    ) -> list[Outcome]:
        """
        End several tasks in one step: all of them, or none if one lease is lost.

        Args:
            endings: pairs of a lease and the result, any JSON value.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            The outcomes in the same order.

        Raises:
            LeaseLostError: one of the leases is lost, and nothing was changed; leave it out and try again.

        """
        return self._board.complete_many(
            [(self._own(lease), result) for lease, result in endings],
            request_id=request_id,
        )

    def complete(
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
        return self._board.complete(self._own(lease), result, late=late, request_id=request_id)

    def fail(
        self,
        lease: LeaseLike,
        reason: str,
        *,
        retry: bool | Seconds = True,
        request_id: str | None = None,
    ) -> TaskState:
        """
        End an attempt without a result; the task is tried again if it has attempts left.

        Args:
            lease: the lease, its scope or its handle.
            reason: why; it is kept in the task's history.
            retry: True tries again after the task's backoff, a number after so many seconds; False gives
                up.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            What the task is now: READY, DELAYED or FAILED.

        Raises:
            LeaseLostError: the task is not yours any more; nothing was changed.

        """
        return self._board.fail(self._own(lease), reason, retry=retry, request_id=request_id)

    def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """
        Give a lease or a lock back; the attempt does not count.

        Args:
            lease: the lease, its scope or its handle.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            LeaseLostError: it is not yours any more, so there is nothing to give back.

        """
        self._board.release(self._own(lease), request_id=request_id)

    def split(
        self,
        lease: LeaseLike,
        tasks: Iterable[Task],
        *,
        request_id: str | None = None,
    ) -> list[Ticket]:
        """
        Let a leased task wait for new parts: the lease ends, and the attempt is not counted.

        The task keeps its id. When its parts are DONE it can be claimed again, and the next holder gets
        their results as inputs. If one fails, the task is cancelled with the reason, or runs anyway with
        `if_need_fails="run"`.

        Args:
            lease: what is held: the lease, its scope or its handle.
            tasks: the parts, under new ids; they may need each other, and other tasks.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            LeaseLostError, TaskExistsError, DependencyError (a circle), LimitError (parts of parts are 16
            deep at most); nothing is changed.

        """
        return self._board.split(self._own(lease), tasks, request_id=request_id)

    def spent(
        self,
        lease: LeaseLike,
        purse: str,
        n: int,
        *,
        coordination: bool = False,
        request_id: str | None = None,
    ) -> int:
        """
        Charge a purse for what work under a lease has cost so far; each call adds to the earlier ones.

        It is taken from what the task has reserved (`spends`), beyond that from what the purse has left;
        below zero the purse owes it. What was reserved and not spent is free again when the lease ends.

        Args:
            lease: what is held: the lease, its scope or its handle.
            purse: the purse's name; it need not be one that the task reserves from.
            n: how much, 0 or more.
            coordination: whether it went into talking to other agents, and not into the work; counted apart.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            What the purse has left that nobody has reserved; below zero it is in debt.

        Raises:
            LeaseLostError: the lease is over; nothing was charged.
            PurseError: there is no such purse.

        """
        return self._board.spent(
            self._own(lease),
            purse,
            n,
            coordination=coordination,
            request_id=request_id,
        )

    def decline(
        self,
        what: LeaseLike | TaskLike,
        seconds: Seconds | None = None,
        reason: str = "",
        *,
        all: bool = False,
        request_id: str | None = None,
    ) -> None:
        """
        Say "not now, not me": a lease goes back at once, a task on offer is turned down.

        Others may take it; this agent is not offered it for a while. It costs neither an attempt nor
        standing, but each time that the same agent declines the same task, the time doubles.

        Args:
            what: the lease (its scope, or its handle "id#token"), or a task that is on offer.
            seconds: for how long; None is until the task, or what the agent says of itself, changes.
                Naming the task in a claim overrules it.
            reason: for `explain`, such as "429".
            all: the agent wants nothing at all for that long, such as when it is rate-limited.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            LeaseLostError: the task is not yours any more; nothing was changed.
            NotOfferedError: the agent could not take this task now.

        """
        self._board.decline(what, seconds, reason, agent=self.name, all=all, request_id=request_id)

    def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """
        Keep a progress note with a leased task, for others to read and for the next holder.

        Args:
            lease: the lease, its scope or its handle.
            note: any JSON value; it replaces the note before.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            LeaseLostError: the task is not yours any more; stop working on it.

        """
        self._board.progress(self._own(lease), note, request_id=request_id)

    def adopt(self, *, force: bool = False, request_id: str | None = None) -> list[Lease]:
        """
        Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off.

        Args:
            force: also those whose holder has been heard within two thirds of the lease's length and is not
                known to be dead. Without it a second session of one name does not take the work of the first.
            request_id: makes a repeat of this call answer the first reply.

        """
        return self._board.adopt(self.name, force=force, request_id=request_id)

    def release_all(self, *, request_id: str | None = None) -> int:
        """
        Give back everything that an agent holds; the attempts do not count.

        Args:
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            How many leases and locks.

        """
        return self._board.release_all(self.name, request_id=request_id)

    def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """
        Wait for a task to end, whether well or not.

        Args:
            task: the task, its ticket or its id.
            timeout: seconds to wait; None waits for ever.

        Returns:
            An Outcome with the state in which it ended, the result and the reason.

        Raises:
            TimeoutError: it goes on. TaskNotFoundError: there is no such task (any more). ClosedError.

        """
        return self._board.outcome(task, timeout=timeout)

    def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """
        Wait for the result of a task.

        Args:
            task: the task, its ticket or its id.
            timeout: seconds to wait; None waits for ever.

        Returns:
            The JSON value with which it was completed.

        Raises:
            TaskFailedError, TaskDroppedError: it ended without one; the error says why.
            TimeoutError: it goes on. TaskNotFoundError: there is no such task (any more). ClosedError.

        """
        return self._board.result(task, timeout=timeout)

    def results(
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
            return_exceptions: put the error of a task without a result where its result would be,
                instead of raising the first one.

        Returns:
            The results in the order of `tasks`.

        Raises:
            TaskFailedError, TaskDroppedError, TimeoutError, TaskNotFoundError, ClosedError: as in
            `result`, for the first task in this order that has none.

        """
        return self._board.results(tasks, timeout=timeout, return_exceptions=return_exceptions)

    def lock(
        self,
        *names: str,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
    ) -> LockHold:
        """
        Return a scope that locks all names or none: it waits on entry and frees on exit.

        Args:
            names: resources, such as paths; 1 to 512 bytes each. "src/" covers all below it.
            lease_ttl: seconds a lock lasts without renewal (the scope renews).
            timeout: seconds to wait on entry; None waits for ever.
            holder: a name for those that may enter again, such as a session's id. Without it this scope is
                the only one: another of the same agent waits like anybody else.
            shared: whether others that lock shared may be inside at the same time.

        """
        return self._board.lock(
            *names,
            agent=self.name,
            lease_ttl=lease_ttl,
            timeout=timeout,
            holder=holder,
            shared=shared,
        )

    def lock_nowait(
        self,
        *names: str,
        lease_ttl: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
        request_id: str | None = None,
    ) -> Lease:
        """
        Lock all names now, or raise HeldError; nobody renews it: `release` it, or let it run out.

        Args:
            names: as in `lock`.
            lease_ttl: seconds the lock lasts.
            holder: as in `lock`.
            shared: as in `lock`.
            request_id: makes a repeat of this call answer the first reply.

        """
        return self._board.lock_nowait(
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
    ) -> LockHold:
        """
        Return a scope that locks files, whatever way their paths are spelled; otherwise as `lock`.

        Args:
            paths: files and folders (these with all below), absolute or relative to the root.
            root: the folder that names are relative to, such as that of the repository; the same one for
                all that share a board.
            lease_ttl: as in `lock`.
            timeout: as in `lock`.
            holder: as in `lock`.
            shared: as in `lock`.

        Raises:
            ValueError: a path lies outside the root.

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

    def submit(
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
        return self._board.submit(task, if_exists=if_exists, request_id=request_id)

    def submit_many(
        self,
        tasks: Iterable[Task],
        *,
        if_exists: Literal["same", "keep", "replace", "rerun"] = "same",
        request_id: str | None = None,
    ) -> list[Ticket]:
        """
        Add a batch: all of it, or nothing. Tasks of a batch may need each other, in any order.

        Args:
            tasks: what to do.
            if_exists: as in `submit`, for each of them.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            Their tickets in the same order.

        Raises:
            TaskExistsError, DependencyError, IllegalTransitionError, LimitError, FieldNotHonouredError:
            what is wrong with one of them; nothing was added. ClosedError.

        """
        return self._board.submit_many(tasks, if_exists=if_exists, request_id=request_id)

    def claim(
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
            task: a particular task.
            kinds: only these kinds.
            lease_ttl: seconds the lease lasts; the task's or the board's if not given.
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError, ClosedError; for a particular task also TaskNotFoundError and
            IllegalTransitionError (it has ended).

        """
        return self._board.claim(
            self.name,
            task=task,
            kinds=kinds,
            lease_ttl=lease_ttl,
            timeout=timeout,
        )

    def claim_nowait(
        self,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Lease | None:
        """
        Lease a task if one may run now, else return None. `claim` waits for one.

        Args:
            task: a particular task.
            kinds: only these kinds.
            lease_ttl: seconds the lease lasts; the task's or the board's if not given.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            TaskNotFoundError, IllegalTransitionError: a particular task is not there, or has ended.
            ClosedError.

        """
        return self._board.claim_nowait(
            self.name,
            task=task,
            kinds=kinds,
            lease_ttl=lease_ttl,
            request_id=request_id,
        )

    def claim_many(
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
            count: how many at most.
            kinds: only these kinds.
            lease_ttl: seconds each lease lasts; the task's or the board's if not given.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            The leases in the order of claiming; none if nothing may run.

        """
        return self._board.claim_many(
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
    ) -> Iterator[Lease]:
        """
        Iterate over leases, waiting for each.

        Args:
            until: "closed" goes on until the coordinator closes; "drained" ends when no task
                is unfinished, and raises ClosedError if the coordinator closes before; "idle"
                ends when nothing may run now.
            kinds: only these kinds.
            lease_ttl: as in `claim`.

        """
        return self._board.claims(self.name, until=until, kinds=kinds, lease_ttl=lease_ttl)

    def work(self, lease: Lease, *, timeout: Seconds | None = None, on_error: OnError = "raise") -> Hold:
        """
        Return the scope that holds a lease: it renews, then completes, fails or releases.

        Args:
            lease: what a claim returned.
            timeout: seconds after which the attempt is failed.
            on_error: "raise" lets an exception of the body go on after it has failed the attempt,
                and raises LeaseLostError if the lease was lost. "log" tells both to the logger
                "ants_coord" and goes on after the scope, so that a loop outlives its tasks.

        """
        return self._board.work(self._own(lease), timeout=timeout, on_error=on_error)

    def keep_alive(self, lease: Lease) -> KeepAlive:
        """
        Return a scope that renews a lease and does nothing else. `work` ends it, too.

        Args:
            lease: what a claim returned.

        """
        return self._board.keep_alive(self._own(lease))

    def serve(
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
        Work: claim, keep alive, run the handler, complete or fail; until there is no more.

        Args:
            handlers: one function for every task, or {kind: function}; plain or async.
                Each gets the Hold and returns the result.
            concurrency: how many tasks at a time.
            agents: "as needed" begins with one task at a time, adds one more only while ready work waits
                longer than a task takes and the last addition raised completions, and takes one away
                where it did not, or had nothing to do; each decision is logged and returned.
            most: tasks at a time at most, with agents="as needed".
            until: as in `claims`.
            timeout: seconds after which an attempt is failed.
            lease_ttl: as in `claim`.
            signals: drain at the first SIGINT or SIGTERM, give everything back at the second.

        Returns:
            What was done, counted.

        """
        return self._board.serve(
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

# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
The verbs that change what is there: ending and steering.

Submitting, claiming and holding are in board.py, locking in locks.py; `Board` has all verbs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from ..commands.shared import (
    Adopt,
    Command,
    Configure,
    Pause,
    ReleaseAll,
    Renewed,
    Requeue,
    Resume,
    SetLimit,
    Vouch,
)
from ..core.work import short
from ..errors import LeaseLostError
from ..fronts import arguments
from ..fronts.arguments import LeaseLike, Seconds, TaskLike
from ..fronts.build import changed
from ..values.checks import check_name, count
from ..values.payloads import NESTS, json_value
from ..values.settings import Settings
from ..values.tasks import Lease, Outcome, Task, TaskState, Ticket, private
from .reading import Reading

__all__ = ["Verbs"]

R = TypeVar("R")


class Verbs(Reading):
    """The verbs that change what is there."""

    def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """
        Carry any command out; the verbs are the ordinary way.

        Args:
            command: a command of ants_coord.commands.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            The command's reply.

        Raises:
            CoordinationError: what the core refuses; nothing was changed.

        """
        return self._engine.execute(command, request_id)

    def renew(
        self, lease: LeaseLike, *, lease_ttl: Seconds | None = None, request_id: str | None = None
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
        answer = (self._engine.execute(arguments.renew((lease,), lease_ttl), request_id))[0]
        if isinstance(answer, Renewed):
            return answer.expires_ns
        raise LeaseLostError(arguments.pair(lease)[0], answer.token, answer.reason)

    def complete_many(
        self, endings: Iterable[tuple[LeaseLike, object]], *, request_id: str | None = None
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
        command = arguments.complete_many(endings)
        ended = self._engine.execute(command, request_id)
        return [private(one) if one.result.__class__ in NESTS else one for one in ended]

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
        engine = self._engine
        if engine.is_short and lease.__class__ is Lease and late == "refuse" and request_id is None:
            value = json_value(result, "result")
            outcome: Outcome = engine.short(short.complete, (lease.task, lease.token, value))
            if outcome is not NotImplemented:
                return private(outcome) if value.__class__ in NESTS else outcome
        command = arguments.complete(lease, result, late, self._engine)
        outcome = self._engine.execute(command, request_id)
        return outcome if outcome.result.__class__ not in NESTS else private(outcome)

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
        return self._engine.execute(arguments.fail(lease, reason, retry), request_id)

    def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """
        Give a lease or a lock back; the attempt does not count.

        Args:
            lease: the lease, its scope or its handle.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            LeaseLostError: it is not yours any more, so there is nothing to give back.

        """
        self._engine.execute(arguments.release(lease), request_id)

    def split(
        self, lease: LeaseLike, tasks: Iterable[Task], *, request_id: str | None = None
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
        return list(self._engine.execute(arguments.split(lease, tasks), request_id))

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
        return self._engine.execute(arguments.spent(lease, purse, n, coordination), request_id)

    def decline(
        self,
        what: LeaseLike | TaskLike,
        seconds: Seconds | None = None,
        reason: str = "",
        *,
        agent: str | None = None,
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
            agent: the agent that declines a task; a lease names its holder itself.
            all: the agent wants nothing at all for that long, such as when it is rate-limited.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            LeaseLostError: the task is not yours any more; nothing was changed.
            NotOfferedError: the agent could not take this task now.

        """
        command = arguments.decline(what, seconds, reason, agent, everything=all)
        self._engine.execute(command, request_id)

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
        self._engine.execute(arguments.note(lease, note), request_id)

    def adopt(self, agent: str, *, force: bool = False, request_id: str | None = None) -> list[Lease]:
        """
        Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off.

        Args:
            agent: whose leases.
            force: also those whose holder has been heard within two thirds of the lease's length and is not
                known to be dead. Without it a second session of one name does not take the work of the first.
            request_id: makes a repeat of this call answer the first reply.

        """
        return list(self._engine.execute(Adopt(arguments.agent_name(agent), force), request_id))

    def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """
        Give back everything that an agent holds; the attempts do not count.

        Args:
            agent: whose leases and locks.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            How many leases and locks.

        """
        return self._engine.execute(ReleaseAll(arguments.agent_name(agent)), request_id)

    def cancel(
        self, task: TaskLike, *, reason: str = "cancelled", request_id: str | None = None
    ) -> None:
        """
        Drop a task, and what needs it. A holder learns it at once, or at its next call.

        Args:
            task: the task, its ticket or its id.
            reason: why; those that wait for the result are told.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            TaskNotFoundError: there is no such task (any more).
            IllegalTransitionError: it has ended already.

        """
        self._engine.execute(arguments.cancel(task, reason), request_id)

    def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """
        Bring a FAILED task back with fresh attempts, and the tasks that its failure had cancelled.

        Args:
            task: the task, its ticket or its id.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            TaskNotFoundError: there is no such task (any more).
            IllegalTransitionError: it has not failed.

        """
        return self._engine.execute(Requeue(arguments.task_id(task)), request_id)

    def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """
        Say how many tasks that name a limit may be leased at once; 1 until told.

        Args:
            name: the limit, as in Task(limit=...).
            n: how many; 0 lets none.
            request_id: makes a repeat of this call answer the first reply.

        """
        self._engine.execute(SetLimit(check_name(name, "limit"), count(n, "n", least=0)), request_id)

    def purse(
        self, name: str, amount: int, *, per: Seconds | None = None, request_id: str | None = None
    ) -> None:
        """
        Say how much tasks with `spends` may consume of something: tokens, money, calls.

        Tasks wait while the purse cannot pay; `explain` says until when, `statistics().parts["purses"]`
        what is left. The same again changes nothing; another amount leaves what was spent spent.

        Args:
            name: the purse, as in Task(spends={name: n}).
            amount: how much; 0 lets nothing be spent.
            per: seconds of a window, such as 86_400 for a day (of UTC) or 60 for a rate limit; each begins
                with the whole amount again, less what is owed. Without it the amount is all there is.
            request_id: makes a repeat of this call answer the first reply.

        """
        self._engine.execute(arguments.purse(name, amount, per), request_id)

    def pause(self, *, request_id: str | None = None) -> None:
        """
        Stop all claims until `resume`; what is held goes on.

        Args:
            request_id: makes a repeat of this call answer the first reply.

        """
        self._engine.execute(Pause(), request_id)

    def resume(self, *, request_id: str | None = None) -> None:
        """
        Allow claims again after `pause`.

        Args:
            request_id: makes a repeat of this call answer the first reply.

        """
        self._engine.execute(Resume(), request_id)

    def configure(self, *, request_id: str | None = None, **changes: Any) -> Settings:
        """
        Change settings for everybody who uses this board.

        Args:
            request_id: makes a repeat of this call answer the first reply.
            changes: names and values as in Settings; what is not named stays.

        Returns:
            All settings as they are now.

        Raises:
            TypeError, ValueError: there is no such setting, or it cannot have this value; both are named.

        """
        command = Configure(changed(self.settings(), changes))
        return self._engine.execute(command, request_id)

    def extend(
        self, to: Literal["matchmaker", "blackboard"], *, request_id: str | None = None
    ) -> Settings:
        """
        Make this board one of a strategy that can do more, for good and for everybody.

        Tasks, leases and settings stay. Opening never does that: the wrong class is refused.

        Args:
            to: "matchmaker" (from a ClaimQueue), or "blackboard" (from either).
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            All settings as they are now.

        Raises:
            ValueError: there is no such strategy.
            SettingsError: the board can do more than that already.

        """
        has = self.settings()
        command = arguments.extend(has, to, self._engine)
        return self._engine.execute(command, request_id)

    def vouch(self, agent: str, principal: str, *, by: str) -> bool:
        """
        Say who vouches for an agent: agents of one principal do not check each other's results.

        Args:
            agent: whom it is about; an agent that nobody vouches for is its own principal.
            principal: who vouches for it, a name: a person, a team, a provider.
            by: a name for the record; it is kept in the event.

        Returns:
            Whether that was news.

        """
        command = Vouch(arguments.agent_name(agent), check_name(principal, "principal"), check_name(by, "by"))
        return self._engine.execute(command)

# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
The verbs that change something: ending tasks, and steering the board.

Submitting, claiming and holding are in board.py, locking in locks.py; `Board` has all verbs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeVar, Unpack

from ..commands.purses import SetPurse
from ..commands.shared import (
    MAX_BATCH,
    Adopt,
    Cancel,
    Command,
    CompleteMany,
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
from ..errors import LeaseLostError, LimitError
from ..fronts import arguments
from ..fronts.arguments import LeaseLike, Seconds, TaskLike
from ..fronts.build import AnySettings, changed
from ..frozen import evolve
from ..values.checks import check_name, count, flag, listed, quoted
from ..values.checks import seconds as seconds_of
from ..values.payloads import NESTS, json_value
from ..values.settings import Settings
from ..values.tasks import Lease, Outcome, Task, TaskState, Ticket, private
from .reading import Reading

R = TypeVar("R")
_SHORTEST_WINDOW = 0.01
"""seconds; a shorter window of a purse would only wake everybody up"""


class Verbs(Reading):
    """The verbs that change something."""

    def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """
        Carry out any command. Normally use the verbs.

        Args:
            command: a command of ants_coord.commands.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The command's reply.

        Raises:
            CoordinationError: the command was refused; nothing was changed.
            ValueError: a field of the command has a wrong type or value; nothing was changed.

        Example:
            >>> from ants_coord.commands.shared import SetLimit
            >>> board = ClaimQueue()
            >>> board.execute(SetLimit("api", 2))

        """
        if not isinstance(command, Command):
            raise TypeError(f"command must be one of ants_coord.commands, not {quoted(command)}")
        from ..journals.codec import check_made_by_hand  # noqa: PLC0415 - a board in memory has no codec otherwise

        # it did not come from a verb, and a log that holds it must be readable again
        check_made_by_hand(command)
        return self._engine.execute(command, request_id)

    def renew(
        self, lease: LeaseLike, *, lease_ttl: Seconds | None = None, request_id: str | None = None
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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> lease = board.claim("ann", lease_ttl=10)
            >>> board.renew(lease, lease_ttl=60) > lease.expires_ns
            True

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
            endings: pairs of a lease (or its scope, or its handle) and its result, any JSON value; at most
                10,000.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of Outcomes in the same order.

        Raises:
            LeaseLostError: one of the leases is lost, and nothing was changed; leave it out and try again.
            VerdictError: one of the tasks is a check, and its result no verdict; nothing was changed.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = board.submit_many([Task("a"), Task("b")])
            >>> leases = board.claim_many("ann", 2)
            >>> ended = board.complete_many((lease, lease.task * 2) for lease in leases)
            >>> [outcome.result for outcome in ended]
            ['aa', 'bb']

        """
        wanted = listed(endings, "endings", "a list of pairs (lease, result)")
        for each in wanted:
            if not isinstance(each, (tuple, list)) or len(each) != 2:
                raise TypeError(f"each of endings must be a pair (lease, result), not {quoted(each)}")
        found = tuple(
            [
                (lease.task, lease.token, json_value(result, "result"))
                if lease.__class__ is Lease  # the usual case, without a call
                else (*arguments.pair(lease), json_value(result, "result"))
                for lease, result in wanted
            ]
        )
        if len(found) > MAX_BATCH:
            raise LimitError("tasks in one batch", len(found), MAX_BATCH)
        ended = self._engine.execute(CompleteMany(found), request_id)
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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> outcome = board.complete(board.claim("ann"), {"answer": 42})
            >>> board.result("a")
            {'answer': 42}

        """
        engine = self._engine
        if engine.is_short and lease.__class__ is Lease and late == "refuse" and request_id is None:
            value = json_value(result, "result")
            outcome: Outcome = engine.short(short.complete, (lease.task, lease.token, value))
            if outcome is not NotImplemented:
                return private(outcome) if value.__class__ in NESTS else outcome
        command = arguments.complete(lease, result, late, engine.secret)
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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> lease = board.claim("ann")
            >>> (board.fail(lease, "the API is down", retry=60)).value
            'delayed'

        """
        return self._engine.execute(arguments.fail(lease, reason, retry), request_id)

    def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """
        Give a lease or a lock back; the attempt does not count.

        Args:
            lease: the lease, its scope or its handle.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Raises:
            LeaseLostError: it is no longer the caller's, so there is nothing to give back.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> board.release(board.claim("ann"))
            >>> (board.claim("bob")).attempt
            1

        """
        self._engine.execute(arguments.release(lease), request_id)

    def split(
        self, lease: LeaseLike, tasks: Iterable[Task], *, request_id: str | None = None
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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("book"))
            >>> parts = board.split(board.claim("ann"), [Task("page-1"), Task("page-2")])
            >>> print(board.explain("book"))
            task 'book' is waiting: needs 'page-1', which is ready...

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

        Example:
            >>> board = ClaimQueue()
            >>> board.purse("tokens", 1_000)
            >>> ticket = board.submit(Task("a"))
            >>> board.spent(board.claim("ann"), "tokens", 300)
            700

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
        Say "not now, not me": give a lease back at once, or turn down a task on offer.

        Others may take the task; this agent is not offered it for a while. It costs neither an attempt nor
        standing. Each time the same agent declines the same task, the time doubles.

        Args:
            what: the lease (its scope, or its handle "id#token"), or a task that is on offer.
            seconds: how long; None means until the task or the agent's advert changes. Naming the task in a
                claim overrules the decline.
            reason: a reason for `explain`, such as "429"; its first 500 characters.
            agent: the agent that declines a task; not needed with a lease, which names its holder.
            all: the agent wants no task at all for that long, for example because it is rate-limited.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Raises:
            LeaseLostError: the task is no longer the caller's; nothing was changed.
            ForeignLeaseError: the lease is not that of `agent`.
            NotOfferedError: the agent could not take this task now, so there is nothing to decline.
            TaskNotFoundError: the task is unknown or forgotten.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> board.decline(board.claim("ann"), 30, "429")
            >>> board.claim_nowait("ann") is None
            True
            >>> (board.claim("bob")).task
            'a'

        """
        command = arguments.decline(what, seconds, reason, agent, everything=all)
        self._engine.execute(command, request_id)

    def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """
        Keep a progress note with a leased task, for others to read and for the next holder.

        Args:
            lease: the lease, its scope or its handle.
            note: any JSON value; it replaces the previous note.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Raises:
            LeaseLostError: the task is no longer the caller's; stop working on it.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> lease = board.claim("ann")
            >>> board.progress(lease, {"page": 3})
            >>> board.release(lease)
            >>> [note.note for note in (board.claim("bob")).notes]
            [{'page': 3}]

        """
        self._engine.execute(arguments.note(lease, note), request_id)

    def adopt(self, agent: str, *, force: bool = False, request_id: str | None = None) -> list[Lease]:
        """
        Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off.

        Args:
            agent: name of the agent.
            force: also take leases whose holder has been heard within two thirds of the lease's length and is
                not known to be dead. By default, a second session of one name does not take the work of the
                first.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of the new Leases; an empty list if there was nothing to take.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> old = board.claim("ann")
            >>> [new] = board.adopt("ann", force=True)
            >>> (new.task, new.token > old.token)
            ('a', True)

        """
        return list(self._engine.execute(Adopt(arguments.agent_name(agent), flag(force, "force")), request_id))

    def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """
        Give back everything that an agent holds; the attempts do not count.

        Args:
            agent: name of the agent.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The number of leases and locks.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = board.submit_many([Task("a"), Task("b")])
            >>> leases = board.claim_many("ann", 2)
            >>> board.release_all("ann")
            2

        """
        return self._engine.execute(ReleaseAll(arguments.agent_name(agent)), request_id)

    def cancel(
        self, task: TaskLike, *, reason: str = "cancelled", request_id: str | None = None
    ) -> None:
        """
        Cancel a task, and the tasks that need it. Its holder is told at once, or at its next call.

        A task that is cancelled already stays so.

        Args:
            task: the task, its ticket or its id.
            reason: the reason, its first 500 characters; callers that wait for the result get it.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Raises:
            TaskNotFoundError: the task is unknown or forgotten.
            IllegalTransitionError: it is done or has failed, so there is nothing to cancel.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = board.submit_many([Task("a"), Task("b", needs=["a"])])
            >>> board.cancel("a", reason="not needed")
            >>> (board.find("b")).state.value
            'cancelled'

        """
        if not isinstance(reason, str):
            raise TypeError(f"reason must be a string, not {quoted(reason)}")
        command = Cancel(arguments.task_id(task), json_value(reason[:500], "reason"))
        self._engine.execute(command, request_id)

    def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """
        Restart a FAILED task with new attempts, together with the tasks that its failure had cancelled.

        Args:
            task: the task, its ticket or its id.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The task's Ticket.

        Raises:
            TaskNotFoundError: the task, or one that it needs, is unknown or forgotten; submit it again.
            IllegalTransitionError: it has not failed.
            TaskExistsError: another task has its `key` now; wait until that one has ended.
            DependencyError: it needs a task whose result is forgotten.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> state = board.fail(board.claim("ann"), "a typo", retry=False)
            >>> (board.requeue("a")).state.value
            'ready'

        """
        return self._engine.execute(Requeue(arguments.task_id(task)), request_id)

    def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """
        Set how many tasks that name a limit may be leased at once; the default is 1.

        Args:
            name: the limit, as in Task(limit=...).
            n: the number; 0 allows none.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Example:
            >>> board = ClaimQueue()
            >>> board.limit("api", 2)
            >>> tickets = board.submit_many(Task(limit="api") for _ in range(3))
            >>> len(board.claim_many("ann", 3))
            2

        """
        self._engine.execute(SetLimit(check_name(name, "limit"), count(n, "n", least=0)), request_id)

    def purse(
        self, name: str, amount: int, *, per: Seconds | None = None, request_id: str | None = None
    ) -> None:
        """
        Set how much tasks with `spends` may consume of something: tokens, money, calls.

        Tasks wait while the purse cannot pay. `explain` says until when, and `statistics().parts["purses"]`
        what is left. Setting the same again changes nothing; with another amount, what was spent stays spent.

        Args:
            name: the purse, as in Task(spends={name: n}).
            amount: the amount, in a unit of your own; 0 allows no spending.
            per: seconds of a window, such as 86_400 for a day (in UTC) or 60 for a rate limit; each window
                starts with the whole amount, less any debt. By default the amount is all there is.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Example:
            >>> board = ClaimQueue()
            >>> board.purse("tokens", 1_000, per=86_400)
            >>> tickets = board.submit_many(Task(spends={"tokens": 600}) for _ in range(2))
            >>> len(board.claim_many("ann", 2))
            1

        """
        named = check_name(name, "purse")
        amount = count(amount, "amount", least=0)
        window_ns = None
        if per is not None:
            window = seconds_of(per, "per")
            if window < _SHORTEST_WINDOW:
                raise ValueError(f"per must be at least {_SHORTEST_WINDOW} seconds, not {quoted(per)}")
            window_ns = round(window * 1e9)
        self._engine.execute(SetPurse(named, amount, window_ns), request_id)

    def pause(self, *, request_id: str | None = None) -> None:
        """
        Stop all claims until `resume`; leases that are held continue.

        Args:
            request_id: an id of your own; repeating the call with it returns the first reply.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> board.pause()
            >>> board.claim_nowait("ann") is None
            True

        """
        self._engine.execute(Pause(), request_id)

    def resume(self, *, request_id: str | None = None) -> None:
        """
        Allow claims again after `pause`.

        Args:
            request_id: an id of your own; repeating the call with it returns the first reply.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> board.pause()
            >>> board.resume()
            >>> (board.claim_nowait("ann")).task
            'a'

        """
        self._engine.execute(Resume(), request_id)

    def configure(self, *, request_id: str | None = None, **changes: Unpack[AnySettings]) -> Settings:
        """
        Change settings for all users of this board.

        Args:
            request_id: an id of your own; repeating the call with it returns the first reply.
            changes: names and values as in Settings; other settings stay.

        Returns:
            A Settings: all settings as they are now.

        Raises:
            TypeError: there is no such setting; the message names the one that was probably meant.
            ValueError: a setting cannot have this value, or means nothing to this strategy.

        Example:
            >>> board = ClaimQueue()
            >>> (board.configure(lease_ttl=60, max_attempts=5)).max_attempts
            5

        """
        command = Configure(changed(self.settings(), changes))
        return self._engine.execute(command, request_id)

    def extend(
        self, to: Literal["matchmaker", "blackboard"], *, request_id: str | None = None
    ) -> Settings:
        """
        Give this board a strategy that can do more, permanently and for all its users.

        Tasks, leases and settings stay. Opening a board never extends it: the wrong class is refused.

        Args:
            to: "matchmaker" (from a ClaimQueue), or "blackboard" (from either).
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A Settings: all settings as they are now.

        Raises:
            ValueError: there is no such strategy.
            SettingsError: the board can do as much or more already; open it with the class that it names.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = board.submit(Task("a"))
            >>> (board.extend("matchmaker")).strategy
            'match'

        """
        has = self.settings()
        strategies = {"matchmaker": "match", "blackboard": "board"}
        if not isinstance(to, str) or to not in strategies:
            raise ValueError(f"a board is extended to 'matchmaker' or 'blackboard', not to {quoted(to)}")
        wanted = strategies[to]
        command = Configure(evolve(has, strategy=wanted), rules=self._engine.rules_of(wanted))
        return self._engine.execute(command, request_id)

    def vouch(self, agent: str, principal: str, *, by: str) -> bool:
        """
        Record who vouches for an agent: agents of one principal do not check each other's results.

        Args:
            agent: name of the agent; an agent that nobody vouches for is its own principal.
            principal: the name of the person, team or provider that vouches for it.
            by: the name of the person or program that does it, kept in the event.

        Returns:
            Whether this changed anything.

        Example:
            >>> board = ClaimQueue()
            >>> board.vouch("ann", "team-a", by="ops")
            True
            >>> (board.standing("ann")).principal
            'team-a'

        """
        command = Vouch(arguments.agent_name(agent), check_name(principal, "principal"), check_name(by, "by"))
        return self._engine.execute(command)

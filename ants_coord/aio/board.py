"""
Submitting, claiming, holding; `Board`, with all that strategies share.

A verb makes a command or query and passes it to `_do` (logged changes), `_ask` (reads) or `_wait`, which are
in bridge.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from itertools import accumulate
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from ..commands.shared import MAX_BATCH, ClaimMany, submission
from ..core.machine import Machine
from ..core.work import short
from ..engine.engine import Engine
from ..engine.lobby import Drained, Waiter, mute
from ..errors import ClosedError, LimitError
from ..fronts import arguments
from ..fronts.arguments import Seconds, TaskLike, Until
from ..fronts.build import AnySettings, SharedSettings, Where, build, foreign_verb
from ..fronts.keys import Keys
from ..journals.ports import Clock
from ..values.checks import count as checked_count
from ..values.checks import fresh_agent, listed, quoted
from ..values.payloads import json_value
from ..values.tasks import Lease, Task, Ticket
from .locks import LockVerbs

if TYPE_CHECKING:
    from .. import sync as other
    from ..fronts.agent import Shared
    from ..fronts.aio_hold import AsyncHold, AsyncKeepAlive
    from ..fronts.hold import OnError
    from ..fronts.serving import Handlers, Served, Stop
    from .agent import Agent
    from .outbox import Connection, Outbox

R = TypeVar("R")


def _size(task: Task) -> int:
    """Return of how many tasks a task with its parts consists."""
    return 1 + sum(map(_size, task.parts))


class Board(Keys, LockVerbs):
    """
    The verbs that all strategies share, for event loops. Close it, or use `async with`.

    Board itself opens an existing board of any strategy, and makes none. To make a board, or to use the verbs
    of one strategy, use ClaimQueue, Matchmaker or Blackboard, with a path or without.

    Args:
        where: a path of a SQLite file, or a journal; for a strategy also None, which keeps the board in
            memory.
        clock: replaces the time source, for tests.
        durability: what a file survives: "power" (a power failure) or "process"; see SQLiteJournal.
        secret: decides which results are checked, for tasks whose `verify` allows some error; without a
            secret all are. It is not stored: give the same one to every coordinator of a board.
        settings: lease_ttl, max_attempts, backoff, aging, retention, retention_count,
            id_retention, id_retention_count, event_count, session_retention: see Settings.
            A setting that is not given is the board's own, or the default on a new board.

    Nothing is opened before the first verb or `async with`.

    What every verb may raise is told here and not at each verb. ClosedError: the coordinator is closed.
    JournalError: the board's file cannot be read or written. TypeError, ValueError or LimitError: an argument
    is wrong; the message names it, and nothing was changed. With `request_id`, RequestReusedError: the id was
    used for something else, and RequestTooOld: its reply is forgotten.

    """

    _machine: Callable[[], Machine] = Machine
    _strategy: str | None = None
    """the strategy that a board must have, or be extended to; None takes an existing board as it is"""

    def __init__(
        self,
        where: Where = None,
        *,
        clock: Clock | None = None,
        durability: Literal["power", "process"] = "power",
        secret: bytes | None = None,
        **settings: Unpack[SharedSettings],
    ) -> None:
        self._engine = build(
            self._machine,
            where,
            clock=clock,
            durability=durability,
            secret=secret,
            must_exist=self._strategy is None,
            asked={"strategy": self._strategy, **settings},
        )

    @classmethod
    def _over_engine(cls, engine: Engine) -> Self:
        board = cls.__new__(cls)
        board._engine = engine  # noqa: SLF001 - our own class
        return board

    @classmethod
    def over(
        cls,
        machine: Callable[[], Machine],
        where: Where = None,
        *,
        clock: Clock | None = None,
        durability: Literal["power", "process"] = "power",
        secret: bytes | None = None,
        **settings: Unpack[AnySettings],
    ) -> Self:
        """
        Return a coordinator over a machine of your own.

        Args:
            machine: makes an empty machine.
            where: None for memory, a path for a SQLite file, or a journal.
            clock: replaces the time source, for tests.
            durability: as in the constructor.
            secret: as in the constructor.
            settings: settings that your machine honours.

        Returns:
            A coordinator with the verbs of this class over that machine.

        Raises:
            TypeError: there is no such setting.

        Example:
            >>> from ants_coord.core import Machine
            >>> board = ClaimQueue.over(Machine, lease_ttl=60)
            >>> (await board.settings()).lease_ttl
            60.0

        """
        engine = build(machine, where, clock=clock, durability=durability, secret=secret, asked={**settings})
        return cls._over_engine(engine)

    if not TYPE_CHECKING:  # a type checker must go on refusing verbs that do not exist

        def __getattr__(self, name: str) -> Any:
            # copy and inspectors look up such names, which must not load the other strategies
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            from . import Blackboard, Matchmaker  # noqa: PLC0415 - only to say which of them has it

            raise AttributeError(foreign_verb(self, name, (Matchmaker, Blackboard)))

    @property
    def sync(self) -> other.Board:
        """The same board for threads; closing either closes both."""
        from .. import sync as other  # noqa: PLC0415 - each colour knows the other only in these properties

        return other.Board._over_engine(self._engine)  # noqa: SLF001 - our own class

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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a", payload={"page": 3}))
            >>> (ticket.id, ticket.created, ticket.state.value)
            ('a', True, 'ready')
            >>> (await board.submit(Task("a", payload={"page": 3}))).created
            False

        """
        engine = self._engine
        if (
            engine.is_short
            and if_exists == "same"
            and request_id is None
            and (task.__class__ is Task or (isinstance(task, Task) and task.is_plain))
        ):
            ticket: Ticket = engine.short(short.submit, (task, json_value(task.payload, "payload")))
            if ticket is not NotImplemented:
                return ticket
        command = submission((task,), if_exists)
        return (await self._do(command, request_id))[-1]

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

        Example:
            >>> board = ClaimQueue()
            >>> tickets = await board.submit_many([Task("b", needs=["a"]), Task("a")])
            >>> [(ticket.id, ticket.state.value) for ticket in tickets]
            [('b', 'waiting'), ('a', 'ready')]

        """
        wanted = listed(tasks, "tasks", "a list of Tasks")
        command = submission(wanted, if_exists)
        if not wanted:
            return []
        tickets = await self._do(command, request_id)
        if len(tickets) == len(wanted):
            return list(tickets)
        # parts have tickets, too, each before its whole. The others are found by position, not by id: a
        # repeated request may have drawn other ids than the first
        return [tickets[size - 1] for size in accumulate(map(_size, wanted))]

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
            agent: name of the agent that claims.
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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a", payload={"page": 3}))
            >>> lease = await board.claim("ann", timeout=5)
            >>> (lease.task, lease.payload, lease.attempt)
            ('a', {'page': 3}, 1)

        """
        command = arguments.claim(agent, task, kinds, lease_ttl)
        waiter = Waiter(
            mute,
            ready=True,
            agent=command.agent,
            kinds=command.kinds,
            ended=() if command.task is None else (command.task,),
            task=command.task or "",
        )
        return await self._wait(lambda w: self._engine.try_or_enter(command, w), waiter, timeout, command)

    async def claim_nowait(
        self,
        agent: str,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Lease | None:
        """
        Lease a task if one may run now, otherwise return None. `claim` waits for one.

        Args:
            agent: name of the agent that claims.
            task: a particular task; by default the best one.
            kinds: only tasks of these kinds.
            lease_ttl: seconds that the lease lasts; by default as the task or the board says.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A Lease as from `claim`, or None if no task may run now.

        Raises:
            TaskNotFoundError, IllegalTransitionError: the particular task is unknown, or has ended.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> (await board.claim_nowait("ann")).task
            'a'
            >>> await board.claim_nowait("bob") is None
            True

        """
        engine = self._engine
        if engine.is_short and task is None and kinds is None and lease_ttl is None and request_id is None:
            lease: Lease | None = engine.short(short.claim, (agent,))
            if lease is not NotImplemented:
                return lease
        command = arguments.claim(agent, task, kinds, lease_ttl)
        return await self._do(command, request_id)

    async def claim_many(
        self,
        agent: str,
        count: int,
        *,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> list[Lease]:
        """
        Lease several tasks that may run now, in one step.

        Args:
            agent: name of the agent that claims.
            count: most tasks to lease, 1 to 10,000.
            kinds: only tasks of these kinds; by default of any.
            lease_ttl: seconds that each lease lasts; by default as the task or the board says.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A list of Leases in the order of claiming; an empty list if nothing may run.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = await board.submit_many([Task("a"), Task("b", priority=1)])
            >>> [lease.task for lease in await board.claim_many("ann", 10)]
            ['b', 'a']

        """
        if checked_count(count, "count") > MAX_BATCH:
            raise LimitError("tasks in one batch", count, MAX_BATCH)
        name = arguments.agent_name(agent)
        command = ClaimMany(name, count, arguments.kinds_of(kinds), arguments.ttl_ns(lease_ttl))
        return list(await self._do(command, request_id))

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
            agent: name of the agent that claims.
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

        Example:
            >>> board = ClaimQueue()
            >>> tickets = await board.submit_many([Task("a"), Task("b", needs=["a"])])
            >>> async for lease in board.claims("ann", until="drained"):
            ...     async with board.work(lease) as job:
            ...         job.result = f"{job.agent} did {job.task}"
            >>> await board.result("b")
            'ann did b'

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
        if until not in ("closed", "drained", "idle"):
            raise ValueError(f"until must be 'closed', 'drained' or 'idle', not {quoted(until)}")
        command = arguments.claim(agent, None, kinds, lease_ttl)

        def step(waiter: Waiter) -> Lease | None:
            if stop is not None:
                stop.watch(waiter)
            return self._engine.try_or_enter(command, waiter)

        while True:
            waiter = Waiter(
                mute,
                ready=True,
                agent=command.agent,
                kinds=command.kinds,
                drained=until == "drained",
                quiet=until == "idle",
            )
            try:
                lease = await self._wait(step, waiter, 0 if until == "idle" else None, command)
            except (Drained, TimeoutError):
                return
            except ClosedError:
                if until == "drained" and not (stop is not None and stop.is_set):
                    raise  # work is left: a quiet end would look as if there were none
                return
            finally:
                if stop is not None:
                    stop.unwatch(waiter)
            yield lease

    # -- holding ------------------------------------------------------------------------------

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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a", payload=[1, 2]))
            >>> async with board.work(await board.claim("ann")) as job:
            ...     job.result = sum(job.payload)
            >>> await board.result("a")
            3

        """
        return self._hold(lease, timeout, on_error)

    def keep_alive(self, lease: Lease) -> AsyncKeepAlive:
        """
        Return a scope that renews a lease and does nothing else. `work` also ends the task.

        Args:
            lease: the lease that a claim returned.

        Returns:
            A scope; its `lost` says whether the lease is known to be gone. In that case, stop working on the
            task.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> lease = await board.claim("ann")
            >>> async with board.keep_alive(lease):
            ...     answer = 6 * 7
            >>> (await board.complete(lease, answer)).result
            42

        """
        return self._keep_alive(lease)

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
        """
        Run a worker: claim, renew, run the handler, complete or fail, and repeat.

        Args:
            handlers: one function for every task, or {kind: function}; plain or async. A handler gets the
                Hold and returns the result.
            agent: name of this worker; by default made from host, process and a nonce.
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

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a", payload=[1, 2]))
            >>> served = await board.serve(lambda job: sum(job.payload), until="drained")
            >>> (served.completed, await board.result("a"))
            (1, 3)

        """
        name = fresh_agent() if agent is None else arguments.agent_name(agent)
        checked_count(concurrency, "concurrency", most=10_000)
        return await self._serve(
            lambda stop, kinds: self._claims(name, until=until, kinds=kinds, lease_ttl=lease_ttl, stop=stop),
            handlers,
            agent=name,
            concurrency=concurrency,
            agents=agents,
            most=most,
            timeout=timeout,
            signals=signals,
        )

    # -- the rest -----------------------------------------------------------------------------

    def as_agent(self, name: str) -> Agent:
        """
        Return an agent's own handle: the verbs that an agent needs, with its name bound.

        Args:
            name: name of the agent.

        Returns:
            An Agent, which refuses other agents' leases.

        Example:
            >>> board = ClaimQueue()
            >>> me = board.as_agent("ann")
            >>> ticket = await me.submit(Task("a"))
            >>> (await me.claim_nowait()).agent
            'ann'

        """
        from .agent import Agent  # noqa: PLC0415 - only if needed

        return Agent(self, arguments.agent_name(name))

    def shared(self) -> Shared[Agent]:
        """
        Return a view of this coordinator that many agents may share: each needs a key for its handle.

        It is for hosts that forward the calls of agents. `key_of(name)` returns the key to give to an agent.

        Returns:
            A Shared; its `as_agent(name, key)` returns the agent's handle.

        Raises:
            WrongKeyError: at `as_agent`: the key is not that agent's.
            ValueError: at `as_agent`: the coordinator was made without `secret=`.

        Example:
            >>> board = ClaimQueue(secret=b"sixteen bytes...")
            >>> key = board.key_of("ann")
            >>> board.shared().as_agent("ann", key).name
            'ann'

        """
        from ..fronts.agent import Shared  # noqa: PLC0415 - only if needed

        return Shared(self)

    async def outbox(self, connection: Connection) -> Outbox:
        """
        Return an outbox: tasks and endings that are committed or rolled back with your own rows.

        Args:
            connection: your sqlite3 or psycopg connection; a table ants_coord_outbox is made in its database.

        Returns:
            An Outbox: `submit` and `complete` within your transaction, `relay` after it.

        Raises:
            ValueError: the board is in memory, or a transaction is open: commit it first.
            TypeError: the connection is of another kind.

        Example:
            >>> import sqlite3
            >>> board, shop = ClaimQueue("board.db"), sqlite3.connect("shop.db")
            >>> outbox = await board.outbox(shop)
            >>> with shop:
            ...     named = await outbox.submit(Task("pack-1"))
            >>> await outbox.relay()
            1
            >>> await board.close()
            >>> shop.close()

        """
        from .outbox import Outbox  # noqa: PLC0415 - few boards have one

        made = Outbox(self, connection)
        await made.open()
        return made

    @property
    def path(self) -> str | None:
        """The path of the board's file; None if it has none."""
        return self._engine.path

    @property
    def is_closed(self) -> bool:
        """Whether the coordinator is closed."""
        return self._engine.is_closed

    def check(self) -> None:
        """
        Assert every invariant of the state; for tests.

        Raises:
            AssertionError: an invariant does not hold, which is a fault of this package.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> board.check()

        """
        self._engine.check()

    async def close(self, *, keep: bool = False) -> None:
        """
        Release what was claimed through this instance, wake every waiter, and close. May be repeated.

        Args:
            keep: keep leases and locks in a board's file, for a program that lives for one call, such as a
                hook. Nobody renews them; they end at their deadline or through their handle. By default they
                go back to the board; if the process dies, as soon as others can detect it.

        Example:
            >>> board = ClaimQueue()
            >>> await board.close()
            >>> board.is_closed
            True

        """
        if keep:
            self._engine.keeps_leases = True
        await self._close()

    async def __aenter__(self) -> Self:
        """Open the board."""
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the board."""
        await self.close()

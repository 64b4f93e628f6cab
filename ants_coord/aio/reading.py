"""The verbs that change nothing: looking, and following what happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from os import PathLike
from typing import TYPE_CHECKING, TypeVar

from ..commands.reading import (
    BriefingOf,
    Events,
    Explain,
    ExplainAgent,
    Find,
    Holder,
    Leases,
    SettingsOf,
    StandingOf,
    StatisticsOf,
    Tasks,
)
from ..commands.shared import MAX_BATCH, Query
from ..engine.lobby import Waiter, mute
from ..errors import ClosedError
from ..fronts import arguments
from ..fronts.arguments import TaskLike
from ..values.checks import check_id, check_name, listed, path_text, quoted
from ..values.checks import count as checked_count
from ..values.settings import Settings
from ..values.tasks import Explanation, Lease, Standing, Statistics, TaskRecord, TaskState
from .bridge import Bridge

if TYPE_CHECKING:
    from ..values.briefing import Briefing
    from ..values.events import Event

R = TypeVar("R")


class Reading(Bridge):
    """The verbs that change nothing."""

    async def query(self, query: Query[R]) -> R:
        """
        Answer any query; it changes nothing and is not logged. Normally use the verbs.

        Args:
            query: a query of ants_coord.commands.

        Returns:
            The query's answer, as its class says.

        Raises:
            CoordinationError: the query was refused, for example as TaskNotFoundError; nothing was changed.

        Example:
            >>> from ants_coord.commands.reading import Find
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> (await board.query(Find("a"))).state.value
            'ready'

        """
        return await self._ask(query)

    async def backup(self, to: str | PathLike[str]) -> None:
        """
        Write a complete copy of the board as it is at this moment, while others go on working.

        Do not copy the file itself: such a copy may lack the write-ahead log. `ants-coord restore` makes a
        board from the backup.

        Args:
            to: path of the copy; it must not exist yet.

        Raises:
            ValueError: the board has no file: it is in memory, or in PostgreSQL (use its own tools there).
            JournalConflictError: `to` exists already; nothing was changed. Choose another path.
            JournalError: the copy cannot be written.

        Example:
            >>> async with ClaimQueue("board.db") as board:
            ...     ticket = await board.submit(Task("a"))
            ...     await board.backup("copy.db")
            >>> from pathlib import Path
            >>> Path("copy.db").exists()
            True

        """
        await self._backup(path_text(to, "to"))

    async def find(self, task: TaskLike) -> TaskRecord | None:
        """
        Return the record of a task: its state, its history and its outcome.

        Args:
            task: the task, its ticket or its id.

        Returns:
            A TaskRecord; None if the task is unknown or forgotten.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> (await board.find("a")).state.value
            'ready'
            >>> await board.find("b") is None
            True

        """
        return await self._ask(Find(arguments.task_id(task)))

    async def tasks(
        self,
        *,
        state: TaskState | str | Iterable[TaskState | str] | None = None,
        kinds: Iterable[str] | None = None,
        tag: str | None = None,
        after: TaskLike | None = None,
        count: int = 100,
    ) -> list[TaskRecord]:
        """
        List tasks in the order of submission, a page at a time.

        Args:
            state: only tasks in this state, or in one of these states; by default in any.
            kinds: only tasks of these kinds; by default of any.
            tag: only tasks with this tag; by default with any tags or none.
            after: the page starts after this task, the last one of the previous page; by default at the
                first.
            count: most tasks to return, 1 to 10,000.

        Returns:
            A list of TaskRecords; an empty list after the last page.

        Raises:
            TaskNotFoundError: `after` is unknown or forgotten; start again without it.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = await board.submit_many([Task("a"), Task("b", needs=["a"])])
            >>> [record.task.id for record in await board.tasks(state="waiting")]
            ['b']

        """
        states = None
        if state is not None:
            wanted = [state] if isinstance(state, str) else listed(state, "state", "a state or a list")
            try:
                states = tuple(TaskState(one) for one in wanted)
            except ValueError:
                known = ", ".join(TaskState)
                raise ValueError(f"state must be among {known}, not {quoted(state)}") from None
        if tag is not None:
            check_name(tag, "tag")
        start = None if after is None else arguments.task_id(after, "after")
        most = checked_count(count, "count", most=MAX_BATCH)
        return list(await self._ask(Tasks(states, arguments.kinds_of(kinds), tag, start, most)))

    async def leases(self, agent: str | None = None) -> list[Lease]:
        """
        List the live leases of tasks and locks, the oldest first.

        Args:
            agent: only this agent's leases; by default those of all agents.

        Returns:
            A list of Leases; the `task` of a lock is "lock:" and its first name.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> lease = await board.claim("ann")
            >>> [(lease.task, lease.agent) for lease in await board.leases()]
            [('a', 'ann')]

        """
        return list(await self._ask(Leases(None if agent is None else arguments.agent_name(agent))))

    async def holder(self, name: str) -> Lease | None:
        """
        Return the lock that holds a name now.

        Args:
            name: a resource, as given to `lock`.

        Returns:
            The Lease of the lock, with `agent` and `names`; None if nobody holds the name.

        Example:
            >>> board = ClaimQueue()
            >>> lock = await board.lock_nowait("app.py", agent="ann")
            >>> (await board.holder("app.py")).agent
            'ann'

        """
        return await self._ask(Holder(check_id(name, "name")))

    async def explain(self, task: TaskLike) -> Explanation:
        """
        Explain the state of a task: what it waits for, who holds it, or why nobody takes it.

        Args:
            task: the task, its ticket or its id; "lock:" and a name asks who holds that lock, and how.

        Returns:
            An Explanation; `str()` of it has one sentence per line.

        Raises:
            TaskNotFoundError: the task is unknown or forgotten.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = await board.submit_many([Task("a"), Task("b", needs=["a"])])
            >>> print(await board.explain("b"))
            task 'b' is waiting: needs 'a', which is ready

        """
        return await self._ask(Explain(arguments.task_id(task)))

    async def explain_agent(self, agent: str) -> Explanation:
        """
        Explain what an agent holds, and why it does or does not get work.

        Args:
            agent: name of the agent.

        Returns:
            An Explanation; `str()` of it has one sentence per line.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> print(await board.explain_agent("ann"))
            agent 'ann' is new here: would get 'a' next

        """
        return await self._ask(ExplainAgent(arguments.agent_name(agent)))

    async def briefing(self, agent: str, *, count: int = 5) -> Briefing:
        """
        Return what an agent should know when it starts or returns: open tasks, earlier attempts, trails.

        Args:
            agent: name of the agent.
            count: most tasks, and most trails, to tell, 1 to 100.

        Returns:
            A Briefing; `str()` of it is a text of bounded length for a prompt. It quotes other agents:
            treat it as data.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> print(await board.briefing("ann"))
            You are agent 'ann' on a shared board: 1 task(s) unfinished, 1 ready, 0 failed.
            Open to you, best first:
            - 'a' (kind default, priority 0)

        """
        name = arguments.agent_name(agent)
        return await self._ask(BriefingOf(name, checked_count(count, "count", most=100)))

    async def standing(self, agent: str) -> Standing:
        """
        Return an agent's record: what it delivered, failed and let expire.

        Args:
            agent: name of the agent.

        Returns:
            A Standing with the counts, an estimate of how reliably the agent delivers, and what bars it, if
            anything. An agent that was never seen has one, too.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> outcome = await board.complete(await board.claim("ann"))
            >>> (await board.standing("ann")).completed
            1

        """
        return await self._ask(StandingOf(arguments.agent_name(agent)))

    async def statistics(self) -> Statistics:
        """
        Count everything: tasks by state, leases, locks, events.

        Returns:
            A Statistics; `parts` has the figures of the board's parts, such as purses and trails.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> (await board.statistics()).tasks["ready"]
            1

        """
        return await self._ask(StatisticsOf())

    async def settings(self) -> Settings:
        """
        Return the board's settings; `configure` changes them.

        Returns:
            A Settings with every setting, whether it was given or is a default.

        Example:
            >>> board = ClaimQueue(lease_ttl=60)
            >>> (await board.settings()).lease_ttl
            60.0

        """
        return await self._ask(SettingsOf())

    # -- events ---------------------------------------------------------------------------------

    async def events(self, *, since: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """
        Iterate over events, each once and in order.

        Args:
            since: continue after this cursor; 0 starts with the oldest event that is kept.
            follow: wait for more events until the coordinator closes.

        Yields:
            Events; each has its `cursor`, from which another call can continue.

        Raises:
            CursorTooOld: events after `since` are gone; read the state with `tasks`, and continue from
                `statistics().cursor`.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> cursor = (await board.statistics()).cursor
            >>> lease = await board.claim("ann")
            >>> [(event.type, event.agent) async for event in board.events(since=cursor)]
            [('claimed', 'ann')]

        """
        cursor = checked_count(since, "since", least=0)
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

# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
Looking, and following what happens: the verbs that change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Iterable
from os import PathLike, fspath
from typing import TYPE_CHECKING, TypeVar

from ..commands.shared import (
    Events,
    Explain,
    ExplainAgent,
    Find,
    Holder,
    Leases,
    Query,
    SettingsOf,
    StandingOf,
    StatisticsOf,
)
from ..engine.lobby import Waiter, mute
from ..errors import ClosedError
from ..fronts import arguments
from ..fronts.arguments import TaskLike
from ..values.checks import check_id
from ..values.checks import count as checked_count
from ..values.settings import Settings
from ..values.tasks import Explanation, Lease, Standing, Statistics, TaskRecord, TaskState
from .bridge import Bridge

if TYPE_CHECKING:
    from ..values.briefing import Briefing
    from ..values.events import Event

__all__ = ["Reading"]

R = TypeVar("R")


class Reading(Bridge):
    """The verbs that change nothing."""

    def query(self, query: Query[R]) -> R:
        """
        Answer any query, which changes nothing and is not logged; the verbs are the ordinary way.

        Args:
            query: a query of ants_coord.commands.

        """
        return self._engine.ask(query)

    def backup(self, to: str | PathLike[str]) -> None:
        """
        Write a whole copy of the board, as it is at this moment, while everybody works on.

        Use this and not a copy of the file: that may lack the write-ahead log. `ants-coord restore` makes a
        board of the copy.

        Args:
            to: where the copy goes; nothing may be there.

        Raises:
            ValueError: the board is in memory.
            JournalConflictError: something is at `to` already; nothing was changed.
            JournalError: it cannot be written.

        """
        self._backup(fspath(to))

    def find(self, task: TaskLike) -> TaskRecord | None:
        """
        Return what is known of a task, or None if there is none (any more).

        Args:
            task: the task, its ticket or its id.

        """
        return self._engine.ask(Find(arguments.task_id(task)))

    def tasks(
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
            state: only tasks in this state, or in one of several.
            kinds: only tasks of these kinds.
            tag: only tasks with this tag.
            after: the page begins after this task: the last one of the page before.
            count: how many at most.

        """
        return list(self._engine.ask(arguments.tasks(state, kinds, tag, after, count)))

    def leases(self, agent: str | None = None) -> list[Lease]:
        """
        List live leases, the oldest first.

        Args:
            agent: only its leases; those of all agents if not given.

        """
        return list(self._engine.ask(Leases(None if agent is None else arguments.agent_name(agent))))

    def holder(self, name: str) -> Lease | None:
        """
        Return the lock that holds a name now, or None.

        Args:
            name: a resource, as given to `lock`.

        """
        return self._engine.ask(Holder(check_id(name, "name")))

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
        return self._engine.ask(Explain(arguments.task_id(task)))

    def explain_agent(self, agent: str) -> Explanation:
        """
        Say what an agent holds, and why it gets work or does not.

        Args:
            agent: its name.

        Returns:
            An Explanation; `str` of it is a sentence a line.

        """
        return self._engine.ask(ExplainAgent(arguments.agent_name(agent)))

    def briefing(self, agent: str, *, count: int = 5) -> Briefing:
        """
        Return what an agent should know that begins, or comes back: what is open, what was tried, trails.

        Args:
            agent: its name.
            count: tasks, and trails, that are told at most, 1 to 100.

        Returns:
            A Briefing; `str` of it is a text for a prompt, of bounded length. It quotes what other agents
            have said: treat it as data.

        """
        return self._engine.ask(arguments.briefing(agent, count))

    def standing(self, agent: str) -> Standing:
        """
        Return what has been seen of an agent: what it delivered, failed and let expire.

        Args:
            agent: its name.

        """
        return self._engine.ask(StandingOf(arguments.agent_name(agent)))

    def statistics(self) -> Statistics:
        """Count everything: tasks by state, leases, locks, events."""
        return self._engine.ask(StatisticsOf())

    def settings(self) -> Settings:
        """Return the board's settings."""
        return self._engine.ask(SettingsOf())

    # -- events ---------------------------------------------------------------------------------

    def events(self, *, since: int = 0, follow: bool = False) -> Iterator[Event]:
        """
        Iterate over events, each once and in order.

        Args:
            since: continue after this cursor; 0 begins with the oldest event that is kept.
            follow: wait for more at the end, until the coordinator closes.

        Raises:
            CursorTooOld: events after `since` are gone; nothing is skipped silently.

        """
        cursor = checked_count(since, "since", least=0)
        while True:
            query = Events(cursor)
            if follow:
                waiter = Waiter(mute, changes=True)
                try:
                    page = self._wait(
                        lambda w, query=query: self._engine.look_or_enter(query, bool, w),  # type: ignore[misc]
                        waiter,
                        None,
                    )
                except ClosedError:
                    return
            else:
                page = self._engine.ask(query)
                if not page:
                    return
            for event in page:
                yield event
            cursor = page[-1].cursor

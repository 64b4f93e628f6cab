"""
The queries that every strategy has. They read the state and change nothing; they are never logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..frozen import record
from ..values.settings import Settings
from ..values.tasks import Explanation, Lease, Outcome, Standing, Statistics, TaskRecord, TaskState
from .shared import Query

if TYPE_CHECKING:
    from ..values.briefing import Briefing  # noqa: F401 - both are named in strings below
    from ..values.events import Event  # noqa: F401


@record
class Find(Query[TaskRecord | None]):
    """The query for one task."""

    task: str


@record
class Tasks(Query[tuple[TaskRecord, ...]]):
    """The query for tasks in submission order, a page at a time, after the task `after`."""

    states: tuple[TaskState, ...] | None = None
    kinds: tuple[str, ...] | None = None
    tag: str | None = None
    after: str | None = None
    count: int = 100


@record
class Outcomes(Query[tuple[Outcome | None, ...]]):
    """The query for the outcomes of tasks; None for each unfinished one. Unknown ids are refused."""

    tasks: tuple[str, ...]


@record
class Unfinished(Query[int]):
    """The query for the number of tasks that have not ended."""


@record
class Leases(Query[tuple[Lease, ...]]):
    """The query for the live leases of an agent (None: of all agents), oldest first."""

    agent: str | None = None


@record
class Holder(Query[Lease | None]):
    """The query for the holder of a named lock."""

    name: str


@record
class Explain(Query[Explanation]):
    """The query for the reasons of a task's state."""

    task: str


@record
class ExplainAgent(Query[Explanation]):
    """The query for the reasons why an agent does or does not get work."""

    agent: str
    kinds: tuple[str, ...] | None = None
    """what it asks for; None is anything"""


@record
class StandingOf(Query[Standing]):
    """The query for an agent's record."""

    agent: str


@record
class BriefingOf(Query["Briefing"]):
    """The query for what an agent should know before it starts to work here."""

    agent: str
    count: int = 5


@record
class SettingsOf(Query[Settings]):
    """The query for the board's settings."""


@record
class StatisticsOf(Query[Statistics]):
    """The query for the counts of everything."""


@record
class Events(Query["tuple[Event, ...]"]):
    """The query for events from a cursor on; 0 is the oldest event that is kept."""

    since: int = 0
    count: int = 1000

"""Commands about adverts, and queries about agents."""

from __future__ import annotations

from ..frozen import record
from ..values.adverts import Advert, Advertised, Offer, Roster
from ..values.tasks import Explanation
from .shared import Command, Query


@record
class Advertise(Command[Advertised]):
    """The command to declare or change what an agent can do."""

    advert: Advert


@record
class Refresh(Command[tuple[Advertised, ...]]):
    """The command to refresh adverts, an (agent, incarnation) each; `load`, if given, is the new load."""

    agents: tuple[tuple[str, int], ...]
    load: float | None = None


@record
class Withdraw(Command[bool]):
    """The command to withdraw an advert; the reply is whether there was one. Running work continues."""

    agent: str
    incarnation: int | None = None


@record
class Retire(Command[bool]):
    """
    The command to take this start of an agent out for good and give back what it holds.

    The reply is whether it was here.
    """

    agent: str
    reason: str = ""


@record
class Agents(Query[Roster]):
    """The query for agents by requirement, best first."""

    requires: str | None = None
    prefer: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    count: int = 100


@record
class Offers(Query[tuple[Offer, ...]]):
    """The query for what an agent could claim now, best first."""

    agent: str
    count: int = 20


@record
class WhyNot(Query[Explanation]):
    """The query for the reasons why an agent does not get a task."""

    task: str
    agent: str

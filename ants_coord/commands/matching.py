"""Commands about adverts, and queries about agents."""

from __future__ import annotations

from ..values.adverts import Advert, Advertised, Offer, Roster
from ..values.frozen import record
from ..values.tasks import Explanation
from .shared import Command, Query


@record
class Advertise(Command[Advertised]):
    """Declare or change what an agent can do."""

    advert: Advert


@record
class Refresh(Command[tuple[Advertised, ...]]):
    """Refresh adverts, an (agent, incarnation) each; `load` replaces the reported load, if given."""

    agents: tuple[tuple[str, int], ...]
    load: float | None = None


@record
class Withdraw(Command[bool]):
    """Withdraw an advert; returns whether there was one. Running work continues."""

    agent: str
    incarnation: int | None = None


@record
class Retire(Command[bool]):
    """Take this start of an agent out for good and give back what it holds; returns whether it was here."""

    agent: str
    reason: str = ""


@record
class Agents(Query[Roster]):
    """Find agents by requirement, best first."""

    requires: str | None = None
    prefer: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    count: int = 100


@record
class Offers(Query[tuple[Offer, ...]]):
    """List what an agent could claim now, best first."""

    agent: str
    count: int = 20


@record
class WhyNot(Query[Explanation]):
    """Explain why an agent does not get a task."""

    task: str
    agent: str

"""
Capability matching: agents broadcast what they can do, and claim what fits.

The verbs about adverts, and `Matchmaker`, which adds them to all others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from ..commands.matching import Advertise, Agents, Offers, WhyNot, Withdraw
from ..engine.advert_keeper import KeptAdvert, Presence
from ..engine.engine import Engine
from ..errors import AgentGoneError
from ..fronts import arguments, match_arguments
from ..fronts.agent import Shared
from ..fronts.arguments import Seconds, TaskLike
from ..fronts.build import MatchSettings, Where
from ..journals.ports import Clock
from ..values.adverts import Advert, Advertised, AgentChange, AgentRecord, Offer, checked_requirement
from ..values.frozen import evolve
from ..values.tasks import Explanation, Lease
from .board import Board
from .match_agent import MatchAgent

if TYPE_CHECKING:
    from .. import sync as other

__all__ = ["MatchVerbs", "Matchmaker", "Membership"]


class Membership(MatchAgent):
    """
    An agent that has joined: its own handle, and the scope that keeps its advert fresh.

    On entry it advertises, on exit it withdraws; in between the advert is refreshed a third of its
    ttl before it is due, with those of all other agents of this coordinator. Work that is held at
    the exit goes on.
    """

    def __init__(self, board: MatchVerbs, advert: Advert) -> None:
        super().__init__(board, advert.agent)
        self.advert: Advert = advert
        self._engine: Engine = board._engine  # noqa: SLF001 - our own class
        self._kept: KeptAdvert | None = None
        self._has_left = False

    @property
    def is_replaced(self) -> bool:
        """Whether a newer start of this agent has taken the name over."""
        return self._kept is not None and self._kept.is_refused

    async def update(self, **changes: Any) -> Advertised:
        """
        Change the advert.

        Args:
            changes: capabilities, attributes, slots, load, accepts or ttl, as in `join`.

        """
        advert = evolve(self.advert, **changes)
        answer: Advertised = await self._board.advertise(advert)
        self.advert = advert
        await self._board._tend(Presence, self._keep)  # noqa: SLF001 - our own class
        return answer

    def _must_be_here(self) -> None:
        """Refuse to wait for work that nobody will offer: this start has left, or was replaced."""
        if self._has_left:
            raise AgentGoneError(self.name, "it has left its scope")
        if self.is_replaced:
            raise AgentGoneError(self.name, "another start has taken the name over, or it was taken out")

    async def claim(
        self,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> Lease:
        """Wait for a task and lease it; as on the coordinator, while this agent is here."""
        self._must_be_here()
        return await super().claim(task=task, kinds=kinds, lease_ttl=lease_ttl, timeout=timeout)

    def _keep(self, presence: Presence) -> None:
        # under the board's lock, perhaps in a thread that comes late: nobody would let go of it then
        if not self._has_left:
            self._kept = presence.keep(self.advert, self._engine.now_ns())

    def _let_go(self, presence: Presence) -> None:
        if self._kept is not None:
            presence.let_go(self._kept)

    async def __aenter__(self) -> Self:
        """Advertise, and keep the advert fresh from now on."""
        self._has_left = False
        await self._board.__aenter__()
        # each entry is a start of its own: what has left, or was taken out, does not come back
        # (a clock may stand still between two of them, so that its time alone would not tell them apart)
        start = self._engine.last_start = max(self._engine.now_ns(), self._engine.last_start + 1)
        self.advert = evolve(self.advert, incarnation=start)
        try:
            await self.update()
        except BaseException:
            # cancelled on the way in, so there will be no way out; what was advertised fades
            self._has_left = True
            self._board._tend_soon(Presence, self._let_go)  # noqa: SLF001 - our own class
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Withdraw the advert, unless a newer start of the agent has replaced it or the board is closed."""
        self._has_left = True
        if self._kept is None or self._engine.is_closed:
            return
        await self._board._tend(Presence, self._let_go)  # noqa: SLF001 - our own class
        if not self._kept.is_refused:
            await self._board.withdraw(self.name)


class MatchVerbs(Board):
    """What a coordinator with adverts can do besides the shared verbs."""

    def as_agent(self, name: str) -> MatchAgent:
        """
        Return an agent's own handle: the verbs that it needs, with its name bound.

        Args:
            name: the agent.

        """
        return MatchAgent(self, arguments.agent_name(name))

    def shared(self) -> Shared[MatchAgent]:
        """
        Return this coordinator as many agents may be given it: each handle of it needs a key.

        Needs `secret=`. `key_of(name)` says which key to give to which agent.

        """
        return Shared(self)

    def join(
        self,
        agent: str,
        capabilities: Iterable[str] = (),
        *,
        attributes: Mapping[str, int | float | str | bool] | None = None,
        slots: int = 1,
        load: float = 0.0,
        accepts: str | None = None,
        ttl: Seconds = 60.0,
    ) -> Membership:
        """
        Return the scope that advertises an agent, keeps the advert fresh and withdraws it.

        Args:
            agent: its name.
            capabilities: dotted names such as "doc.parse.pdf", "python:3.11".
            attributes: name -> number, string or bool, such as {"gpu_mem": 24}.
            slots: tasks at a time.
            load: how busy it is besides, 0 to 1.
            accepts: the agent's own rule, such as "priority >= 0 and not nightly".
            ttl: seconds that the advert lives if nobody refreshes it.

        Returns:
            A handle with the verbs of `as_agent`, and `update` to change the advert.

        Raises:
            TypeError, ValueError, LimitError, RequirementError; on entry AdvertRefusedError.

        """
        advert = match_arguments.advert_of(agent, capabilities, attributes, slots, load, accepts, ttl)
        return Membership(self, advert)

    async def advertise(self, advert: Advert, *, request_id: str | None = None) -> Advertised:
        """
        Declare what an agent can do, until its ttl ends. `join` does this and keeps it fresh.

        Args:
            advert: what it can do; it replaces the agent's advert before.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            What it changed: whether the agent joined, changed or only was heard of again.

        Raises:
            AdvertRefusedError: a newer start of this agent has advertised; end this one.

        """
        return await self._do(Advertise(match_arguments.checked_advert(advert)), request_id)

    async def withdraw(self, agent: str, *, request_id: str | None = None) -> bool:
        """
        Take an agent's advert back; what it holds goes on.

        Args:
            agent: whose advert.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            Whether there was one.

        """
        return await self._do(Withdraw(arguments.agent_name(agent)), request_id)

    async def retire(self, agent: str, *, reason: str = "", request_id: str | None = None) -> bool:
        """
        Take an agent out: it is offered nothing more until it is started again, and what it holds goes back.

        For operators. Its own process is told: claims that wait end with AgentGoneError.

        Args:
            agent: whom to take out.
            reason: for the event and the error.
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            Whether it was here, or held anything.

        """
        return await self._do(match_arguments.retire(agent, reason), request_id)

    async def agents(
        self, requires: str | None = None, *, prefer: Iterable[str] = (), count: int = 100
    ) -> list[AgentRecord]:
        """
        Find agents that could do something.

        Args:
            requires: a requirement; None finds all.
            prefer: requirements that put those first who meet more of them.
            count: how many at most.

        """
        return list((await self._ask(match_arguments.agents(requires, prefer, count))).agents)

    async def offers(self, agent: str, *, count: int = 20) -> list[Offer]:
        """
        List what an agent could claim now, in the order in which it would get it; it claims nothing.

        Args:
            agent: its name.
            count: how many at most.

        """
        return list(await self._ask(Offers(arguments.agent_name(agent), match_arguments.most(count))))

    async def why_not(self, task: TaskLike, *, agent: str) -> Explanation:
        """
        Say why an agent does not get a task, clause by clause.

        Args:
            task: the task, its ticket or its id.
            agent: its name.

        Returns:
            An Explanation; `str` of it is a sentence a line.

        Raises:
            TaskNotFoundError: there is no such task (any more).

        """
        return await self._ask(WhyNot(arguments.task_id(task), arguments.agent_name(agent)))

    async def watch_agents(
        self, requires: str | None = None, *, since: int | None = None, follow: bool = True
    ) -> AsyncIterator[AgentChange]:
        """
        Iterate over agents that come, change and go; first those who are here, then each change once.

        Args:
            requires: only agents that meet this; one that no longer does is reported as changed once.
            since: resume after the cursor of an earlier change, without the first part; an agent that
                does not meet `requires`, or has gone, is then reported once even if you never heard of it.
            follow: wait for more, until the coordinator closes.

        Raises:
            CursorTooOld: changes after `since` are gone; begin again without it.

        """
        checked_requirement(requires, "requires")
        known: set[str] = set()
        # after a resume nobody knows whom it was told of: each that does not meet `requires` is told once
        unsure, told = since is not None, set[str]()
        if since is None:
            roster = await self._ask(Agents(requires, count=1 << 30))
            since = roster.cursor
            for record in roster.agents:
                known.add(record.agent)
                yield AgentChange("present", record.agent, record, since)
        async for event in self.events(since=since, follow=follow):
            if event.type not in match_arguments.CHANGES or event.agent is None:
                continue
            now = (await self._ask(Agents(requires, names=(event.agent,)))).agents
            is_news = unsure and event.agent not in told
            if now or event.agent in known or requires is None or is_news:
                told.add(event.agent)
                (known.add if now else known.discard)(event.agent)
                yield AgentChange(event.type, event.agent, now[0] if now else None, event.cursor)


class Matchmaker(MatchVerbs):
    """
    Capability matching: agents declare what they can do and claim what fits; nobody schedules.

    Who may take a task: agents whose advert meets its `requires`, whose own rule accepts it and who
    have a free slot and enough of what it `uses`. In which order: priority, then submission. A task
    without `requires` is open to everybody, with an advert or without. See Board for the arguments;
    `bench_after` is one more.

    Example:
        >>> import asyncio
        >>> from ants_coord import Task
        >>> async def train() -> str:
        ...     async with Matchmaker() as market, market.join("w1", {"gpu"}, attributes={"mem": 24}) as me:
        ...         ticket = await market.submit(Task("train/7", requires="gpu and mem >= 16"))
        ...         async with market.work(await me.claim_nowait()) as job:
        ...             job.result = "trained"
        ...         return await market.result(ticket)
        >>> asyncio.run(train())
        'trained'

    """

    _strategy = "match"

    def __init__(
        self,
        where: Where = None,
        *,
        clock: Clock | None = None,
        durability: Literal["power", "process"] = "power",
        secret: bytes | None = None,
        **settings: Unpack[MatchSettings],
    ) -> None:
        super().__init__(where, clock=clock, durability=durability, secret=secret, **settings)  # type: ignore[misc]

    @property
    def sync(self) -> other.Matchmaker:
        """The same board for threads; closing either closes both."""
        from .. import sync as other  # noqa: PLC0415 - each colour knows the other only in these properties

        return other.Matchmaker._over_engine(self._engine)  # noqa: SLF001 - our own class

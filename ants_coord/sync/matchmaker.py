# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
Capability matching: agents advertise what they can do, and claim tasks that fit.

The verbs about adverts, and `Matchmaker`, which adds them to all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack

from ..commands.matching import Advertise, Agents, Offers, Retire, WhyNot, Withdraw
from ..engine.advert_keeper import AdvertKeeper, KeptAdvert
from ..engine.engine import Engine
from ..errors import AgentGoneError
from ..fronts import arguments, match_arguments
from ..fronts.arguments import Seconds, TaskLike
from ..fronts.build import MatchSettings, Where
from ..fronts.match_arguments import AdvertChanges, Attributes
from ..frozen import evolve
from ..journals.ports import Clock
from ..values.adverts import Advert, Advertised, AgentChange, AgentRecord, Offer, checked_requirement
from ..values.checks import count as checked_count
from ..values.checks import listed, quoted
from ..values.payloads import json_value
from ..values.tasks import Explanation, Lease
from .board import Board
from .match_agent import MatchAgent

if TYPE_CHECKING:
    from .. import aio as other
    from ..fronts.agent import Shared

_CHANGES = ("joined", "changed", "fading", "departed")
"""events about adverts"""


class Membership(MatchAgent):
    """
    An agent that has joined: its own handle, and the scope that refreshes its advert.

    It advertises at its entry and withdraws at its exit. In between, the advert is refreshed a third of its
    ttl before its deadline, together with those of all other agents of this coordinator. Leases that are held
    at the exit continue.
    """

    def __init__(self, board: MatchVerbs, advert: Advert) -> None:
        super().__init__(board, advert.agent)
        self.advert: Advert = advert
        self._engine: Engine = board._engine  # noqa: SLF001 - our own class
        self._kept: KeptAdvert | None = None
        self._has_left = False

    @property
    def is_replaced(self) -> bool:
        """Whether a newer start of this agent has taken over the name."""
        return self._kept is not None and self._kept.is_refused

    def update(self, **changes: Unpack[AdvertChanges]) -> Advertised:
        """
        Change the advert.

        Args:
            changes: capabilities, attributes, slots, load, accepts or ttl (seconds), as in `join`.

        Returns:
            An Advertised, as from `advertise`.

        Raises:
            AdvertRefusedError: a newer start of this agent has advertised; end this one.
            AgentGoneError: the agent was retired; join again if it is to work.

        Example:
            >>> market = Matchmaker()
            >>> with market.join("w1", ["gpu"]) as me:
            ...     changed = me.update(load=0.5)
            ...     print((market.agents())[0].advert.load)
            0.5

        """
        if not {"agent", "incarnation"}.isdisjoint(changes):
            raise TypeError("update changes neither agent nor incarnation; to be another agent, join as one")
        advert = evolve(self.advert, **changes)
        answer: Advertised = self._board.advertise(advert)
        self.advert = advert
        self._board._tend(AdvertKeeper, self._keep)  # noqa: SLF001 - our own class
        return answer

    def _must_be_here(self) -> None:
        """Refuse to wait for work that can never come: this start has left, or was replaced."""
        if self._has_left:
            raise AgentGoneError(self.name, "it has left its scope")
        if self.is_replaced:
            raise AgentGoneError(self.name, "another start has taken the name over, or it was taken out")

    def claim(
        self,
        *,
        task: TaskLike | None = None,
        kinds: Iterable[str] | None = None,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> Lease:
        """
        Wait for a task and lease it, as on the coordinator, while this agent is here.

        Args:
            task: a particular task; by default the best one.
            kinds: only tasks of these kinds; by default of any.
            lease_ttl: seconds that the lease lasts; by default as the task or the board says.
            timeout: seconds to wait; None waits for ever.

        Returns:
            A Lease, as from `claim` of the coordinator.

        Raises:
            AgentGoneError: it has left its scope, another start has taken its name over, or it was retired
                during the wait.
            AdvertRefusedError: a newer start of the agent has advertised during the wait; end this one.
            TimeoutError, TaskNotFoundError, IllegalTransitionError, DeadlockError, ClosedError: as in `claim`
                of the coordinator.

        Example:
            >>> market = Matchmaker()
            >>> ticket = market.submit(Task("a", requires="gpu"))
            >>> with market.join("w1", ["gpu"]) as me:
            ...     print((me.claim(timeout=5)).task)
            a

        """
        self._must_be_here()
        return super().claim(task=task, kinds=kinds, lease_ttl=lease_ttl, timeout=timeout)

    def _keep(self, keeper: AdvertKeeper) -> None:
        # under the board's lock, perhaps in a thread that comes late: then nobody would drop it
        if not self._has_left:
            self._kept = keeper.keep(self.advert, self._engine.now_ns())

    def _let_go(self, keeper: AdvertKeeper) -> None:
        if self._kept is not None:
            keeper.let_go(self._kept)

    def __enter__(self) -> Self:
        """Advertise, and refresh the advert from now on."""
        self._has_left = False
        self._board.__enter__()
        # each entry is a new start: an agent that has left, or was taken out, does not come back (a clock may
        # stand still between two entries, so the time alone would not tell them apart)
        start = self._engine.last_start = max(self._engine.now_ns(), self._engine.last_start + 1)
        self.advert = evolve(self.advert, incarnation=start)
        try:
            self.update()
        except BaseException:
            # cancelled on entry, so there will be no exit; the advert fades
            self._has_left = True
            self._board._tend_soon(AdvertKeeper, self._let_go)  # noqa: SLF001 - our own class
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Withdraw the advert, unless a newer start of the agent has replaced it or the board is closed."""
        self._has_left = True
        if self._kept is None or self._engine.is_closed:
            return
        self._board._tend(AdvertKeeper, self._let_go)  # noqa: SLF001 - our own class
        if not self._kept.is_refused:
            self._board.withdraw(self.name)


class MatchVerbs(Board):
    """The verbs of a coordinator with adverts."""

    def as_agent(self, name: str) -> MatchAgent:
        """
        Return an agent's own handle: the verbs that an agent needs, with its name bound.

        Args:
            name: name of the agent.

        Returns:
            A MatchAgent, which refuses other agents' leases.

        Example:
            >>> market = Matchmaker()
            >>> ticket = market.submit(Task("a"))
            >>> [offer.task for offer in market.as_agent("w1").offers()]
            ['a']

        """
        return MatchAgent(self, arguments.agent_name(name))

    def shared(self) -> Shared[MatchAgent]:
        """
        Return a view of this coordinator that many agents may share: each needs a key for its handle.

        It is for hosts that forward the calls of agents. `key_of(name)` returns the key to give to an agent.

        Returns:
            A Shared; its `as_agent(name, key)` returns the agent's handle.

        Raises:
            WrongKeyError: at `as_agent`: the key is not that agent's.
            ValueError: at `as_agent`: the coordinator was made without `secret=`.

        Example:
            >>> market = Matchmaker(secret=b"sixteen bytes...")
            >>> key = market.key_of("w1")
            >>> market.shared().as_agent("w1", key).name
            'w1'

        """
        from ..fronts.agent import Shared  # noqa: PLC0415 - only if needed

        return Shared(self)

    def join(
        self,
        agent: str,
        capabilities: Iterable[str] = (),
        *,
        attributes: Attributes | None = None,
        slots: int = 1,
        load: float = 0.0,
        accepts: str | None = None,
        ttl: Seconds = 60.0,
    ) -> Membership:
        """
        Return the scope that advertises an agent, refreshes the advert and withdraws it at the end.

        Args:
            agent: name of the agent.
            capabilities: dotted names such as "doc.parse.pdf", "python:3.11"; by default none.
            attributes: name -> number, string or bool, such as {"gpu_mem": 24}; by default none.
            slots: number of tasks at a time.
            load: how busy it is with other things, 0 to 1.
            accepts: the agent's own rule, such as "priority >= 0 and not nightly"; by default it takes all.
            ttl: seconds that the advert lives if it is not refreshed.

        Returns:
            A Membership: a handle with the verbs of `as_agent`, a scope, and `update` to change the advert.

        Raises:
            LimitError: there are too many capabilities or attributes.
            RequirementError: `accepts` cannot be read; the error says where.
            AdvertRefusedError: at the entry: a newer start of this agent has advertised.

        Example:
            >>> market = Matchmaker()
            >>> ticket = market.submit(Task("a", requires="gpu and mem >= 16"))
            >>> with market.join("w1", ["gpu"], attributes={"mem": 24}) as me:
            ...     print((me.claim_nowait()).task)
            a

        """
        advert = match_arguments.advert_of(agent, capabilities, attributes, slots, load, accepts, ttl)
        return Membership(self, advert)

    def advertise(self, advert: Advert, *, request_id: str | None = None) -> Advertised:
        """
        Declare what an agent can do, for the advert's ttl. `join` does this and refreshes it.

        Args:
            advert: what it can do, how busy it is, and for how many seconds (`ttl`) this holds; it replaces
                the agent's earlier advert.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            An Advertised: whether the agent "joined", "changed" or only sent a sign of life, and until when
            the advert lives, in nanoseconds of the board's clock.

        Raises:
            AdvertRefusedError: a newer start of this agent has advertised; end this one.
            AgentGoneError: the agent was retired; `join` again if it is to work.
            ValueError: `accepts` asks for something that no rule can see; the message lists what it sees.

        Example:
            >>> market = Matchmaker()
            >>> (market.advertise(Advert("w1", ["gpu"], ttl=60))).status
            'joined'

        """
        return self._engine.execute(Advertise(match_arguments.checked_advert(advert)), request_id)

    def withdraw(self, agent: str, *, request_id: str | None = None) -> bool:
        """
        Withdraw an agent's advert; leases that it holds continue.

        Args:
            agent: name of the agent.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            Whether there was one.

        Example:
            >>> market = Matchmaker()
            >>> advertised = market.advertise(Advert("w1", ["gpu"]))
            >>> market.withdraw("w1")
            True

        """
        return self._engine.execute(Withdraw(arguments.agent_name(agent)), request_id)

    def retire(self, agent: str, *, reason: str = "", request_id: str | None = None) -> bool:
        """
        Take an agent out: it gets nothing more until it is started again, and what it holds is given back.

        This is for operators. The agent's process is told: its waiting claims end with AgentGoneError.

        Args:
            agent: name of the agent.
            reason: for the event and the error; its first 500 characters. By default none.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            Whether it was present, or held anything.

        Example:
            >>> market = Matchmaker()
            >>> advertised = market.advertise(Advert("w1", ["gpu"]))
            >>> market.retire("w1", reason="its GPU is broken")
            True
            >>> market.agents()
            []

        """
        if not isinstance(reason, str):
            raise TypeError(f"reason must be a string, not {quoted(reason)}")
        command = Retire(arguments.agent_name(agent), json_value(reason[:500], "reason"))
        return self._engine.execute(command, request_id)

    def agents(
        self, requires: str | None = None, *, prefer: Iterable[str] = (), count: int = 100
    ) -> list[AgentRecord]:
        """
        Find agents that meet a requirement.

        Args:
            requires: a requirement; None finds all.
            prefer: requirements; agents that meet more of them come first.
            count: most agents to return.

        Returns:
            A list of AgentRecords: the advert, and what the agent holds. Those that deliver more reliably
            come first.

        Raises:
            RequirementError: a requirement cannot be read; the error says where.

        Example:
            >>> market = Matchmaker()
            >>> advertised = market.advertise(Advert("w1", ["gpu"], {"mem": 24}))
            >>> [record.agent for record in market.agents("gpu and mem >= 16")]
            ['w1']

        """
        if isinstance(prefer, str):
            raise TypeError(f"prefer must be a list of requirements such as [{quoted(prefer)}], not a string")
        wishes = listed(prefer, "prefer", "a list of requirements")
        for wish in wishes:
            if not isinstance(wish, str):
                raise TypeError(f"each of prefer must be a requirement such as 'gpu', not {quoted(wish)}")
            checked_requirement(wish, "prefer")
        wanted = checked_requirement(requires, "requires")
        most = checked_count(count, "count", most=1 << 30)
        return list((self._engine.ask(Agents(wanted, wishes, count=most))).agents)

    def offers(self, agent: str, *, count: int = 20) -> list[Offer]:
        """
        List the tasks that an agent could claim now, best first; nothing is claimed.

        Args:
            agent: name of the agent.
            count: most tasks to return.

        Returns:
            A list of Offers: the task's id, kind, priority and requirement, and how long it has waited.

        Example:
            >>> market = Matchmaker()
            >>> tickets = market.submit_many([Task("a", requires="gpu"), Task("b")])
            >>> [offer.task for offer in market.offers("w1")]
            ['b']

        """
        name = arguments.agent_name(agent)
        return list(self._engine.ask(Offers(name, checked_count(count, "count", most=1 << 30))))

    def why_not(self, task: TaskLike, *, agent: str) -> Explanation:
        """
        Explain why an agent does not get a task, clause by clause.

        Args:
            task: the task, its ticket or its id.
            agent: name of the agent.

        Returns:
            An Explanation; `str()` of it has one sentence per line.

        Raises:
            TaskNotFoundError: the task is unknown or forgotten.

        Example:
            >>> market = Matchmaker()
            >>> ticket = market.submit(Task("a", requires="gpu"))
            >>> advertised = market.advertise(Advert("w1", ["cpu"]))
            >>> print(market.why_not("a", agent="w1"))
            task 'a' for agent 'w1' is ...gpu...

        """
        return self._engine.ask(WhyNot(arguments.task_id(task), arguments.agent_name(agent)))

    def watch_agents(
        self, requires: str | None = None, *, since: int | None = None, follow: bool = True
    ) -> Iterator[AgentChange]:
        """
        Iterate over agents that come, change and go: first the present ones, then each change once.

        Args:
            requires: only agents that meet this; one that stops meeting it is reported once, as changed.
            since: resume after the cursor of an earlier change, without the present ones. An agent that does
                not meet `requires`, or has gone, is then reported once even if it was not reported before.
            follow: wait for more changes until the coordinator closes.

        Yields:
            AgentChanges; `what` is "present", "joined", "changed", "fading" or "departed".

        Raises:
            CursorTooOld: changes after `since` are gone; start again without it.
            RequirementError: `requires` cannot be read; the error says where.

        Example:
            >>> market = Matchmaker()
            >>> advertised = market.advertise(Advert("w1", ["gpu"]))
            >>> [(each.what, each.agent) for each in market.watch_agents("gpu", follow=False)]
            [('present', 'w1')]

        """
        checked_requirement(requires, "requires")
        known: set[str] = set()
        # after a resume nobody knows which agents were reported: each that does not meet `requires` is
        # reported once
        unsure, told = since is not None, set[str]()
        if since is None:
            roster = self._engine.ask(Agents(requires, count=1 << 30))
            since = roster.cursor
            for record in roster.agents:
                known.add(record.agent)
                yield AgentChange("present", record.agent, record, since)
        for event in self.events(since=since, follow=follow):
            if event.type not in _CHANGES or event.agent is None:
                continue
            now = (self._engine.ask(Agents(requires, names=(event.agent,)))).agents
            is_news = unsure and event.agent not in told
            if now or event.agent in known or requires is None or is_news:
                told.add(event.agent)
                (known.add if now else known.discard)(event.agent)
                yield AgentChange(event.type, event.agent, now[0] if now else None, event.cursor)


class Matchmaker(MatchVerbs):
    """
    Capability matching: agents declare what they can do and claim tasks that fit; there is no scheduler.

    An agent may take a task if its advert meets the task's `requires`, its own rule accepts the task, and it
    has a free slot and enough of what the task `uses`. The order is priority, then submission. A task without
    `requires` is open to every agent, with or without an advert. See Board for the arguments, and
    MatchSettings for the settings that only a Matchmaker has.

    Example:
        >>> from ants_coord import Task
        >>> def train() -> str:
        ...     with Matchmaker() as market, market.join("w1", {"gpu"}, attributes={"mem": 24}) as me:
        ...         ticket = market.submit(Task("train/7", requires="gpu and mem >= 16"))
        ...         with market.work(me.claim_nowait()) as job:
        ...             job.result = "trained"
        ...         return market.result(ticket)
        >>> train()
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
    def aio(self) -> other.Matchmaker:
        """The same board for event loops; closing either closes both."""
        from .. import aio as other  # noqa: PLC0415 - each colour knows the other only in these properties

        return other.Matchmaker._over_engine(self._engine)  # noqa: SLF001 - our own class

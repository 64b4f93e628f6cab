"""
The stigmergic blackboard: agents change a shared environment, others react to the change.

The verbs about marks, entries and reactions, and `Blackboard`, which adds them to all others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ..commands.board import (
    Changes,
    Deposit,
    Diffuse,
    Entries,
    Erase,
    History,
    React,
    Reactions,
    Read,
    RollBack,
    Sense,
    Strongest,
    Take,
    Thresholds,
    Unreact,
    Write,
)
from ..commands.shared import MAX_BATCH, with_salt
from ..engine.lobby import Waiter, mute
from ..errors import ClosedError, LimitError
from ..fronts import arguments, match_arguments
from ..fronts.arguments import Seconds
from ..fronts.build import BoardSettings, Where
from ..fronts.match_arguments import Attributes
from ..journals.ports import Clock
from ..values.checks import amount, check_id, check_name, listed, quoted
from ..values.checks import count as checked_count
from ..values.entries import Change, Entry, checked_pattern, literal
from ..values.marks import Mark, Threshold, Trail
from ..values.payloads import json_value
from ..values.reactions import Reaction
from ..values.tasks import Task
from .board_agent import BoardAgent
from .matchmaker import MatchVerbs, Membership

if TYPE_CHECKING:
    from .. import sync as other
    from ..fronts.agent import Shared
    from ..values.entries import Page


def _kind(kind: str | None) -> str | None:
    return None if kind is None else check_name(kind, "mark kind")


def _version(expect: int | None) -> int | None:
    return None if expect is None else checked_count(expect, "expect", least=0)


def _start_of(prefix: str) -> str:
    return "" if prefix == "" else check_id(prefix, "prefix")


class BoardMembership(Membership, BoardAgent):
    """An agent that has joined a Blackboard; see Membership."""

    _board: Blackboard


class Blackboard(MatchVerbs):
    """
    The stigmergic blackboard: shared entries, marks that evaporate, and work that follows them.

    An agent may take the same tasks as on a Matchmaker. The order is: priority, then the most attractive
    place (its trails, and how long its oldest task has waited), then the task that has been ready longest.
    See Board for the arguments, and BoardSettings for the settings that only a Blackboard has.

    Example:
        >>> import asyncio
        >>> from ants_coord import Mark, Task
        >>> async def follow() -> str:
        ...     async with Blackboard(half_life=60) as board:
        ...         for number in (16, 17):
        ...             await board.submit(Task(f"review/{number}", place=f"pr/{number}"))
        ...         await board.deposit(Mark("needs-review", "pr/17", 3.0), agent="scout-1")
        ...         return (await board.claim("worker-2")).task
        >>> asyncio.run(follow())
        'review/17'

    """

    _strategy = "board"

    def __init__(
        self,
        where: Where = None,
        *,
        clock: Clock | None = None,
        durability: Literal["power", "process"] = "power",
        secret: bytes | None = None,
        **settings: Unpack[BoardSettings],
    ) -> None:
        super().__init__(where, clock=clock, durability=durability, secret=secret, **settings)  # type: ignore[misc]

    @property
    def sync(self) -> other.Blackboard:
        """The same board for threads; closing either closes both."""
        from .. import sync as other  # noqa: PLC0415 - each colour knows the other only in these properties

        return other.Blackboard._over_engine(self._engine)  # noqa: SLF001 - our own class

    # -- agents ---------------------------------------------------------------------------------

    def as_agent(self, name: str) -> BoardAgent:
        """
        Return an agent's own handle: the verbs that an agent needs, with its name bound.

        Args:
            name: name of the agent.

        Returns:
            A BoardAgent, which refuses other agents' leases.

        Example:
            >>> board = Blackboard()
            >>> trail = await board.as_agent("ant-1").deposit(Mark("food", "x"))
            >>> trail.last_by
            'ant-1'

        """
        return BoardAgent(self, arguments.agent_name(name))

    def shared(self) -> Shared[BoardAgent]:
        """
        Return a view of this coordinator that many agents may share: each needs a key for its handle.

        It is for hosts that forward the calls of agents. `key_of(name)` returns the key to give to an agent.

        Returns:
            A Shared; its `as_agent(name, key)` returns the agent's handle.

        Raises:
            WrongKeyError: at `as_agent`: the key is not that agent's.
            ValueError: at `as_agent`: the coordinator was made without `secret=`.

        Example:
            >>> board = Blackboard(secret=b"sixteen bytes...")
            >>> key = board.key_of("ant-1")
            >>> board.shared().as_agent("ant-1", key).name
            'ant-1'

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
    ) -> BoardMembership:
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
            A BoardMembership: as from Matchmaker.join, with the verbs of a BoardAgent.

        Raises:
            LimitError: there are too many capabilities or attributes.
            RequirementError: `accepts` cannot be read; the error says where.
            AdvertRefusedError: at the entry: a newer start of this agent has advertised.

        Example:
            >>> board = Blackboard()
            >>> async with board.join("ant-1") as me:
            ...     trail = await me.deposit(Mark("food", "x", 2.0))
            ...     print(round((await me.sense("x"))[0].strength))
            2

        """
        return BoardMembership(
            self, match_arguments.advert_of(agent, capabilities, attributes, slots, load, accepts, ttl)
        )

    # -- marks ----------------------------------------------------------------------------------

    async def deposit(self, mark: Mark, *, agent: str, request_id: str | None = None) -> Trail:
        """
        Lay a mark: it reinforces the trail of its kind at its place, or starts one.

        Args:
            mark: the kind, the place and the strength.
            agent: the agent that lays it.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The trail as it is now; `laid` is the part of the mark that counted, which a ceiling may limit.

        Raises:
            UnknownKindError: the board declares its kinds of marks (`kinds=`), and this is none of them.
            FaintMarkError: the mark is too weak to start a trail; lay a stronger one.
            NotOwnerError: a namespace gives the place to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            LimitError: the agent has begun as many trails as the board's `quota` allows.

        Example:
            >>> board = Blackboard(half_life=60)
            >>> trail = await board.deposit(Mark("food", "x", 2.0), agent="ant-1")
            >>> trail = await board.deposit(Mark("food", "x"), agent="ant-2")
            >>> (round(trail.strength), trail.marks, trail.last_by)
            (3, 2, 'ant-2')

        """
        if mark.__class__ is not Mark:
            raise TypeError(f"deposit takes a Mark, not {quoted(mark)}; write Mark(kind, place, strength)")
        return await self._do(Deposit(mark, arguments.agent_name(agent)), request_id)

    async def sense(self, place: str, *, kind: str | None = None) -> list[Trail]:
        """
        Read the trails at a place, sorted by kind; reading changes nothing.

        Args:
            place: the place, as in Mark.
            kind: only this kind of mark; by default all kinds.

        Returns:
            A list of Trails with their strength now; an empty list if there are none.

        Example:
            >>> board = Blackboard()
            >>> trail = await board.deposit(Mark("food", "x"), agent="ant-1")
            >>> [trail.kind for trail in await board.sense("x")]
            ['food']

        """
        return list(await self._ask(Sense(check_id(place, "place"), _kind(kind))))

    async def strongest(self, kind: str | None = None, *, count: int = 10) -> list[Trail]:
        """
        Read the strongest trails, strongest first.

        Args:
            kind: only this kind; None ranks places by the net of all kinds, with repelling kinds subtracted.
            count: most trails to return.

        Returns:
            A list of Trails with their strength now; `kind` is None for the net of all kinds.

        Example:
            >>> board = Blackboard()
            >>> for place, strength in (("x", 1.0), ("y", 3.0)):
            ...     trail = await board.deposit(Mark("food", place, strength), agent="ant-1")
            >>> [trail.place for trail in await board.strongest("food", count=1)]
            ['y']

        """
        return list(await self._ask(Strongest(_kind(kind), checked_count(count, "count", most=1 << 30))))

    async def diffuse(
        self,
        kind: str,
        neighbours: Mapping[str, Iterable[str]],
        *,
        agent: str,
        share: float = 0.5,
        request_id: str | None = None,
    ) -> int:
        """
        Let trails of one kind spread once over a graph of places; only trails that become faint are lost.

        Args:
            kind: kind of mark.
            neighbours: place -> the places that it gives to; at most 10,000 places and edges.
            agent: the agent that does it.
            share: the share of its trail, 0 to 1, that a place divides among its neighbours.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            How many trails changed.

        Raises:
            UnknownKindError: the board declares its kinds of marks (`kinds=`), and this is none of them.
            NotOwnerError: a namespace gives one of the places to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            LimitError: there are too many places and edges, or the agent's `quota` of trails is used up.

        Example:
            >>> board = Blackboard()
            >>> trail = await board.deposit(Mark("food", "x", 2.0), agent="ant-1")
            >>> await board.diffuse("food", {"x": ["y", "z"]}, agent="ant-1")
            3
            >>> round((await board.sense("y"))[0].strength, 1)
            0.5

        """
        if not isinstance(neighbours, Mapping):
            raise TypeError(f"neighbours must map a place to its neighbours, not {quoted(neighbours)}")
        checked, edges = [], 0
        for place, given in neighbours.items():
            check_id(place, "each place in neighbours")
            others = listed(given, f"the neighbours of {place!r}", "a list of places")
            found = tuple(dict.fromkeys(check_id(other, f"each neighbour of {place!r}") for other in others))
            if place in found:
                raise ValueError(
                    f"neighbours names {place!r} as its own neighbour; what it keeps is 1 - share"
                )
            checked.append((place, found))
            edges += 1 + len(found)
        if edges > MAX_BATCH:
            raise LimitError("places and edges in one step of diffusion", edges, MAX_BATCH)
        named, part = check_name(kind, "mark kind"), amount(share, "share", most=1.0)
        command = Diffuse(named, tuple(checked), part, arguments.agent_name(agent))
        return await self._do(command, request_id)

    async def thresholds(self, agent: str) -> list[Threshold]:
        """
        Read an agent's response threshold for each kind of task that it has done, sorted by kind.

        Args:
            agent: name of the agent.

        Returns:
            A list of Thresholds, 0 to 1: the lower one is, the more the agent is drawn to that kind.

        Example:
            >>> board = Blackboard()
            >>> ticket = await board.submit(Task("a", kind="review"))
            >>> outcome = await board.complete(await board.claim("ann"))
            >>> [(each.kind, each.threshold) for each in await board.thresholds("ann")]
            [('review', 0.9)]

        """
        return list(await self._ask(Thresholds(arguments.agent_name(agent))))

    # -- entries --------------------------------------------------------------------------------

    async def write(
        self,
        path: str,
        value: object,
        *,
        agent: str,
        expect: int | None = None,
        ttl: Seconds | None = None,
        mark: str | None = None,
        request_id: str | None = None,
    ) -> Entry:
        """
        Write an entry.

        Args:
            path: 1 to 512 bytes of text; "/" separates segments.
            value: any JSON value.
            agent: the agent that writes.
            expect: the version that the entry must have; 0 means that there must be no entry. By default any.
            ttl: seconds after which the entry expires; by default it does not.
            mark: the kind of a mark of strength 1 to lay at the path in the same step; both are done, or
                neither. By default none.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The Entry as it is now; give its `version` as `expect` to the next write.

        Raises:
            StaleVersionError: the entry has another version; read it again.
            NotOwnerError: a namespace gives the path to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            LimitError: the agent has written as many entries as the board's `quota` allows; erase some.
            UnknownKindError, FaintMarkError: as in `deposit`, for the mark; nothing was written.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("plan", ["fetch"], agent="ann")
            >>> entry = await board.write("plan", ["fetch", "parse"], agent="bob", expect=entry.version)
            >>> (entry.value, entry.author)
            (['fetch', 'parse'], 'bob')

        """
        command = Write(
            check_id(path, "path"),
            json_value(value, "value"),
            arguments.agent_name(agent),
            _version(expect),
            arguments.ttl_ns(ttl, "ttl"),
            None if mark is None else Mark(mark, path),
        )
        return await self._do(command, request_id)

    async def read(self, path: str) -> Entry | None:
        """
        Read an entry.

        Args:
            path: path of the entry.

        Returns:
            The Entry with `value`, `version` and `author`; None if there is none.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("plan", ["fetch"], agent="ann")
            >>> (await board.read("plan")).value
            ['fetch']
            >>> await board.read("other") is None
            True

        """
        return await self._ask(Read(check_id(path, "path")))

    async def wait_for(self, pattern: str, *, newer_than: int = 0, timeout: Seconds | None = None) -> Entry:
        """
        Wait until an entry matches, and return it.

        Args:
            pattern: a path; `*` stands for one segment or a part of it, and `**` at the end for all that
                follow.
            newer_than: only versions after this one; 0 takes any.
            timeout: seconds to wait; None waits for ever.

        Returns:
            The first matching Entry, by path; it stays on the board. `take` removes it.

        Raises:
            TimeoutError: nothing matched in time.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("reports/ann", 42, agent="ann")
            >>> (await board.wait_for("reports/*", timeout=5)).value
            42

        """
        least = checked_count(newer_than, "newer_than", least=0)
        query = Entries(pattern=checked_pattern(pattern), count=1, newer_than=least)
        waiter = Waiter(mute, paths=(literal(pattern),))
        found = await self._wait(lambda w: self._engine.look_or_enter(query, bool, w), waiter, timeout)
        return found[0]

    async def entries(
        self, prefix: str = "", *, pattern: str | None = None, after: str | None = None, count: int = 1000
    ) -> list[Entry]:
        """
        List entries by path.

        Args:
            prefix: the beginning of the paths; by default all.
            pattern: a pattern that the paths must match, such as `inbox/*/text`; by default none.
            after: continue after this path; by default at the first.
            count: most entries to return.

        Returns:
            A list of Entries.

        Example:
            >>> board = Blackboard()
            >>> for path in ("inbox/1", "inbox/2", "plan"):
            ...     entry = await board.write(path, None, agent="ann")
            >>> [entry.path for entry in await board.entries("inbox/")]
            ['inbox/1', 'inbox/2']

        """
        query = Entries(
            _start_of(prefix),
            None if pattern is None else checked_pattern(pattern),
            None if after is None else check_id(after, "after"),
            checked_count(count, "count", most=1 << 30),
        )
        return list(await self._ask(query))

    async def take(
        self,
        pattern: str,
        *,
        agent: str,
        timeout: Seconds | None = None,
        lease_ttl: Seconds | None = None,
    ) -> Entry:
        """
        Wait for a matching entry, remove it and return it: exactly one taker gets it.

        Args:
            pattern: as in `wait_for`; the first match by path is taken.
            agent: the agent that takes.
            timeout: seconds to wait; None waits for ever.
            lease_ttl: seconds after which the entry returns, unless its taker has confirmed it with
                `erase(entry.path, agent=..., expect=entry.version)`. With None it never returns, even if the
                taker dies.

        Returns:
            The Entry as it was.

        Raises:
            TimeoutError: nothing matched in time.
            NotOwnerError: a namespace gives the entry to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("inbox/1", "hello", agent="ann")
            >>> (await board.take("inbox/*", agent="bob", timeout=5)).value
            'hello'
            >>> await board.entries()
            []

        """
        ttl_ns = arguments.ttl_ns(lease_ttl)
        command = Take(checked_pattern(pattern), arguments.agent_name(agent), ttl_ns)
        waiter = Waiter(mute, paths=(literal(pattern),))
        return await self._wait(lambda w: self._engine.try_or_enter(command, w), waiter, timeout, command)

    async def take_nowait(
        self,
        pattern: str,
        *,
        agent: str,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Entry | None:
        """
        Take an entry if one matches now, otherwise return None. `take` waits for one.

        Args:
            pattern: as in `wait_for`.
            agent: the agent that takes.
            lease_ttl: as in `take`.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The Entry as it was, or None if none matches.

        Raises:
            NotOwnerError: a namespace gives the entry to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("inbox/1", "hello", agent="ann")
            >>> (await board.take_nowait("inbox/*", agent="bob")).value
            'hello'
            >>> await board.take_nowait("inbox/*", agent="bob") is None
            True

        """
        ttl_ns = arguments.ttl_ns(lease_ttl)
        command = Take(checked_pattern(pattern), arguments.agent_name(agent), ttl_ns)
        return await self._do(command, request_id)

    async def erase(
        self, path: str, *, agent: str, expect: int | None = None, request_id: str | None = None
    ) -> bool:
        """
        Remove an entry.

        Args:
            path: path of the entry.
            agent: the agent that removes it.
            expect: the version that the entry must have; by default any.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            Whether there was one.

        Raises:
            StaleVersionError: the entry has another version; read it again.
            NotOwnerError: a namespace gives the path to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("plan", 1, agent="ann")
            >>> await board.erase("plan", agent="ann", expect=entry.version)
            True

        """
        command = Erase(check_id(path, "path"), arguments.agent_name(agent), _version(expect))
        return await self._do(command, request_id)

    async def history(self, path: str) -> list[Change]:
        """
        Read the history of an entry: who changed it, when and how; the last ten changes, oldest first.

        Args:
            path: path of the entry, which may be gone.

        Returns:
            A list of Changes with `what`, `agent`, `version` and `value`.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("plan", 1, agent="ann")
            >>> was_there = await board.erase("plan", agent="bob")
            >>> [(change.what, change.agent) for change in await board.history("plan")]
            [('written', 'ann'), ('erased', 'bob')]

        """
        return list(await self._ask(History(check_id(path, "path"))))

    async def watch(
        self, prefix: str = "", *, since: int | None = None, follow: bool = True
    ) -> AsyncIterator[Change]:
        """
        Iterate over changes of entries and trails, each once and in order.

        Args:
            prefix: the beginning of the paths and places; by default all.
            since: continue after the cursor of an earlier change; None first returns everything that exists,
                as "present".
            follow: wait for more changes until the coordinator closes.

        Yields:
            Changes of entries (`path`) and of trails (`kind` and `strength`, too); each has its `cursor`.

        Raises:
            CursorTooOld: changes after `since` are gone; start again without it.

        Example:
            >>> board = Blackboard()
            >>> entry = await board.write("plan", 1, agent="ann")
            >>> [(each.what, each.path) async for each in board.watch(follow=False)]
            [('present', 'plan')]

        """
        start = _start_of(prefix)
        query = Changes(start, None if since is None else checked_count(since, "since", least=0))
        while True:
            if follow and query.since is not None:
                waiter = Waiter(mute, paths=(prefix,))
                try:
                    page = await self._wait(lambda w: self._page(query, w), waiter, None)  # noqa: B023
                except ClosedError:
                    return
            else:
                page = await self._ask(query)
                if not page.changes and query.since is not None:
                    return
            for change in page.changes:
                yield change
            query = Changes(start, page.cursor)

    def _page(self, query: Changes, waiter: Waiter) -> Page | None:
        # changes that do not concern this watch may have left the log: they need not be seen again
        assert query.since is not None
        query.since = max(query.since, waiter.passed)
        return self._engine.look_or_enter(query, lambda page: bool(page.changes), waiter)

    async def roll_back(
        self, agent: str, *, by: str, quarantine: bool = True, request_id: str | None = None
    ) -> dict[str, Any]:
        """
        Undo what an agent has done to the shared state, in one step.

        Args:
            agent: the agent whose marks and entries are undone. Its share is removed from trails. Entries
                that it wrote, erased or took last become what the last deed of the others makes them, in
                whatever order agents are rolled back (16 authors per entry are remembered).
            by: the name of the person or program that does it, kept in the event.
            quarantine: also put the agent in quarantine, if the board has a TrustPolicy.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            A dict: how many "trails" changed, how many entries were "restored" and "erased", and under
            "handed_on" its accepted results that other tasks needed: task -> those tasks.

        Example:
            >>> board = Blackboard()
            >>> good = await board.write("plan", "ours", agent="ann")
            >>> bad = await board.write("plan", "spoilt", agent="mallory")
            >>> (await board.roll_back("mallory", by="ops"))["restored"]
            1
            >>> (await board.read("plan")).value
            'ours'

        """
        if not isinstance(quarantine, bool):
            raise TypeError(f"quarantine must be a bool, not {quoted(quarantine)}")
        command = RollBack(arguments.agent_name(agent), check_name(by, "by"), quarantine)
        return await self._do(command, request_id)

    # -- reactions ------------------------------------------------------------------------------

    async def react(
        self,
        name: str,
        pattern: str,
        task: Task,
        *,
        on: Iterable[Literal["created", "changed", "deleted", "rose", "fell"]] = (),
        coalesce: bool = True,
        trails: str | None = None,
        above: float | None = None,
        below: float | None = None,
        existing: bool = False,
        request_id: str | None = None,
    ) -> bool:
        """
        Turn each matching change into a task from now on, exactly once.

        Args:
            name: name of the reaction. Setting the same reaction again changes nothing; another one of the
                same name replaces it.
            pattern: paths of entries (or places of trails), such as `inbox/*`, `posts/*.md` or `src/**`.
            task: a template of the tasks; path, version and change are added to the payload.
            on: "created", "changed", "deleted"; by default the first two. For a trigger "rose", "fell"; by
                default the first.
            coalesce: allow one open task per path; changes while it is leased make one follow-up task at its
                end.
            trails: react to marks of this kind instead of entries.
            above: make a trigger, which rises once when a trail reaches this strength.
            below: the trigger falls when the trail is weaker than this, and can then rise again; half of
                `above` by default.
            existing: also react to what exists already (10,000 at most), as if it had just been created. By
                default only to what changes from now on.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            True if there was no reaction of this name before.

        Raises:
            UnknownKindError: the board declares its kinds of marks, and `trails` is none of them.
            LimitError: there are too many reactions, or too much exists already for `existing`.

        Example:
            >>> board = Blackboard()
            >>> await board.react("reader", "inbox/*", Task(kind="read"))
            True
            >>> entry = await board.write("inbox/1", "hello", agent="ann")
            >>> (await board.claim("bob", kinds=["read"])).payload["path"]
            'inbox/1'

        """
        if not isinstance(existing, bool):
            raise TypeError(f"existing must be a bool, not {quoted(existing)}")
        wanted = on if isinstance(on, str) else listed(on, "on", "a list of changes")
        if not isinstance(task, Task):
            raise TypeError(f"task must be a Task, not {quoted(task)}")
        payload = json_value(task.payload, "payload")
        made = Reaction(name, pattern, with_salt(task, payload), wanted, coalesce, trails, above, below)
        first = "created" if above is None else "rose"
        if existing and first not in made.on:
            raise ValueError(f"existing=True needs on= with {quoted(first)}: what is there counts as that")
        return await self._do(React(made, payload, existing), request_id)

    async def unreact(self, name: str, *, request_id: str | None = None) -> bool:
        """
        Remove a reaction; the tasks that it made stay.

        Args:
            name: name of the reaction.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            Whether there was one.

        Example:
            >>> board = Blackboard()
            >>> is_new = await board.react("reader", "inbox/*", Task(kind="read"))
            >>> await board.unreact("reader")
            True

        """
        return await self._do(Unreact(check_name(name, "reaction name")), request_id)

    async def reactions(self) -> list[Reaction]:
        """
        List the reactions, sorted by name.

        Returns:
            A list of Reactions, as they were set with `react`.

        Example:
            >>> board = Blackboard()
            >>> is_new = await board.react("reader", "inbox/*", Task(kind="read"))
            >>> [each.pattern for each in await board.reactions()]
            ['inbox/*']

        """
        return list(await self._ask(Reactions()))

"""What a user writes, and what a type checker makes of it: no line may be refused."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, Protocol, assert_type

from ants_coord import (
    Advert,
    Backoff,
    Blackboard,
    Board,
    ClaimQueue,
    Lease,
    Mark,
    MarkKind,
    Matchmaker,
    Namespace,
    Outcome,
    Proof,
    Task,
    TaskRecord,
    Ticket,
    aio,
)
from ants_coord.abc import (
    AgentVerbs,
    AsyncAgentVerbs,
    AsyncClaims,
    AsyncCoordinator,
    AsyncHolds,
    Claims,
    Coordinator,
    Holds,
    OperatorVerbs,
    Submits,
)
from ants_coord.adapters.tools import Toolbox
from ants_coord.sync import Agent, BoardAgent, BoardMembership, MatchAgent, Membership
from ants_coord.values.adverts import Advertised, Offer
from ants_coord.values.marks import Trail
from ants_coord.values.settings import Settings


def plain(board: ClaimQueue) -> None:
    """The three verbs of the tutorial."""
    assert_type(board.submit(Task("a")), Ticket)
    lease = board.claim_nowait("w")
    assert_type(lease, Lease | None)
    if lease is not None:
        with board.work(lease) as job:
            job.result = {"tokens": 3}
        assert_type(board.complete(lease), Outcome)
    assert_type(board.claims("w", until="drained"), Iterator[Lease])
    assert_type(board.find("a"), TaskRecord | None)
    with board.lock("a.py", "b.py", agent="w", timeout=3) as held:
        assert_type(held.token, int)


def handles(queue: ClaimQueue, market: Matchmaker, board: Blackboard) -> None:
    """An agent's handle knows the verbs of its strategy."""
    me = queue.as_agent("w")
    assert_type(me, Agent)
    assert_type(me.claim_nowait(), Lease | None)
    assert_type(me.claim(timeout=1), Lease)
    seller = market.as_agent("w")
    assert_type(seller, MatchAgent)
    assert_type(seller.offers(count=3), list[Offer])
    ant = board.as_agent("w")
    assert_type(ant, BoardAgent)
    assert_type(ant.deposit(Mark("food", "x")), Trail)
    with market.join("w", {"gpu"}, attributes={"mem": 24}) as joined:
        assert_type(joined, Membership)
        assert_type(joined.update(capabilities=["gpu"], load=0.5, ttl=timedelta(minutes=1)), Advertised)
        assert_type(joined.claim_nowait(), Lease | None)
    with board.join("w") as here:
        assert_type(here, BoardMembership)
        assert_type(here.sense("x"), list[Trail])
    assert_type(queue.shared().as_agent("w", "key"), Agent)
    assert_type(board.shared().as_agent("w", "key"), BoardAgent)


async def on_a_loop(board: aio.Blackboard) -> None:
    """The same, with await."""
    me = board.as_agent("w")
    assert_type(me, aio.BoardAgent)
    assert_type(await me.claim_nowait(), Lease | None)
    assert_type(me.claims(), AsyncIterator[Lease])
    async for lease in me.claims(until="idle"):
        async with board.work(lease) as job:
            job.result = None
    assert_type(await board.result("a"), Any)


def colours(queue: ClaimQueue, market: Matchmaker, board: Blackboard) -> None:
    """Each strategy names its own other colour."""
    assert_type(queue.aio, aio.ClaimQueue)
    assert_type(market.aio, aio.Matchmaker)
    assert_type(board.aio, aio.Blackboard)
    assert_type(board.aio.sync, Blackboard)


class TeamBoard(Blackboard):
    """A user's own."""


def subclass(team: TeamBoard) -> None:
    """It keeps the verbs of its strategy in the other colour."""
    assert_type(team.aio, aio.Blackboard)


class ClaimsAndHolds(Claims, Holds, Protocol):
    """What the next function asks for: these are plain protocols, to be combined at will."""


def one_task(board: ClaimsAndHolds) -> None:
    """Take a task and end it."""
    with board.work(board.claim("w")) as job:
        job.result = job.payload


def values() -> None:
    """Constructors take any iterable, and a timedelta where they keep seconds."""
    hour = timedelta(hours=1)
    task = Task("a", needs=["b"], tags={"x"}, parts=[Task("p")], lease_ttl=hour, delay=hour, finish_by=hour)
    assert_type(task.needs, tuple[str, ...])
    assert_type(task.lease_ttl, float | None)
    advert = Advert("w", {"gpu"}, {"mem": 24}, ttl=hour)
    assert_type(advert.capabilities, tuple[str, ...])
    Backoff(timedelta(seconds=1), limit=hour)
    Blackboard(
        "board.db", half_life=hour, kinds=[MarkKind("x", half_life=hour)], namespaces=[Namespace("x/", ["a"])]
    )


def worker(board: AgentVerbs) -> None:
    """A function asks for what it needs."""
    lease = board.claim_nowait("w")
    if lease is not None:
        board.complete(lease, 1)


def operator(board: OperatorVerbs) -> None:
    """What an operator does."""
    board.pause()
    board.cancel("a")
    assert_type(board.configure(lease_ttl=timedelta(minutes=1), trust=None), Settings)


def budget(board: ClaimQueue) -> None:
    """A purse, what a task spends, and what a newcomer is told."""
    board.purse("llm", 1_000_000, per=timedelta(days=1))
    board.submit(Task("a", spends={"llm": 20_000}))
    with board.work(board.claim("w")) as job:
        assert_type(job.spent("llm", 18_000, coordination=True), int)
    assert_type(board.briefing("w").open[0].tried, tuple[str, ...])


def producer(board: Submits) -> None:
    """What a program that makes work does."""
    board.submit_many([Task("a"), Task("b", needs=["a"])])


async def async_worker(board: AsyncAgentVerbs) -> None:
    """The same for event loops."""
    lease = await board.claim("w")
    await board.complete(lease, 1)


def every_strategy_fits(queue: ClaimQueue, market: Matchmaker, board: Blackboard, any_board: Board) -> None:
    """All of them in all of the protocols."""
    whole: list[Coordinator] = [queue, market, board, any_board]
    for one in whole:
        worker(one)
        one_task(one)
        operator(one)
        producer(one)


async def every_async_strategy_fits(
    queue: aio.ClaimQueue, market: aio.Matchmaker, board: aio.Blackboard
) -> None:
    """The same for event loops."""
    whole: list[AsyncCoordinator] = [queue, market, board]
    for one in whole:
        claims: AsyncClaims = one
        holds: AsyncHolds = one
        await async_worker(one)
        await holds.release(await claims.claim("w"))


def tools_for_threads(board: ClaimQueue) -> None:
    with Toolbox(board, "Senior Coder", idle=timedelta(minutes=5), only=("claim_task", "why")) as box:
        for tool in box.functions():
            assert_type(tool.__name__, str)
            print(tool("t1"))
        assert_type(box.held, list[Lease])


async def tools_for_loops(board: aio.Matchmaker) -> None:
    async with Toolbox(board, "ann", as_text=True) as box:
        print([await tool() for tool in box.async_functions()])


def proofs(market: Matchmaker) -> None:
    """Proofs are made by what they ask; how agents stand is text by capability."""
    Blackboard(proofs=[Proof("gpu", {"n": 1}, "render", answer=[1, 2])])
    market.configure(proofs=(Proof("gpu", answer="yes"),))
    assert_type(dict(market.agents()[0].proofs), dict[str, str])
    assert_type(market.standing("ann").proofs["gpu"], str)


async def outboxes(queue: ClaimQueue, awaited: aio.ClaimQueue, shop: sqlite3.Connection) -> None:
    """Tasks and endings that go with a user's own rows."""
    outbox = queue.outbox(shop)
    named: str = outbox.submit(Task())
    outbox.complete(queue.claim("w", task=named), {"n": 1})
    relayed: int = outbox.relay()
    waiting: int = outbox.backlog().waiting
    also: int = await (await awaited.outbox(shop)).relay()
    assert relayed + waiting + also

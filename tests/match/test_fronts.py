"""What is the matchmaker's in one colour only; what both do is in test_aio.py, and test_sync.py is made from it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ants_coord import Matchmaker, Task, aio
from ants_coord.engine.advert_keeper import AdvertKeeper
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock

from ..fronts.conftest import LIMIT_S


@pytest.fixture
def clock():
    return ManualClock()


def test_the_other_colour(clock, tmp_path):
    """The same story with await, in memory and in a file, and as a view of a board for threads."""

    async def story(board):
        async with board as market:
            await market.submit_many([Task("t", requires="gpu"), Task("u", requires="tpu")])
            assert "no agent has advertised" in str(await market.explain("t"))
            async with market.join("w", {"gpu"}, slots=2) as me:
                assert [offer.task for offer in await me.offers()] == ["t"]
                lease = await me.claim()
                waiting = asyncio.create_task(me.claim())
                for _ in range(20):
                    await asyncio.sleep(0)
                assert (await me.update(capabilities={"gpu", "tpu"})).status == "changed"
                assert (await waiting).task == "u"
                await market.complete(lease, 1)
                assert await market.result("t") == 1
                assert "tpu" in (await market.agents("tpu"))[0].advert.capabilities
                assert (await market.why_not("u", agent="w")).state == "leased"
            changes = [change.what async for change in market.watch_agents(since=0, follow=False)]
            assert changes == ["joined", "changed", "departed"]

    asyncio.run(story(aio.Matchmaker(clock=clock)))
    asyncio.run(story(aio.Matchmaker(tmp_path / "a.db")))
    with Matchmaker(clock=clock) as market:
        assert type(market.aio) is aio.Matchmaker
        asyncio.run(story(market.aio))


@pytest.mark.parametrize("when", ["before it is kept", "after it is kept", "on the way out"])
def test_who_is_cancelled_while_it_joins_is_not_kept_alive(when):
    """The thread that would keep the advert fresh comes late; nobody would ever let go of it."""
    held, go_on, done = threading.Event(), threading.Event(), threading.Event()

    async def main():
        async with aio.Matchmaker(MemoryJournal(ManualClock())) as board:
            engine = board._engine
            with_chore = engine.with_chore

            def slow(kind, do):
                if do.__name__ != "_keep":
                    return with_chore(kind, do)
                try:
                    if when == "after it is kept":
                        with_chore(kind, do)
                    held.set()
                    assert go_on.wait(LIMIT_S)
                    return None if when == "after it is kept" else with_chore(kind, do)
                finally:
                    done.set()

            membership = board.join("ann", {"gpu"})
            if when == "on the way out":
                await membership.__aenter__()
            engine.with_chore = slow
            change = membership.update(load=0.5) if when == "on the way out" else membership.__aenter__()
            joining = asyncio.create_task(change)
            await asyncio.to_thread(held.wait, LIMIT_S)
            joining.cancel()
            await asyncio.gather(joining, return_exceptions=True)
            if when == "on the way out":
                await membership.__aexit__(None, None, None)
            go_on.set()
            await asyncio.to_thread(done.wait, LIMIT_S)
            for _ in range(1_000):
                kept = await asyncio.to_thread(with_chore, AdvertKeeper, lambda keeper: dict(keeper._kept))
                if not kept:
                    break
            assert not kept

    asyncio.run(main())

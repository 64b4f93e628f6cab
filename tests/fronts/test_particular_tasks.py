"""A caller that waits for one particular task hears of it, of whatever lets it run, and of nothing else."""

from __future__ import annotations

import asyncio

import pytest

from ants_coord import Advert, ClaimQueue, Matchmaker, Task, aio
from ants_coord.engine.lobby import Waiter, mute
from ants_coord.errors import IllegalTransitionError
from ants_coord.fronts import arguments
from ants_coord.testing import ManualClock

from ..test_costs import calls_of, cycle


async def released(board, clock):
    lease = await board.claim_nowait("x", task="t")
    yield
    await board.release(lease)


async def expired(board, clock):
    await board.claim_nowait("x", task="t", lease_ttl=5)
    yield
    clock.advance(5)


async def resumed(board, clock):
    await board.pause()
    yield
    await board.resume()


async def limit_freed(board, clock):
    await board.submit_many([Task("first", limit="one"), Task("t", limit="one")], if_exists="replace")
    lease = await board.claim_nowait("x", task="first")
    yield
    await board.complete(lease)


async def limit_raised(board, clock):
    await limit_freed(board, clock).__anext__()
    yield
    await board.limit("one", 2)


async def slot_freed(board, clock):
    await board.submit(Task("other"))
    lease = await board.claim_nowait("w", task="other")
    yield
    await board.complete(lease)


async def advert_changed(board, clock):
    await board.submit(Task("t", requires="gpu"), if_exists="replace")
    yield
    await board.advertise(Advert("w", ["gpu"]))


async def content_replaced(board, clock):
    await board.submit(Task("t", requires="gpu"), if_exists="replace")
    yield
    await board.submit(Task("t"), if_exists="replace")


async def need_done(board, clock):
    await board.submit_many([Task("need"), Task("t", needs=["need"])], if_exists="replace")
    lease = await board.claim_nowait("x", task="need")
    yield
    await board.complete(lease)


async def delay_over(board, clock):
    await board.submit(Task("t", delay=30), if_exists="replace")
    yield
    clock.advance(30)


REASONS = [
    released, expired, resumed, limit_freed, limit_raised, slot_freed, advert_changed, content_replaced, need_done,
    delay_over,
]  # fmt: skip


@pytest.mark.parametrize("reason", REASONS, ids=lambda one: one.__name__)
def test_it_hears_of_whatever_lets_the_task_run(reason):
    async def main():
        clock = ManualClock()
        async with aio.Matchmaker(clock=clock, lease_ttl=1_000) as board:
            await board.advertise(Advert("w", ["cpu"], slots=1))
            await board.advertise(Advert("x", ["cpu"], slots=9))
            await board.submit(Task("t"))
            story = reason(board, clock)
            await story.__anext__()
            assert await board.claim_nowait("w", task="t") is None
            waiting = asyncio.create_task(board.claim("w", task="t", timeout=900))
            while not len(board._engine._lobby):
                await asyncio.sleep(0)
            with pytest.raises(StopAsyncIteration):
                await story.__anext__()
            lease = await asyncio.wait_for(waiting, 5)
            assert (lease.task, lease.agent) == ("t", "w")

    asyncio.run(main())


def test_it_hears_that_the_task_has_ended():
    async def main():
        async with aio.ClaimQueue(clock=ManualClock()) as board:
            await board.submit(Task("t"))
            lease = await board.claim_nowait("x")
            waiting = asyncio.create_task(board.claim("w", task="t"))
            while not len(board._engine._lobby):
                await asyncio.sleep(0)
            await board.complete(lease)
            with pytest.raises(IllegalTransitionError):
                await asyncio.wait_for(waiting, 5)

    asyncio.run(main())


@pytest.mark.parametrize("make", [ClaimQueue, Matchmaker])
def test_others_cost_the_same_however_many_wait_for_tasks_of_their_own(make):
    """Three hundred more that wait for leased tasks: not one of them is woken, and no verb does more."""

    def calls(count):
        with make(clock=ManualClock(), lease_ttl=10_000) as board:
            woken = []
            board.submit_many([Task(f"t{n}", limit="many") for n in range(count)])
            board.limit("many", count)
            board.claim_many("holder", count)
            engine = board._engine
            for number in range(count):
                waiter = Waiter(
                    mute, ready=True, agent=f"a{number}", ended=(f"t{number}",), task=f"t{number}"
                )
                engine.try_or_enter(arguments.claim(f"a{number}", f"t{number}", None, None), waiter)
                waiter.wake = lambda number=number: woken.append(number)
            for _ in range(20):
                cycle(board)
            done = calls_of(lambda: [cycle(board) for _ in range(50)])
            assert not woken
            board.release(board.leases("holder")[0])
            assert woken == [0]
            return done

    few, many = calls(3), calls(300)
    assert many <= few * 1.05

"""Virtual time: nothing waits for real, order is that of the deadlines, threads are awaited."""

import asyncio
import threading
import time

import pytest

from ants_coord import ClaimQueue, Task, aio
from ants_coord.journals import SQLiteJournal
from ants_coord.testing import ManualClock, StuckError, VirtualLoop, run


def test_fifty_minutes_take_no_time():
    async def main():
        await asyncio.sleep(50 * 60)
        return asyncio.get_running_loop().time()

    started = time.monotonic()
    assert run(main()) == 3_000
    assert time.monotonic() - started < 30  # a safety net, not a measurement


def test_deadlines_come_in_their_order():
    async def main():
        told = []

        async def say(after, word):
            await asyncio.sleep(after)
            told.append((word, asyncio.get_running_loop().time()))

        await asyncio.gather(say(3, "c"), say(1, "a"), say(2.5, "b"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(100), 10)
        return told, asyncio.get_running_loop().time()

    assert run(main()) == ([("a", 1.0), ("b", 2.5), ("c", 3.0)], 13.0)


def test_a_board_s_alarms_ring_on_the_way():
    clock = ManualClock()

    async def main():
        async with aio.ClaimQueue(clock=clock, lease_ttl=30) as board:
            await board.submit_many([Task("a"), Task("late", delay=100)])
            lease = await board.claim("ann")
            async with board.work(lease):
                await asyncio.sleep(600)  # renewed all the while
            assert board.sync.standing("ann").expired == 0
            assert (await board.claim("bob")).task == "late"
            with pytest.raises(TimeoutError):
                await board.claim("cy", kinds=["other"], timeout=50)
            return asyncio.get_running_loop().time()

    begun = clock.now_ns()
    assert run(main(), clock=clock) == 650
    assert clock.now_ns() - begun == 650 * 10**9


def test_threads_are_awaited_and_time_stands_still():
    gate = threading.Event()

    async def main():
        asyncio.get_running_loop().call_soon(gate.set)
        work = asyncio.to_thread(gate.wait, 30)
        sleep = asyncio.create_task(asyncio.sleep(5))
        assert await work
        assert asyncio.get_running_loop().time() == 0
        await sleep
        return asyncio.get_running_loop().time()

    assert run(main()) == 5


def test_a_board_in_a_file_lives_in_virtual_time(tmp_path):
    clock = ManualClock()

    async def main():
        async with aio.ClaimQueue(SQLiteJournal(tmp_path / "b.db", clock=clock), lease_ttl=30) as board:
            await board.submit(Task("a"))
            await board.claim("silent")
            return (await board.claim("heir")).attempt

    assert run(main(), clock=clock) == 2


def test_who_waits_for_ever_is_named():
    async def main():
        await asyncio.create_task(asyncio.Event().wait(), name="the one that waits")

    with pytest.raises(StuckError, match="the one that waits"):
        run(main())


def test_the_loop_tells_its_time():
    loop = VirtualLoop()
    try:
        loop.run_until_complete(asyncio.sleep(1.5))
        assert (loop.passed_ns, loop.time(), loop.is_busy) == (1_500_000_000, 1.5, False)
    finally:
        loop.close()


def test_the_same_program_does_the_same():
    def once():
        clock = ManualClock()

        async def agent(board, name, pause):
            async for lease in board.claims(name, until="drained"):
                async with board.work(lease) as job:
                    await asyncio.sleep(pause)
                    job.result = name

        async def main():
            async with aio.ClaimQueue(clock=clock) as board:
                await board.submit_many([Task(f"t{n}") for n in range(50)])
                await asyncio.gather(*[agent(board, f"a{n}", 0.7 + n / 3) for n in range(4)])
                return board.sync._engine.digest(), [event.agent for event in board.sync.events()]

        return run(main(), clock=clock)

    assert once() == once()
    assert isinstance(ClaimQueue, type)

"""The same board on an event loop: cancellation loses nothing, and the loop never waits for a disk."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ants_coord import ClosedError, GiveUp, HeldError, LeaseLostError, RetryAfter, Task, aio
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.testing import ManualClock

from .conftest import standing
from .loops import until


@pytest.fixture(params=["memory", "log", "file", "hub"])
def run(request, tmp_path, over_hub):
    """Run an async test body with a board in each place: `run(body)` with body(board, clock)."""

    def go(body, **settings):
        clock = ManualClock()

        async def main():
            if request.param == "hub":
                board = over_hub(aio.ClaimQueue, MemoryJournal(clock), clock, **settings)
            elif request.param == "memory":
                board = aio.ClaimQueue(clock=clock, **settings)
            elif request.param == "log":
                board = aio.ClaimQueue(MemoryJournal(clock), **settings)
            else:
                board = aio.ClaimQueue(SQLiteJournal(tmp_path / "b.db", clock=clock), **settings)
            async with asyncio.timeout(60), board:
                answer = await body(board, clock)
                if request.param != "hub" or not board._engine.is_closed:  # a closed one has nothing to check
                    board.sync.check()
                return answer

        return asyncio.run(main())

    return go


async def waits(board, count=1):
    """Return when `count` callers have entered the lobby."""
    await until(lambda: len(standing(board)) >= count)


def test_a_waiting_claim_wakes(run):
    """On submit and on expiry, in order."""

    async def body(board, clock):
        first = asyncio.create_task(board.claim("a"))
        await waits(board, 1)
        second = asyncio.create_task(board.claim("b"))
        await waits(board, 2)
        await board.submit(Task("t"))
        assert (await first).task == "t"
        assert not second.done()
        clock.advance(30)
        assert (await second).attempt == 2
        with pytest.raises(TimeoutError):
            await board.claim("c", timeout=0)

    run(body)


def test_cancelled_at_the_hand_over_nothing_is_lost(run):
    """Waiters are cancelled in the very step in which a task is handed out, over and over."""

    async def body(board, clock):
        rounds = 2_000 if not board._engine.blocking else 60
        for number in range(rounds):
            doomed = asyncio.create_task(board.claim("doomed"))
            heir = asyncio.create_task(board.claim("heir"))
            await waits(board, 2)
            await board.submit(Task(f"t{number}"))
            doomed.cancel()
            results = await asyncio.gather(doomed, return_exceptions=True)
            if isinstance(results[0], asyncio.CancelledError):
                lease = await heir
            else:
                lease = results[0]
                heir.cancel()
                await asyncio.gather(heir, return_exceptions=True)
            assert lease.task == f"t{number}"
            await board.complete(lease)
        numbers = await board.statistics()
        assert (numbers.tasks["done"], numbers.unfinished) == (rounds, 0)

    run(body)


def test_the_body_is_cancelled_when_the_lease_is_lost(run):
    """Leaving the scope raises LeaseLostError with the reason."""

    async def body(board, clock):
        await board.submit(Task("t"))
        with pytest.raises(LeaseLostError) as refusal:
            async with board.work(await board.claim("w")) as job:
                await board.cancel("t")
                await asyncio.Event().wait()
        assert refusal.value.reason == "cancelled"
        assert job.lost.is_set()
        # the cancellation was ours, and none of it is left over
        assert asyncio.current_task().cancelling() == 0

    run(body)


def test_somebody_elses_cancellation_passes_and_gives_back(run):
    """A timeout around a scope is not swallowed; the lease is released."""

    async def body(board, clock):
        await board.submit(Task("t"))
        lease = await board.claim("w")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), board.work(lease):
                await asyncio.Event().wait()
        record = await board.find("t")
        assert (record.state, record.attempts, record.releases) == ("ready", 0, 1)

    run(body)


def test_scopes_complete_fail_and_renew(run):
    """As under threads."""

    async def body(board, clock):
        await board.submit_many([Task("a"), Task("b"), Task("c"), Task("d")])
        async with board.work(await board.claim("w")) as job:
            clock.advance(3600)
            await job.progress("half")
            job.result = 1
        assert await board.result("a") == 1
        async with board.work(await board.claim("w")):
            raise GiveUp("no")
        async with board.work(await board.claim("w")):
            raise RetryAfter(9)
        with pytest.raises(ValueError, match="boom"):
            async with board.work(await board.claim("w")):
                raise ValueError("boom")
        states = [str(record.state) for record in await board.tasks()]
        assert states == ["done", "failed", "delayed", "delayed"]

    run(body)


def test_locks(run):
    """All or none; waiting; freed on exit."""

    async def body(board, clock):
        async with board.lock("x", "y", agent="a"):
            with pytest.raises(HeldError):
                await board.lock_nowait("y", agent="b")

            async def enter():
                async with board.lock("y", agent="b") as held:
                    return held.token

            waiting = asyncio.create_task(enter())
            await waits(board)
        assert await waiting
        assert await board.holder("y") is None

    run(body)


def test_iterators(run):
    """claims, as_finished and events, with async for."""

    async def body(board, clock):
        await board.submit_many([Task("a"), Task("b")])
        async for lease in board.claims("w", until="drained"):
            await board.complete(lease, lease.task)
        assert sorted([one.result async for one in board.as_finished(["a", "b"])]) == ["a", "b"]
        events = [event async for event in board.events()]
        assert [event.cursor for event in events] == list(range(1, len(events) + 1))
        follow = board.events(since=events[-1].cursor, follow=True)
        coming = asyncio.ensure_future(anext(follow))
        await waits(board)
        await board.submit(Task("c"))
        assert (await coming).task == "c"
        await follow.aclose()

    run(body)


def test_serve_runs_both_sorts_of_handlers(run):
    """Async handlers on the loop, plain ones in threads; failures are retried, lost ones counted."""
    threads = set()

    def plain(job):
        threads.add(threading.current_thread())
        return job.payload + 1

    async def on_loop(job):
        if job.lease.attempt == 1:
            raise RetryAfter(0, "once more")
        return job.payload * 2

    async def body(board, clock):
        await board.submit_many([Task(payload=n, kind=("p", "l")[n % 2]) for n in range(10)])
        served = await board.serve({"p": plain, "l": on_loop}, concurrency=3, until="drained")
        assert (served.completed, served.failed) == (10, 5)
        results = [record.outcome.result for record in await board.tasks()]
        assert results == [n * 2 if n % 2 else n + 1 for n in range(10)]
        assert threading.current_thread() not in threads

    run(body)


def test_a_cancelled_worker_gives_back(run):
    """Whatever it runs, on the loop or in a thread, returns to the board with its attempt refunded."""

    async def body(board, clock):
        started, go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        async def on_loop(job):
            started.set()
            await asyncio.Event().wait()

        def plain(job):
            loop.call_soon_threadsafe(started.set)
            go_on.wait(30)
            return "late"

        for handler in (on_loop, plain):
            started.clear()
            await board.submit(Task(handler.__name__))
            worker = asyncio.create_task(board.serve(handler))
            await started.wait()
            worker.cancel()
            with pytest.raises(asyncio.CancelledError):
                await worker
            record = await board.find(handler.__name__)
            assert (record.state, record.attempts, record.releases) == ("ready", 0, 1)
            await board.cancel(handler.__name__)
        go_on.set()

    run(body)


def test_one_board_in_both_colours(run):
    """A thread waits on the sync view while the loop submits; closing one closes both."""

    async def body(board, clock):
        claim = asyncio.get_running_loop().run_in_executor(None, board.sync.claim, "thread")
        await waits(board)
        await board.submit(Task("t"))
        lease = await claim
        assert board.sync.aio.__class__ is type(board)
        await board.complete(lease)

    run(body)


def test_closing_wakes_waiters(run):
    """As under threads."""

    async def body(board, clock):
        waiting = asyncio.create_task(board.claim("w"))
        await waits(board)
        await board.close()
        with pytest.raises(ClosedError):
            await waiting

    run(body)


def test_many_tasks_on_one_loop(run):
    """Fifty agents and two hundred tasks: each done once."""

    async def body(board, clock):
        count = 200 if not board._engine.blocking else 60
        tickets = await board.submit_many([Task(payload=n) for n in range(count)])

        async def agent(name):
            async for lease in board.claims(name, until="drained"):
                async with board.work(lease) as job:
                    await asyncio.sleep(0)
                    job.result = job.payload

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(agent(f"a{number}"))
        assert await board.results(tickets) == list(range(count))
        assert (await board.statistics()).claimed == count

    run(body)

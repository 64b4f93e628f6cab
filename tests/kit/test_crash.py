"""SimulatedCrash: every scope does what a dead process does."""

import asyncio

import pytest

from ants_coord import ClaimQueue, Task, aio
from ants_coord.testing import ManualClock, SimulatedCrash, assert_held


@pytest.fixture
def clock():
    return ManualClock()


def test_a_scope_does_nothing(clock):
    with ClaimQueue(clock=clock, lease_ttl=30) as board:
        board.submit(Task("a"))
        with pytest.raises(SimulatedCrash), board.work(board.claim_nowait("ann")) as job:
            clock.advance(50)  # renewed while it lives
            job.result = 1
            raise SimulatedCrash
        assert_held(board, "a", by="ann")
        clock.advance(29)
        assert board.claim_nowait("bob") is None
        clock.advance(1)
        assert board.claim_nowait("bob").task == "a"
        assert board.standing("ann").released == board.standing("ann").failed == 0


def test_a_lock_stays_until_it_runs_out(clock):
    with ClaimQueue(clock=clock, lease_ttl=30) as board:
        with pytest.raises(SimulatedCrash), board.lock("x", agent="ann"):
            raise SimulatedCrash
        assert board.holder("x").agent == "ann"
        clock.advance(30)
        assert board.holder("x") is None


def test_a_worker_dies_with_it(clock):
    def handler(job):
        raise SimulatedCrash

    with ClaimQueue(clock=clock, lease_ttl=30) as board:
        board.submit(Task("a"))
        with pytest.raises(SimulatedCrash):
            board.serve(handler, agent="ann", until="drained")
        assert_held(board, "a", by="ann")


def test_scopes_for_event_loops(clock):
    async def main():
        async with aio.ClaimQueue(clock=clock, lease_ttl=30) as board:
            await board.submit(Task("a"))
            with pytest.raises(SimulatedCrash):
                async with board.work(await board.claim("ann")):
                    raise SimulatedCrash
            with pytest.raises(SimulatedCrash):
                async with board.lock("x", agent="ann"):
                    raise SimulatedCrash
            assert_held(board.sync, "a", by="ann")
            assert (await board.holder("x")).agent == "ann"
            clock.advance(30)
            assert await board.holder("x") is None
            assert (await board.claim_nowait("bob")).task == "a"

    asyncio.run(main())

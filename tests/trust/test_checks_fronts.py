"""Results that others check, through the fronts: threads, event loops, files."""

import asyncio
import threading

import pytest

from ants_coord import Backoff, ClaimQueue, Task, Verify, aio
from ants_coord.testing import ManualClock


@pytest.mark.parametrize("where", ["memory", "file"])
def test_serve_works_and_checks_in_threads(tmp_path, where):
    path = None if where == "memory" else tmp_path / "board.db"
    with ClaimQueue(path, durability="process") as board:
        board.submit_many([Task(f"t{n}", payload=n, verify=Verify.by_check()) for n in range(20)])
        handlers = {
            "default": lambda job: job.payload * 2,
            "check": lambda job: job.payload["result"] == 2 * job.payload["payload"],
        }
        crowd = [
            threading.Thread(target=board.serve, args=(handlers,), kwargs={"agent": name, "until": "drained"})
            for name in ("ann", "bob")
        ]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join(60)
        assert [board.result(f"t{n}") for n in range(20)] == [2 * n for n in range(20)]
        assert board.standing("ann").quality.bad == 0


def test_a_waiting_checker_is_woken_and_the_author_is_not():
    async def story():
        async with aio.ClaimQueue(clock=ManualClock()) as board:
            await board.submit(Task("a", verify=Verify.by_check()))
            lease = await board.claim("ann")
            again = asyncio.create_task(board.claim("ann"))
            other = asyncio.create_task(board.claim("bob"))
            await asyncio.sleep(0)
            await board.complete(lease, 1)
            check = await asyncio.wait_for(other, 30)
            assert check.kind == "check"
            assert not again.done()
            again.cancel()
            async with board.work(check) as job:
                job.result = True
            assert await board.result("a", timeout=0) == 1

    asyncio.run(story())


def test_a_handler_that_returns_no_verdict_fails_its_attempt():
    with ClaimQueue(clock=ManualClock(), backoff=Backoff(0)) as board:
        board.submit(Task("a", verify=Verify.by_check(), max_attempts=2))
        board.complete(board.claim_nowait("ann"), 1)
        served = board.serve(lambda job: "looks good", agent="bob", until="drained")
        assert served.failed == 2
        assert "VerdictError" in board.outcome("a").reason


def test_the_log_tells_the_same_story_again(tmp_path):
    path = tmp_path / "board.db"
    with ClaimQueue(path, durability="process", secret=b"12345678") as board:
        for n in range(30):
            board.submit(Task(f"t{n}", verify=Verify.by_quorum(error=0.1)))
            for agent in ("ann", "bob"):
                lease = board.claim_nowait(agent)
                if lease is not None:
                    board.complete(lease, {"n": n})
        board.vouch("ann", "north", by="host")
        before = board._engine.digest()
    with ClaimQueue(path) as board:
        assert board._engine.digest() == before
        board._engine.check()

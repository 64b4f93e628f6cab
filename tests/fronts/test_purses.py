"""Purses as their users see them: waiting claims, scopes, handles, processes that come later."""

from __future__ import annotations

import pytest

from ants_coord import ClaimQueue, LeaseLostError, Task
from ants_coord.aio import Blackboard, Matchmaker
from ants_coord.aio import ClaimQueue as AsyncClaimQueue
from ants_coord.testing import ManualClock

from .loops import Background, finish, waits


@pytest.mark.parametrize("cls", [AsyncClaimQueue, Matchmaker, Blackboard])
async def test_a_waiting_claim_gets_its_task_when_the_window_begins(cls):
    """Nobody polls: the claim that waits at an empty purse is woken by the calendar, and by a fuller purse."""
    clock = ManualClock()
    board = cls(clock=clock)
    await board.purse("llm", 10, per=60)
    await board.submit_many([Task(name, spends={"llm": 10}) for name in "abc"])
    async with board.work(await board.claim("ann")) as job:
        assert await job.spent("llm", 10) == 0
    claim = Background(board.claim, "ann")
    await waits(board)
    clock.advance(60)
    assert (await claim.get()).task == "b"
    claim = Background(board.claim, "bob")
    await waits(board)
    await board.purse("llm", 20, per=60)
    assert (await claim.get()).task == "c"
    finish(board)


def test_a_scope_charges_and_what_it_did_not_spend_comes_back(tmp_path):
    """Through a file, with another opening, by the handle of an agent, and after a failure."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.purse("llm", 100)
        board.submit(Task("a", spends={"llm": 100}, max_attempts=1))
        with pytest.raises(ZeroDivisionError), board.work(board.claim("ann")) as job:
            assert job.spent("llm", 30) == 0
            raise ZeroDivisionError
        with pytest.raises(LeaseLostError):
            job.spent("llm", 1)
    with ClaimQueue(path) as board:
        assert board.statistics().parts["purses"]["llm"]["left"] == 70
        board.submit(Task("b", spends={"llm": 70}))
        ann = board.as_agent("ann")
        lease = ann.claim()
        assert ann.spent(lease, "llm", 80, coordination=True) == -10
        ann.complete(lease)
        with pytest.raises(TimeoutError, match="has -10 left"):
            board.submit(Task("c", spends={"llm": 1}))
            board.result("c", timeout=0)
        board.check()

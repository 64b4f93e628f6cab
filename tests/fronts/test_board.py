"""`Board` opens a board that exists, of any strategy, and makes none."""

from __future__ import annotations

import asyncio

import pytest

from ants_coord import Blackboard, Board, ClaimQueue, Mark, Matchmaker, Task, aio
from ants_coord.errors import JournalError
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock


@pytest.mark.parametrize("strategy", [ClaimQueue, Matchmaker, Blackboard])
def test_it_opens_any_board_with_the_shared_verbs(tmp_path, strategy):
    """Whatever made it; and the board stays what it is."""
    path = tmp_path / "b.db"
    with strategy(path, lease_ttl=7) as made:
        made.submit(Task("t"))
    with Board(path) as board:
        assert board.settings().lease_ttl == 7
        with board.work(board.claim("w")) as job:
            job.result = 1
        assert board.result("t") == 1
        with pytest.raises(AttributeError, match="open the board with"):
            board.roll_back("w", by="x")  # type: ignore[attr-defined]
    with strategy(path) as again:
        assert again.find("t").state == "done"
    if strategy is Blackboard:
        with Blackboard(path) as marked:
            marked.deposit(Mark("food", "x"), agent="w")


def test_it_makes_none(tmp_path):
    """Neither a file, nor a log, nor anything in memory; and says what does."""
    path = tmp_path / "none.db"
    with (
        pytest.raises(JournalError, match=r"none.db: there is no board; make one with ClaimQueue"),
        Board(path),
    ):
        pass
    assert not path.exists()
    path.touch()  # an empty file is no board either
    with pytest.raises(JournalError, match="there is no board"), Board(path):
        pass
    with pytest.raises(JournalError, match="there is no board"), Board(MemoryJournal(ManualClock())):
        pass
    with pytest.raises(ValueError, match=r"in memory there is none.*ClaimQueue\(\)"):
        Board()
    with ClaimQueue(path) as made:
        made.submit(Task("t"))
    with Board(path) as board:
        assert board.find("t").state == "ready"


def test_it_does_so_on_a_loop(tmp_path):
    """The same in the other colour."""

    async def main():
        with pytest.raises(JournalError, match="there is no board"):
            async with aio.Board(tmp_path / "none.db"):
                pass
        async with aio.Matchmaker(tmp_path / "b.db") as market:
            await market.submit(Task("t"))
        async with aio.Board(tmp_path / "b.db") as board:
            assert (await board.claim_nowait("w")).task == "t"
            with pytest.raises(AttributeError, match="a verb of a Matchmaker"):
                await board.offers("w")  # type: ignore[attr-defined]

    asyncio.run(main())


def test_a_limit_of_nothing_is_explained(make_board):
    """Nobody holds what a limit of 0 allows: the reason names the limit alone."""
    board = make_board()
    board.limit("db", 0)
    board.submit(Task("a", limit="db"))
    assert "limit 'db' allows 0 at once" in board.explain("a").reasons

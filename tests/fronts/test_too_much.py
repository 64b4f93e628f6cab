"""Splits and reactions that would be too much: refused by name, nothing changed."""

from __future__ import annotations

import pytest

from ants_coord import Blackboard, ClaimQueue, Matchmaker, Task, Verify
from ants_coord.core.board import reactions
from ants_coord.core.work import splitting
from ants_coord.errors import IllegalTransitionError, LimitError


def test_a_seat_and_a_check_cannot_be_split():
    """Others count on them as they are."""
    with Matchmaker() as market, market.join("ann", {"gpu"}), market.join("bob", {"cpu"}):
        market.submit(Task("train", team=["gpu", "cpu"]))
        seat = market.claim_nowait("ann")
        with pytest.raises(IllegalTransitionError, match="a seat of a team"):
            market.split(seat, [Task("part")])
        assert market.explain(seat.task).state == "leased"
    with ClaimQueue() as board:
        board.submit(Task("a", verify=Verify.by_check()))
        board.complete(board.claim_nowait("ann"), 1)
        check = board.claim_nowait("bob")
        with pytest.raises(IllegalTransitionError, match="or a check"):
            board.split(check, [Task("part")])


def test_a_task_has_only_so_many_parts(monkeypatch):
    """What it needed before counts, too."""
    monkeypatch.setattr(splitting, "MAX_BATCH", 2)
    with ClaimQueue() as board:
        board.submit(Task("a"))
        lease = board.claim_nowait("ann")
        with pytest.raises(LimitError, match="parts and needs of a task"):
            board.split(lease, [Task(f"part-{number}") for number in range(3)])
        assert board.explain("a").state == "leased"
        board.split(lease, [Task("x"), Task("y")])


def test_a_reaction_begins_with_only_so_much(monkeypatch):
    """Ten thousand tasks in one step would stop everybody."""
    monkeypatch.setattr(reactions, "_MOST_AT_ONCE", 2)
    with Blackboard() as board:
        for name in ("a", "b", "c"):
            board.write(f"in/{name}", 1, agent="ann")
        with pytest.raises(LimitError, match="what reaction 'all' begins with"):
            board.react("all", "in/*", Task(), existing=True)
        board.erase("in/c", agent="ann")
        board.react("all", "in/*", Task(), existing=True)
        assert len(board.tasks(state="ready")) == 2

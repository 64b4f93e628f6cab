"""Assertions that tell the story."""

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.testing import (
    ManualClock,
    assert_done,
    assert_held,
    assert_lost,
    assert_no_double_grant,
    story,
)
from ants_coord.testing.simulation.story import double_grants
from ants_coord.values.events import Event


@pytest.fixture
def board():
    with ClaimQueue(clock=ManualClock(), lease_ttl=30) as board:
        yield board


def test_what_holds_passes(board):
    board.submit_many([Task("a"), Task("b")])
    lease = board.claim_nowait("ann")
    assert assert_held(board, "a") == assert_held(board, "a", by="ann")
    board.complete(lease)
    assert_lost(board, lease)
    assert_done(board, "a")
    assert_no_double_grant(board)


def test_what_does_not_hold_says_what_happened(board):
    board.submit_many([Task("a"), Task("b")])
    lease = board.claim_nowait("ann")
    for check, match in (
        (lambda: assert_held(board, "b"), "'b' is ready, held by nobody"),
        (lambda: assert_held(board, "a", by="bob"), "held by 'ann', not by 'bob'"),
        (lambda: assert_held(board, "c"), "there is no task 'c'"),
        (lambda: assert_lost(board, lease), "is still held by 'ann'"),
        (lambda: assert_done(board, "a", "c"), "'a' is leased, 'c' is unknown"),
    ):
        with pytest.raises(AssertionError, match=match) as caught:
            check()
        assert "claimed     a     ann" in str(caught.value)
    board.fail(lease, "no luck", retry=False)
    with pytest.raises(AssertionError, match=r"'a' is failed \(no luck\)"):
        assert_done(board, "a")


def test_a_long_story_is_cut(board):
    assert story(ClaimQueue(clock=ManualClock())) != ""
    board.submit_many([Task(f"t{n}") for n in range(40)])
    told = story(board, last=5).splitlines()
    assert told[0] == "(36 earlier events)"
    assert len(told) == 7


def test_double_grants_are_seen():
    def event(cursor, kind, agent, token, task="a"):
        return Event(cursor, 0, kind, task, agent, token)

    fine = [
        event(1, "claimed", "ann", 1), event(2, "expired", "ann", 1), event(3, "claimed", "bob", 2),
        event(4, "adopted", "bob", 3), event(5, "completed", "bob", 3), event(6, "locked", "x", 4, None),
    ]  # fmt: skip
    assert double_grants(fine) == []
    assert "while 'ann' held it" in double_grants([fine[0], fine[2]])[0]
    assert "is not above" in double_grants([fine[0], fine[1], event(3, "claimed", "bob", 1)])[0]

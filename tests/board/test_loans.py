"""take(lease_ttl=): an entry is lent, and comes back if its taker dies."""

from __future__ import annotations

import asyncio
import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import Blackboard, Task, aio
from ants_coord.errors import StaleVersionError
from ants_coord.testing import ManualClock


@pytest.fixture(params=["memory", "file", "hub"])
def board(request, tmp_path, over_hub):
    path, clock = tmp_path / "b.db" if request.param == "file" else None, ManualClock()
    make = functools.partial(over_hub, Blackboard) if request.param == "hub" else Blackboard
    with make(path, clock=clock) as board:
        board.write("inbox/1", {"order": 7}, agent="shop")
        yield board


def take(board, agent="ann", **options):
    return board.take_nowait("inbox/*", agent=agent, **options)


def test_what_a_dead_taker_had_comes_back(board):
    """At its time, with its author, under a new version; once."""
    lent = take(board, lease_ttl=30)
    assert (lent.value, board.read("inbox/1"), take(board, "bob")) == ({"order": 7}, None, None)
    board._engine._clock.advance(29)
    assert board.read("inbox/1") is None
    board._engine._clock.advance(1)
    back = take(board, "bob")
    assert (back.value, back.author) == ({"order": 7}, "shop")
    assert back.version > lent.version
    assert [change.what for change in board.history("inbox/1")][-3:] == ["taken", "written", "taken"]
    board._engine._clock.advance(100)
    assert board.read("inbox/1") is None
    board.check()


def test_what_was_dealt_with_stays_away(board):
    """Its taker erases it, and nobody else can."""
    lent = take(board, lease_ttl=30)
    assert not board.erase("inbox/1", agent="bob")
    with pytest.raises(StaleVersionError):
        board.erase("inbox/1", agent="ann", expect=lent.version + 1)
    assert board.erase("inbox/1", agent="ann", expect=lent.version)
    assert not board.erase("inbox/1", agent="ann")
    board._engine._clock.advance(100)
    assert board.read("inbox/1") is None


def test_what_is_newer_stands(board):
    """A write at the path ends the loan; the late taker cannot erase it by its old version."""
    lent = take(board, lease_ttl=30)
    board.write("inbox/1", "new", agent="shop")
    with pytest.raises(StaleVersionError):
        board.erase("inbox/1", agent="ann", expect=lent.version)
    board._engine._clock.advance(100)
    assert board.read("inbox/1").value == "new"


def test_a_waiting_taker_and_a_reaction_are_woken(board):
    """What comes back is created: who waits gets it, and a reaction makes a task of it."""
    board.react("look", "inbox/**", Task(kind="look"))
    take(board, lease_ttl=0.01)
    board._engine._clock.advance(1)
    assert board.take("inbox/*", agent="bob", timeout=0).value == {"order": 7}
    assert [record.task.payload["change"] for record in board.tasks()] == ["created"]


def test_nothing_comes_back_that_has_lapsed_or_was_taken_back(board):
    board.write("inbox/0", 1, agent="shop", ttl=10)
    assert take(board, lease_ttl=30).path == "inbox/0"
    board.write("inbox/2", 1, agent="thief")
    assert take(board, lease_ttl=30).path == "inbox/1"
    assert take(board, lease_ttl=30).path == "inbox/2"
    board.roll_back("thief", by="operator")
    board._engine._clock.advance(30)
    assert [entry.path for entry in board.entries()] == ["inbox/1"]
    board.check()


def test_it_comes_back_after_its_past_is_forgotten(board):
    board.configure(retention=1)
    take(board, lease_ttl=30)
    board._engine._clock.advance(10)
    board.write("other", 1, agent="x")
    assert board.history("inbox/1") == []
    board._engine._clock.advance(20)
    assert board.read("inbox/1").value == {"order": 7}
    board.check()


def test_a_loan_outlives_its_process(tmp_path):
    """It is in the log, and in the snapshot that another process begins with."""
    clock = ManualClock()
    with Blackboard(tmp_path / "b.db", clock=clock) as board:
        board.write("a", 1, agent="x")
        board.take("a", agent="dead", lease_ttl=30)
    clock.advance(40)
    with Blackboard(tmp_path / "b.db", clock=clock) as board:
        assert board.take_nowait("a", agent="heir").value == 1


def test_event_loops_lend_too():
    async def main():
        clock = ManualClock()
        async with aio.Blackboard(clock=clock) as board:
            await board.write("a", 1, agent="x")
            await board.take("a", agent="ann", lease_ttl=30)
            assert await board.take_nowait("a", agent="bob", lease_ttl=30) is None
            clock.advance(30)
            return await board.take_nowait("a", agent="bob")

    assert asyncio.run(main()).value == 1


STEP = st.tuples(
    st.sampled_from(["write", "take", "lend", "erase", "wait"]),
    st.sampled_from(["p/a", "p/b"]),
    st.sampled_from(["ann", "bob"]),
    st.integers(1, 20),
)


@given(st.lists(STEP, max_size=30))
def test_an_entry_is_in_one_place(steps):
    """Against two plain dicts: what is there, and what is lent to whom until when."""
    there, lent, now = {}, {}, 0
    clock = ManualClock()
    with Blackboard(clock=clock) as board:
        for verb, path, agent, number in steps:
            if verb == "write":
                board.write(path, number, agent=agent)
                there[path] = number
                lent.pop(path, None)
            elif verb in ("take", "lend"):
                found = board.take_nowait(path, agent=agent, lease_ttl=number if verb == "lend" else None)
                assert (None if found is None else found.value) == there.get(path)
                value = there.pop(path, None)
                if verb == "lend" and value is not None:
                    lent[path] = (agent, now + number, value)
            elif verb == "erase":
                is_mine = path in lent and lent[path][0] == agent
                assert board.erase(path, agent=agent) == (path in there or is_mine)
                there.pop(path, None)
                if is_mine:
                    del lent[path]
            else:
                clock.advance(number)
                now += number
                for one in [one for one, (_, until, _) in lent.items() if until <= now]:
                    there[one] = lent.pop(one)[2]
            assert {entry.path: entry.value for entry in board.entries()} == there
            board.check()

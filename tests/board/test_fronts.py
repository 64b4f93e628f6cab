"""What is the blackboard's in one colour only, or between processes; what both colours do is in test_aio.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from ants_coord import Blackboard, Mark, MarkKind, Task, aio
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.testing import ManualClock

from ..fronts.conftest import LIMIT_S
from ..fronts.loops import waits

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["memory", "log", "file", "hub"])
def make(request, clock, tmp_path, over_hub):
    def board(**settings):
        if request.param == "hub":
            return over_hub(Blackboard, MemoryJournal(clock), clock, **settings)
        if request.param == "memory":
            return Blackboard(clock=clock, **settings)
        if request.param == "log":
            return Blackboard(MemoryJournal(clock), **settings)
        return Blackboard(SQLiteJournal(tmp_path / "b.db", clock=clock), **settings)

    return board


@pytest.fixture
def board(make):
    with make(half_life=60) as found:
        yield found
        if not found._engine.is_closed:
            found.check()


def test_the_same_in_an_event_loop(make):
    """Awaiting takes, watches and reactions; cancelling a take loses no entry."""

    async def colony(board):
        async with board:
            await board.react("r", "in/*", Task(kind="r"))
            claim = asyncio.create_task(board.claim("w", kinds=["r"]))
            await waits(board, 1)
            await board.write("in/1", 1, agent="x")
            assert (await claim).payload["path"] == "in/1"
            taker = asyncio.create_task(board.take("box/*", agent="w"))
            await waits(board, 1)
            taker.cancel()
            with pytest.raises(asyncio.CancelledError):
                await taker
            await board.write("box/1", 7, agent="x")
            assert (await board.take("box/*", agent="w2")).value == 7
            told = []

            async def follow():
                async for change in board.watch("w/"):
                    told.append(change.what)
                    if change.what == "erased":
                        return

            watcher = asyncio.create_task(follow())
            await waits(board, 1)
            await board.deposit(Mark("food", "w/1"), agent="x")
            await board.write("w/1", 1, agent="x")
            await board.erase("w/1", agent="x")
            await asyncio.wait_for(watcher, LIMIT_S)
            assert told == ["deposited", "written", "erased"]
            assert [trail.place for trail in await board.strongest()] == ["w/1"]
            assert (await board.wait_for("in/*")).value == 1

    asyncio.run(colony(make().aio))


def test_async_boards_are_made_alike(clock):
    """The constructor of the other colour takes the same settings."""

    async def go():
        async with aio.Blackboard(clock=clock, kinds=[MarkKind("food", half_life=5.0)]) as board:
            await board.deposit(Mark("food", "a", 4.0), agent="x")
            clock.advance(10)
            return (await board.sense("a"))[0].strength

    assert asyncio.run(go()) == pytest.approx(1.0)


WATCHER = """
import sys
from ants_coord import Blackboard
with Blackboard(sys.argv[1]) as board:
    print("watching", flush=True)
    for change in board.watch("in/"):
        if change.what != "present":
            print(change.what, change.path, flush=True)
        if change.path == "in/end":
            break
    print(board.take("out/*", agent="child", timeout=50).value, flush=True)
"""


def test_changes_cross_processes(tmp_path):
    """Another process sees each change once and in order, and its take wakes up."""
    path = tmp_path / "b.db"
    with Blackboard(path) as board:
        board.write("in/0", 0, agent="x")
        child = subprocess.Popen(
            [sys.executable, "-c", WATCHER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert child.stdout.readline() == "watching\n"
        for number in range(20):
            board.write(f"in/{number % 5}", number, agent="x")
            board.deposit(Mark("food", f"in/{number % 5}"), agent="x")
        board.write("in/end", 1, agent="x")
        board.write("out/1", 42, agent="x")
        out, _ = child.communicate(timeout=60)
    lines = out.splitlines()
    assert lines[-1] == "42"
    seen = [line.split() for line in lines[:-1]]
    wanted = [[what, f"in/{n % 5}"] for n in range(20) for what in ("written", "deposited")] + [
        ["written", "in/end"]
    ]
    assert seen == wanted[len(wanted) - len(seen) :]  # it may have found the first ones present

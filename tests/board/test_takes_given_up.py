"""No entry is lost to a take that is given up, whenever that is: each was returned once, or is still there."""

from __future__ import annotations

import asyncio
import functools
import random
import threading

import pytest

from ants_coord import Blackboard
from ants_coord.commands.board import Take
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.journals.clocks import SystemClock

from ..fronts.conftest import LIMIT_S
from ..fronts.loops import give_up
from ..scale import of

ENTRIES = 12
LOOKS = 3_000
"""how often it is looked whether all that was given back has arrived"""


@pytest.fixture(params=["log", "file", "hub", "hub over a file"])
def places(request, tmp_path, over_hub):
    """Return a function that makes a board, and a function that opens it again once it is closed."""

    def make(number):
        clock, path = SystemClock(), tmp_path / f"{number}.db"
        in_file = request.param.endswith("file")
        where = SQLiteJournal(path, clock=clock) if in_file else MemoryJournal(clock)
        if request.param.startswith("hub"):
            board = over_hub(Blackboard, where, clock)
            return board, lambda: Blackboard(f"hub:{board._engine.hub.path}")
        return Blackboard(where), lambda: Blackboard(SQLiteJournal(path) if in_file else where)

    return make


async def colony(board, draw, got, *, looks):
    """Let takers be given up at any moment, while entries are written."""

    async def take(name):
        timeout = draw.choice([None, 0.001, 0.003])
        take = draw.choice([functools.partial(board.take, agent=name), board.as_agent(name).take])
        got.append((await take("box/*", timeout=timeout)).value)

    async def write(number):
        await board.write(f"box/{number}", number, agent="x", ttl=draw.choice([None, 600]))

    async with board:
        takers = [asyncio.create_task(take(f"w{number}")) for number in range(ENTRIES)]
        writers = [asyncio.create_task(write(number)) for number in range(ENTRIES)]
        ends = [
            asyncio.create_task(give_up(taker, draw.choice(writers), draw.randrange(40))) for taker in takers
        ]
        await asyncio.gather(*writers)
        await asyncio.gather(*takers, *ends, return_exceptions=True)
        # a taker that is gone may still be granted an entry, until its leaving has arrived
        for _ in range(LOOKS if looks else 0):
            left = [entry.value for entry in await board.entries("box/")]
            if sorted([*got, *left]) == [*range(ENTRIES)]:
                break
        else:
            assert not looks, f"returned {got}, there are {left}"


@pytest.mark.parametrize("looks", [True, False], ids=["looking", "closing at once"])
def test_takers_that_are_cancelled(places, looks):
    """What arrived for a taker that is gone is back at its path, also if the board is closed at once."""
    for seed in range(of(6, 40, 1_000)):
        board, again = places(seed)
        got = []
        asyncio.run(colony(board.aio, random.Random(seed), got, looks=looks))
        with again() as seen:
            assert sorted([*got, *[entry.value for entry in seen.entries("box/")]]) == [*range(ENTRIES)], seed


@pytest.mark.parametrize("name", [None, "ann"])
def test_closing_waits_for_what_a_handle_gives_back(places, name):
    """As for what the board itself gives back; the reply comes when closing has begun."""
    board, again = places(0)
    came, go, execute = threading.Event(), threading.Event(), board._engine.execute

    def slow(command, request_id=None):
        reply = execute(command, request_id)
        if isinstance(command, Take):
            came.set()
            assert go.wait(LIMIT_S)
        return reply

    async def main():
        async with board.aio as opened:
            await opened.write("box/1", 7, agent="x")
            opened._engine.execute = slow
            take = (
                opened.take_nowait("box/*", agent="bob")
                if name is None
                else opened.as_agent(name).take_nowait("box/*")
            )
            taking = asyncio.ensure_future(take)
            await asyncio.to_thread(came.wait, LIMIT_S)
            taking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await taking
            asyncio.get_running_loop().call_later(0.1, go.set)

    asyncio.run(main())
    with again() as board:
        assert board.read("box/1").value == 7

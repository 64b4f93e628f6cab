"""Claims and locks that are given up at any moment: nothing stays with a caller that is gone."""

from __future__ import annotations

import asyncio
import random

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.journals.clocks import SystemClock

from ..scale import of
from .loops import give_up

TASKS = 10
LOOKS = 3_000
"""how often it is looked whether all that was given back has arrived"""


@pytest.fixture(params=["memory", "log", "file", "hub", "hub over a file"])
def make(request, tmp_path, over_hub):
    """Return a function that makes a board whose clock goes on; its leases are too long to end by themselves."""

    def board(number):
        clock, settings = SystemClock(), {"lease_ttl": 600}
        in_file = request.param.endswith("file")
        where = SQLiteJournal(tmp_path / f"{number}.db", clock=clock) if in_file else MemoryJournal(clock)
        if request.param.startswith("hub"):
            return over_hub(ClaimQueue, where, clock, **settings)
        if request.param == "memory":
            return ClaimQueue(clock=clock, **settings)
        return ClaimQueue(where, **settings)

    return board


async def colony(board, draw):
    """Let claims and locks be given up at any moment, while tasks are submitted; return what was granted."""
    got = []

    async def claim(name):
        got.append(await board.claim(name, timeout=draw.choice([None, 0.001, 0.003])))

    async def claim_many(name):
        got.extend(await board.claim_many(name, 2))

    async def hold(name):
        async with board.lock("a", agent=name, timeout=draw.choice([None, 0.001, 0.003])):
            await asyncio.sleep(0)

    async with board:
        callers = [
            asyncio.create_task(draw.choice([claim, claim_many, hold])(f"w{number}"))
            for number in range(2 * TASKS)
        ]
        submits = [asyncio.create_task(board.submit(Task(f"t{number}"))) for number in range(TASKS)]
        ends = [
            asyncio.create_task(give_up(caller, draw.choice(submits), draw.randrange(40)))
            for caller in callers
        ]
        await asyncio.gather(*submits)
        await asyncio.gather(*callers, *ends, return_exceptions=True)
        granted = {lease.token for lease in got}
        for _ in range(LOOKS):
            held = {lease.token for lease in await board.leases()}
            holder = await board.holder("a")
            if held == granted and holder is None:
                break
        assert (held, holder) == (granted, None)
        # and nobody who is gone stands in a line, to swallow what others wait for
        await board.complete_many([(lease, None) for lease in got])
        for _ in range(TASKS - len(got)):
            await board.complete(await board.claim("last"))
        async with board.lock("a", agent="last"):
            pass
        assert (await board.statistics()).unfinished == 0


def test_callers_that_are_cancelled(make):
    """Each lease is its claimer's, or the task may be claimed again at once; so it is with the lock."""
    for seed in range(of(6, 40, 1_000)):
        asyncio.run(colony(make(seed).aio, random.Random(seed)))

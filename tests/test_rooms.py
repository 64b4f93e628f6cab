"""Any room may be missing: the heart beats without it, in both colours."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .test_layers import PACKAGE, ROOMS

ROOMS_ABOVE = ["adapters", "cli", "guard", "hub", "hub.client", "hub.columns", "hub.thin", "hub.wire", "journals.codec", "journals.postgres", "journals.sqlite", "lab", "strategies", "testing"]  # fmt: skip
STRATEGIES = ["core.board", "core.matching"]
LIMIT_S = 120

_HEART = """
import asyncio, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        gone = "ants_coord." + sys.argv[1]
        if name == gone or name.startswith(gone + "."):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from ants_coord import ClaimQueue, HeldError, LeaseLostError, Task
from ants_coord import aio

with ClaimQueue() as board:
    a, b = board.submit_many([Task("a"), Task("b", needs=("a",))])
    with board.work(board.claim("ann")) as job:
        job.result = 1
    assert board.serve(lambda job: job.inputs["a"] + 1, until="drained").completed == 1
    assert board.results([a, b]) == [1, 2]
    with board.lock("x", agent="ann"):
        try:
            board.lock_nowait("x", agent="bob")
        except HeldError:
            pass
    board.submit(Task("c"))
    lease = board.claim_nowait("ann")
    board.release(lease)
    try:
        board.complete(lease)
    except LeaseLostError:
        pass
    assert "claimable" in str(board.explain("c")) or "ready" in str(board.explain("c"))
    assert [event.type for event in board.events()][-1] == "released"
    board.check()

async def main():
    async with aio.ClaimQueue() as board:
        await board.submit(Task("a"))
        async with board.work(await board.claim("ann")) as job:
            job.result = 1
        return await board.result("a")

assert asyncio.run(main()) == 1
"""


@pytest.mark.parametrize("room", ROOMS_ABOVE + STRATEGIES)
def test_the_heart_beats_without_it(room):
    """Claims, scopes, workers, locks, results, reasons and events, of a board in memory."""
    place = PACKAGE.joinpath(*room.split("."))
    assert place.is_dir() or place.with_suffix(".py").exists(), "name rooms that there are"
    subprocess.run([sys.executable, "-c", _HEART, room], check=True, timeout=LIMIT_S, cwd=PACKAGE.parent)


def test_every_room_above_the_heart_is_tried():
    """A room that is added later is tried, too."""
    heart = {
        "frozen", "errors", "requirements", "values", "commands", "core", "core.state", "core.work", "core.trust", "journals",
        "engine", "fronts", "aio", "sync", "abc", "__init__", "__main__", "_version",
    }  # fmt: skip
    assert set(ROOMS) - heart <= {*ROOMS_ABOVE, *STRATEGIES}

"""Any room may be missing: it is deleted from a copy of the package, and the heart beats without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .mutants.test_mutants import ROOT, sound
from .scale import PROFILE
from .test_layers import ROOMS

ROOMS_ABOVE = ["adapters", "cli", "guard", "hub", "hub.client", "hub.columns", "hub.thin", "hub.wire", "journals.codec", "journals.postgres", "journals.sqlite", "lab", "strategies", "testing"]  # fmt: skip
STRATEGIES = ["core.board", "core.matching"]
EVERYTHING = "everything"
LIMIT_S = 300

RULES = (
    "core/test_requests.py", "core/test_corners.py", "core/test_ready_order.py", "core/test_timeline.py",
    "core/test_openings.py", "core/test_bad_input.py",
)  # fmt: skip
"""the tests of the heart: the rules of a claim queue"""
MORE_RULES = ("core/test_model.py", "core/test_scenarios.py", "core/test_replay.py")
"""these play whole stories, and take longer: run once, where nothing but the heart is left"""
VERBS = (
    "fronts/test_holding.py",
    "fronts/test_locks.py",
    "fronts/test_waiting.py",
)
"""and, of those tests that every kind of board takes, a board in memory; their clock is that of the testing kit"""

_BEATS = """
import asyncio
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


@pytest.fixture(params=[EVERYTHING] if PROFILE == "quick" else [*ROOMS_ABOVE, *STRATEGIES, EVERYTHING])
def room(request):
    """Return each room in turn, and all of them."""
    return request.param


@pytest.fixture
def copy(room, tmp_path):
    """Return a folder with the package, without a room, and its tests."""
    shutil.copytree(sound() / "ants_coord", tmp_path / "ants_coord", copy_function=os.link)
    (tmp_path / "tests").symlink_to(sound() / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in [*ROOMS_ABOVE, *STRATEGIES] if room == EVERYTHING else [room]:
        place = tmp_path.joinpath("ants_coord", *name.split("."))
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.with_suffix(".py").unlink(missing_ok=room == EVERYTHING)  # with the room around it, perhaps
    return tmp_path


def run(folder: Path, *words: str) -> None:
    """Run Python where the package lacks something."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "ANTS_COORD_PROFILE": "quick", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]


def test_the_heart_beats_without_it(copy):
    """Claims, scopes, workers, locks, results, reasons and events of a board in memory, in both colours."""
    run(copy, "-c", f"import ants_coord; assert ants_coord.__file__.startswith({str(copy)!r})\n{_BEATS}")


def test_the_tests_of_the_heart_pass_without_it(room, copy):
    """They count on no room. The quick profile tries only whether the heart beats without all of them."""
    if PROFILE == "quick":
        pytest.skip("deleting rooms one by one, and running the heart's tests, is for the other profiles")
    files = [*RULES]
    if room == EVERYTHING:
        files += MORE_RULES
    elif room != "testing":
        files += VERBS
    run(copy, "-m", "pytest", "-pno:cacheprovider", "-kcore or memory", *[f"tests/{name}" for name in files])


def test_every_room_above_the_heart_is_tried():
    """A room that is added later is tried, too."""
    heart = {
        "frozen", "errors", "requirements", "values", "commands", "core", "core.state", "core.work", "core.trust", "journals",
        "engine", "fronts", "aio", "sync", "abc", "__init__", "__main__", "_version",
    }  # fmt: skip
    assert set(ROOMS) - heart <= {*ROOMS_ABOVE, *STRATEGIES}

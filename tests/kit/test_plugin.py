"""The pytest plugin: fixtures for everybody, and no cost for who does not use them."""

import subprocess
import sys

USES = """
from ants_coord import Task
from ants_coord.testing import Faults, SimulatedCrash, assert_held
import asyncio, pytest


def test_a_crash(ants_board, ants_clock):
    ants_board.submit(Task("a"))
    with pytest.raises(SimulatedCrash), ants_board.work(ants_board.claim("ann")):
        raise SimulatedCrash
    assert_held(ants_board, "a", by="ann")
    ants_clock.advance(31)
    assert ants_board.claim("bob").attempt == 2


def test_a_colony(ants_colony):
    async def agent(me):
        async for lease in me.claims(until="drained"):
            async with me.work(lease):
                await asyncio.sleep(1)

    colony = ants_colony(seed=1, faults=Faults(crash_every=20))
    colony.submit(Task(max_attempts=99) for _ in range(30))
    colony.add(agent, count=2)
    assert colony.run().done == 30
"""
IGNORES = """
import sys

def test_nothing_is_imported():
    assert "_ants_coord_pytest" in sys.modules
    assert not [name for name in sys.modules if name.partition(".")[0] == "ants_coord"]
"""


def run(tmp_path, text):
    (tmp_path / "test_it.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )


def test_fixtures_are_there_after_installing(tmp_path):
    done = run(tmp_path, USES)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_other_tests_import_nothing_of_ours(tmp_path):
    done = run(tmp_path, IGNORES)
    assert done.returncode == 0, done.stdout

"""The fronts keep their promises in every schedule that is explored; without the lock they do not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..scale import of

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = of(120, 280, 7_200)
FRONTRUN = shutil.which("frontrun", path=str(Path(sys.executable).parent))


def explored(most):
    """Run the schedules in a process of their own; skip if this machine was too slow to learn anything."""
    try:
        done = subprocess.run(
            [str(FRONTRUN), sys.executable, "-m", "tests.fronts.schedules", str(most)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(
            f"time-out, no verdict: {most} schedules did not end in {LIMIT_S} s; is the machine busy?"
        )
    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name, one in found.items():
        if one["holds"] is None:  # neither a proof nor a counterexample
            pytest.skip(f"time-out, no verdict on {name}: {one['why']}; is the machine busy?")
    return found


@pytest.mark.skipif(FRONTRUN is None, reason="frontrun is not installed: no thread schedules")
def test_schedules_of_two_threads(capsys):
    """A board holds in every schedule; the one whose lock does nothing is caught."""
    found = explored(of(12, 60, 2_000))
    with capsys.disabled():
        counts = ", ".join(f"{one['schedules']} {name}" for name, one in found.items())
        print(f"\n  thread schedules: {counts}; the control without a lock is caught")
    assert found["in memory"]["holds"] is True, found
    assert found["with a log"]["holds"] is True, found
    assert found["through a hub"]["holds"] is True, found
    assert found["in memory"]["schedules"] > of(10, 20, 20)
    assert found["without a lock"]["holds"] is False

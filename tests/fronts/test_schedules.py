"""The fronts keep their promises in every schedule that is explored; without the lock they do not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FRONTRUN = shutil.which("frontrun", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(FRONTRUN is None, reason="frontrun is not installed: no thread schedules")
def test_schedules_of_two_threads(capsys):
    most = "2000" if os.environ.get("ANTS_COORD_PROFILE") == "deep" else "60"
    done = subprocess.run(
        [str(FRONTRUN), sys.executable, "-m", "tests.fronts.schedules", most],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        counts = ", ".join(f"{one['schedules']} {name}" for name, one in found.items())
        print(f"\n  thread schedules: {counts}; the control without a lock is caught")
    assert found["in memory"]["holds"] is True
    assert found["with a log"]["holds"] is True
    assert found["in memory"]["schedules"] > 20
    assert found["without a lock"]["holds"] is not True

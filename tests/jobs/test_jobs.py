"""Jobs that people come with work at the first try, as plain programs that need nothing of ours but the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIMIT_S = 300
"""a safety net for a loaded machine; no program waits for it"""
JOBS = sorted(path for path in HERE.glob("*.py") if path.name not in ("__init__.py", "test_jobs.py"))


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_a_job_is_done(job, tmp_path):
    """It ends by itself, without a traceback, and says what it has done."""
    done = subprocess.run(
        [sys.executable, "-W", "error", job],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=LIMIT_S,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(HERE.parent.parent)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("done: "), done.stdout

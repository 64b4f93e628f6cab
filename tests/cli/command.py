"""Running the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"}
LIMIT_S = 120
"""a safety net only: nothing here waits for time to pass"""


def ants(*arguments: object, stdin: str | None = None, cwd: Path | None = None):
    """Run `ants-coord` and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "ants_coord", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=cwd,
        timeout=LIMIT_S,
        check=False,
    )


def start(*arguments: object, cwd: Path | None = None) -> subprocess.Popen:
    """Start `ants-coord` and return at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "ants_coord", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=cwd,
        start_new_session=True,
    )

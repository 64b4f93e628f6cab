"""
Running the command line as a user does.

`ants` runs it in this process, which is a hundred times cheaper and enough for
whatever is only read; `ants_process` and `start` pay for a process of its own,
for what depends on one: signals, kills, interpreters, the way in itself.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

ROOT = Path(__file__).parent.parent.parent
TERMINAL = {"COLUMNS": "200", "NO_COLOR": "1"}
ENVIRONMENT = {**os.environ, **TERMINAL, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def _spoken() -> dict[str, str]:
    """Return what a test says to the command line through the environment."""
    return {name: value for name, value in os.environ.items() if name.startswith("ANTS_")}


LIMIT_S = 120
"""a safety net only: nothing here waits for time to pass"""


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def ants(*arguments: object, stdin: str | None = None) -> Done:
    """Run `ants-coord` here; return what it wrote and its exit code."""
    from ants_coord.cli import main
    from ants_coord.cli.common import show

    code, out, err = 0, io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(sys, "argv", ["ants-coord", *map(str, arguments)]))
        stack.enter_context(mock.patch.object(sys, "stdin", io.StringIO(stdin or "")))
        stack.enter_context(mock.patch.dict(os.environ, TERMINAL))
        for console in (show.console, show.warnings):  # they have measured this terminal when they were made
            stack.enter_context(mock.patch.object(console, "_width", 200))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.callback(
            signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)
        )  # it is left for the exit
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(code, out.getvalue(), err.getvalue())


def ants_process(*arguments: object, stdin: str | None = None, columns: int = 200):
    """Run `python -m ants_coord` and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "ants_coord", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, **_spoken(), "COLUMNS": str(columns)},
        timeout=LIMIT_S,
        check=False,
    )


def start(*arguments: object, cwd: Path | None = None) -> subprocess.Popen:
    """Start `python -m ants_coord` and return at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "ants_coord", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **_spoken()},
        cwd=cwd,
        start_new_session=True,
    )

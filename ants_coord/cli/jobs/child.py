"""
Running one command as a child: its environment, its output, its end.

A child has its own process group, all of which ends with it. It gets its fencing token from the environment,
and dies with us where the system allows it (Linux's parent-death signal). The signal must be set between fork
and exec, which a program with threads must not do itself; so setpriv sets it, or a few lines of Python where
that is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO, Any

from ...fronts.hold import GiveUp, Hold

TAIL = 8_192
NOTED = 2_000
"""characters of either stream that are kept of a failed attempt"""
FAILURES = "failed_attempts"

_TRAMPOLINE = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "try: os.execvp(sys.argv[2], sys.argv[2:])\n"
    "except OSError as e: print(e, file=sys.stderr); os._exit(127)\n"
)


def _bound_to_us(argv: list[str]) -> list[str]:
    """Wrap a command so that the kernel kills it when we die."""
    if not sys.platform.startswith("linux"):
        return argv
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        return [setpriv, "--pdeathsig", "KILL", "--", *argv]
    return [sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid()), *argv]


Tell = Callable[[int, bytes], None]
"""called with the number of a stream (1: stdout, 2: stderr) and the new output on it"""


class CommandError(Exception):
    """Raised when a command has failed and may be retried."""


class GivenUp(GiveUp):
    """Raised when a command has failed for the last time."""


def run_child(job: Hold, tell: Tell) -> dict[str, Any]:
    """
    Run the command of a task to its end.

    Args:
        job: the scope of the task.
        tell: called with the output as it comes.

    Returns:
        exit_code, and the last 8 KiB of stdout and stderr.

    Raises:
        CommandError: its exit code was not 0, or it took too long; with the tail of stderr.
        GivenUp: that was its last attempt. The deaths of runners do not count as attempts of the command.

    """
    payload = job.payload
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = [_Output(1, out), _Output(2, err)]

        def look() -> None:
            for stream in streams:
                stream.pass_on(tell)

        why, code = _run(job, out, err, look)
        stdout, stderr = _tail(out), _tail(err)
    if why is None and code != 0:
        why = f"exit code {code}"
    if why is None:
        return {"exit_code": code, "stdout": stdout, "stderr": stderr}
    last = stderr.strip().rpartition("\n")[2][-200:]
    job.check()
    output = {"stdout": stdout[-NOTED:], "stderr": stderr[-NOTED:]}
    raise _failure(job, payload.get("attempts"), output, f"{why}: {last}" if last else why)


def _failure(job: Hold, attempts: int | None, output: dict[str, str], why: str) -> Exception:
    """
    Count a failure, note its output, and say whether there may be another attempt.

    The count is kept in the notes of the task, because the board counts claims, some of which ended with
    their runner and say nothing about the command. A failed task has no result, so its output is in the
    notes, too.
    """
    if attempts is None:  # the task comes from another program: the board's own rule applies
        job.progress(output)
        return CommandError(why)
    said = [record.note for record in job.lease.notes if isinstance(record.note, dict)]
    failures = 1 + next((note[FAILURES] for note in reversed(said) if isinstance(note.get(FAILURES), int)), 0)
    is_last = failures >= attempts
    # requeueing a failed task gives it new attempts
    job.progress({FAILURES: 0 if is_last else failures, **output})
    return GivenUp(why) if is_last else CommandError(why)


def _run(
    job: Hold, out: IO[bytes], err: IO[bytes], look: Callable[[], None]
) -> tuple[str | None, int | None]:
    """Run a command; return why it was ended (None: it ended by itself), and its exit code."""
    payload = job.payload
    argv = payload.get("argv") or ["/bin/sh", "-c", payload["cmd"]]
    environment = {
        **os.environ,
        **payload.get("env", {}),
        "ANTS_COORD_TASK": job.lease.task,
        "ANTS_COORD_TOKEN": str(job.token),
        "ANTS_COORD_AGENT": job.lease.agent,
        "ANTS_COORD_ATTEMPT": str(job.lease.attempt),
        **_what_changed(payload),
    }
    try:
        child = subprocess.Popen(
            _bound_to_us(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
            cwd=payload.get("cwd"),
            start_new_session=True,
        )
    except OSError as problem:
        # name the directory if it is the missing one: the system's message does not say which is missing
        what = problem.filename if problem.filename == payload.get("cwd") else argv[0]
        return f"cannot start {argv[0]!r}: {what!r}: {problem.strerror}", None
    return _wait(child, job, payload.get("timeout"), look), child.returncode


def _what_changed(payload: dict[str, Any]) -> dict[str, str]:
    """Return what a reaction tells its command: the entry's path, the file's name, and the change."""
    path = payload.get("path")
    if not isinstance(path, str):
        return {}
    return {
        "ANTS_COORD_PATH": path,
        "ANTS_COORD_FILE": path.removeprefix(str(payload.get("prefix", ""))),
        "ANTS_COORD_CHANGE": str(payload.get("change", "")),
    }


def _wait(
    child: subprocess.Popen[bytes], job: Hold, timeout: float | None, look: Callable[[], None]
) -> str | None:
    """
    Wait for the end; kill the whole group if it takes too long or the lease is lost.

    Background processes of the command end with it: they would hold files and ports that the next attempt, or
    the next task, needs.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    step = 0.005
    try:
        while not _has_ended(child, step):
            look()
            if deadline is not None and time.monotonic() >= deadline:
                return f"timeout: killed after {timeout:g} s"
            if job.lost.is_set():
                return f"lease lost ({job.lost_reason}): killed"
            step = min(step * 2, 0.1)
            if deadline is not None:
                step = max(0.0, min(step, deadline - time.monotonic()))
        return None
    finally:
        # before the child is reaped: until then its number, which is its group's, cannot be reused
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        look()


def _has_ended(child: subprocess.Popen[bytes], wait_s: float) -> bool:
    """Tell whether a child has ended, within some seconds, without reaping it if the system allows that."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(wait_s)
        return child.returncode is not None
    until = time.monotonic() + wait_s
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        left = until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, 0.01))
    return True


class _Output:
    """The output of a command, read while it writes."""

    def __init__(self, number: int, stream: IO[bytes]) -> None:
        self._number = number
        self._stream = stream
        self._at = 0

    def pass_on(self, tell: Tell) -> None:
        """Report new output."""
        # pread, because the child writes at the position of the same open file, which must not be moved
        while new := os.pread(self._stream.fileno(), 1 << 16, self._at):
            self._at += len(new)
            tell(self._number, new)


def _tail(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - TAIL))
    return stream.read().decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

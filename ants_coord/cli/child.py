"""
Running one command as a child: its environment, its output, its end.

A child is a process group of its own, knows its fencing token from the
environment, and dies with us where the system allows it (Linux's
parent-death signal, set by setpriv, or by a few lines of Python where that is
missing: the signal is set between fork and exec, which a program with threads
must not do itself).
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
from typing import IO, Any

from ..fronts.hold import Hold

__all__ = ["run_child"]

TAIL = 8_192

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


def run_child(job: Hold) -> dict[str, Any]:
    """
    Run the command of a task to its end.

    Returns:
        exit_code, and the last 8 KiB of stdout and stderr.

    Raises:
        RuntimeError: it ended with another exit code than 0, or took too long; with the tail of stderr.

    """
    payload = job.payload
    argv = payload.get("argv") or ["/bin/sh", "-c", payload["cmd"]]
    environment = {
        **os.environ,
        **payload.get("env", {}),
        "ANTS_COORD_TASK": job.lease.task,
        "ANTS_COORD_TOKEN": str(job.token),
        "ANTS_COORD_AGENT": job.lease.agent,
        "ANTS_COORD_ATTEMPT": str(job.lease.attempt),
    }
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
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
            raise RuntimeError(f"cannot start {argv[0]!r}: {problem.strerror}") from None
        why = _wait(child, job, payload.get("timeout"))
        stdout, stderr = _tail(out), _tail(err)
    if why is None and child.returncode != 0:
        why = f"exit code {child.returncode}"
    if why is not None:
        last = stderr.strip().rpartition("\n")[2][-200:]
        raise RuntimeError(f"{why}: {last}" if last else why)
    return {"exit_code": child.returncode, "stdout": stdout, "stderr": stderr}


def _wait(child: subprocess.Popen[bytes], job: Hold, timeout: float | None) -> str | None:
    """Wait for the end; kill the whole group if it takes too long or the lease is lost."""
    deadline = None if timeout is None else time.monotonic() + timeout
    step = 0.01
    try:
        while True:
            left = step if deadline is None else max(0.0, min(step, deadline - time.monotonic()))
            try:
                child.wait(left)
            except subprocess.TimeoutExpired:
                if deadline is not None and time.monotonic() >= deadline:
                    return f"timeout: killed after {timeout:g} s"
                if job.lost.is_set():
                    return f"lease lost ({job.lost_reason}): killed"
                step = min(step * 2, 0.2)
            else:
                return None
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _tail(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - TAIL))
    return stream.read().decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

"""
The output of `run` and `work` while they run: the commands' output by line, and how each attempt ended.

Output is escaped: nothing that a command prints can move the cursor or forge another task's line.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import closing
from typing import Any, TextIO

from ...errors import LeaseLostError
from ...fronts.hold import Hold
from ..common.show import shown
from .child import CommandError, GivenUp, run_child

_LINE = 4_096
"""a longer line of output is shown in pieces"""


class Progress:
    """
    A worker's handler that runs commands and reports progress. Thread-safe.

    Args:
        total: number of tasks, for the count.
        is_quiet: print nothing, because the output is for programs.

    """

    def __init__(self, total: int, *, is_quiet: bool) -> None:
        self.told: set[str] = set()
        """tasks whose final end has been reported"""
        self._total = total
        self._is_quiet = is_quiet
        self._ended = 0
        self._lock = threading.Lock()
        _only_what_was_not_told()

    def run(self, job: Hold) -> dict[str, Any]:
        """Run the command of a task; the handler of `run` and `work`."""
        begin = time.monotonic()
        try:
            with closing(_Lines(self, job.lease.task)) as output:
                result = run_child(job, output.feed)
        except (CommandError, LeaseLostError) as problem:
            self._say_end(job, "failed", f"; it is tried again: {problem}", begin, is_last=False)
            raise
        except GivenUp as problem:
            self._say_end(job, "failed", f": {problem}", begin, is_last=True)
            raise
        self._say_end(job, "done", "", begin, is_last=True)
        return result

    def line(self, task: str, text: str, stream: TextIO) -> None:
        """Show one line of a command's output."""
        if not self._is_quiet:
            with self._lock:
                stream.write(f"{shown(task)} | {shown(text, _LINE)}\n")
                stream.flush()

    def _say_end(self, job: Hold, how: str, why: str, begin: float, *, is_last: bool) -> None:
        task, seconds = job.lease.task, time.monotonic() - begin
        with self._lock:
            if is_last:
                self._ended += 1
                self.told.add(task)
            if not self._is_quiet:
                count = f"[{self._ended}/{max(self._total, self._ended)}]"
                by = job.lease.agent
                sys.stdout.write(f"{count} {how} {shown(task)} in {seconds:.1f} s by {by}{shown(why, 500)}\n")
                sys.stdout.flush()


class _Lines:
    """The output of one attempt, split into lines."""

    def __init__(self, progress: Progress, task: str) -> None:
        self._progress = progress
        self._task = task
        self._left = {1: b"", 2: b""}

    def feed(self, number: int, data: bytes) -> None:
        """Take new output on stdout (1) or stderr (2)."""
        *lines, rest = (self._left[number] + data).split(b"\n")
        while len(rest) > _LINE:
            lines.append(rest[:_LINE])
            rest = rest[_LINE:]
        self._left[number] = rest
        for line in lines:
            self._show(number, line)

    def close(self) -> None:
        """Show last lines without a line end."""
        for number, rest in self._left.items():
            if rest:
                self._show(number, rest)

    def _show(self, number: int, line: bytes) -> None:
        text = line.removesuffix(b"\r").decode(errors="replace")
        for start in range(0, len(text) or 1, _LINE):
            self._progress.line(
                self._task, text[start : start + _LINE], sys.stdout if number == 1 else sys.stderr
            )


def _only_what_was_not_told() -> None:
    """Pass on the library's log, except for failures of commands, which are reported here."""
    import logging  # noqa: PLC0415 - 8 ms that only workers need

    from ..common.show import clean, warnings  # noqa: PLC0415

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.args[2] if isinstance(record.args, tuple) and len(record.args) == 3 else ""
            if not str(error).startswith((f"{CommandError.__name__}: ", f"{GivenUp.__name__}: ")):
                warnings.print(f"[yellow]warning:[/yellow] {clean(record.getMessage(), 2000)}")

    log = logging.getLogger("ants_coord")
    if not any(type(handler).__name__ == Told.__name__ for handler in log.handlers):
        log.addHandler(Told())
        log.propagate = False

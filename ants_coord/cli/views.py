"""Commands that show a board while it runs or afterwards: top, report, trace, metrics."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from ..commands.board import Strongest
from ..errors import CursorTooOld, NotSupportedError
from .common.app import app
from .common.boards import BoardName, open_board
from .common.show import console, seconds_left, table

_EVENTS = 8


@app.command()
def trace(board: BoardName) -> None:
    """Print the events as a trace for chrome://tracing or ui.perfetto.dev."""
    from ..adapters.trace import chrome  # noqa: PLC0415 - only this command needs it

    with open_board(board) as at:
        sys.stdout.write(chrome(at.events()) + "\n")


@app.command()
def metrics(board: BoardName) -> None:
    """Print counts in the text format of Prometheus."""
    from ..adapters.prometheus import text  # noqa: PLC0415

    with open_board(board) as at:
        sys.stdout.write(text(at))


@app.command()
def report(board: BoardName) -> None:
    """Print one self-contained HTML page: a timeline for each agent, waits and losses."""
    from ..adapters.report import html  # noqa: PLC0415
    from ..lab import tax  # noqa: PLC0415

    with open_board(board) as at:
        sys.stdout.write(html(at, account=str(tax(at))))


@app.command()
def top(
    board: BoardName,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between refreshes.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print the state once and exit.")] = False,
) -> None:
    """Show a board while it runs: tasks, leases with the time left, trails, the last events."""
    with open_board(board) as at:
        view = _View(at)
        if once:
            console.print(view.picture())
            return
        if not console.is_terminal:
            while True:
                typer.echo(view.line())
                time.sleep(every)
        with Live(view.picture(), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(view.picture(), refresh=True)


class _View:
    """What `top` shows of a board."""

    def __init__(self, board: Any) -> None:
        self._board = board
        self._cursor = 0
        self._last: deque[Any] = deque(maxlen=_EVENTS)

    def line(self) -> str:
        """Return one line: the number of tasks in each state, and who holds what."""
        now = self._board.statistics()
        states = ", ".join(f"{count} {state}" for state, count in now.tasks.items() if count) or "no tasks"
        held = len(self._board.leases())
        return f"{states}; {held} leases; {now.expired} expired, {now.failed} failed attempts"

    def picture(self) -> Group:
        """Return everything that fits a screen."""
        held = sorted(self._board.leases(), key=lambda lease: lease.expires_ns)
        shown: list[Any] = [
            Text(f"{self._board.path}   {self.line()}"),
            table(
                "held",
                ["agent", "what", "attempt", "left"],
                [
                    (
                        lease.agent,
                        ", ".join(lease.names) if lease.names else lease.task,
                        "" if lease.names else lease.attempt,
                        f"{seconds_left(lease):.1f} s",
                    )
                    for lease in held[:20]
                ],
            ),
        ]
        trails = self._trails()
        if trails:
            shown.append(table("strongest places", ["place", "strength"], trails))
        shown.append(table("last events", ["what", "task", "agent", "detail"], self._events()))
        return Group(*shown)

    def _trails(self) -> list[tuple[str, str]]:
        try:
            return [(trail.place, f"{trail.strength:.3g}") for trail in self._board.query(Strongest(count=5))]
        except NotSupportedError:
            return []

    def _events(self) -> list[tuple[str, str, str, str]]:
        try:
            for event in self._board.events(since=self._cursor):
                self._last.append(event)
                self._cursor = event.cursor
        except CursorTooOld as problem:
            self._cursor = problem.oldest - 1
        return [
            (event.type, event.task or "", event.agent or "", str(event.detail or "")[:60])
            for event in self._last
        ]

"""Watching a board: the demo's live view and its summary, and `status`."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer
from rich.live import Live
from rich.table import Table

from ...commands.matching import Agents
from ...errors import NotSupportedError
from ...sync import Blackboard, Board, Matchmaker
from ...values.tasks import Standing, TaskState
from ..common.show import INTERRUPTED, as_json, clean, console, seconds_left, table, warnings
from .colony import Colony


class _Progress:
    """The progress of a demo: live on a terminal, else a line a second; on stderr if the answer is JSON."""

    def __init__(self, board: Board, total: int, *, quiet: bool) -> None:
        self._board = board
        self._total = total
        self._started = time.monotonic()
        self._printed = 0.0
        self._console = warnings if quiet else console
        self.live = Live(console=self._console, transient=True) if self._console.is_terminal else None

    def show(self) -> None:
        """Show the state of the job."""
        now = time.monotonic()
        numbers = self._board.statistics()
        line = (
            f"{numbers.tasks['done']:,} of {self._total:,} done, {numbers.tasks['ready']:,} ready, "
            f"{numbers.tasks['leased']} held, {numbers.expired} expired, {numbers.failed} failed attempts, "
            f"{numbers.completed / max(now - self._started, 1e-6):,.0f} tasks/s"
        )
        if self.live is not None:
            view = Table(title=line, title_justify="left")
            for column in ("agent", "holds", "for"):
                view.add_column(column)
            for lease in sorted(self._board.leases(), key=lambda lease: (lease.agent, lease.task)):
                view.add_row(clean(lease.agent), clean(lease.task), f"{seconds_left(lease):.1f} s")
            self.live.update(view)
        elif now - self._printed >= 1.0:
            self._printed = now
            self._console.print(line)


def run_demo(board: Board, root: Path, agents: int, seed: int, *, as_json_text: bool) -> None:
    """Run the demo to its end and show the report and what each agent did."""
    colony: Colony
    if isinstance(board, Blackboard):
        from .board import BoardColony  # noqa: PLC0415

        colony = BoardColony(board, root, agents, seed)
    elif isinstance(board, Matchmaker):
        from .match import MatchColony  # noqa: PLC0415

        colony = MatchColony(board, root, agents, seed)
    elif board.settings().trust is not None:
        from .trust import TrustColony  # noqa: PLC0415

        colony = TrustColony(board, root, agents, seed)
    else:
        colony = Colony(board, root, agents, seed)
    made = colony.submit()
    say = warnings if as_json_text else console
    say.print(
        f"{agents} agents index {clean(root)}: {len(colony.tasks):,} tasks, {made:,} of them new; "
        "nobody manages them"
    )
    started = time.monotonic()
    progress = _Progress(board, len(colony.tasks), quiet=as_json_text)
    with progress.live or nullcontext():
        found = colony.run(progress.show)
    seconds = time.monotonic() - started
    if as_json_text:
        typer.echo(as_json(found))
        return
    _show_report(found)
    _show_agents(colony)
    numbers = board.statistics()
    if colony.left_behind is not None:
        record = board.find(colony.left_behind)
        by = "" if record is None or record.outcome is None else f", then completed by {record.outcome.by}"
        console.print(
            f"{colony.silent} fell silent holding {clean(colony.left_behind)}; its lease ran out{by}"
        )
    for line in colony.remarks():
        console.print(clean(line, 500))
    console.print(
        f"{numbers.completed:,} completed, {numbers.expired} expired, {numbers.failed} failed and retried, "
        f"in {seconds:.1f} s"
    )


def run_bazaar(*, as_json_text: bool) -> None:
    """Run the bazaar on its own board, report what happens, and the result."""
    from . import bazaar  # noqa: PLC0415

    say = warnings if as_json_text else console
    try:
        with tempfile.TemporaryDirectory(prefix="ants-coord-bazaar-", ignore_cleanup_errors=True) as folder:
            found = bazaar.run(os.path.join(folder, "board.db"), say=lambda line: say.print(clean(line, 500)))
    except KeyboardInterrupt:
        warnings.print("stopped: every process has ended, and its board is gone")
        raise typer.Exit(INTERRUPTED) from None
    if as_json_text:
        typer.echo(as_json(found))
        return
    seen = found.events
    rows = [
        (what, f"{seen.get(kind, 0):,}")
        for kind, what in (
            ("joined", "joined"),
            ("departed", "left, or fell silent"),
            ("proved", "capabilities that were proved"),
            ("refuted", "capabilities that were refuted"),
            ("declined", "times that an agent did not want something, or anything"),
            ("stalled", "leases without a sign of work"),
            ("expired", "leases that ran out"),
            ("handed in", "results handed in, of which two had to agree"),
        )
    ]
    console.print(table("what happened", ["what", "how often"], rows))
    died = sum(code != 0 for code in found.codes)
    console.print(
        f"{found.done:,} of {found.tasks:,} tasks are done, {found.wrong} of them wrong, in "
        f"{found.seconds:.1f} s; {died} of {len(found.codes)} processes died"
    )


def _show_report(found: dict[str, Any]) -> None:
    total = found["total"]
    counts = ["files", "lines", "functions", "classes"]
    rows = [
        (package["name"], *[package[count] for count in counts], f"{package['docstring_coverage']:.0%}")
        for package in found["packages"][:10]
    ]
    console.print(table("largest packages", ["package", *counts, "docstrings"], rows))
    most = ", ".join(f"{entry['module']} ({entry['imports']})" for entry in found["most_imported"][:10])
    console.print(f"most imported: {clean(most, 500)}")
    console.print(
        f"in all: {total['files']:,} files ({total['broken']} do not parse), {total['lines']:,} lines, "
        f"{total['functions']:,} functions, {total['classes']:,} classes, "
        f"{found['docstring_coverage']:.0%} with a docstring"
    )
    if "tokens" in found:
        console.print(
            f"{found['bytes']:,} bytes, {found['tokens']:,} tokens, "
            f"SHA-256 over all {found['sha256'][:16]}..."
        )


def _show_agents(colony: Colony) -> None:
    rows = []
    for name in colony.names:
        seen, times = colony.board.standing(name), colony.times[name]
        busy = times.work + times.coordination
        rows.append(
            (
                name + (" (fell silent)" if name == colony.silent else ""),
                seen.claimed,
                seen.completed,
                seen.failed,
                seen.expired,
                f"{times.work:.2f} s",
                f"{times.coordination:.2f} s",
                f"{times.coordination / busy:.1%}" if busy else "-",
            )
        )
    columns = ["agent", "claimed", "completed", "failed", "expired", "work", "coordination", "tax"]
    console.print(table("agents (processor time)", columns, rows))


# -- status ---------------------------------------------------------------------------------


def status_of(board: Board, most: int = 20) -> dict[str, Any]:
    """Return what `status` shows, as plain data."""
    numbers = board.statistics()
    return {
        "tasks": numbers.tasks,
        "unfinished": numbers.unfinished,
        "paused": numbers.paused,
        "claimed": numbers.claimed,
        "completed": numbers.completed,
        "failed_attempts": numbers.failed,
        "expired": numbers.expired,
        "cursor": numbers.cursor,
        "strategy": board.settings().strategy,
        **_adverts_of(board),
        "held": [
            {
                "agent": lease.agent,
                "task": lease.task,
                "handle": lease.handle,
                "seconds_left": round(seconds_left(lease), 3),
            }
            for lease in board.leases()
        ],
        "failed": [
            {
                "task": record.task.id,
                "state": record.state,
                "reason": record.outcome.reason if record.outcome else "",
                "attempts": record.attempts,
            }
            for record in board.tasks(state=[TaskState.FAILED, TaskState.CANCELLED], count=most)
        ],
        "waiting": [
            {"task": record.task.id, "waits_for": list(record.waits_for)}
            for record in board.tasks(state=TaskState.WAITING, count=most)
        ],
    }


def _adverts_of(board: Board) -> dict[str, Any]:
    """Return which agents advertise what, if the board's strategy knows adverts."""
    try:
        roster = board.query(Agents(count=1_000))
    except NotSupportedError:  # also with a strategy of the user's own
        return {}
    return {
        "agents": [
            {
                "agent": found.agent,
                "state": found.state,
                "capabilities": list(found.advert.capabilities),
                "attributes": dict(found.advert.attributes),
                "slots": found.advert.slots,
                "held": found.held,
                "load": round(found.load, 3),
                "benched_for": round(found.benched_for, 3),
                "proofs": dict(found.proofs),
            }
            for found in roster.agents
        ]
    }


def show_standings(found: list[Standing]) -> None:
    """Print standings as a table, with reasons below it."""
    if not found:
        console.print("no agent has claimed anything")
        return
    rows = []
    for one in sorted(found, key=lambda one: -(one.delivery.mean if one.delivery is not None else 0)):
        seen = one.delivery
        assert seen is not None
        holds = f"{one.held}" if one.limit is None else f"{one.held} of {one.limit}"
        sure = f"{seen.low:.0%} to {min(1.0, seen.high):.0%}"
        counts = (one.completed, one.failed, one.expired, one.released)
        right = "-" if one.quality is None else f"{one.quality.mean:.0%}"
        rows.append((one.agent, f"{seen.mean:.0%}", sure, right, *counts, holds))
    ends = ["completed", "failed", "expired", "given back"]
    console.print(table("standing", ["agent", "delivers", "surely", "right", *ends, "holds"], rows))
    skills = _by_capability(found)
    if skills:
        console.print(table("by capability", ["agent", "capability", "proof", "delivers", "right"], skills))
    for one in found:
        if one.barred is not None:
            console.print(f"{clean(one.agent)} {clean(one.barred, 500)}")


def _by_capability(found: list[Standing]) -> list[tuple[str, ...]]:
    """Return an agent's record on tasks that required something, and what it has proved."""
    rows: list[tuple[str, ...]] = []
    for one in found:
        records = {record.kind: record for record in one.capabilities}
        for name in sorted({*records, *one.proofs}):
            seen = records.get(name)
            delivers = "-" if seen is None else f"{seen.delivery.mean:.0%}"
            right = "-" if seen is None or seen.quality is None else f"{seen.quality.mean:.0%}"
            rows.append((one.agent, name, one.proofs.get(name, ""), delivers, right))
    return rows


def show_status(found: dict[str, Any]) -> None:
    """Print a status as tables."""
    counts = ", ".join(f"{n:,} {state}" for state, n in found["tasks"].items() if n)
    console.print((counts or "no tasks") + (" [yellow](paused)[/yellow]" if found["paused"] else ""))
    console.print(
        f"{found['claimed']:,} claims, {found['completed']:,} completions, "
        f"{found['failed_attempts']:,} failed attempts, {found['expired']:,} expiries"
    )
    rows: list[tuple[Any, ...]]
    if found.get("agents"):
        rows = [
            (
                a["agent"],
                a["state"] + (f", benched {a['benched_for']:.1f} s" if a["benched_for"] else ""),
                ", ".join([*a["capabilities"], *[f"{k}={v}" for k, v in a["attributes"].items()]]),
                ", ".join([f"{name} {stands}" for name, stands in a["proofs"].items()]),
                f"{a['held']}/{a['slots']}",
            )
            for a in found["agents"]
        ]
        console.print(table("adverts", ["agent", "state", "says it can do", "proofs", "slots in use"], rows))
    if found["held"]:
        rows = [(h["agent"], h["task"], f"{h['seconds_left']:.1f} s") for h in found["held"]]
        console.print(table("held", ["agent", "task", "for"], rows))
    if found["failed"]:
        rows = [(f["task"], f["state"], f["reason"]) for f in found["failed"]]
        console.print(table("failed or cancelled", ["task", "state", "why"], rows))
    if found["waiting"]:
        rows = [(w["task"], ", ".join(w["waits_for"][:5])) for w in found["waiting"]]
        console.print(table("waiting", ["task", "for"], rows))

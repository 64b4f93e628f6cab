"""
A board's counts in the text format of Prometheus, for a scrape or a textfile collector.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..sync import Board


def text(board: Board) -> str:
    """
    Return the counts of a board in the Prometheus text exposition format.

    Labels are only states and ways to end: each name of an agent or task would make a new time series.
    """
    now = board.statistics()
    lines: list[str] = []

    def put(name: str, kind: str, about: str, rows: Iterable[tuple[str, float]]) -> None:
        lines.append(f"# HELP {name} {about}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(f"{name}{label} {value}" for label, value in rows)

    put(
        "ants_tasks",
        "gauge",
        "Tasks by state.",
        [(f'{{state="{state}"}}', n) for state, n in now.tasks.items()],
    )
    put("ants_locks", "gauge", "Names that are locked.", [("", now.locks)])
    put("ants_agents", "gauge", "Agents that the board remembers.", [("", now.agents)])
    put("ants_paused", "gauge", "1 while claims are stopped.", [("", int(now.paused))])
    put("ants_leases_granted_total", "counter", "Leases of tasks that were granted.", [("", now.claimed)])
    ended = [(how, getattr(now, how)) for how in ("completed", "failed", "expired", "released")]
    put(
        "ants_leases_ended_total", "counter", "Leases of tasks by how they ended.",
        [(f'{{how="{how}"}}', n) for how, n in ended],
    )  # fmt: skip
    put("ants_log_position", "gauge", "Commands in the log so far.", [("", now.position)])
    put("ants_events_total", "counter", "Events so far.", [("", now.cursor)])
    return "\n".join(lines) + "\n"

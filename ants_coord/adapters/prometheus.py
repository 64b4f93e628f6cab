"""
A board's counts in the text format of Prometheus, for a scrape or a textfile collector.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..sync import Board


def text(board: Board) -> str:
    """
    Return the counts of a board in the Prometheus text exposition format.

    Labels are only states and ways to end: each name of an agent or task would make a new time series.
    """
    now = board.statistics()
    ended = {how: getattr(now, how) for how in ("completed", "failed", "expired", "released")}
    lines: list[str] = []

    def put(name: str, kind: str, about: str, value: int | Mapping[str, int], label: str = "") -> None:
        lines.append(f"# HELP {name} {about}")
        lines.append(f"# TYPE {name} {kind}")
        if isinstance(value, Mapping):
            lines.extend(f'{name}{{{label}="{key}"}} {n}' for key, n in value.items())
        else:
            lines.append(f"{name} {value}")

    put("ants_tasks", "gauge", "Tasks by state.", now.tasks, "state")
    put("ants_locks", "gauge", "Names that are locked.", now.locks)
    put("ants_agents", "gauge", "Agents that the board remembers.", now.agents)
    put("ants_paused", "gauge", "1 while claims are stopped.", int(now.paused))
    put("ants_leases_granted_total", "counter", "Leases of tasks that were granted.", now.claimed)
    put("ants_leases_ended_total", "counter", "Leases of tasks by how they ended.", ended, "how")
    put("ants_log_position", "gauge", "Commands in the log so far.", now.position)
    put("ants_events_total", "counter", "Events so far.", now.cursor)
    return "\n".join(lines) + "\n"

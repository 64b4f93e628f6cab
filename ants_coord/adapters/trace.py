"""
A board's events as a trace for Chrome (chrome://tracing) and Perfetto: a row per agent, a bar per lease.

The format is the Trace Event Format: JSON, times in microseconds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..values.events import WAITS_AGAIN, Event
from .spans import spans

_TAKEN = frozenset({"claimed", "completed", "failed", "cancelled"})
"""a task that was READY is READY no more"""


def chrome(events: Iterable[Event]) -> str:
    """
    Return events as one JSON text in the Trace Event Format.

    Leases of one agent may overlap, so they are asynchronous pairs ("b", "e") and not nested slices. A
    counter shows how many tasks were READY; a task that at the end still waits for others or for its time
    counts as well, because no event tells. Times begin at the first event.
    """
    listed = list(events)
    first = listed[0].at_ns if listed else 0
    last = listed[-1].at_ns if listed else 0
    rows: dict[str, int] = {}
    records: list[dict[str, Any]] = []

    def us(at_ns: int) -> float:
        return (at_ns - first) / 1_000

    for span in spans(listed):
        row = rows.setdefault(span.agent, len(rows) + 1)
        about = {"outcome": span.how, "token": span.token}
        if span.attempt:
            about["attempt"] = span.attempt
        if span.waited_ns is not None:
            about["waited_s"] = round(span.waited_ns / 1e9, 6)
        if span.detail:
            about["detail"] = span.detail[:200]
        shared = {
            "name": span.name, "cat": "lock" if span.is_lock else "task", "pid": 1, "tid": row,
            "id": str(span.token),
        }  # fmt: skip
        end = last if span.end_ns is None else span.end_ns
        records.append({**shared, "ph": "b", "ts": us(span.start_ns), "args": about})
        records.append({**shared, "ph": "e", "ts": us(end)})
    steps, ready = _steps(listed), 0
    for at_ns in sorted(steps):
        ready += steps[at_ns]
        records.append({"name": "ready", "ph": "C", "pid": 1, "ts": us(at_ns), "args": {"tasks": ready}})
    records += [
        {"name": "thread_name", "ph": "M", "pid": 1, "tid": row, "args": {"name": agent}}
        for agent, row in rows.items()
    ]
    return json.dumps({"traceEvents": records, "displayTimeUnit": "ms"}, separators=(",", ":"))


def _steps(events: Iterable[Event]) -> Counter[int]:
    """Return by how much the number of READY tasks changed at each instant."""
    since: dict[str, int] = {}
    steps: Counter[int] = Counter()
    for event in events:
        if event.type in WAITS_AGAIN and event.task is not None:
            since[event.task] = event.at_ns  # if it was there already, it had to wait until now
        elif event.type in _TAKEN and event.task in since:
            steps[since.pop(event.task)] += 1
            steps[event.at_ns] -= 1
    steps.update(since.values())
    return steps

"""
The briefing of an agent that starts: what is open to it, what was tried, where others have been.

Its size is bounded whatever the board holds: a fixed number of tasks, lines and characters. All of it was
written by agents, so each item is kept on one line: a newline in a reason must not look like a line of ours.
"""

from __future__ import annotations

import json
from typing import Any

from ..commands.reading import BriefingOf
from ..values.briefing import Briefing, OpenTask
from .state.ledger import Ledger
from .state.notes import every_note
from .state.records import FAILED, READY, Row
from .state.same_content import as_check
from .work.leases import on_offer

_LINES, _LONG = 3, 200
"""lines of history, and as many notes, that are shown of a task; characters of each"""


def brief(ledger: Ledger, query: BriefingOf) -> Briefing:
    """
    Tell an agent what it should know at its start. O(count log n), plus the kinds and requirements in use.
    """
    agent, count = query.agent, query.count
    holder = ledger.agents.get(agent)
    barred = "the board is paused: nobody may claim" if ledger.paused else ledger.held_back(agent)
    rows = on_offer(ledger, agent, count) if barred is None else []
    trails: tuple[Any, ...] = ()
    if ledger.settings.strategy == "board":
        from ..commands.board import Strongest  # noqa: PLC0415 - only boards have trails

        trails = ledger.queries[Strongest](ledger, Strongest(None, count))
    return Briefing(
        agent,
        ledger.unfinished,
        ledger.counts[READY],
        ledger.counts[FAILED],
        tuple([row.spec.id for row in holder.leases.values()][:count]) if holder is not None else (),
        barred,
        tuple([_told(ledger, row) for row in rows]),
        trails,
    )


def _told(ledger: Ledger, row: Row) -> OpenTask:
    is_check = row.spec.id in ledger.checking.opinions.rows
    spec = as_check(row.spec) if is_check else row.spec
    # an agent that judges or repeats a result must not be led by the first author's words
    return OpenTask(
        spec.id,
        spec.kind,
        spec.priority,
        spec.requires,
        row.attempts,
        () if is_check else _tried(ledger, row),
    )


def _tried(ledger: Ledger, row: Row) -> tuple[str, ...]:
    lines = [line.partition("\n")[0][:_LONG] for line in row.history[-_LINES:]]
    for record in every_note(ledger, row)[-_LINES:]:
        said = json.dumps(record.note, ensure_ascii=False)
        lines.append(f"note of attempt {record.attempt} by {record.agent}: {said[:_LONG]}")
    return tuple(lines)

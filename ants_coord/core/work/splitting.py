"""
Splitting a leased task: it waits for its new parts, and its next holder gets their results.

So an agent can break a task down without knowing who will do the parts. The task keeps its id, its place and
its attempts. Parts must be new, so a cycle can only arise through what they need, and that is refused. The
depth of a part under the first task is remembered: an agent that splits for ever ends in a clear refusal, not
in a flood of tasks.
"""

from __future__ import annotations

from ...commands.shared import MAX_BATCH, Refused, Split, Submit
from ...errors import (
    CoordinationError,
    IllegalTransitionError,
    LeaseLostError,
    LimitError,
    TaskExistsError,
)
from ...frozen import evolve
from ...values.tasks import Task, Ticket
from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import LEASED, Row
from .leases import foreign, lost_reason
from .lifecycle import remember, shift, unidle, unlease
from .submitting import carry_out, decide, enter, needs_problem, rewrite, unpayable

MOST_DEEP = 16
"""splits above one another"""


class Splits(Part):
    """
    Tasks that were split, and their parts.

    Tables:
        splits: task -> (how many splits lie above it, the parts it was split into)
    """

    tables = ("splits",)

    def check(self, ledger: Ledger) -> None:
        """Assert that parts are needs, and that depths are bounded."""
        for task, (depth, parts) in ledger.tables["splits"].items():
            assert 0 <= depth <= MOST_DEEP
            assert set(parts) <= set(ledger.tasks[task].spec.needs)


def split(ledger: Ledger, command: Split) -> tuple[Ticket, ...] | Refused:
    """Let a leased task wait for new parts; the attempt is not counted. All parts or none."""
    task = command.task
    row = ledger.tasks.get(task)
    if row is None or row.token != command.token or row.state is not LEASED:
        return Refused(LeaseLostError(task, command.token, lost_reason(ledger, task, command.token)))
    problem_of_speaker = foreign(command.agent, row)
    if problem_of_speaker is not None:
        return problem_of_speaker
    if row.spec.seat is not None or task in ledger.tables["handed"]:
        return Refused(IllegalTransitionError(task, row.state, "split (a seat of a team, or a check)"))
    depth, parts = ledger.tables["splits"].get(task, (0, ()))
    if depth >= MOST_DEEP:
        return Refused(LimitError("depth of splits", depth + 1, MOST_DEEP))
    total = len(row.spec.needs) + len(command.parts)
    if total > MAX_BATCH:
        return Refused(LimitError("parts and needs of a task", total, MAX_BATCH))
    batch = rewrite(ledger, Submit(command.tasks, command.payloads))
    if isinstance(batch, Refused):
        return batch
    plan = _plan(ledger, batch)
    if isinstance(plan, CoordinationError):
        return Refused(plan)
    # after the plan, which refuses duplicate names; here they would be an error
    spec = evolve(row.spec, needs=(*row.spec.needs, *command.parts))
    problem = needs_problem(
        ledger, [*plan, ("replace", spec, row.payload, row)], {each.id: each for each in (*batch.tasks, spec)}
    )
    if problem is not None:
        return Refused(problem)
    _let_wait(ledger, row, spec, len(command.parts))
    ledger.undo.put(ledger.tables["splits"], task, (depth, (*parts, *command.parts)))
    tickets = {ticket.id: ticket for ticket in carry_out(ledger, plan)}
    for each in batch.tasks:
        ledger.undo.put(ledger.tables["splits"], each.id, (depth + 1, ()))
    _link(ledger, row, command.parts)
    enter(ledger, row)
    return tuple([tickets[part] for part in command.parts])


def _plan(ledger: Ledger, batch: Submit) -> list[tuple[str, Task, object, Row | None]] | CoordinationError:
    plan, seen = [], set()
    keys: set[str] = set()
    for task, payload in zip(batch.tasks, batch.payloads, strict=True):
        if task.id in seen or task.id in ledger.tasks or task.id in ledger.tombstones:
            return TaskExistsError(task.id)
        step = decide(ledger, task, payload, "same")
        if isinstance(step, CoordinationError):
            return step
        unpaid = None if task.spends is None else unpayable(ledger, task)
        if unpaid is not None:
            return unpaid
        if task.key is not None:
            if task.key in keys or task.key in ledger.keys:
                return TaskExistsError(ledger.keys.get(task.key, task.id), task.key)
            keys.add(task.key)
        seen.add(task.id)
        plan.append(step)
    return plan


def _let_wait(ledger: Ledger, row: Row, spec: Task, count: int) -> None:
    assert row.agent is not None
    holder = ledger.agents[row.agent]
    ledger.undo.touch(row)
    ledger.undo.touch_agent(holder)
    holder.released += 1
    remember(row, f"attempt {row.attempts} by {row.agent}: split into {count} part(s)")
    row.attempts -= 1
    ledger.emit("split", spec.id, row.agent, row.token, count)
    unlease(ledger, row, "revoked", "split")
    shift(ledger, row, "split")
    row.spec = spec


def _link(ledger: Ledger, row: Row, parts: tuple[str, ...]) -> None:
    """Index the new needs of a row; the old ones are indexed already."""
    for part in parts:
        ledger.dependents.setdefault(part, {})[row.spec.id] = row
        ledger.needed[part] = ledger.needed.get(part, 0) + 1
        unidle(ledger, ledger.tasks[part])  # it may have ended at once
    row.waiting = sum(ledger.is_pending(need) for need in row.spec.needs)

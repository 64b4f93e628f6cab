"""
Applying routing rules to a batch: they add requirements, set priorities and split tasks into parts.

A team is expanded here too: one task per seat, and a parent that needs them.
"""

from __future__ import annotations

from typing import Any

from ...commands.shared import MAX_BATCH
from ...errors import CoordinationError, LimitError, RequirementError
from ...frozen import evolve
from ...requirements import evaluate, parse
from ...values.checks import check_id
from ...values.routes import Route
from ...values.tasks import Task
from ..state.ledger import Ledger
from .index import task_facts
from .teams import expand

Batch = tuple[tuple[Task, ...], tuple[Any, ...]]


def apply_routes(
    ledger: Ledger, tasks: tuple[Task, ...], payloads: tuple[Any, ...]
) -> Batch | CoordinationError:
    """
    Return what a batch becomes under the board's routes.

    Splitting terminates: rules whose pieces lead back to themselves are refused when the rules are set, and
    each level of splitting passes through at least one rule.
    """
    routes = ledger.settings.routes
    if not routes and not any(task.team for task in tasks):
        return tasks, payloads
    done: list[Task] = []
    kept: list[Any] = []
    waiting = list(zip(tasks, payloads, strict=True))
    waiting.reverse()
    while waiting:
        task, payload = waiting.pop()
        try:
            task, pieces = _route(task, routes)
        except (RequirementError, ValueError) as problem:
            if isinstance(problem, CoordinationError):
                return problem
            return LimitError(f"id of a part of {task.id!r}", str(problem), "512 bytes")
        done.append(task)
        kept.append(payload)
        waiting.extend((piece, payload) for piece in reversed(pieces))
        if len(done) + len(waiting) > MAX_BATCH:
            return LimitError("tasks in one batch, parts included", len(done) + len(waiting), MAX_BATCH)
    return tuple(done), tuple(kept)


def _route(task: Task, routes: tuple[Route, ...]) -> tuple[Task, list[Task]]:
    """
    Return a task as all matching rules leave it, and its parts. A rule sees the changes of earlier rules.
    """
    pieces: list[Task] = []
    for route in routes:
        if evaluate(parse(route.when).root, task_facts(task)) is not True:
            continue
        if route.requires is not None:
            both = route.requires if task.requires is None else f"({task.requires}) and ({route.requires})"
            task = evolve(task, requires=parse(both).text)
        if route.priority is not None:
            task = evolve(task, priority=route.priority)
        if route.split:
            made = [
                Task(
                    check_id(f"{task.id}/{piece.name}", "task id"),
                    kind=piece.kind,
                    requires=piece.requires,
                    needs=tuple(f"{task.id}/{need}" for need in piece.needs),
                    priority=task.priority,
                    tags=task.tags,
                )
                for piece in route.split
            ]
            pieces += made
            task = evolve(task, needs=(*task.needs, *[piece.id for piece in made]))
    if task.team and not any(need.startswith(f"{task.id}/seat-") for need in task.needs):
        seats = expand(task)
        pieces += seats
        needs = (*task.needs, *[seat.id for seat in seats])
        task = evolve(task, requires=None, uses=None, spends=None, limit=None, needs=needs)
    return task, pieces

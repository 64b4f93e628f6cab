"""The commands that run the commands of a file: run and work."""

from __future__ import annotations

import itertools
import threading
from contextlib import ExitStack, suppress
from typing import Annotated, Any

import typer

from ...commands.reading import Outcomes
from ...errors import CoordinationError
from ...fronts.serving import Served
from ...requirements import evaluate, facts_of, parse
from ...sync import Board, Matchmaker
from ...sync.matchmaker import MatchVerbs
from ...values.adverts import Advert
from ...values.checks import fresh_agent
from ...values.tasks import TaskState
from ..common.app import CPUS, Agents, AsJson, app
from ..common.boards import BoardName, KeptBoard, open_board
from ..common.show import (
    BAD_INPUT,
    INTERRUPTED,
    OK,
    SOME_FAILED,
    as_json,
    clean,
    console,
    fail,
    said,
    warnings,
)
from . import batch
from .progress import Progress

Can = Annotated[
    list[str] | None, typer.Option("--can", help="A capability, such as gpu or python:3.11; may be repeated.")
]
Having = Annotated[
    list[str] | None, typer.Option("--having", help="An attribute, such as gpu_mem=24; may be repeated.")
]
_STEP = 5_000
"""tasks submitted, or queried, at a time"""


def skills_of(can: list[str] | None, having: list[str] | None) -> Advert:
    """Return what --can and --having say, as an advert."""
    attributes: dict[str, int | float | str] = {}
    for pair in having or []:
        name, mark, text = pair.partition("=")
        if not mark:
            raise fail(f"--having: {pair!r} must be NAME=VALUE, such as gpu_mem=24", BAD_INPUT)
        attributes[name] = _number_or_text(text)
    try:
        return Advert("runner", can or (), attributes)
    except (ValueError, CoordinationError) as problem:
        raise fail(str(problem), BAD_INPUT) from None


def _number_or_text(text: str) -> int | float | str:
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        return float(text)
    return text


def _work(
    board: Board,
    agents: int | None,
    until: str,
    lease_ttl: float,
    progress: Progress,
    skills: Advert,
    kinds: list[str],
) -> Served:
    """Serve with numbered agents, so that the board shows which of them did what."""
    base, number = fresh_agent(), agents or 1
    names = [f"{base}-{n}" for n in range(1, number + 1)] if agents else [base]
    here, turn = threading.local(), itertools.count()

    def claims(stop: Any, wanted: tuple[str, ...] | None) -> Any:
        # called in the thread that will use it, and again after trouble with the journal
        if not hasattr(here, "name"):
            here.name = names[next(turn) % len(names)]
        return board._claims(  # noqa: SLF001 - serve() has one name for all its threads
            here.name,
            until=until,  # type: ignore[arg-type]
            kinds=wanted,
            lease_ttl=lease_ttl,
            stop=stop,
        )

    with ExitStack() as joined:
        if isinstance(board, MatchVerbs):
            for name in names:
                slots = 1 if agents else batch.MOST_AS_NEEDED
                can, having = skills.capabilities, skills.attributes
                joined.enter_context(board.join(name, can, attributes=having, slots=slots))
        return board._serve(  # noqa: SLF001
            claims,
            dict.fromkeys(kinds, progress.run),
            agent=base,
            concurrency=number,
            agents=None if agents else "as needed",
            most=batch.MOST_AS_NEEDED,
            timeout=None,
            signals=True,
        )


@app.command()
def run(
    file: Annotated[
        str, typer.Argument(help="JSON Lines, one task per line; - for standard input.", show_default=False)
    ],
    agents: Agents = CPUS,
    board: KeptBoard = None,
    lease_ttl: Annotated[
        float, typer.Option(min=0.5, help="Seconds until the task of a dead runner returns.")
    ] = 10.0,
    can: Can = None,
    having: Having = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Give tasks that failed in an earlier run new attempts.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """
    Run commands from a file until each has succeeded or failed, with needs, priorities and retries.

    A line: {"id": "b", "cmd": "make b", "needs": ["a"], "timeout": 60, "max_attempts": 3}
    """
    if retry_failed and board is None:
        raise fail("--retry-failed: without --board there is no earlier run", BAD_INPUT)
    tasks, skills = batch.read_file(file, board), skills_of(can, having)
    kind = Matchmaker if can or having else batch.kind_for(tasks)
    if board is None:
        _check_skills(tasks, skills)
    with open_board(board, new=True, kind=kind, **batch.BOARD_SETTINGS) as opened:
        code = _run_all(opened, tasks, skills, agents, lease_ttl, retry_failed=retry_failed, is_quiet=json_)
    raise SystemExit(code)


def _check_skills(tasks: list[Any], skills: Advert) -> None:
    """Refuse tasks that nobody will ever take: on a board in memory no other agent can join."""
    facts = facts_of(skills.capabilities, skills.attributes)
    for task in tasks:
        if task.requires and evaluate(parse(task.requires).root, facts) is not True:
            why = f"{task.id} requires {task.requires!r}, which this runner cannot do"
            raise fail(
                f"{why}; say so with --can and --having, or use --board so that others may join", BAD_INPUT
            )


def _run_all(
    board: Board,
    tasks: list[Any],
    skills: Advert,
    agents: int,
    lease_ttl: float,
    *,
    retry_failed: bool,
    is_quiet: bool,
) -> int:
    """Submit what is missing, work until nothing is left, and return the exit code."""
    ordered = _in_order(tasks)
    for start in range(0, len(ordered), _STEP):
        board.submit_many(ordered[start : start + _STEP])
    if retry_failed:
        for one in _outcomes(board, tasks):
            if one is not None and one.state is TaskState.FAILED:
                board.requeue(one.task)
    progress = Progress(len(tasks), is_quiet=is_quiet)
    try:
        _work(board, agents, "drained", lease_ttl, progress, skills, [batch.KIND])
    except KeyboardInterrupt:
        return INTERRUPTED
    ended = [one for one in _outcomes(board, tasks) if one is not None]
    failed = [one for one in ended if one.state is not TaskState.DONE]
    left = len(tasks) - len(ended)
    if is_quiet:
        typer.echo(as_json(ended))
    else:
        for one in failed:
            if one.task not in progress.told:  # what has just been printed is not printed twice
                console.print(f"[red]{one.state}[/red] {clean(one.task)}: {clean(one.reason, 500)}")
        console.print(f"{len(ended) - len(failed)} done, {len(failed)} failed or cancelled, {left} left")
    if left:
        return INTERRUPTED
    return SOME_FAILED if failed else OK


def _outcomes(board: Board, tasks: list[Any]) -> list[Any]:
    """Return how each task has ended; None for those that have not."""
    ids = tuple([task.id for task in tasks])
    steps = range(0, len(ids), _STEP)
    return [one for start in steps for one in board.query(Outcomes(ids[start : start + _STEP]))]


def _in_order(tasks: list[Any]) -> list[Any]:
    """Return tasks with every need before its dependents, so that a file may be submitted in pieces."""
    if len(tasks) <= _STEP:
        return tasks  # one batch: any order will do
    by_id = {task.id: task for task in tasks}
    placed: dict[str, Any] = {}
    for task in tasks:
        path = [(task, iter(task.needs))]
        while path:
            last, needs = path[-1]
            missing = next((need for need in needs if need in by_id and need not in placed), None)
            if missing is not None and len(path) <= len(tasks):
                path.append((by_id[missing], iter(by_id[missing].needs)))
            else:  # all needs are placed, or the path is a circle, which the board will refuse
                path.pop()
                placed[last.id] = last
    return list(placed.values())


@app.command()
def work(
    board: BoardName,
    agents: Annotated[
        str,
        typer.Option(help="Number of agents; as-needed: one, and more only while they pay off."),
    ] = str(CPUS),
    until: Annotated[str, typer.Option(help="When to end: drained, idle or closed.")] = "drained",
    kinds: Annotated[list[str] | None, typer.Option(help="Only these kinds of tasks.")] = None,
    lease_ttl: Annotated[
        float, typer.Option(min=0.5, help="Seconds that a lease lasts without renewal.")
    ] = 10.0,
    can: Can = None,
    having: Having = None,
    json_: AsJson = False,
) -> None:
    """Join a board from another terminal and run its commands."""
    skills, number = skills_of(can, having), batch.how_many(agents)
    wanted = kinds or [batch.KIND]
    with open_board(board, kind=Matchmaker if can or having else Board) as joined:
        if until == "drained":
            _say_what_is_for_others(joined, wanted)
        try:
            progress = Progress(joined.statistics().unfinished, is_quiet=json_)
            served = _work(joined, number, until, lease_ttl, progress, skills, wanted)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        # the first signal drains: started tasks are finished, but the run did not end by itself
        is_cut = until == "closed" or (until == "drained" and joined.statistics().unfinished > 0)
    ends = f"{served.completed} completed, {served.failed} failed, {served.lost} lost"
    lines = [f"{ends}, {served.released} given back", *[f"  {decision}" for decision in served.decisions]]
    said(served, "\n".join(lines), as_json_=json_)
    if is_cut:
        raise SystemExit(INTERRUPTED)


def _say_what_is_for_others(board: Board, kinds: list[str]) -> None:
    """Say at once what this worker waits for and will not do itself: it may wait for ever."""
    unfinished = [state for state in TaskState if not state.is_final]
    for record in board.tasks(state=unfinished, count=1_000):
        if record.task.kind not in kinds:
            warnings.print(
                f"task {clean(record.task.id)} is of kind {clean(repr(record.task.kind))}, which others "
                f"must do; this worker waits until the board is drained (--until idle does not)",
            )
            return

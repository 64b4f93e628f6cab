"""
The commands. Each parses, opens a board, calls the library and shows the answer.

Exit codes: 0 all is well; 1 some tasks failed (or a race was lost); 2 bad
input; 3 the board cannot be read or written; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from .. import _version
from ..commands.board import Strongest
from ..commands.shared import Outcomes
from ..errors import (
    CoordinationError,
    IllegalTransitionError,
    JournalError,
    TaskExistsError,
    TaskNotFoundError,
)
from ..fronts.serving import Served
from ..requirements import evaluate, facts_of, parse
from ..sync import Blackboard, ClaimQueue, Matchmaker
from ..sync import Board as Opened
from ..sync.matchmaker import MatchVerbs
from ..values.adverts import Advert
from ..values.checks import fresh_agent
from ..values.tasks import TaskState
from . import batch
from .child import run_child
from .show import (
    BAD_INPUT,
    BOARD_TROUBLE,
    INTERRUPTED,
    OK,
    SOME_FAILED,
    as_json,
    bars,
    clean,
    console,
    fail,
    warnings,
)

__all__ = ["app"]

app = typer.Typer(
    name="ants-coord",
    help="Agents without a manager: a shared board, atomic claims, leases that expire.",
    epilog=__doc__.partition("\n\n")[2].strip() if __doc__ else None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Board = Annotated[Path, typer.Argument(help="The board's file.", show_default=False)]
TaskId = Annotated[str, typer.Argument(help="The task's id.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Agents = Annotated[int, typer.Option(min=1, max=1000, help="How many agents work at once.")]
Can = Annotated[
    list[str] | None, typer.Option("--can", help="A capability, such as gpu or python:3.11; may be repeated.")
]
Having = Annotated[
    list[str] | None, typer.Option("--having", help="An attribute, such as gpu_mem=24; may be repeated.")
]
_CPUS = os.cpu_count() or 2
_STRATEGIES: dict[str, type[Opened]] = {
    "claim": ClaimQueue,
    "match": Matchmaker,
    "board": Blackboard,
}


@contextmanager
def _board(
    path: Path, *, new: bool = False, kind: type[Opened] = Opened, **settings: Any
) -> Iterator[Opened]:
    """
    Open a board, and turn its troubles into exit codes.

    `settings` are those of a board that is made here; one that exists keeps its own, whoever made it.
    """
    if not new and not path.exists():
        raise fail(f"{path}: there is no such board", BOARD_TROUBLE)
    if path.exists():
        settings = {}
    elif kind is Opened:
        kind = ClaimQueue
    try:
        if kind is Matchmaker and path.exists():
            with Opened(path) as found:
                if found.settings().strategy == "board":
                    kind = Blackboard  # which can do all that a Matchmaker can
        with kind(path, **settings) as board:
            yield board
    except JournalError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None
    except (TaskNotFoundError, IllegalTransitionError, TaskExistsError, ValueError) as problem:
        raise fail(str(problem), BAD_INPUT) from None
    except CoordinationError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None


def _version_and_exit(wanted: bool) -> None:
    if wanted:
        typer.echo(_version.__version__)
        raise typer.Exit


def _import(modules: list[str]) -> None:
    """Import what registers strategies of the user's own; the current folder is searched, too."""
    from importlib import import_module  # noqa: PLC0415

    sys.path.insert(0, "")
    for module in modules:
        try:
            import_module(module)
        except ImportError as problem:
            raise fail(f"--import: {module!r}: {problem}", BAD_INPUT) from None


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version_and_exit, is_eager=True, help="Show the version.")
    ] = False,
    import_: Annotated[
        list[str] | None,
        typer.Option(
            "--import", metavar="MODULE", help="Import this first: a strategy of your own; may be repeated."
        ),
    ] = None,
) -> None:
    """Agents without a manager: a shared board, atomic claims, leases that expire."""
    if import_:
        _import(import_)


# -- the main jobs --------------------------------------------------------------------------


@app.command()
def demo(
    path: Annotated[
        Path | None, typer.Option(help="A source tree; this Python's own library if not given.")
    ] = None,
    agents: Agents = 4,
    strategy: Annotated[str, typer.Option(help="How they agree: claim, match or board.")] = "claim",
    board: Annotated[Path | None, typer.Option(help="Keep the board in a file; run again to resume.")] = None,
    seed: Annotated[int, typer.Option(help="Chooses who falls silent and what fails once.")] = 1,
    trust: Annotated[
        bool, typer.Option(help="With a ghost and a liar, and standing that shuts them out.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Let several agents index a source tree; one falls silent, one task fails once, all gets done."""
    from .demo import colony, watch  # noqa: PLC0415 - only the demo needs it

    if strategy not in _STRATEGIES:
        raise fail(f"--strategy: there is no {strategy!r}; use {' or '.join(_STRATEGIES)}", BAD_INPUT)
    root = colony.default_tree() if path is None else path
    if not root.is_dir():
        raise fail(f"--path: {root} is not a directory", BAD_INPUT)
    settings = colony.settings()
    if trust:
        settings |= colony.with_trust(strategy, agents)
    if board is None:
        with _STRATEGIES[strategy](**settings) as memory:
            watch.run_demo(memory, root, agents, seed, as_json_text=json_)
    else:
        with _board(board, new=True, kind=_STRATEGIES[strategy], **settings) as kept:
            watch.run_demo(kept, root, agents, seed, as_json_text=json_)


def _read(file: str) -> list[Any]:
    """Read and check a JSON Lines file; every problem is printed before anything is submitted."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise fail(f"{file}: {problem}", BAD_INPUT) from None
    tasks, problems = batch.read_tasks(text.split("\n"))
    if problems:
        for sentence in problems:
            warnings.print(f"[red]error:[/red] {clean(sentence, 2000)}")
        raise fail(f"{file}: {len(problems)} problem(s), nothing was submitted", BAD_INPUT)
    return tasks


@attrs.frozen
class _Skills:
    """What a runner says that it can do."""

    can: tuple[str, ...] = ()
    attributes: dict[str, int | float | str] = attrs.field(factory=dict)

    @classmethod
    def read(cls, can: list[str] | None, having: list[str] | None) -> _Skills:
        """Read the options of the command line."""
        attributes: dict[str, int | float | str] = {}
        for pair in having or []:
            name, mark, text = pair.partition("=")
            if not mark:
                raise fail(f"--having: {pair!r} must be NAME=VALUE, such as gpu_mem=24", BAD_INPUT)
            try:
                attributes[name] = int(text)
            except ValueError:
                try:
                    attributes[name] = float(text)
                except ValueError:
                    attributes[name] = text
        try:
            Advert("runner", tuple(can or ()), attributes)
        except (ValueError, CoordinationError) as problem:
            raise fail(str(problem), BAD_INPUT) from None
        return cls(tuple(can or ()), attributes)


def _work(
    board: Opened,
    agents: int | None,
    until: str,
    lease_ttl: float,
    kinds: list[str] | None = None,
    skills: _Skills | None = None,
) -> Served:
    handlers = dict.fromkeys(kinds or [batch.KIND], run_child)
    name, said = fresh_agent(), skills or _Skills()
    joined: Any = nullcontext()
    if isinstance(board, MatchVerbs):
        joined = board.join(name, said.can, attributes=said.attributes, slots=agents or batch.MOST_AS_NEEDED)
    with joined:
        return board.serve(
            handlers,
            agent=name,
            concurrency=agents or 1,
            agents=None if agents else "as needed",
            most=batch.MOST_AS_NEEDED,
            until=until,  # type: ignore[arg-type]
            lease_ttl=lease_ttl,
            signals=True,
        )


@app.command()
def run(
    file: Annotated[
        str, typer.Argument(help="JSON Lines, a task a line; - for standard input.", show_default=False)
    ],
    agents: Agents = _CPUS,
    board: Annotated[
        Path | None, typer.Option(help="Keep the board in a file: resumable, and others may join.")
    ] = None,
    lease_ttl: Annotated[
        float, typer.Option(min=0.5, help="Seconds until the task of a dead runner returns.")
    ] = 10.0,
    can: Can = None,
    having: Having = None,
    json_: AsJson = False,
) -> None:
    """
    Run commands from a file, each exactly once to success, with needs, priorities and retries.

    A line: {"id": "b", "cmd": "make b", "needs": ["a"], "timeout": 60, "max_attempts": 3}
    """
    tasks, skills = _read(file), _Skills.read(can, having)
    kind = Matchmaker if can or having else _kind_for(tasks)
    if board is None:
        _check_skills(tasks, skills)
        with (ClaimQueue if kind is Opened else kind)(**batch.board_settings()) as memory:
            code = _run(memory, tasks, agents, lease_ttl, json_, skills)
    else:
        with _board(board, new=True, kind=kind, **batch.board_settings()) as kept:
            code = _run(kept, tasks, agents, lease_ttl, json_, skills)
    raise SystemExit(code)


def _kind_for(tasks: list[Any]) -> type[Opened]:
    """Return what a board must be for these tasks; one that is more already stays what it is."""
    return Matchmaker if any(task.requires or task.uses for task in tasks) else Opened


def _check_skills(tasks: list[Any], skills: _Skills) -> None:
    """Refuse what nobody will ever take: on a board in memory no other agent can join."""
    facts = facts_of(skills.can, skills.attributes)
    for task in tasks:
        if task.requires and evaluate(parse(task.requires).root, facts) is not True:
            why = f"{task.id} requires {task.requires!r}, which this runner cannot do"
            raise fail(
                f"{why}; say so with --can and --having, or use --board so that others may join", BAD_INPUT
            )


def _run(board: Opened, tasks: list[Any], agents: int, lease_ttl: float, json_: bool, skills: _Skills) -> int:
    step = 5_000
    try:
        for start in range(0, len(tasks), step):
            board.submit_many(_in_order(tasks)[start : start + step])
    except CoordinationError as problem:
        raise fail(str(problem), BAD_INPUT) from None
    try:
        _work(board, agents, "drained", lease_ttl, skills=skills)
    except KeyboardInterrupt:
        return INTERRUPTED
    ids = tuple([task.id for task in tasks])
    ended = [
        one for start in range(0, len(ids), step) for one in board.query(Outcomes(ids[start : start + step]))
    ]
    failed = [one for one in ended if one is not None and one.state is not TaskState.DONE]
    open_ = sum(one is None for one in ended)
    if json_:
        typer.echo(as_json([one for one in ended if one is not None]))
    else:
        for one in failed:
            console.print(f"[red]{one.state}[/red] {clean(one.task)}: {clean(one.reason, 500)}")
        done = len(ended) - len(failed) - open_
        console.print(f"{done} done, {len(failed)} failed or cancelled, {open_} left")
    if open_:
        return INTERRUPTED
    return SOME_FAILED if failed else OK


def _in_order(tasks: list[Any]) -> list[Any]:
    """Return tasks with every need before what needs it, so that a file may be submitted in pieces."""
    if len(tasks) <= 5_000:
        return tasks  # one batch: any order will do
    by_id = {task.id: task for task in tasks}
    placed: dict[str, Any] = {}
    for task in tasks:
        path = [task]
        while path:
            missing = [need for need in path[-1].needs if need in by_id and need not in placed]
            if missing and len(path) <= len(tasks):
                path.append(by_id[missing[0]])
            else:
                last = path.pop()
                placed[last.id] = last
    return list(placed.values())


@app.command()
def work(
    board: Board,
    agents: Annotated[
        str,
        typer.Option(help="How many agents work at once; as-needed: one, and more only while they pay."),
    ] = str(_CPUS),
    until: Annotated[str, typer.Option(help="drained, idle or closed.")] = "drained",
    kinds: Annotated[list[str] | None, typer.Option(help="Only these kinds of tasks.")] = None,
    lease_ttl: Annotated[float, typer.Option(min=0.5, help="Seconds a lease lasts without renewal.")] = 10.0,
    can: Can = None,
    having: Having = None,
    json_: AsJson = False,
) -> None:
    """Join a board from another terminal and run its commands."""
    skills, number = _Skills.read(can, having), batch.how_many(agents)
    with _board(board, kind=Matchmaker if can or having else Opened) as joined:
        try:
            served = _work(joined, number, until, lease_ttl, kinds, skills)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
    if json_:
        typer.echo(as_json(served))
    else:
        console.print(
            f"{served.completed} completed, {served.failed} failed, {served.lost} lost, "
            f"{served.released} given back"
        )
        for decision in served.decisions:
            console.print(f"  {decision}")


# -- looking --------------------------------------------------------------------------------


@app.command()
def status(board: Board, json_: AsJson = False) -> None:
    """Show counts, who holds what and until when, what failed and why, what waits for what."""
    from .demo.watch import show_status, status_of  # noqa: PLC0415

    with _board(board) as opened:
        found = status_of(opened)
    if json_:
        typer.echo(as_json(found))
    else:
        show_status(found)


@app.command()
def explain(board: Board, task: TaskId, json_: AsJson = False) -> None:
    """Say why a task is where it is."""
    with _board(board) as opened:
        why = opened.explain(task)
    if json_:
        typer.echo(as_json(why))
        return
    console.print(f"{clean(why.subject)} is [bold]{why.state}[/bold]")
    for reason in why.reasons:
        head, *trace = reason.split("\n")
        console.print(f"  {clean(head, 600)}")
        for line in trace:  # the traceback of the newest failure
            console.print(f"    {clean(line, 600)}", soft_wrap=True)


@app.command()
def events(
    board: Board,
    since: Annotated[int, typer.Option(min=0, help="Continue after this cursor.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    json_: AsJson = False,
) -> None:
    """Print what happened, one event a line."""
    with _board(board) as opened:
        try:
            for event in opened.events(since=since, follow=follow):
                if json_:
                    typer.echo(json.dumps(attrs.asdict(event)))
                else:
                    who = f" by {clean(event.agent)}" if event.agent else ""
                    what = f" {clean(event.task)}" if event.task else ""
                    detail = f" {clean(event.detail)}" if event.detail is not None else ""
                    console.print(f"{event.cursor:>8} {event.type:<10}{what}{who}{detail}", soft_wrap=True)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None


@app.command()
def verify(
    board: Board,
    head: Annotated[str | None, typer.Option(help="What the chain's head was when you noted it.")] = None,
    json_: AsJson = False,
) -> None:
    """Check that nobody has changed the board's history; names the first entry that was."""
    from ..journals import SQLiteJournal  # noqa: PLC0415

    if not board.exists():
        raise fail(f"{board}: there is no such board", BOARD_TROUBLE)
    try:
        journal = SQLiteJournal(board)
        try:
            first, last, now = journal.verify(head)
        finally:
            journal.close()
    except JournalError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None
    except ValueError as problem:
        raise fail(f"--head: {problem}", BAD_INPUT) from None
    if json_:
        typer.echo(as_json({"first": first, "last": last, "head": now}))
    else:
        console.print(f"entries {first} to {last} are what they were; head {now}", soft_wrap=True)


@app.command()
def standing(
    board: Board,
    agent: Annotated[list[str] | None, typer.Option(help="Only this agent; may be repeated.")] = None,
    json_: AsJson = False,
) -> None:
    """Show what the board has seen of agents: what they deliver, what they may hold, what bars them."""
    from .demo.watch import show_standings  # noqa: PLC0415

    with _board(board) as opened:
        names = agent or sorted(
            {event.agent for event in opened.events() if event.agent and event.type == "claimed"}
        )
        found = [opened.standing(name) for name in names]
    if json_:
        typer.echo(as_json(found))
    else:
        show_standings(found)


@app.command()
def trails(
    board: Board,
    kind: Annotated[str | None, typer.Option(help="Of this kind; the net of all kinds if not given.")] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    json_: AsJson = False,
) -> None:
    """Show the strongest trails of a blackboard as a bar chart."""
    with _board(board) as opened:
        found = opened.query(Strongest(kind, count))
    if json_:
        typer.echo(as_json(found))
    elif not found:
        console.print("no trails")
    else:
        console.print(bars([(trail.place, trail.strength, f"{trail.marks} marks") for trail in found]))


# -- steering -------------------------------------------------------------------------------


@app.command()
def submit(
    board: Board,
    file: Annotated[
        str, typer.Argument(help="JSON Lines as for run; - for standard input.", show_default=False)
    ],
    json_: AsJson = False,
) -> None:
    """Put tasks on a board (made if there is none) without running them."""
    tasks = _read(file)
    with _board(board, new=True, kind=_kind_for(tasks), **batch.board_settings()) as opened:
        tickets = opened.submit_many(tasks)
    if json_:
        typer.echo(as_json(tickets))
    else:
        made = sum(ticket.created for ticket in tickets)
        console.print(f"{made} submitted, {len(tickets) - made} there already")


@app.command()
def cancel(board: Board, task: TaskId) -> None:
    """Drop a task, and what needs it."""
    with _board(board) as opened:
        opened.cancel(task)
    console.print(f"cancelled {clean(task)}")


@app.command()
def requeue(board: Board, task: TaskId) -> None:
    """Bring a failed task back with fresh attempts, and what was cancelled along with it."""
    with _board(board) as opened:
        ticket = opened.requeue(task)
    console.print(f"{clean(task)} is {ticket.state} again")

"""Commands to look at tasks and marks, and to requeue failed tasks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...commands.board import Sense
from ...values.tasks import TaskState
from ..common.app import AsJson, app
from ..common.boards import BoardAndTask, BoardName, open_board, words_after_board
from ..common.show import BAD_INPUT, as_json, clean, console, fail, said, shown, table
from .holding import Wait

if TYPE_CHECKING:
    from ...values.tasks import TaskRecord


_PAGE = 1_000


@app.command("list", rich_help_panel="For agents")
def list_(
    board: BoardName,
    state: Annotated[
        list[str] | None, typer.Option(help="Only tasks in this state; may be repeated.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only tasks with this tag.")] = None,
    after: Annotated[str | None, typer.Option(help="Continue after this task.")] = None,
    count: Annotated[int, typer.Option(min=1, max=_PAGE, help="Most entries to show.")] = 100,
    json_: AsJson = False,
) -> None:
    """List tasks in the order in which they were submitted."""
    known = [str(one) for one in TaskState]
    for name in state or []:
        if name not in known:
            raise fail(f"--state: there is no {name!r}; there are {', '.join(known)}", BAD_INPUT)
    states = [TaskState(name) for name in state] if state else None
    with open_board(board) as opened:
        found = opened.tasks(state=states, kinds=kind, tag=tag, after=after, count=count)
    rows = [_brief(record) for record in found]
    same = ("task", "state", "kind", "attempts")
    cells = [
        (*[row[name] for name in same], row["agent"] or "", ", ".join(row["waits_for"][:5]), row["reason"])
        for row in rows
    ]
    columns = (*same, "held by", "waits for", "why")
    said(rows, table("tasks", columns, cells) if rows else "no tasks", as_json_=json_)
    if len(rows) == count and not json_:
        console.print(f"there may be more: --after {clean(rows[-1]['task'])}")


def _brief(record: TaskRecord) -> dict[str, Any]:
    lease, outcome = record.lease, record.outcome
    return {
        "task": record.task.id,
        "state": str(record.state),
        "kind": record.task.kind,
        "priority": record.task.priority,
        "tags": list(record.task.tags),
        "attempts": record.attempts,
        "agent": lease.agent if lease is not None else outcome.by if outcome is not None else None,
        "handle": None if lease is None else lease.handle,
        "waits_for": list(record.waits_for),
        "reason": "" if outcome is None else outcome.reason,
    }


@app.command(rich_help_panel="For agents")
def show(words: BoardAndTask, json_: AsJson = False) -> None:
    """Show everything about a task: what it asks, who holds it, notes, and the result."""
    path, (task,) = words_after_board(words, "TASK")
    with open_board(path) as board:
        record = board.find(task)
        if record is None:
            raise fail(f"there is no task {task!r}; ants-coord list shows them", BAD_INPUT)
        reasons = board.explain(task).reasons
    if json_:
        typer.echo(as_json(record))
        return
    console.print(f"{clean(record.task.id)} is [bold]{record.state}[/bold]")
    for reason in reasons:
        console.print(f"  {clean(reason.partition(chr(10))[0], 600)}")
    for title, value in (
        ("kind", record.task.kind),
        ("payload", record.task.payload),
        ("needs", ", ".join(record.task.needs)),
        ("requires", record.task.requires),
        ("handle", None if record.lease is None else record.lease.handle),
    ):
        if value not in (None, "", ()):
            console.print(f"[bold]{title}[/bold] {clean(as_text(value), 4_000)}")
    _show_result(record)


def _show_result(record: TaskRecord) -> None:
    """Show the result; for a command its output, also of a failed attempt."""
    outcome = record.outcome
    if outcome is not None and outcome.state is TaskState.DONE:
        found = outcome.result
        if not _is_output(found):
            console.print(f"[bold]result[/bold] {clean(as_text(found), 100_000)}")
            return
    else:
        said_ = [one.note for one in record.notes if _is_output(one.note)]
        if not said_:
            return
        found = said_[-1]
    for stream in ("stdout", "stderr"):
        if found[stream]:
            console.print(f"[bold]{stream}[/bold]")
            typer.echo(_as_lines(found[stream]))


def _is_output(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in ("stdout", "stderr"))


def as_text(value: Any) -> str:
    """Return a value in one line: text as it is, everything else as JSON."""
    import json  # noqa: PLC0415

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_lines(text: str) -> str:
    """Return text of several lines, with every line escaped."""
    return "\n".join(shown(line, 100_000) for line in text.rstrip("\n").split("\n"))


@app.command(rich_help_panel="For agents")
def result(words: BoardAndTask, wait: Wait = 0, json_: AsJson = False) -> None:
    """Print the result of a task; for a command its output. Exit code 1: it has failed, or has not ended."""
    path, (task,) = words_after_board(words, "TASK")
    with open_board(path) as board:
        found = board.result(task, timeout=wait)
    if json_:
        typer.echo(as_json(found))
    elif _is_output(found):
        sys.stdout.write(_as_lines(found["stdout"]) + "\n" if found["stdout"] else "")
        sys.stderr.write(_as_lines(found["stderr"]) + "\n" if found["stderr"] else "")
    else:
        typer.echo(_as_lines(as_text(found)))


@app.command(rich_help_panel="For agents")
def requeue(
    words: Annotated[list[str] | None, typer.Argument(metavar="[BOARD] TASK")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All failed tasks.")] = False,
    json_: AsJson = False,
) -> None:
    """Restart a failed task with new attempts, and the tasks that were cancelled with it."""
    path, names = words_after_board(words or [], "" if all_ else "TASK")
    with open_board(path) as board:
        if all_:
            after = None
            while page := board.tasks(state=TaskState.FAILED, after=after, count=_PAGE):
                names += [record.task.id for record in page]
                after = page[-1].task.id
        tickets = [board.requeue(name) for name in names]
    if all_:
        said(tickets, f"{len(tickets)} requeued", as_json_=json_)
    else:
        said(tickets, f"{clean(names[0])} is {tickets[0].state} again", as_json_=json_)


@app.command(rich_help_panel="For agents")
def marks(
    words: Annotated[list[str], typer.Argument(metavar="[BOARD] PLACE")],
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    json_: AsJson = False,
) -> None:
    """Show the trails at a place, by kind; trails shows the strongest of all places."""
    path, (place,) = words_after_board(words, "PLACE")
    with open_board(path) as board:
        found = board.query(Sense(place, kind))
    rows = [(trail.kind, round(trail.strength, 3), trail.marks) for trail in found]
    marked = table(clean(place), ["kind", "strength", "marks"], rows)
    said(found, marked if found else "no marks", as_json_=json_)

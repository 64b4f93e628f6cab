"""Everyday commands: each parses, opens a board, calls the library and shows the answer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import attrs
import typer

from ..commands.board import Strongest
from ..sync import Blackboard, Board, ClaimQueue, Matchmaker
from .common.app import Agents, AsJson, app
from .common.boards import (
    BoardAndTask,
    BoardName,
    KeptBoard,
    journal_at,
    must_be_there,
    open_board,
    troubles,
    words_after_board,
)
from .common.show import BAD_INPUT, INTERRUPTED, as_json, bars, clean, console, fail, said
from .jobs import batch

_STRATEGIES: dict[str, type[Board]] = {
    "claim": ClaimQueue,
    "match": Matchmaker,
    "board": Blackboard,
}


@app.command()
def demo(
    path: Annotated[
        Path | None, typer.Option(help="A source tree; by default this Python's own library.")
    ] = None,
    agents: Agents = 4,
    strategy: Annotated[str, typer.Option(help="Strategy: claim, match or board.")] = "claim",
    board: KeptBoard = None,
    seed: Annotated[
        int, typer.Option(help="Chooses the agent that falls silent and the task that fails once.")
    ] = 1,
    trust: Annotated[
        bool, typer.Option(help="Add a ghost and a liar, which their standing excludes.")
    ] = False,
    bazaar: Annotated[
        bool, typer.Option("--bazaar", help="34 agents of all characters in 6 processes, without trust.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """
    Let several agents index a source tree; one falls silent, one task fails once, and all work gets done.
    """
    from .demo import colony, watch  # noqa: PLC0415 - only the demo needs it

    if bazaar:
        if (path, agents, strategy, board, seed, trust) != (None, 4, "claim", None, 1, False):
            raise fail(
                "--bazaar: it has its own agents, work and board; leave out all other options", BAD_INPUT
            )
        watch.run_bazaar(as_json_text=json_)
        return
    if strategy not in _STRATEGIES:
        raise fail(f"--strategy: there is no {strategy!r}; use {' or '.join(_STRATEGIES)}", BAD_INPUT)
    root = colony.default_tree() if path is None else path
    if not os.path.isdir(root):
        raise fail(f"--path: {root} is not a directory", BAD_INPUT)
    settings = colony.settings()
    if trust:
        from .demo.trust import with_trust  # noqa: PLC0415

        settings |= with_trust(strategy, agents)
    with open_board(board, new=True, kind=_STRATEGIES[strategy], **settings) as opened:
        watch.run_demo(opened, root, agents, seed, as_json_text=json_)


# -- looking --------------------------------------------------------------------------------


@app.command()
def status(board: BoardName, json_: AsJson = False) -> None:
    """Show counts, who holds what and until when, what failed and why, what waits for what."""
    from .demo.watch import show_status, status_of  # noqa: PLC0415

    with open_board(board) as opened:
        found = status_of(opened)
    if json_:
        typer.echo(as_json(found))
    else:
        show_status(found)


@app.command()
def explain(words: BoardAndTask, json_: AsJson = False) -> None:
    """Explain why a task is in its present state."""
    board, (task,) = words_after_board(words, "TASK")
    with open_board(board) as opened:
        why = opened.explain(task)
    if json_:
        typer.echo(as_json(why))
        return
    console.print(f"{clean(why.subject)} is [bold]{why.state}[/bold]")
    for reason in why.reasons:
        head, *trace = reason.split("\n")
        console.print(f"  {clean(head, 600)}")
        for line in trace:  # the traceback of the newest failure
            console.print(f"    {clean(line, 600)}")


@app.command()
def events(
    board: BoardName,
    since: Annotated[int, typer.Option(min=0, help="Continue after this cursor.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more events.")] = False,
    json_: AsJson = False,
) -> None:
    """Print events, one per line."""
    with open_board(board) as opened:
        try:
            for event in opened.events(since=since, follow=follow):
                if json_:
                    typer.echo(json.dumps(attrs.asdict(event)))
                else:
                    who = f" by {clean(event.agent)}" if event.agent else ""
                    what = f" {clean(event.task)}" if event.task else ""
                    detail = f" {clean(event.detail)}" if event.detail is not None else ""
                    console.print(f"{event.cursor:>8} {event.type:<10}{what}{who}{detail}")
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None


@app.command()
def verify(
    board: BoardName,
    head: Annotated[str | None, typer.Option(help="A head of the chain that you noted earlier.")] = None,
    json_: AsJson = False,
) -> None:
    """Check that nobody has changed the board's history; names the first changed entry."""
    must_be_there(board)
    with troubles():
        journal = journal_at(board)
        try:
            first, last, now = journal.verify(head)
        except ValueError as problem:
            raise fail(f"--head: {problem}", BAD_INPUT) from None
        finally:
            journal.close()
    sentence = f"entries {first} to {last} are unchanged; head {now}"
    said({"first": first, "last": last, "head": now}, sentence, as_json_=json_)


@app.command()
def standing(
    board: BoardName,
    agent: Annotated[list[str] | None, typer.Option(help="Only this agent; may be repeated.")] = None,
    json_: AsJson = False,
) -> None:
    """Show what the board has seen of agents: what they deliver, what they may hold, what stops them."""
    from .demo.watch import show_standings  # noqa: PLC0415

    with open_board(board) as opened:
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
    board: BoardName,
    kind: Annotated[str | None, typer.Option(help="Only this kind; by default the net of all kinds.")] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Most entries to show.")] = 20,
    json_: AsJson = False,
) -> None:
    """Show the strongest trails of a blackboard as a bar chart."""
    with open_board(board) as opened:
        found = opened.query(Strongest(kind, count))
    rows = [(trail.place, trail.strength, f"{trail.marks} marks") for trail in found]
    said(found, bars(rows) if rows else "no trails", as_json_=json_)


# -- steering -------------------------------------------------------------------------------


@app.command()
def submit(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[BOARD] FILE", help="JSON Lines as for run; - for standard input."),
    ],
    json_: AsJson = False,
) -> None:
    """Put tasks on a board without running them; the board is made if there is none."""
    board, (file,) = words_after_board(words, "FILE")
    tasks = batch.read_file(file, board)
    with open_board(board, new=True, kind=batch.kind_for(tasks), **batch.BOARD_SETTINGS) as opened:
        tickets = opened.submit_many(tasks)
    made = sum(ticket.created for ticket in tickets)
    said(tickets, f"{made} submitted, {len(tickets) - made} there already", as_json_=json_)


@app.command()
def cancel(words: BoardAndTask, json_: AsJson = False) -> None:
    """Cancel a task, and the tasks that need it."""
    board, (task,) = words_after_board(words, "TASK")
    with open_board(board) as opened:
        opened.cancel(task)
    said({"cancelled": [task]}, f"cancelled {clean(task)}", as_json_=json_)

"""Commands for operators that concern agents."""

from __future__ import annotations

from typing import Annotated

import typer

from ..fronts.match_arguments import retire as retirement
from .app import AsJson, app
from .boards import Board, words_after_board
from .boards import opened as _board
from .show import as_json, clean, console, table

__all__: list[str] = []


@app.command()
def retire(
    words: Annotated[list[str], typer.Argument(metavar="[BOARD] AGENT", help="Whom to take out.")],
    reason: Annotated[str, typer.Option(help="Kept in the event, and told to the agent.")] = "",
    json_: AsJson = False,
) -> None:
    """Take an agent out: it is offered nothing until it is started again, and what it holds goes back."""
    board, (agent,) = words_after_board(words, "AGENT")
    with _board(board) as opened:
        was_here = opened.execute(retirement(agent, reason))
    if json_:
        typer.echo(as_json({"agent": agent, "was_here": was_here}))
        return
    console.print(f"{clean(agent)} {'is out' if was_here else 'was not here; its earlier starts stay out'}")


@app.command()
def extend(
    words: Annotated[list[str], typer.Argument(metavar="[BOARD] STRATEGY", help="matchmaker or blackboard.")],
) -> None:
    """Make a board one that can do more, for good: of a claim queue a matchmaker, of either a blackboard."""
    board, (to,) = words_after_board(words, "STRATEGY")
    with _board(board) as opened:
        has = opened.extend(to)  # type: ignore[arg-type]
    console.print(f"strategy {clean(has.strategy)}")


@app.command()
def purse(
    board: Board,
    name: Annotated[str, typer.Argument(help="The purse; without it, all are shown.")] = "",
    amount: Annotated[int | None, typer.Argument(help="How much it holds; if given, it is set.")] = None,
    per: Annotated[float | None, typer.Option(help="Seconds of a window, such as 86400.")] = None,
    json_: AsJson = False,
) -> None:
    """Say how much tasks may spend of something, and see what is left."""
    with _board(board) as opened:
        if amount is not None:
            opened.purse(name, amount, per=per)
        purses = opened.statistics().parts.get("purses", {})
    shown = {one: row for one, row in purses.items() if name in ("", one)}
    if json_:
        typer.echo(as_json(shown))
        return
    columns = ("amount", "per", "left", "reserved", "spent", "coordination")
    rows = [(one, *["" if row[key] is None else row[key] for key in columns]) for one, row in shown.items()]
    console.print(table("purses", ("purse", *columns), rows))

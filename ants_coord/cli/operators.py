"""Commands for operators that concern agents."""

from __future__ import annotations

from typing import Annotated

import typer

from ..fronts.match_arguments import retire as retirement
from .app import Board, _board, app
from .show import clean, console

__all__: list[str] = []


@app.command()
def retire(
    board: Board,
    agent: Annotated[str, typer.Argument(help="Whom to take out.")],
    reason: Annotated[str, typer.Option(help="Kept in the event, and told to the agent.")] = "",
) -> None:
    """Take an agent out: it is offered nothing until it is started anew, and what it holds goes back."""
    with _board(board) as opened:
        was_here = opened.execute(retirement(agent, reason))
    console.print(f"{clean(agent)} {'is out' if was_here else 'was not here; its earlier starts stay out'}")

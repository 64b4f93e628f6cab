"""Commands about a board's file: copies, and boards of copies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import JournalError
from .app import Board, app
from .show import BAD_INPUT, BOARD_TROUBLE, console, fail

__all__: list[str] = []


@app.command()
def backup(
    board: Board, to: Annotated[Path, typer.Argument(help="Where the copy goes; nothing may be there.")]
) -> None:
    """Write a whole copy of a board while it is in use; copying the file may lose what is newest."""
    from ..journals.backup import copy_board  # noqa: PLC0415

    if not board.exists():
        raise fail(f"{board}: there is no such board", BOARD_TROUBLE)
    try:
        copy_board(str(board.resolve()), to)
    except JournalError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None
    except (ValueError, TypeError) as problem:
        raise fail(str(problem), BAD_INPUT) from None
    console.print(f"copied to {to}", soft_wrap=True)


@app.command()
def restore(
    copy: Annotated[Path, typer.Argument(help="A copy made by backup; it stays.", show_default=False)],
    to: Annotated[
        Path, typer.Argument(help="The board's file; move away what is there.", show_default=False)
    ],
) -> None:
    """Make a board of a copy, after checking it; the board begins a history of its own."""
    from ..journals.backup import restore_board  # noqa: PLC0415

    try:
        last, head = restore_board(copy, to)
    except JournalError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None
    except (ValueError, TypeError) as problem:
        raise fail(str(problem), BAD_INPUT) from None
    console.print(f"restored {to}: entries to {last}, head {head}", soft_wrap=True)

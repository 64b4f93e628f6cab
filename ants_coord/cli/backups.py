"""Commands about where boards are kept: backups, restoring, and databases that hold boards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common.app import app
from .common.boards import BoardName, is_address, must_be_there, troubles
from .common.show import BAD_INPUT, clean, console, fail


@app.command()
def backup(
    board: BoardName, to: Annotated[Path, typer.Argument(help="Path of the copy; it must not exist.")]
) -> None:
    """Write a complete copy of a board while it is in use; copying the file may lose the newest changes."""
    from ..journals.backup import copy_board  # noqa: PLC0415

    must_be_there(board)
    if is_address(board):
        raise fail("a board in PostgreSQL is copied with: pg_dump --schema=ants_coord", BAD_INPUT)
    with troubles():
        copy_board(str(Path(board).resolve()), to)
    console.print(f"copied to {to}")


@app.command()
def restore(
    copy: Annotated[
        Path, typer.Argument(help="A copy made by backup; it is not changed.", show_default=False)
    ],
    to: Annotated[
        Path, typer.Argument(help="Path of the board; move an existing file away first.", show_default=False)
    ],
) -> None:
    """Make a board from a backup, after checking it; the new board starts its own history."""
    from ..journals.backup import restore_board  # noqa: PLC0415

    with troubles():
        last, head = restore_board(copy, to)
    console.print(f"restored {to}: entries to {last}, head {head}")


@app.command()
def init(
    dsn: Annotated[
        str, typer.Argument(help="postgresql://owner@host/database", metavar="DSN", show_default=False)
    ],
    role: Annotated[list[str] | None, typer.Option(help="Role that may use boards; may be repeated.")] = None,
    print_: Annotated[bool, typer.Option("--print", help="Only print the SQL.")] = False,
) -> None:
    """Prepare a database for boards: tables, functions, and the roles that may use them. Safe to repeat."""
    from ..journals.postgres.dsn import address_of  # noqa: PLC0415
    from ..journals.postgres.schema import grants, statements  # noqa: PLC0415

    roles = role or []
    with troubles():
        address_of(dsn)
        if print_:
            texts = [*statements(), *[text for one in roles for text in grants(one)]]
            typer.echo("BEGIN;\n" + ";\n".join(text.strip().rstrip(";") for text in texts) + ";\nCOMMIT;")
            return
        try:
            from ..journals.postgres.install import install  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise fail(f"init needs {missing.name}; pip install 'ants-coord[postgres]'", BAD_INPUT) from None
        where = install(dsn, roles)
    who = f"; {', '.join(clean(one) for one in roles)} may use them" if roles else ""
    console.print(f"{where} is ready for boards{who}")

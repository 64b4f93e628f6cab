"""The command that serves an agent's tools to its model."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ..errors import JournalError
from ..values.checks import check_name, fresh_agent
from .app import app
from .show import BAD_INPUT, BOARD_TROUBLE, fail


@app.command()
def mcp(
    board: Annotated[str, typer.Argument(help="The board's file or address.", show_default=False)],
    agent: Annotated[
        str | None, typer.Option(help="The agent's name; by default a fresh one.", show_default=False)
    ] = None,
    idle: Annotated[float, typer.Option(help="Seconds without a call after which leases run out.")] = 900.0,
    only: Annotated[
        list[str] | None, typer.Option(help="Serve only this tool; may be repeated.", show_default=False)
    ] = None,
) -> None:
    """Serve an agent's tools over MCP on standard input and output; hosts start this."""
    from ..adapters.mcp import serve  # noqa: PLC0415 - only this command needs it

    try:
        name = fresh_agent() if agent is None else check_name(agent, "--agent")
        asyncio.run(serve(board, name, idle=idle, only=only))
    except JournalError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None
    except ValueError as problem:
        raise fail(str(problem), BAD_INPUT) from None
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "mcp":
            raise
        raise fail("the MCP server needs the extra mcp; pip install 'ants-coord[mcp]'", BAD_INPUT) from None

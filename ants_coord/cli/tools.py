"""The command that serves an agent's tools to its model."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ..values.checks import check_name, fresh_agent
from .app import app
from .boards import troubles
from .show import BAD_INPUT, fail


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
        with troubles():
            name = fresh_agent() if agent is None else check_name(agent, "--agent")
            asyncio.run(serve(board, name, idle=idle, only=only))
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "mcp":
            raise
        raise fail("the MCP server needs the extra mcp; pip install 'ants-coord[mcp]'", BAD_INPUT) from None

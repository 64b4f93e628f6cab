"""Commands that serve a board: to programs that cannot or need not open it themselves, and to models."""

from __future__ import annotations

import contextlib
import gc
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ..values.checks import check_name, fresh_agent
from .common.app import app
from .common.boards import is_address, must_be_there, troubles
from .common.show import BAD_INPUT, fail

_YOUNG = 50_000
"""number of new objects that set off a garbage collection; by default it is 700"""


@app.command()
def hub(
    board: Annotated[
        str, typer.Argument(help="The board's file, or postgresql://user@host/db#board.", show_default=False)
    ],
    listen: Annotated[
        Path | None, typer.Option(help="Path for clients; by default the board's path and .hub.")
    ] = None,
    tcp: Annotated[
        bool, typer.Option("--tcp", help="Listen on a port of 127.0.0.1 instead of a Unix socket.")
    ] = False,
    keys: Annotated[
        Path | None,
        typer.Option(help="A private file with the board's secret: each agent must show its key."),
    ] = None,
) -> None:
    """Open a board for other programs of this machine (hub:PATH, or lines of JSON); Ctrl-C ends it."""
    from ..hub.loop import Hub  # noqa: PLC0415 - only this command needs it
    from ..sync.board import Board  # noqa: PLC0415

    if listen is None and is_address(board):
        raise fail("--listen: a board on a server has no file to listen beside; name a path", BAD_INPUT)
    must_be_there(board)
    address = f"{board}.hub" if listen is None else str(listen)
    with troubles():
        opened = Board(board, secret=None if keys is None else _secret(keys))
        try:
            served = Hub(opened, address, keys=keys is not None, tcp=tcp)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: served.stop())
            typer.echo(f"serving {board} at {served.path}")
            with _seldom_collecting():
                served.serve()
        finally:
            opened.close(keep=True)  # clients keep what they hold, with or without a hub


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
    import asyncio  # noqa: PLC0415 - 15 ms that no other command needs

    from ..adapters.mcp import serve  # noqa: PLC0415 - only this command needs it

    try:
        with troubles():
            name = fresh_agent() if agent is None else check_name(agent, "--agent")
            asyncio.run(serve(board, name, idle=idle, only=only))
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "mcp":
            raise
        raise fail("the MCP server needs the extra mcp; pip install 'ants-coord[mcp]'", BAD_INPUT) from None


@contextlib.contextmanager
def _seldom_collecting() -> Iterator[None]:
    """
    Collect garbage less often, because a hub makes hardly any in circles.

    A batch of fifty tasks makes hundreds of objects that live until it is answered, so collecting took a
    fifth of the processor time of a hub, all of it in vain. In a process of a user's own this would not be
    ours to decide.
    """
    before = gc.get_threshold()
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _secret(path: Path) -> bytes:
    """Read a secret from a file that only its owner can read."""
    try:
        is_open = path.stat().st_mode & 0o077
        secret = path.read_bytes().strip()
    except OSError as problem:
        raise fail(f"--keys: {path} cannot be read ({problem.strerror})", BAD_INPUT) from None
    if is_open:
        raise fail(f"--keys: others can read {path}; chmod 600 {path}", BAD_INPUT)
    return secret

"""
An agent's tools as an MCP server, for any host that speaks the Model Context Protocol. Needs the extra "mcp".

One server serves one agent. Its host starts it. The agent's leases go back when the host closes the server's
input, when the server is told to end, and one lease length after it is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

from .._version import __version__
from ..aio import Blackboard, Board, Matchmaker
from ..fronts.arguments import Seconds
from .tools import Toolbox

if TYPE_CHECKING:
    from mcp.server import MCPServer

__all__ = ["INSTRUCTIONS", "build", "open_board", "serve"]

INSTRUCTIONS = (
    "A board that several agents share. Call claim_task before you begin work, and complete_task when it is "
    "done or has failed. Call lock_files before you edit files, and unlock afterwards. What you claim or "
    "lock is yours alone. If something is refused, the answer says what to call next."
)
_READING = frozenset({"why", "list_tasks", "read_board"})
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SHOWN = 100


def build(box: Toolbox, board: Board) -> MCPServer[Any]:
    """
    Return an MCP server with an agent's tools, and the board's content as resources.

    Args:
        box: the agent's tools.
        board: the board that the resources show.

    Raises:
        ModuleNotFoundError: the extra "mcp" is not installed.

    """
    from mcp.server import MCPServer  # noqa: PLC0415 - two seconds, for servers only
    from mcp.types import ToolAnnotations  # noqa: PLC0415

    server: MCPServer[Any] = MCPServer(
        "ants-coord", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for function in box.async_functions():
        if function.__name__ in _READING:
            hints = ToolAnnotations(read_only_hint=True, open_world_hint=False)
        else:
            hints = ToolAnnotations(destructive_hint=False, open_world_hint=False)
        # text only: the same answer as structured content, with its schema, would cost a model twice
        server.add_tool(function, annotations=hints, structured_output=False)

    async def status() -> dict[str, Any]:
        """Tasks by state, leases, and what this agent holds."""
        counts = attrs.asdict(await board.statistics())
        return {"agent": box.agent, "held": [lease.task for lease in box.held], "board": counts}

    async def tasks() -> list[dict[str, Any]]:
        """Every task that has not ended, the first hundred."""
        open_states = ("waiting", "delayed", "ready", "leased")
        return [
            {"task": one.task.id, "kind": one.task.kind, "state": str(one.state)}
            for one in await board.tasks(state=open_states, count=_SHOWN)
        ]

    server.resource("board://status", mime_type="application/json")(status)
    server.resource("board://tasks", mime_type="application/json")(tasks)
    return server


async def open_board(path: str) -> Board:
    """
    Open an existing board, as the class of its strategy.

    Args:
        path: its file, or an address.

    Raises:
        JournalError: there is none, or it cannot be read.

    """
    board = Board(path)
    try:
        strategy = (await board.settings()).strategy
    except BaseException:
        await board.close()
        raise
    kind: type[Board] = {"match": Matchmaker, "board": Blackboard}.get(strategy, Board)
    return kind._over_engine(board._engine)  # noqa: SLF001 - a class of this package


async def serve(path: str, agent: str, *, idle: Seconds = 900, only: Iterable[str] | None = None) -> None:
    """
    Serve an agent's tools over standard input and output until the input ends or a signal comes.

    Args:
        path: the board.
        agent: name of the agent.
        idle: as in Toolbox.
        only: as in Toolbox.

    Raises:
        JournalError: there is no such board. ModuleNotFoundError: the extra "mcp" is not installed.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # not the loop's own handlers, which some platforms lack
    before = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set)) for number in _SIGNALS
    }
    try:
        board = await open_board(path)
        async with board, Toolbox(board, agent, idle=idle, only=only, as_text=True) as box:
            server = asyncio.ensure_future(build(box, board).run_stdio_async())
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait((server, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not server.done():
            # exiting would wait for a thread that reads the input and cannot be interrupted: the process
            # would stay until its host closes the pipe. Everything has been given back
            sys.stderr.flush()
            os._exit(0)
        stopped.cancel()
        server.result()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Lock files, and free them: for agents that edit one working copy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ...adapters.coding.repository import place_of
from ...fronts.file_names import names_of_files
from ..common.app import AsJson, app
from ..common.boards import open_board, words_after_board
from ..common.show import BAD_INPUT, as_json, clean, fail, said, shown
from .holding import AgentName, Ttl, Wait, agent_of, shown_lease

Holder = Annotated[
    str | None,
    typer.Option(help="Name of your session; the same holder may re-enter."),
]


def repository() -> str:
    """Return the folder that names are relative to: the repository's, as for hooks of coding agents."""
    here = os.getcwd()
    place = place_of(here)
    return here if place is None else place.root


@app.command(rich_help_panel="For agents")
def lock(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[BOARD] PATH...", help="Files and folders: all of them are locked, or none."),
    ],
    agent: AgentName = None,
    ttl: Ttl = None,
    wait: Wait = 0,
    shared: Annotated[
        bool, typer.Option("--shared", help="For reading: others may also lock shared.")
    ] = False,
    holder: Holder = None,
    root: Annotated[
        Path | None,
        typer.Option(help="The folder that names are relative to; by default the repository's."),
    ] = None,
    json_: AsJson = False,
) -> None:
    """Lock files and print the handle that unlock takes. Exit code 1: somebody else holds one of them."""
    path, files = words_after_board(words, "PATH", many=True)
    name = agent_of(agent)
    with open_board(path, keep=True) as board:
        # a shell's paths are relative to its folder, whatever folder names are relative to; an empty path (a
        # variable that is not set) stays one, and is refused: joined, it would be the whole folder
        here = os.getcwd()
        names = names_of_files([file and os.path.join(here, file) for file in files], root or repository())
        if wait:
            scope = board.lock(*names, agent=name, lease_ttl=ttl, timeout=wait, holder=holder, shared=shared)
            lease = scope.__enter__().lease  # and no exit: the lock must outlive this command
        else:
            lease = board.lock_nowait(*names, agent=name, lease_ttl=ttl, holder=holder, shared=shared)
    typer.echo(as_json(shown_lease(lease)) if json_ else shown(lease.handle, 10_000))


@app.command(rich_help_panel="For agents")
def unlock(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BOARD] HANDLE...", help="The handle that lock printed."),
    ] = None,
    agent: AgentName = None,
    all_: Annotated[bool, typer.Option("--all", help="Free all locks of this agent.")] = False,
    json_: AsJson = False,
) -> None:
    """Free locks."""
    path, handles = words_after_board(words or [], "" if all_ else "HANDLE", many=not all_)
    wrong = [handle for handle in handles if not handle.startswith("lock:")]
    if wrong:
        raise fail(
            f"{wrong[0]!r} is not the handle of a lock: give the handle that lock printed, or --all",
            BAD_INPUT,
        )
    with open_board(path, keep=True) as board:
        if all_:
            handles = [one.handle for one in board.leases(agent_of(agent)) if one.names]
        speaker = board if agent is None else board.as_agent(agent_of(agent))
        for handle in handles:
            speaker.release(handle)
    said({"unlocked": handles}, f"unlocked {clean(', '.join(handles) or 'nothing', 10_000)}", as_json_=json_)

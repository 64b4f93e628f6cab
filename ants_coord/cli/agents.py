"""Commands for coding agents that share a repository: hook, guard, prime, setup-agents."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Annotated

import typer

from ..adapters.coding import at_once
from ..adapters.coding.repository import place_of
from .common.app import app
from .common.show import BAD_INPUT, OK, fail


@app.command()
def hook() -> None:
    """Decide about one event of a coding agent, read from standard input; setup-agents installs this hook."""
    raise SystemExit(at_once("hook"))


@app.command()
def guard() -> None:
    """Refuse a commit of files that another agent is editing; for git's pre-commit hook."""
    raise SystemExit(at_once("guard"))


@app.command()
def prime() -> None:
    """Print what a coding agent should know about this repository, and who holds which files now."""
    raise SystemExit(at_once("prime"))


@app.command()
def setup_agents(
    agents: Annotated[
        list[str] | None, typer.Argument(help="claude, codex; by default those that are found.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Remove what was added.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking for confirmation.")] = False,
) -> None:
    """Let the coding agents of this repository share its files; shows what it will change, then asks."""
    from ..adapters.coding import setup  # noqa: PLC0415

    place = place_of(os.getcwd())
    if place is None:
        raise fail("this is not a git repository; change into one", BAD_INPUT)
    known = ", ".join(setup.AGENTS)
    for name in agents or ():
        if name not in setup.AGENTS:
            raise fail(f"there is no coding agent {name!r} here, only {known}", BAD_INPUT)
    named = list(dict.fromkeys(agents or ())) or (
        list(setup.AGENTS) if undo else setup.found_agents(place.root, shutil.which)
    )
    if not named:
        raise fail(f"no coding agent was found; name the ones that you use: {known}", BAD_INPUT)
    if not undo and shutil.which("ants-coord") is None:
        raise fail(
            "ants-coord is not on PATH, where coding agents look for it: uv tool install 'ants-coord[cli]'",
            BAD_INPUT,
        )
    try:
        changes, by_hand = setup.changes(place, named, undo=undo)
    except ValueError as problem:
        raise fail(str(problem), BAD_INPUT) from None
    makes_board = not undo and not os.path.exists(place.board)
    for change in changes:
        typer.echo(change.diff, nl=False)
    if makes_board:
        typer.echo(f"and a new board: {place.board}")
    if not changes and not makes_board:
        typer.echo("nothing to change")
    elif not yes and not _agreed():
        return
    for change in changes:
        change.write()
    if makes_board:
        from ..sync.claim_queue import ClaimQueue  # noqa: PLC0415

        with ClaimQueue(place.board):
            pass
    for line in by_hand:
        typer.echo(f"by hand: {line}")
    if "codex" in named and changes and not undo:
        typer.echo("by hand: Codex runs a new hook once you trust it: /hooks in Codex")
    if undo and os.path.exists(place.board):
        typer.echo(f"the board stays: {place.board}")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        typer.echo("nothing was changed; add --yes to write it")
        raise SystemExit(OK)
    return typer.confirm("write this?")

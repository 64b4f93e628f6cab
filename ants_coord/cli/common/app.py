"""
The application that commands are added to, and options that several of them have.

Exit codes: 0 done; 1 nothing to do, held by others, lost, or failed; 2 bad
input; 3 the board cannot be read or written; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from ... import _version
from .show import BAD_INPUT, fail

app = typer.Typer(
    name="ants-coord",
    help="Agents without a manager: a shared board, atomic claims, leases that expire.",
    epilog=__doc__.partition("\n\n")[2].strip() if __doc__ else None,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Agents = Annotated[int, typer.Option(min=1, max=1000, help="Number of agents.")]
CPUS = os.cpu_count() or 2


def _version_and_exit(wanted: bool) -> None:
    if wanted:
        typer.echo(_version.__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version_and_exit, is_eager=True, help="Show the version.")
    ] = False,
    import_: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="MODULE",
            help="Module to import first, such as your own strategy; may be repeated.",
        ),
    ] = None,
) -> None:
    """Agents without a manager: a shared board, atomic claims, leases that expire."""
    if import_:
        sys.path.insert(0, "")  # the current folder is searched, too
    for module in import_ or ():
        if not all(part.isidentifier() for part in module.split(".")):
            raise fail(f"--import: must be a module such as mine.strategies, not {module!r}", BAD_INPUT)
        try:
            import_module(module)
        except ImportError as problem:
            raise fail(f"--import: {module!r}: {problem}", BAD_INPUT) from None

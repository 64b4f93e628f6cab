"""Files that appear become tasks: mirror a folder on a blackboard, and set what follows from a change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ...adapters.files import DirectoryMirror
from ...sync import Blackboard
from ...values.tasks import Task
from ..common.app import AsJson, app
from ..common.boards import open_board, words_after_board
from ..common.show import BAD_INPUT, SOME_FAILED, clean, fail, said, warnings
from ..jobs import batch

Prefix = Annotated[str, typer.Option(help="The beginning of the entries' paths.")]


@app.command(rich_help_panel="For agents")
def mirror(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[BOARD] FOLDER", help="A blackboard (made if there is none), and the folder."
        ),
    ],
    prefix: Prefix = "files/",
    mark: Annotated[
        str | None,
        typer.Option(help="Also lay a mark of this kind where a file changes."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Compare once and exit.")] = False,
    mass_delete: Annotated[
        bool, typer.Option("--mass-delete", help="Erase entries even if most files are gone at once.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Mirror the files of a folder as entries of a blackboard, until Ctrl-C."""
    path, (folder,) = words_after_board(words, "FOLDER")
    with open_board(path, new=True, kind=Blackboard) as board:
        assert isinstance(board, Blackboard)
        try:
            mirrored = DirectoryMirror(board, folder, prefix=prefix, mark=mark)
            changed = mirrored.sync(mass_delete=mass_delete)
        except OSError as problem:
            raise fail(str(problem), BAD_INPUT) from None
        _say_what_was_left(mirrored)
        if not once:
            said({"changed": changed}, f"{changed} entries changed; following", as_json_=json_)
            try:
                mirrored.follow()
            except ImportError:
                raise fail(
                    "following needs watchfiles; pip install 'ants-coord[files]', or use --once", BAD_INPUT
                ) from None
    found = {"changed": changed, "skipped": mirrored.skipped, "held_back": list(mirrored.held_back)}
    said(found, f"{changed} entries changed", as_json_=json_)
    if mirrored.skipped or mirrored.held_back:
        raise SystemExit(SOME_FAILED)


def _say_what_was_left(mirrored: DirectoryMirror) -> None:
    for name, why in mirrored.skipped.items():
        warnings.print(f"left out {clean(name)}: {clean(why, 500)}")
    if mirrored.held_back:
        warnings.print(
            f"{len(mirrored.held_back)} entries of files that are gone are kept, "
            "because so many disappeared at once; --mass-delete erases them",
        )


@app.command(rich_help_panel="For agents")
def react(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[BOARD] NAME [PATTERN]",
            help='A name for the rule, and which paths: "files/*", or "files/src/**".',
        ),
    ],
    run: Annotated[
        str | None,
        typer.Option(help="Shell command for each change; $ANTS_COORD_FILE is the file."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Make tasks of this kind for agents instead.")] = None,
    on: Annotated[
        list[str] | None, typer.Option(help="created, changed or deleted; by default the first two.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--in", help="Folder in which the command runs: the mirrored one.")
    ] = None,
    prefix: Prefix = "files/",
    remove: Annotated[bool, typer.Option("--remove", help="Remove the rule of this name.")] = False,
    json_: AsJson = False,
) -> None:
    """Make a task of each change of a path; work runs those that are commands."""
    path, (name, *patterns) = words_after_board(words, "NAME" if remove else "NAME PATTERN")
    if remove:
        with open_board(path, kind=Blackboard) as board:
            was_there = board.unreact(name)  # type: ignore[attr-defined]
        said(
            {"removed": was_there},
            f"{clean(name)} {'ended' if was_there else 'was not there'}",
            as_json_=json_,
        )
        if not was_there:
            raise SystemExit(SOME_FAILED)
        return
    if bool((run or "").strip()) == bool(kind):
        raise fail("exactly one of --run (a shell command) and --kind (for agents) is needed", BAD_INPUT)
    if kind and folder is not None:
        raise fail("--in: only applies to --run", BAD_INPUT)
    with open_board(path, new=True, kind=Blackboard) as board:
        task = Task(kind=kind) if kind else _command(str(run), folder, prefix)
        is_new = board.react(name, patterns[0], task, on=on or ())  # type: ignore[attr-defined]
    sentence = f"{clean(name)} {'is set' if is_new else 'was there, and is as you say now'}"
    said({"name": name, "is_new": is_new}, sentence, as_json_=json_)


def _command(line: str, folder: Path | None, prefix: str) -> Any:
    if folder is not None and not os.path.isdir(folder):
        raise ValueError(f"--in: {folder} is not a directory")
    return batch.command_after(line, None if folder is None else str(folder.resolve()), prefix)

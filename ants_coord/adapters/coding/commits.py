"""Before a commit: files that another agent is editing must not be committed with ours."""

from __future__ import annotations

import os
import subprocess
import sys

from .repository import Place, place_of


def main() -> int:
    """Check the staged files; return 1 if others hold some, with one line for each on standard error."""
    place = place_of(os.getcwd())
    if place is None or not os.path.exists(place.board):
        return 0
    try:
        held = held_by_others(place, _staged(place), os.environ.get("ANTS_COORD_AGENT", ""))
    except Exception as problem:  # noqa: BLE001 - a fault here must not keep anybody from committing
        sys.stderr.write(f"ants-coord guard: {type(problem).__name__}: {problem}; nothing was checked\n")
        return 0
    for name, holder in held:
        sys.stderr.write(f"{name} is being edited by {holder}\n")
    if held:
        sys.stderr.write(
            "Nothing was committed. Leave them out (git restore --staged FILE), or wait; "
            "`git commit --no-verify` commits them all the same.\n"
        )
    return 1 if held else 0


def _staged(place: Place) -> list[str]:
    command = ["git", "-C", place.root, "diff", "--cached", "--name-only", "-z", "--no-renames"]
    done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def held_by_others(place: Place, paths: list[str], me: str) -> list[tuple[str, str]]:
    """
    Return (path, holder) of the paths that another agent holds, directly or by a folder above.

    Args:
        place: the repository and its board, which must exist.
        paths: relative to the top of the working tree.
        me: the agent whose own files are ignored.

    """
    from ...fronts.file_names import names_of_files  # noqa: PLC0415 - most commits meet no board
    from ...sync.board import Board  # noqa: PLC0415
    from ...values.checks import lock_key, paths_above  # noqa: PLC0415

    with Board(place.board) as board:
        leases = board.leases()
    holders = {lock_key(name): lease.agent for lease in leases if lease.agent != me for name in lease.names}
    found = []
    for path in paths:
        try:
            key = lock_key(*names_of_files([path], place.root))
        except ValueError:  # its folder has become a link to elsewhere: nobody can hold it
            continue
        holder = next((holders[each] for each in (key, *paths_above(key)) if each in holders), None)
        if holder is not None:
            found.append((path, holder))
    return found

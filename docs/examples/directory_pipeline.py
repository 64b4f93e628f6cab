"""
A directory pipeline: each file that appears or changes in a folder becomes one task, also across restarts.

Run it: `python directory_pipeline.py`. In a service, replace `sync()` by `follow(stop)` in a thread.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ants_coord import Blackboard, Task
from ants_coord.adapters.files import DirectoryMirror


def one_pass(inbox: Path, database: Path) -> dict[str, int]:
    """Count the words of what is new in the inbox; return the counts of this pass."""
    counted: dict[str, int] = {}

    def count(job: Any) -> int:
        file = job.payload["path"].removeprefix("files/")
        counted[file] = len((inbox / file).read_text().split())
        return counted[file]

    with Blackboard(database) as board:
        board.react("count", "files/**", Task(kind="count"), on=["created", "changed"])
        DirectoryMirror(board, inbox).sync()
        board.serve({"count": count}, until="drained")
    return counted


def main(folder: Path) -> list[dict[str, int]]:
    """Make three passes; the last two see only what has changed since."""
    inbox, database = folder / "inbox", folder / "pipeline.db"
    inbox.mkdir()
    (inbox / "a.txt").write_text("one two three")
    (inbox / "b.txt").write_text("one")
    passes = [one_pass(inbox, database)]
    (inbox / "b.txt").write_text("one two")
    return [*passes, one_pass(inbox, database), one_pass(inbox, database)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(main(Path(made)))

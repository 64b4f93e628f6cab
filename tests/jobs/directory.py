"""Each file that appears in a folder is counted once, also those that came while nobody looked."""

import os
import tempfile
from pathlib import Path

from ants_coord import Blackboard, Task
from ants_coord.adapters.files import DirectoryMirror

folder, board_file = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp()) / "board.db"


def count(job):
    return len((folder / job.payload["path"].removeprefix("files/")).read_text().split())


def look_once():
    """Open the board, tell it what is new, do what follows, and close it again."""
    with Blackboard(board_file) as board:
        board.react("count", "files/**", Task(kind="count"))
        DirectoryMirror(board, folder).sync()
        served = board.serve({"count": count}, until="drained")
        ended = {record.task.payload["path"]: record.outcome.result for record in board.tasks()}
    return served.completed, ended


(folder / "a.txt").write_text("one two three")
(folder / "sub").mkdir()
(folder / "sub" / "b.txt").write_text("one")
assert look_once() == (2, {"files/a.txt": 3, "files/sub/b.txt": 1})
assert look_once()[0] == 0  # nothing is told twice

(folder / "c.txt").write_text("one two")
os.replace(folder / "a.txt", folder / "sub" / "a.txt")
done, counts = look_once()
assert done == 2
assert counts["files/sub/a.txt"] == 3
print("done:", dict(sorted(counts.items())))

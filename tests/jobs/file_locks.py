"""Two agents edit files; one that edits several holds all of them or none."""

import tempfile
import threading
from pathlib import Path

from ants_coord import ClaimQueue

folder = Path(tempfile.mkdtemp())
for name in ("app.py", "test_app.py"):
    (folder / name).write_text("0")


def edit(board, agent, names):
    for _ in range(25):
        with board.lock(*names, agent=agent) as held:
            for name in names:
                number = int((folder / name).read_text())
                held.check()
                (folder / name).write_text(str(number + 1))


with ClaimQueue() as board:
    crowd = [
        threading.Thread(target=edit, args=(board, "ann", ["app.py", "test_app.py"])),
        threading.Thread(target=edit, args=(board, "bob", ["test_app.py", "app.py"])),
        threading.Thread(target=edit, args=(board, "cid", ["app.py"])),
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert board.holder("app.py") is None
    with board.lock("app.py", agent="ann"):
        try:
            with board.lock("app.py", agent="bob", timeout=0.01):
                raise AssertionError("two agents hold one file")
        except TimeoutError as late:
            assert "'app.py' is held by 'ann'" in str(late)

assert (folder / "app.py").read_text() == "75"
assert (folder / "test_app.py").read_text() == "50"
print("done: 75 and 50 edits, none lost")

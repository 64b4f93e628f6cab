"""A real directory, a real watcher: whatever happens to files, each change is worked on once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ants_coord import Blackboard, MarkKind, Task
from ants_coord.adapters.files import DirectoryMirror
from ants_coord.errors import UnknownKindError

LIMIT_S = 60


def put(path, text):
    """Write a file in one step: half of one would be a change of its own."""
    whole = path.with_name(f".{path.name}")
    whole.write_text(text)
    os.replace(whole, path)


class Colony:
    """A board in a file, a mirror in a thread, and a worker that notes what it has worked on."""

    def __init__(self, path, folder):
        self.board = Blackboard(path, durability="process")
        self.board.react("work", "files/**", Task(kind="work"), on=("created", "changed", "deleted"))
        self.mirror = DirectoryMirror(self.board, folder, mark="touched")
        self.stop, self.done = threading.Event(), []
        self.cursor = self.began = self.board.statistics().cursor
        self.threads = [
            threading.Thread(target=self.mirror.follow, args=(self.stop,), daemon=True),
            threading.Thread(target=self.serve, daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def serve(self):
        for lease in self.board.claims("worker"):
            with self.board.work(lease) as job:
                path = job.payload["path"]
                self.done.append((path.removeprefix("files/"), job.payload["change"]))

    def settle(self, name, what="written"):
        """Wait until something has happened to a file since `cursor` and has been worked on."""
        for event in self.board.events(since=self.cursor, follow=True):
            if (event.type, event.detail) == (what, f"files/{name}"):
                break
        self.board.drain(timeout=LIMIT_S)
        self.cursor = event.cursor

    def close(self):
        self.stop.set()
        self.threads[0].join(LIMIT_S)
        self.board.drain(timeout=LIMIT_S)
        self.board.check()
        self.board.close()
        self.threads[1].join(LIMIT_S)


def test_every_change_is_worked_on_once_across_a_restart(tmp_path):
    """Create, modify, rename, a burst of a thousand, things that happen while nobody is there."""
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    colony = Colony(tmp_path / "b.db", folder)
    put(folder / "a.txt", "1")
    colony.settle("a.txt")
    put(folder / "a.txt", "two")
    colony.settle("a.txt")
    before = colony.cursor
    os.replace(folder / "a.txt", folder / "sub" / "b.txt")
    colony.settle("sub/b.txt")
    colony.cursor = before
    colony.settle("a.txt", "erased")
    assert colony.done[:2] == [("a.txt", "created"), ("a.txt", "changed")]
    assert sorted(colony.done[2:]) == [("a.txt", "deleted"), ("sub/b.txt", "created")]

    for number in range(1_000):
        put(folder / f"burst{number:03}", str(number))
    written = 0
    for event in colony.board.events(since=before, follow=True):
        written += event.type == "written" and event.detail.startswith("files/burst")
        if written == 1_000:
            break
    colony.board.drain(timeout=LIMIT_S)
    burst = [name for name, _ in colony.done if name.startswith("burst")]
    assert sorted(burst) == [f"burst{number:03}" for number in range(1_000)]
    assert colony.board.sense("files/burst001", kind="touched")
    colony.close()

    (folder / "meanwhile.txt").write_text("while nobody was there")
    (folder / "burst000").unlink()
    (folder / "burst001").write_text("another content")
    colony = Colony(tmp_path / "b.db", folder)
    for name, what in (("meanwhile.txt", "written"), ("burst000", "erased"), ("burst001", "written")):
        colony.cursor = colony.began
        colony.settle(name, what)
    assert sorted(colony.done) == [
        ("burst000", "deleted"), ("burst001", "changed"), ("meanwhile.txt", "created"),
    ]  # fmt: skip
    colony.close()


def test_a_pass_compares_and_writes_only_what_differs(tmp_path):
    """Nothing twice; folders that go take their files along; hidden ones, links and odd names stay out."""
    folder = tmp_path / "tree"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("x", "deep/y", "deep/er/z", ".hidden", "deep/.git"):
        (folder / name).write_text("1")
    (folder / "link").symlink_to(folder / "x")
    (folder / "odd\nname").write_text("1")
    with Blackboard() as board:
        mirror = DirectoryMirror(board, folder, prefix="src/")
        assert mirror.sync() == 3
        assert mirror.sync() == 0
        assert [entry.path for entry in board.entries()] == ["src/deep/er/z", "src/deep/y", "src/x"]
        assert list(mirror.skipped) == ["odd\nname"]
        assert board.read("src/x").value["size"] == 1
        os.rename(folder / "deep", folder / "moved")
        assert mirror.sync() == 4
        assert [entry.path for entry in board.entries()] == ["src/moved/er/z", "src/moved/y", "src/x"]
        assert mirror._compare("deep") == 0
        (folder / "moved" / "y").unlink()
        assert mirror._compare("moved/y") == 1
        other = DirectoryMirror(board, folder, prefix="src/", agent="other")
        (folder / "x").write_text("22")
        assert (other.sync(), mirror.sync()) == (1, 0)


def test_two_mirrors_at_once_write_once(tmp_path):
    """The second writer finds another version than it expected, and leaves it."""
    (tmp_path / "x").write_text("1")
    with Blackboard() as board:
        mirror = DirectoryMirror(board, tmp_path)
        known = mirror._known("")
        DirectoryMirror(board, tmp_path).sync()
        mirror._known = lambda _: known
        assert mirror.sync() == 0
        assert len(board.history("files/x")) == 1


def test_bad_input(tmp_path):
    """What cannot be mirrored is refused by name, when the mirror is made."""
    with Blackboard(kinds=[MarkKind("other")]) as board:
        with pytest.raises(NotADirectoryError, match="nowhere"):
            DirectoryMirror(board, tmp_path / "nowhere")
        with pytest.raises(ValueError, match="mark kind"):
            DirectoryMirror(board, Path(tmp_path), mark="two words")
        with pytest.raises(ValueError, match="prefix must end with '/', such as 'src/', not 'src'"):
            DirectoryMirror(board, tmp_path, prefix="src")
        with pytest.raises(UnknownKindError, match="touched"):
            DirectoryMirror(board, tmp_path, mark="touched")

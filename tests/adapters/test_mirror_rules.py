"""The four rules of the mirror: nothing is erased that was only out of sight, whatever happens to the disk."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ants_coord import Blackboard, ClaimQueue, Task
from ants_coord.adapters.files import DirectoryMirror
from ants_coord.adapters.mirror_rules import IGNORED, Tree
from tests.scale import of

LIMIT_S = 60
NAMES = st.sampled_from(["a", "b", "c", "d/a", "d/b", "d/e/a", "f/a"])


def on_board(board, prefix="files/"):
    return {entry.path.removeprefix(prefix): entry.value for entry in board.entries(prefix, count=10_000)}


def on_disk(root):
    return {
        path.relative_to(root).as_posix(): path.stat().st_size
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


class Disk:
    """What may happen to a directory between two passes; each method is one event."""

    def __init__(self, root):
        self.root, self.elsewhere, self.outside = root, root.with_name("elsewhere"), root.with_name("outside")
        self.outside.mkdir()
        (self.outside / "secret").write_text("x")

    def _place(self, name):
        place = self.root / name
        for folder in reversed(place.relative_to(self.root).parents):
            at = self.root / folder
            if at.is_symlink() or at.is_file():
                at.unlink()
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)
        return place

    def write(self, name, text):
        self._place(name).write_text(text)

    def remove(self, name, _):
        place = self.root / name
        if place.is_symlink() or place.is_file():
            place.unlink()

    def remove_folder(self, name, _):
        shutil.rmtree(self.root / name.split("/")[0], ignore_errors=True)

    def link(self, name, _):
        place = self._place(name)
        place.unlink(missing_ok=True)
        place.symlink_to(self.outside)

    def loop(self, name, _):
        place = self._place(name)
        place.unlink(missing_ok=True)
        place.symlink_to(self.root)

    def ignored(self, name, text):
        (self.root / "node_modules").mkdir(exist_ok=True)
        (self.root / "node_modules" / "lib.js").write_text(text)
        (self.root / ".hidden").write_text(text)

    def move_folder(self, name, _):
        place = self.root / name.split("/")[0]
        if place.exists() and not place.is_symlink() and not (self.root / "moved").exists():
            os.rename(place, self.root / "moved")


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "write", "remove", "remove_folder", "link", "loop", "ignored", "move_folder"]
        ),
        NAMES,
        st.text("xy", max_size=3),
        st.booleans(),  # whether a pass follows
    ),
    max_size=12,
)


@settings(
    max_examples=of(25, 150, 1_000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(events=EVENTS)
def test_after_any_events_the_board_is_the_disk(tmp_path_factory, events):
    """Whatever happens, a pass makes both equal, looking at parts agrees with looking at all, and a second pass finds nothing."""
    root = tmp_path_factory.mktemp("mirror") / "tree"
    root.mkdir()
    disk = Disk(root)
    with Blackboard() as board:
        mirror = DirectoryMirror(board, root)
        board.write("files/note", "an agent's own", agent="ann")
        for what, name, text, passes in events:
            getattr(disk, what)(name, text)
            if passes:
                mirror._compare(name.split("/")[0])
        mirror.sync()
        found = on_board(board)
        assert found.pop("note") == "an agent's own"
        assert {name: value["size"] for name, value in found.items()} == {
            name: size for name, size in on_disk(root).items() if not name.startswith((".", "node_modules"))
        }
        assert mirror.sync() == 0


@pytest.fixture
def tree(tmp_path):
    """A directory of five files, one below a folder."""
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    for name in ("1", "2", "3", "4", "sub/5"):
        (root / name).write_text(name)
    return root


def test_a_root_that_is_not_there_erases_nothing(tree):
    """An unmounted disk is told by name; when it is back, nothing has happened."""
    with Blackboard() as board:
        mirror = DirectoryMirror(board, tree)
        assert mirror.sync() == 5
        os.rename(tree, tree.with_name("away"))
        with pytest.raises(NotADirectoryError, match="nothing was erased"):
            mirror.sync()
        assert len(on_board(board)) == 5
        os.rename(tree.with_name("away"), tree)
        assert mirror.sync() == 0


def test_a_folder_that_cannot_be_listed_erases_nothing(tree, monkeypatch):
    """What is below it is kept and its name is told; the rest goes on."""
    with Blackboard() as board:
        mirror = DirectoryMirror(board, tree)
        mirror.sync()
        scandir = os.scandir

        def denied(path):
            if Path(path).name == "sub":
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr("ants_coord.adapters.mirror_rules.os.scandir", denied)
        (tree / "1").unlink()
        assert mirror.sync() == 1
        assert sorted(on_board(board)) == ["2", "3", "4", "sub/5"]
        assert mirror.skipped == {"sub": "Permission denied"}
        monkeypatch.undo()
        assert mirror.sync() == 0
        assert mirror.skipped == {}


def test_a_root_that_is_exchanged_during_a_pass_erases_nothing(tree):
    """What was not seen in the old directory says nothing about the new one."""
    with Blackboard() as board:
        mirror = DirectoryMirror(board, tree)
        mirror.sync()
        look = mirror._tree.look

        def exchanged(name):
            os.rename(tree, tree.with_name("old"))
            tree.mkdir()
            return look(name)

        mirror._tree.look = exchanged
        mirror.sync()
        assert len(on_board(board)) == 5


def test_many_erasures_must_be_confirmed(tmp_path):
    """Half of more than twenty files at once: kept and told, until somebody says that it is right."""
    root = tmp_path / "tree"
    (root / "d").mkdir(parents=True)
    for number in range(40):
        (root / "d" / str(number)).write_text("1")
    with Blackboard() as board:
        mirror = DirectoryMirror(board, root)
        assert mirror.sync() == 40
        os.rename(root / "d", root / "moved")  # the same files elsewhere: nothing is lost
        assert mirror.sync() == 80
        shutil.rmtree(root / "moved")
        assert mirror.sync() == 0
        assert (len(on_board(board)), len(mirror.held_back)) == (40, 40)
        assert mirror.sync(mass_delete=True) == 40
        assert (on_board(board), mirror.held_back) == ({}, ())


def test_two_roots_on_one_prefix_are_refused(tmp_path, tree):
    """Two worktrees would erase each other's entries for ever."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_text("1")
    with Blackboard() as board:
        DirectoryMirror(board, tree).sync()
        with pytest.raises(ValueError, match=r"prefix 'files/' belongs to .*/tree"):
            DirectoryMirror(board, other).sync()
        assert len(on_board(board)) == 5
        DirectoryMirror(board, other, prefix="other/").sync()
        assert sorted(on_board(board, "other/")) == ["x"]


def test_an_entry_and_its_mark_are_one_step(tree):
    """A refused mark leaves no entry; the next pass tries both again."""
    with Blackboard(quota=3) as board:
        mirror = DirectoryMirror(board, tree, mark="touched")
        mirror.sync()
        assert len(on_board(board)) == len(list(board.sense("files/1"))) * 3
        assert sorted(mirror.skipped) == ["4", "sub/5"]
        for name in on_board(board):
            assert board.sense(f"files/{name}", kind="touched")


def test_erasures_come_first(tmp_path):
    """At the quota, files that are gone make room for files that have come."""
    root = tmp_path / "tree"
    (root / "a").mkdir(parents=True)
    for number in range(10):
        (root / "a" / str(number)).write_text("1")
    with Blackboard(quota=12) as board:
        mirror = DirectoryMirror(board, root)
        mirror.sync()
        os.rename(root / "a", root / "b")
        assert mirror.sync() == 20
        assert sorted(on_board(board)) == [f"b/{number}" for number in range(10)]


def test_an_agent_that_saves_the_same_content_does_not_feed_itself(tmp_path):
    """A formatter that reacts to changes runs once for each change of the content."""
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    rounds = 0
    with Blackboard() as board:
        board.react("format", "files/**", Task(kind="format"))
        mirror = DirectoryMirror(board, tmp_path)
        mirror.sync()
        while (lease := board.claim_nowait("formatter")) is not None and rounds < 50:
            rounds += 1
            text = path.read_text()
            (tmp_path / ".a.py").write_text(text)
            os.replace(tmp_path / ".a.py", path)
            board.complete(lease)
            mirror.sync()
        assert rounds == 1
        path.write_text("y = 1\n")  # as long as before
        assert mirror.sync() == 1
        about = path.stat()
        path.write_text("z = 1\n")
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # as rsync and tar do
        assert mirror.sync() == 1


def test_without_contents_a_new_time_stamp_is_a_change(tmp_path):
    """`content=False` opens no file."""
    path = tmp_path / "a"
    path.write_text("1")
    with Blackboard() as board:
        mirror = DirectoryMirror(board, tmp_path, content=False)
        assert mirror.sync() == 1
        os.utime(path, ns=(1, 1))
        assert mirror.sync() == 1
        assert "digest" not in board.read("files/a").value


def test_a_link_as_root_may_be_pointed_elsewhere(tmp_path):
    """`current -> release1`, then `-> release2`: the entries follow."""
    for number in (1, 2):
        (tmp_path / f"release{number}").mkdir()
        (tmp_path / f"release{number}" / f"v{number}").write_text("1")
    os.symlink("release1", tmp_path / "current")
    with Blackboard() as board:
        mirror = DirectoryMirror(board, tmp_path / "current")
        mirror.sync()
        os.symlink("release2", tmp_path / "next")
        os.replace(tmp_path / "next", tmp_path / "current")
        mirror.sync()
        assert sorted(on_board(board)) == ["v2"]


def test_the_boards_own_files_are_left_out(tmp_path):
    """A board in the mirrored folder would otherwise write about its own writing, for ever."""
    (tmp_path / "a.py").write_text("1")
    with Blackboard(tmp_path / "colony.db", durability="process") as board:
        mirror = DirectoryMirror(board, tmp_path)
        assert mirror.sync() == 1
        assert mirror.sync() == 0
        assert sorted(on_board(board)) == ["a.py"]


def test_the_watcher_and_a_pass_ask_the_same_question(tmp_path):
    """What a pass leaves out, a look at that one name leaves out."""
    for name in (
        "node_modules/lib.js",
        "__pycache__/m.pyc",
        "notes.txt~",
        "plain.txt",
        ".git/config",
        "d/.x",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    tree = Tree(tmp_path, "files/", IGNORED)
    whole = set(tree.look("").found)
    each = {
        name
        for path in tmp_path.rglob("*")
        for name in tree.look(path.relative_to(tmp_path).as_posix()).found
    }
    assert whole == each == {"plain.txt"}


class Follower:
    """A mirror that follows in a thread, and a way to wait for what the board is told."""

    def __init__(self, board, root, **options):
        self.board, self.stop, self.error = board, threading.Event(), None
        self.mirror = DirectoryMirror(board, root, rescan=600, **options)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.changes = board.watch("files/", since=board.statistics().cursor)
        self.thread.start()

    def _run(self):
        try:
            self.mirror.follow(self.stop)
        except BaseException as problem:
            self.error = problem

    def told(self, name):
        """Wait until something is told about a file; return what."""
        return next(change.what for change in self.changes if change.path == f"files/{name}")

    def close(self):
        self.stop.set()
        self.thread.join(LIMIT_S)
        assert self.error is None


def test_following_survives_odd_names_and_a_root_that_is_made_again(tmp_path):
    """A newline, bytes that are no text, a path that is too long, `rm -rf root; mkdir root`."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "first").write_text("1")
    with Blackboard() as board:
        follower = Follower(board, root)
        assert follower.told("first") == "written"
        for number, name in enumerate(
            (b"odd\nname", b"caf\xe9.txt", b"d" * 200 + b"/" + b"e" * 200 + b"/" + b"f" * 200)
        ):
            target = os.fsencode(root) + b"/" + name
            os.makedirs(os.path.dirname(target), exist_ok=True)
            Path(os.fsdecode(target)).write_text("")
            (root / f"after{number}").write_text("1")
            assert follower.told(f"after{number}") == "written"
        shutil.rmtree(root)
        root.mkdir()
        (root / "second").write_text("1")
        assert follower.told("second") == "written"
        follower.close()


def test_many_erasures_are_held_back_while_following_too(tmp_path):
    """The watcher tells one file after the other, and each alone is below the brake."""
    with Blackboard() as board:
        mirror = DirectoryMirror(board, tmp_path, rescan=600)
        names = [str(number) for number in range(30)]
        for name in names:
            (tmp_path / name).write_text("1")
        stop = threading.Event()
        batches = [[], names, ["0"]]  # what the watcher tells: at first nothing, then all at once, then one

        def told(_):
            yield batches[0]
            for name in names:
                os.remove(tmp_path / name)
            yield batches[1]
            (tmp_path / "0").write_text("2")
            yield batches[2]
            stop.set()

        mirror._batches = told
        mirror.follow(stop)
        assert len(on_board(board)) == 30
        assert len(mirror.held_back) == 30


BAD = {
    "a folder that is none": ({"directory": None}, "directory must be a string or a path, not None"),
    "a board of another strategy": ({"board": ClaimQueue()}, "board must be a Blackboard, not "),
    "one pattern": ({"ignore": "*.pyc"}, "ignore must be a list of patterns such as .*, not '.*pyc'"),
    "no patterns": ({"ignore": None}, "ignore must be a list of patterns"),
    "a pattern that is none": ({"ignore": [None]}, "each of ignore must be a pattern such as .*, not None"),
    "a word for yes": ({"content": "yes"}, "content must be a bool, not 'yes'"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_argument_is_named(tmp_path, what):
    """A text is no list of patterns: it would be one of letters, and "*" leaves everything out."""
    given, told = BAD[what]
    with Blackboard() as board, pytest.raises(TypeError, match=told):
        DirectoryMirror(**{"board": board, "directory": tmp_path, **given})


def test_following_ends_when_the_board_closes(tmp_path):
    """Quietly, and soon."""
    board = Blackboard()
    (tmp_path / "x").write_text("1")
    follower = Follower(board, tmp_path)
    assert follower.told("x") == "written"
    board.close()
    follower.thread.join(LIMIT_S)
    assert not follower.thread.is_alive()
    assert follower.error is None

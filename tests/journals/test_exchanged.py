"""
Files exchanged under live processes, by a random adversary.

The promise: whatever somebody does with the files of a board, nothing that was acknowledged disappears in
silence. A verb is refused by name, or what it acknowledged is found by everybody who opens the path
afterwards, unless the adversary took it away after it had been acknowledged; then at least nobody goes on
upon the dead file: two processes never grant from two boards under one name.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalConflictError, JournalError
from ants_coord.journals import files as files_of_system
from tests.scale import of

ROOT = Path(__file__).parent.parent.parent
SUFFIXES = ("", "-wal", "-shm", "-lock")

LIVE = """
import sys
from ants_coord import ClaimQueue, CoordinationError, Task
board = ClaimQueue(sys.argv[1], durability="process")
for line in sys.stdin:
    word = line.strip()
    try:
        if word == "close":
            board.close()
        elif word == "open":
            board = ClaimQueue(sys.argv[1], durability="process")
        elif word.startswith("find "):
            print("found" if board.find(word[5:]) is not None else "missing", flush=True)
            continue
        else:
            board.submit(Task(word))
        print("done", flush=True)
    except CoordinationError as problem:
        print(type(problem).__name__, flush=True)
"""


class Process:
    """Another process with the board open, that does one thing at a time."""

    def __init__(self, path):
        self._process = subprocess.Popen(
            [sys.executable, "-c", LIVE, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def tell(self, word):
        self._process.stdin.write(word + "\n")
        return self._process.stdout.readline().strip()

    def kill(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def others(tmp_path):
    made = []

    def make(path):
        made.append(Process(path))
        return made[-1]

    yield make
    for process in made:
        process.kill()


def files(path):
    return [Path(f"{path}{suffix}") for suffix in SUFFIXES]


def remove(path, *suffixes):
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def older_copy(path, target):
    """A copy as `sqlite3 .backup` makes it."""
    with contextlib.closing(sqlite3.connect(path)) as db, contextlib.closing(sqlite3.connect(target)) as to:
        db.backup(to)


def restore_in_place(copy, path):
    with contextlib.closing(sqlite3.connect(copy)) as db, contextlib.closing(sqlite3.connect(path)) as to:
        db.backup(to)


class Adversary:
    """An adversary that does something to the files; each of these really happens: git clean, tmp cleaners, restores, syncs."""

    def __init__(self, path, dice):
        self.path, self.dice = path, dice
        self.copy = Path(f"{path}.old")
        self.aside = 0
        older_copy(path, self.copy)

    def strike(self):
        """Return what was done, and whether the board under the name may now be an older one or none."""
        name = self.dice.choice([name for name in dir(self) if name.startswith("do_")])
        return name[3:], getattr(self, name)()

    def do_delete_all(self):
        remove(self.path, *SUFFIXES)
        return True

    def do_delete_database(self):
        remove(self.path, "")
        return True

    def do_delete_log(self):
        remove(self.path, "-wal")
        return True

    def do_delete_index(self):
        remove(self.path, "-shm")
        return False

    def do_delete_log_and_index(self):
        remove(self.path, "-wal", "-shm")
        return True

    def do_replace(self):
        shutil.copy(self.copy, f"{self.path}.new")
        os.replace(f"{self.path}.new", self.path)
        return True

    def do_replace_and_clean(self):
        self.do_replace()
        remove(self.path, "-wal", "-shm")
        return True

    def do_move_aside(self):
        self.aside += 1
        for file in files(self.path):
            with contextlib.suppress(FileNotFoundError):
                file.rename(f"{file}.aside{self.aside}")
        return True

    def do_restore_in_place(self):
        with contextlib.suppress(sqlite3.Error):
            restore_in_place(self.copy, self.path)
        return True

    def do_copy_in_place(self):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(self.path, f"{self.path}.read")
        return False

    def do_read_everything(self):
        for file in files(self.path):
            with contextlib.suppress(FileNotFoundError):
                file.read_bytes()
        return False

    def do_nothing(self):
        return False


@pytest.mark.parametrize("seed", range(of(8, 60, 1_000)))
def test_nothing_that_was_acknowledged_disappears_in_silence(tmp_path, others, seed):
    """Two processes and this one work on, while the adversary strikes; then everybody compares."""
    path, dice = tmp_path / "b.db", random.Random(seed)
    here = Here(path)
    here.submit_or_refuse("first")
    crowd = [others(path), others(path)]
    acknowledged, number, story = ["first"], 0, []
    adversary = Adversary(path, dice)
    for _ in range(4):
        what, takes_away = adversary.strike()
        story.append(what)
        if takes_away:
            acknowledged.clear()  # an adversary can always destroy; what is said from here on must be true
        for _ in range(6):
            number += 1
            word, who = f"t{number}", dice.randrange(3)
            said = here.submit_or_refuse(word) if who == 2 else crowd[who].tell(word)
            story.append((who, word, said))
            if said == "done":
                acknowledged.append(word)
            elif dice.random() < 0.6:
                if who == 2:
                    here = Here(path, here)
                else:
                    crowd[who].tell("close")
                    crowd[who].tell("open")
    for process in crowd:
        process.tell("close")
    here.board.close()
    judge = others(path)  # a new process: this one may have to do with dead files
    answers = {word: judge.tell(f"find {word}") for word in acknowledged}
    assert set(answers.values()) <= {"found", "JournalConflictError"}, (story, answers)


class Here:
    """The board of this process, as the other processes have theirs."""

    def __init__(self, path, before=None):
        if before is not None:
            before.board.close()
        self.board = ClaimQueue(path, durability="process")

    def submit_or_refuse(self, word):
        try:
            self.board.submit(Task(word))
        except JournalError as problem:
            return type(problem).__name__
        return "done"


def exchanged(path, how):
    adversary = Adversary(path, random.Random(0))
    with ClaimQueue(path) as other:
        other.submit(Task("later than the copy"))
    getattr(adversary, f"do_{how}")()


@pytest.mark.parametrize(
    "how", ["delete_all", "delete_database", "delete_log", "delete_index", "replace", "move_aside"]
)
def test_a_dead_connection_is_refused_and_abandoned(tmp_path, how):
    """Every verb says so, closing is quiet, and the files under the name are not touched by it."""
    path = tmp_path / "b.db"
    board = ClaimQueue(path)
    board.submit(Task("a"))
    exchanged(path, how)
    before = {file.name: file.read_bytes() for file in files(path) if file.exists()}
    for verb in (
        lambda: board.submit(Task("b")),
        lambda: board.find("a"),
        lambda: board.claim_nowait("w"),
        lambda: board.claim("w", timeout=0.01),
    ):
        with pytest.raises(JournalConflictError, match="deleted, moved or replaced"):
            verb()
    board.close()
    after = {file.name: file.read_bytes() for file in files(path) if file.exists()}
    assert after == before


def test_a_restore_in_place_is_noticed_also_when_others_have_written_past_it(tmp_path):
    """The position is there again, with another entry: the link tells."""
    path = tmp_path / "b.db"
    live = ClaimQueue(path)
    live.submit(Task("a"))
    older_copy(path, f"{path}.old")
    live.submit(Task("precious"))
    mine = live.claim_nowait("ann")
    restore_in_place(f"{path}.old", path)
    remove(path, "-lock")  # somebody who restores by hand and is refused deletes this
    with pytest.raises(JournalConflictError):
        live.submit(Task("b"))
    with ClaimQueue(path) as other:
        other.submit_many([Task(f"n{n}") for n in range(9)])
        other.claim_nowait("bob")
        for _ in range(6):
            other.submit(Task())
        with pytest.raises(JournalConflictError):
            live.complete(mine, "done by ann")
        assert other.find("precious") is None
    live.close()


@pytest.mark.parametrize("kernel_has_own_locks", [True, False])
def test_a_process_may_read_its_own_board_file(tmp_path, others, monkeypatch, kernel_has_own_locks):
    """
    Closing any descriptor of the file drops the process's locks on it.

    With locks of our own nothing happens. Without them (not Linux) another process takes itself for the
    last one and deletes the log under us, and then we are refused; in no case is anything lost.
    """
    if not kernel_has_own_locks:
        monkeypatch.setattr(files_of_system, "SET_OWN", None)
    path = tmp_path / "b.db"
    board = ClaimQueue(path, durability="process")
    board.submit(Task("one"))
    for file in files(path):
        file.read_bytes()
    other = others(path)
    assert other.tell("other") == "done"
    other.kill()
    other = others(path)
    assert other.tell("again") == "done"
    assert other.tell("close") == "done"
    told = ["one", "other", "again"]
    try:
        board.submit(Task("two"))
        told.append("two")
    except JournalConflictError:
        assert not kernel_has_own_locks
    board.close()
    judge = others(path)
    assert [judge.tell(f"find {word}") for word in told] == ["found"] * len(told)


def test_hard_links_are_refused_and_symbolic_ones_share(tmp_path):
    path, link, hard = tmp_path / "b.db", tmp_path / "link.db", tmp_path / "hard.db"
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
        link.symlink_to(path)
        with ClaimQueue(link) as same:
            same.submit(Task("b"))
            assert board.find("b") is not None
    assert not Path(f"{link}-lock").exists()
    os.link(path, hard)
    for name in (path, hard, link):
        with pytest.raises(JournalConflictError, match="hard links"):
            ClaimQueue(name).statistics()
    hard.unlink()
    with ClaimQueue(path) as board:
        assert board.find("b") is not None


@pytest.mark.parametrize("size", [1, 2, 16, 99, 100, 101, 511, 512, 513, 4_096])
def test_a_small_foreign_file_is_not_overwritten(tmp_path, size):
    path = tmp_path / "notes.txt"
    path.write_bytes((b"my notes " * 500)[:size])
    with pytest.raises(JournalConflictError, match="not a board"):
        ClaimQueue(path).statistics()
    assert path.read_bytes() == (b"my notes " * 500)[:size]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("pragma", ["user_version = 7", "application_id = 5"])
def test_a_foreign_database_without_tables_is_refused(tmp_path, pragma):
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA {pragma}")
        db.commit()
        before = path.read_bytes()
        for _ in range(2):
            with pytest.raises(JournalConflictError, match="another program"):
                ClaimQueue(path).statistics()
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", [":memory:", "", " ", "file:x.db", "FILE:x.db?mode=memory", "a\0b"])
def test_what_is_no_path_is_refused_where_it_is_typed(path):
    with pytest.raises(ValueError, match=r"path|URI|file"):
        ClaimQueue(path)


def test_a_path_is_what_it_was_when_the_board_was_made(tmp_path, monkeypatch):
    """Also after os.chdir: for a board that is opened later, and for a wait that is begun later."""
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path)
    lazy, opened = ClaimQueue("b.db"), ClaimQueue("b.db")
    opened.submit(Task("a"))
    monkeypatch.chdir(tmp_path / "away")
    assert lazy.find("a") is not None
    with pytest.raises(TimeoutError):
        opened.claim("w", kinds=["none"], timeout=0.01)
    assert list((tmp_path / "away").iterdir()) == []
    lazy.close()
    opened.close()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(f"{path}-wal", 0),
        lambda path: os.truncate(f"{path}-wal", os.path.getsize(f"{path}-wal") // 2),
        lambda path: remove(path, "-wal"),
        lambda path: remove(path, "-wal", "-shm"),
    ],
    ids=["emptied", "log emptied", "log halved", "log deleted", "log and index deleted"],
)
def test_a_log_that_ends_too_early_is_refused_and_left_alone(tmp_path, others, harm):
    """The killed writer's log is in the -wal: without it, the board looks whole and is not."""
    path = tmp_path / "b.db"
    writer = others(path)
    for number in range(30):
        writer.tell(f"t{number}")
    writer.kill()
    harm(path)
    before = {
        file.name: file.read_bytes() for file in files(path) if file.exists() and file.suffix != ".db-shm"
    }
    for _ in range(2):
        with pytest.raises(JournalConflictError, match="was acknowledged"):
            ClaimQueue(path).statistics()
    for name, content in before.items():
        if not name.endswith("-shm"):
            assert (tmp_path / name).read_bytes() == content, name

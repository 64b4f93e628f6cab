"""Copies of a board in use, and boards made of copies."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading

import pytest

from ants_coord import ClaimQueue, Task, aio
from ants_coord.errors import JournalConflictError, JournalCorruptError, JournalError
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.journals.backup import restore_board

from ..cli.command import ants
from ..inside import inside


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit_many([Task(f"t{n}") for n in range(5)])
        board.complete(board.claim("w"), {"n": 1})
    return path


def test_a_backup_of_a_board_in_use_restores_to_the_same_state(tmp_path, path):
    """What is only in the write-ahead log is in the copy; the copy is private and whole."""
    copy, restored = tmp_path / "copy.db", tmp_path / "restored.db"
    with ClaimQueue(path) as board:
        board.submit(Task("newest"))
        digest = board._engine.digest()
        board.backup(copy)
        board.submit(Task("later"))
    assert stat.S_IMODE(copy.stat().st_mode) & 0o077 == 0
    assert restore_board(copy, restored)[0] > 0
    with ClaimQueue(restored) as board:
        assert board._engine.digest() == digest
        assert board.find("newest") is not None
        assert board.find("later") is None
        board.submit(Task("goes on"))
        inside(board)._journal.verify()
    assert not [file for file in os.listdir(tmp_path) if file.endswith((".part", "-journal"))]


def test_a_backup_while_others_write_is_one_moment(tmp_path, path):
    """Each copy is a prefix of the log, although others write meanwhile."""
    with ClaimQueue(path, durability="process") as board:
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set() and number < 9_000:
                board.submit(Task(f"n{number}"))
                number += 1

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for number in range(5):
                board.backup(tmp_path / f"copy{number}.db")
        finally:
            stop.set()
            thread.join()
    counts = []
    for number in range(5):
        restore_board(tmp_path / f"copy{number}.db", tmp_path / f"restored{number}.db")
        with ClaimQueue(tmp_path / f"restored{number}.db") as board:
            board.check()
            there = sorted(int(r.task.id[1:]) for r in board.tasks(count=10_000) if r.task.id[0] == "n")
            assert there == list(range(len(there)))
            counts.append(len(there))
    assert counts == sorted(counts)


async def test_a_backup_in_the_other_colour(tmp_path, path):
    async with aio.ClaimQueue(path) as board:
        await board.backup(tmp_path / "copy.db")
    restore_board(tmp_path / "copy.db", tmp_path / "restored.db")
    with ClaimQueue(tmp_path / "restored.db") as board:
        assert board.result("t0") == {"n": 1}


def test_nothing_is_overwritten(tmp_path, path):
    """Neither by a backup nor by a restore; a name that is taken is told, and the file is as it was."""
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    with ClaimQueue(path) as board:
        for target in (other, path):
            with pytest.raises(JournalConflictError, match="there already"):
                board.backup(target)
    with pytest.raises(JournalConflictError, match="there already"):
        restore_board(path, other)
    assert other.read_text() == "mine"
    with pytest.raises(JournalConflictError, match="is not a board"):
        restore_board(other, tmp_path / "new.db")
    with pytest.raises(JournalConflictError, match="no such board"):
        restore_board(tmp_path / "none.db", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("where", [None, MemoryJournal()], ids=["memory", "journal of one's own"])
def test_a_board_without_a_file_says_so(tmp_path, where):
    with ClaimQueue(where) as board, pytest.raises(ValueError, match="no file to back up"):
        board.backup(tmp_path / "copy.db")


def test_a_damaged_copy_is_not_restored(tmp_path, path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE entry SET stamp = stamp + 1 WHERE position = 2")
        db.commit()
    with pytest.raises(JournalCorruptError) as refusal:
        restore_board(path, tmp_path / "new.db")
    assert refusal.value.position == 2
    assert [file.name for file in tmp_path.iterdir() if "new" in file.name] in ([], ["new.db-lock"])


def test_a_restored_board_is_another_one(tmp_path, path):
    """Put in the old one's place: a process that has that open is refused, and one that opens it again goes on."""
    copy = tmp_path / "copy.db"
    live = ClaimQueue(path)
    live.backup(copy)
    live.submit(Task("precious"))
    for suffix in ("", "-wal", "-shm"):
        os.rename(f"{path}{suffix}", tmp_path / f"old{suffix}")
    restore_board(copy, path)
    with pytest.raises(JournalConflictError):
        live.submit(Task("x"))
    live.close()
    with ClaimQueue(path) as board:
        assert board.find("precious") is None
        board.submit(Task("y"))


def test_the_command_line_backs_up_and_restores(tmp_path, path):
    copied = ants("backup", path, tmp_path / "copy.db")
    assert copied.returncode == 0, copied.stderr
    assert ants("backup", path, tmp_path / "copy.db").returncode == 3
    assert ants("backup", tmp_path / "none.db", tmp_path / "c.db").returncode == 3
    restored = ants("restore", tmp_path / "copy.db", tmp_path / "new.db")
    assert restored.returncode == 0, restored.stderr
    assert "head " in restored.stdout
    assert ants("restore", tmp_path / "copy.db", tmp_path / "new.db").returncode == 3
    assert ants("verify", tmp_path / "new.db").returncode == 0


def test_a_closed_board_backs_nothing_up(tmp_path, path):
    journal = SQLiteJournal(path)
    journal.close()
    copy = tmp_path / "copy.db"
    with contextlib.suppress(JournalError):
        journal.backup(copy)
    restore_board(path, tmp_path / "new.db")

"""The hash chain: a change of history is found, by position."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalCorruptError
from ants_coord.journals import SQLiteJournal

from ..cli.command import ants
from ..inside import inside


def board_of(path, tasks=20, *, snapshot=False):
    with ClaimQueue(path, durability="process") as board:
        for number in range(tasks):
            if snapshot and number == 40:
                inside(board)._snapshots.at = -(1 << 60)  # due now
            board.submit(Task(f"t{number}", payload={"n": number}))


def verify(path, head=None):
    journal = SQLiteJournal(path)
    try:
        return journal.verify(head)
    finally:
        journal.close()


def change(path, statement, *values):
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)
    db.close()


def forge(path, position):
    """Change an entry as somebody would who knows of checksums."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        stamp, body = db.execute("SELECT stamp, body FROM entry WHERE position = ?", (position,)).fetchone()
        body = body.replace(b'{"n":', b'{"m":')
        crc = zlib.crc32(b"%d,%d," % (position, stamp)) ^ zlib.crc32(body)
        db.execute("UPDATE entry SET body = ?, crc = ? WHERE position = ?", (body, crc, position))
    db.close()


def test_an_honest_board_verifies_and_its_head_grows(tmp_path):
    """The head that was noted stays on the chain, through further entries, other writers and restarts."""
    path = tmp_path / "b.db"
    board_of(path)
    first, last, head = verify(path)
    assert (first, last) == (1, 21)
    with ClaimQueue(path) as one, ClaimQueue(path) as other:
        for number in range(5):
            one.submit(Task(f"one{number}"))
            other.submit(Task(f"other{number}"))
    assert verify(path, head)[1] == 31
    assert verify(path, head)[2] != head
    with pytest.raises(ValueError, match="not on the chain"):
        verify(path, "00" * 20)
    with pytest.raises(ValueError, match="non-hexadecimal"):
        verify(path, "zz")


@pytest.mark.parametrize("position", [2, 9, 21])
def test_a_changed_entry_is_named(tmp_path, position):
    """Even with the right checksum; the board itself would have believed it."""
    path = tmp_path / "b.db"
    board_of(path)
    forge(path, position)
    with pytest.raises(JournalCorruptError) as found:
        verify(path)
    assert found.value.position == position
    shown = ants("verify", path)
    assert shown.returncode == 3
    assert f"{position}" in shown.stderr


def test_missing_and_swapped_entries_are_named(tmp_path):
    """Nothing can be left out or moved."""
    path = tmp_path / "b.db"
    board_of(path)
    change(path, "DELETE FROM entry WHERE position = 7")
    with pytest.raises(JournalCorruptError) as found:
        verify(path)
    assert found.value.position == 7
    path = tmp_path / "c.db"
    board_of(path)
    change(path, "UPDATE entry SET stamp = stamp + 1 WHERE position = 5")
    with pytest.raises(JournalCorruptError) as found:
        verify(path)
    assert found.value.position == 5


def test_the_chain_goes_on_behind_a_snapshot(tmp_path):
    """Trimming keeps the link; a changed piece, or one that is missing, is found, too."""
    path = tmp_path / "b.db"
    board_of(path, 60, snapshot=True)
    first, last, head = verify(path)
    assert 1 < first <= last + 1
    board_of(path, 61)
    assert verify(path, head)[1] == last + 61
    change(path, "UPDATE piece SET body = replace(body, 't1', 't2') WHERE part = 0")
    with pytest.raises(JournalCorruptError, match="piece 0 of the snapshot was changed"):
        verify(path)
    change(path, "DELETE FROM piece WHERE part = 0")
    with pytest.raises(JournalCorruptError, match="the snapshot was changed"):
        verify(path)


def test_verify_on_the_command_line(tmp_path):
    """It prints the head to note, and takes it back."""
    path = tmp_path / "b.db"
    board_of(path)
    shown = ants("verify", path)
    assert shown.returncode == 0, shown.stderr
    assert "entries 1 to 21 are unchanged; head " in shown.stdout
    head = shown.stdout.split()[-1]
    assert ants("verify", path, "--head", head).returncode == 0
    assert ants("verify", path, "--head", "ab" * 20).returncode == 2
    assert ants("verify", tmp_path / "none.db").returncode == 3

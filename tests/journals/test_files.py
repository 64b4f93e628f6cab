"""Files that are damaged, foreign, newer, older, read-only or full: refused by name, nothing overwritten."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.engine.replica import LogEngine
from ants_coord.errors import JournalConflictError, JournalCorruptError, JournalError, JournalVersionError
from ants_coord.journals import files

from ..inside import inside


@pytest.fixture
def path(tmp_path):
    """A board with a few entries, closed."""
    path = tmp_path / "board.db"
    with ClaimQueue(path) as board:
        board.submit_many([Task(f"t{n}", payload="x" * 50) for n in range(3)])
        board.complete(board.claim("w"), 1)
    return path


def dump(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def alter(path, *statements):
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def test_files_are_private(path):
    """Only the owner may read the board and what lies beside it."""
    with ClaimQueue(path) as board:
        board.submit(Task())
        for each in path.parent.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0, each


@pytest.mark.parametrize(
    ("damage", "error", "position"),
    [
        ("UPDATE entry SET body = replace(body, 't1', 't9') WHERE position = 2", JournalCorruptError, 2),
        ("UPDATE entry SET stamp = stamp + 1 WHERE position = 3", JournalCorruptError, 3),
        ("DELETE FROM entry WHERE position = 2", JournalCorruptError, 3),
        ("PRAGMA user_version = 99", JournalVersionError, None),
        ("PRAGMA application_id = 5", JournalConflictError, None),
    ],
)
def test_damage_is_named_and_nothing_is_changed(path, damage, error, position):
    """The position is told; the tables are as they were."""
    alter(path, damage)
    before = dump(path)
    for _ in range(2):
        with pytest.raises(error) as refusal:
            ClaimQueue(path).statistics()
        assert str(path) in str(refusal.value)
        if position is not None:
            assert refusal.value.position == position
    assert dump(path) == before


def test_an_unreadable_entry_stops_the_reader(path):
    """A body that passes its checksum but is no command of this format is not skipped."""
    import zlib

    body = b'["s",1,"Submit",{"tasks":[{"id":5}],"payloads":[null]}]'
    db = sqlite3.connect(path)
    position, stamp = db.execute("SELECT max(position) + 1, max(stamp) FROM entry").fetchone()
    crc = zlib.crc32(b"%d,%d," % (position, stamp)) ^ zlib.crc32(body)
    db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", (position, stamp, body, crc, b""))
    db.commit()
    db.close()
    with pytest.raises(JournalCorruptError) as refusal:
        ClaimQueue(path).statistics()
    assert refusal.value.position == position


def test_truncated_and_foreign_files(tmp_path, path):
    """Half a file, a text file, a directory: errors of ours, never SQLite's."""
    half = tmp_path / "half.db"
    half.write_bytes(path.read_bytes()[:5000])
    text = tmp_path / "text.db"
    text.write_text("hello " * 1000)
    for bad in (half, text, tmp_path, tmp_path / "no" / "where.db"):
        with pytest.raises(JournalError):
            ClaimQueue(bad).statistics()
    assert text.read_text() == "hello " * 1000
    assert not (tmp_path / "text.db-lock").exists()


def test_an_older_copy_put_in_place_is_noticed(tmp_path, path):
    """Yesterday's backup under a running coordinator: refused, since positions went back."""
    backup = tmp_path / "backup.db"
    shutil.copy(path, backup)
    board = ClaimQueue(path)
    for _ in range(3):
        board.submit(Task())
    alter(path, "DELETE FROM entry WHERE position > 4")
    with pytest.raises(JournalConflictError, match="older copy"):
        board.submit(Task())
    board.close()


def test_a_network_file_system_is_refused(tmp_path, monkeypatch):
    """By its type in the mount table."""
    table = tmp_path / "mounts"
    table.write_text(
        f"1 0 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / {tmp_path} rw shared:1 - nfs4 server:/ rw\n"
    )
    monkeypatch.setattr(files, "_MOUNTS", str(table))
    with pytest.raises(JournalConflictError, match="nfs4"):
        files.refuse_network(str(tmp_path / "b.db"))


@pytest.fixture
def nothing_can_be_written(monkeypatch):
    """As on a read-only disk; root may write anywhere else."""

    def open_lock(self, path):
        if path is not None:
            raise OSError(errno.EROFS, "Read-only file system")
        self._file = None
        self.is_held = self._is_my_turn = False
        self._names = set()

    monkeypatch.setattr(files.FileLock, "__init__", open_lock)


def test_a_board_on_a_read_only_disk_can_be_looked_at(path, nothing_can_be_written):
    """Asked and verified, but not written; nothing is changed, and a wait is a wait."""
    before = path.read_bytes()
    with ClaimQueue(path) as board:
        assert [str(record.state) for record in board.tasks()] == ["done", "ready", "ready"]
        assert board.result("t0") == 1
        with pytest.raises(TimeoutError):
            board.result("t1", timeout=0.01)
        with pytest.raises(JournalError, match="write permission"):
            board.submit(Task())
        assert inside(board)._journal.verify()[1] > 0
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["board.db", "board.db-lock"]


def test_a_new_board_on_a_read_only_disk_says_so(tmp_path, nothing_can_be_written):
    with pytest.raises(JournalError, match="writable file system"):
        ClaimQueue(tmp_path / "b.db").statistics()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_an_error_with_a_way_out(tmp_path):
    """The system's refusal becomes ours."""
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError, match="write permission"):
        ClaimQueue(tmp_path / "b.db").statistics()


class Failing:
    """A connection whose k-th write fails, once."""

    def __init__(self, db, k, message="database or disk is full"):
        self.db, self.left, self.message = db, k, message

    def __getattr__(self, name):
        return getattr(self.db, name)

    def cursor(self):
        return self

    def _count(self, sql):
        if sql.startswith(("BEGIN", "INSERT", "COMMIT")):
            self.left -= 1
            if self.left == 0:
                raise sqlite3.OperationalError(self.message)

    def execute(self, sql, *rest):
        self._count(sql)
        return self.db.execute(sql, *rest)

    def executemany(self, sql, *rest):
        self._count(sql)
        return self.db.executemany(sql, *rest)


@pytest.mark.parametrize("k", range(1, 10))
def test_a_full_disk_at_the_kth_write_loses_nothing(path, k):
    """The verb fails with advice; the next one works; the file and the replica agree."""
    board = ClaimQueue(path)
    known = board.statistics().position
    journal = inside(board)._journal
    journal._db = Failing(journal._db, k)
    done, failed = [], 0
    for number in range(4):
        try:
            done.append(board.submit(Task(f"n{number}")).id)
        except JournalError as refusal:
            failed += 1
            assert "make room" in str(refusal)
    assert failed == 1
    board.check()
    assert [record.task.id for record in board.tasks() if record.task.id.startswith("n")] == done
    assert board.statistics().position == known + len(done)
    digest = board._engine.digest()
    board.close()
    with ClaimQueue(path) as again:
        assert again._engine.digest() == digest


def test_a_commit_whose_answer_was_lost_counts_once(path):
    """The error came after COMMIT: the command is in the log, and is not written again."""

    class Ambiguous(Failing):
        fired = False

        def execute(self, sql, *rest):
            answer = self.db.execute(sql, *rest)
            if sql == "COMMIT" and not self.fired:
                self.fired = True
                raise KeyboardInterrupt
            return answer

    board = ClaimQueue(path)
    board.statistics()
    journal = inside(board)._journal
    journal._db = Ambiguous(journal._db, -1)
    with pytest.raises(KeyboardInterrupt):
        board.submit(Task("once"))
    assert board.submit(Task("after")).created
    assert not board.submit(Task("once")).created
    board.check()
    board.close()


def engine_with_snapshots(path, every):
    board = ClaimQueue(path, retention_count=5)
    assert isinstance(board._engine, LogEngine)
    board._engine._snapshots.every = every
    return board


def test_snapshots_trim_the_log_and_open_to_the_same_state(tmp_path):
    """With a snapshot every 20 commands: state, events and answers survive; the log stays short."""
    path = tmp_path / "b.db"
    board = engine_with_snapshots(path, 20)
    for number in range(300):
        board.submit(Task(f"t{number}", payload=number))
        lease = board.claim("w")
        board.complete(lease, number)
    digest, position = board._engine.digest(), board.statistics().position
    board.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        entries, snapshots = (
            db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("entry", "snapshot")
        )
    assert snapshots == 2  # the one before stays, in case that the newest is damaged
    assert entries < position / 2
    with ClaimQueue(path) as again:
        assert again.statistics().position >= position
        assert again.result("t299") == 299
        again.check()
    assert digest


def test_a_process_that_was_away_starts_over_from_the_snapshot(tmp_path):
    """Its position was trimmed: it reloads, and still knows the answers to its own requests."""
    path = tmp_path / "b.db"
    busy = engine_with_snapshots(path, 20)
    busy.statistics()
    away = ClaimQueue(path)
    away.submit(Task("mine", priority=-1))
    for number in range(200):
        busy.submit(Task(f"t{number}"))
        busy.complete(busy.claim("w"))
    assert busy._engine._snapshots.at > 20
    assert away.submit(Task("later")).created
    assert away.find("mine").state == "ready"
    assert away._engine.digest() == busy._engine.digest()
    away.close()
    busy.close()


def test_a_damaged_snapshot_falls_back_to_the_one_before(tmp_path):
    """The entries since that one are still there, so the state is the same; a new snapshot heals the file."""
    path = tmp_path / "b.db"
    board = engine_with_snapshots(path, 10)
    for number in range(60):
        board.submit(Task(f"t{number}"))
        board.complete(board.claim("w"))
    digest = board._engine.digest()
    board.close()
    alter(path, "UPDATE piece SET body = x'00' WHERE position = (SELECT max(position) FROM snapshot)")
    with ClaimQueue(path) as again:
        assert again._engine.digest() == digest
        inside(again)._snapshots.every = 10
        for number in range(60):
            again.submit(Task(f"u{number}"))
            again.complete(again.claim("w"))
        digest = again._engine.digest()
    with ClaimQueue(path) as healed:
        assert healed._engine.digest() == digest
        inside(healed)._journal.verify()


def test_damaged_snapshots_are_refused(tmp_path):
    """A flipped byte in each: named, not guessed."""
    path = tmp_path / "b.db"
    board = engine_with_snapshots(path, 10)
    for number in range(60):
        board.submit(Task(f"t{number}"))
        board.complete(board.claim("w"))
    board.close()
    alter(path, "UPDATE piece SET body = replace(body, 't1', 't9')")
    with pytest.raises(JournalCorruptError, match="piece"):
        ClaimQueue(path).statistics()


@pytest.fixture(scope="module")
def snapped(tmp_path_factory):
    """Return the path of a board with snapshots, and its digest: copy it before you hurt it."""
    path = tmp_path_factory.mktemp("snapped") / "b.db"
    board = engine_with_snapshots(path, 10)
    for number in range(40):
        board.submit(Task(f"t{number}"))
        board.complete(board.claim("w"))
    digest = board._engine.digest()
    board.close()
    return path, digest


@pytest.mark.parametrize("table", ["entry", "snapshot", "piece", "meta"])
@pytest.mark.parametrize("value", ["x'00'", "'text'", "-1", "1e300", "NULL", "x''"])
def test_columns_that_hold_something_else_are_refused_by_name(snapped, tmp_path, table, value):
    """A flipped bit in a row's header changes types; no error of Python or SQLite may come of it."""
    path, digest = snapped
    with contextlib.closing(sqlite3.connect(path)) as db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    newest = "WHERE rowid = (SELECT max(rowid) FROM entry)" if table == "entry" else ""
    for column in columns:
        copy = tmp_path / f"{column}.db"
        shutil.copy(path, copy)
        with contextlib.closing(sqlite3.connect(copy)) as db, contextlib.suppress(sqlite3.IntegrityError):
            db.execute(f"UPDATE OR REPLACE {table} SET {column} = {value} {newest}")
            db.commit()
        try:
            with ClaimQueue(copy) as again:
                again.check()
                assert again._engine.digest() == digest, column
                inside(again)._journal.verify()
        except JournalError as refusal:
            assert str(copy) in str(refusal)

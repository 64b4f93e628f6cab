"""
The log as a table in a SQLite file, shared by threads and processes of one machine.

What SQLite is asked for: WAL, one short write transaction per append, and
`synchronous=FULL`, so that what was acknowledged survives a power failure
(`durability="process"` takes NORMAL: it survives kill -9 only). What it is not
trusted with: fairness between writers and the race of a write with a second
checkpoint (SQLite 3.7.0 to 3.51.2). So every write, checkpoint and close
happens under our own lock file; with busy_timeout alone one process was seen
to make 1 commit while another made 15,006.

Stamps are the machine's time since boot, one clock for all processes, anchored
to wall time once per boot; the anchor is in the file. Each entry carries a
checksum over its position, stamp and body: a damaged file is refused by position.

Each entry also carries a link of a hash chain: the hash of the link before it,
its position, stamp and body. `verify` walks the chain, so whoever changes history
must write all that follows anew, and then the head is another than the one that
somebody noted. After trimming the chain starts from the snapshot.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from ..errors import JournalConflictError, JournalCorruptError, JournalError, JournalVersionError
from .clocks import BootClock
from .codec import FORMAT
from .files import FileLock, Neighbours, boot_id, create_private, refuse_network
from .forks import INHERITED, identity, is_inherited, note_closed, note_open
from .ports import Clock, Entry

__all__ = ["SQLiteJournal"]

_APPLICATION = 0x616E7473  # "ants"

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE entry (position INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, body BLOB NOT NULL,
                    crc INTEGER NOT NULL, link BLOB NOT NULL);
CREATE TABLE piece (position INTEGER, writer TEXT, part INTEGER, body BLOB NOT NULL, crc INTEGER NOT NULL,
                    hash BLOB NOT NULL, PRIMARY KEY (position, writer, part));
CREATE TABLE snapshot (position INTEGER PRIMARY KEY, writer TEXT NOT NULL, parts INTEGER NOT NULL,
                       link BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE neighbour (port INTEGER PRIMARY KEY, pid INTEGER NOT NULL);
"""


class SQLiteJournal:
    """
    A journal in a file.

    Args:
        path: the file; made (mode 0600) if it is not there.
        durability: "power" (FULL: an acknowledged command survives power failure)
            or "process" (NORMAL: it survives the death of the process).
        clock: replaces the machine's clock, for tests.

    Raises:
        JournalConflictError: the path is a directory, another program's file, or on a network.
        JournalVersionError: written by a newer version.
        JournalCorruptError: damaged; with the position.
        JournalError: cannot be opened or written (permissions, disk full).

    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["power", "process"] = "power",
        clock: Clock | None = None,
    ) -> None:
        if durability not in ("power", "process"):
            raise ValueError(f"durability must be 'power' or 'process', not {durability!r}")
        self.path = os.fspath(path)
        self._naming = _Naming(self.path)
        self._synchronous = "FULL" if durability == "power" else "NORMAL"
        self._given_clock = clock
        self._db: sqlite3.Connection | None = None
        self._why_closed = "is closed"
        self._lock: FileLock
        self._neighbours: Neighbours | None = None
        self._writer = os.urandom(6).hex()
        self._seen: tuple[int, int] = (-1, 0)
        """(data_version, position) as of which nothing is unread"""
        self._link: tuple[int, bytes] = (0, b"")
        """(position, the link of the entry there), as of our last append"""
        self._ports: list[int] = []
        with self._naming:
            self._open()

    # -- opening --------------------------------------------------------------------------------

    def _open(self) -> None:
        if Path(self.path).is_dir():
            raise JournalConflictError(self.path, "is a directory; name a file in it")
        refuse_network(self.path)
        create_private(self.path)
        self.file = identity(self.path)
        if is_inherited(self.file):
            raise JournalConflictError(self.path, INHERITED)
        self._lock = FileLock(self.path + "-lock")
        note_open(self)
        try:
            self._connect()
        except BaseException as problem:
            note_closed(self)
            if self._db is not None:
                self._db.close()
            self._lock.close()
            if isinstance(problem, JournalConflictError) or "not a database" in str(problem):
                # not a board, so nobody needs the lock file that we have just made
                Path(self.path + "-lock").unlink(missing_ok=True)
            raise

    def _connect(self) -> None:
        db = self._db = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=5.0, cached_statements=64
        )
        with self._lock:
            self._prepare(db)
            anchor = self._agree_on_anchor(db)
        self.clock: Clock = BootClock(anchor) if self._given_clock is None else self._given_clock
        self._neighbours = Neighbours(self.path)

    def _prepare(self, db: sqlite3.Connection) -> None:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != _APPLICATION and (tables or application):
            raise JournalConflictError(self.path, "is another program's database; choose another path")
        if application == _APPLICATION and version != FORMAT:
            raise JournalVersionError(
                self.path,
                f"has format {version}, this ants_coord reads {FORMAT}; "
                "upgrade ants_coord, nothing was changed",
            )
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={self._synchronous}")
        if not tables:
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.strip().split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={_APPLICATION}")
            db.execute(f"PRAGMA user_version={FORMAT}")
            db.execute("COMMIT")

    def _agree_on_anchor(self, db: sqlite3.Connection) -> int:
        """Return what turns time since boot into wall time: one value per boot, never behind the log."""
        boot = boot_id()
        known = dict(db.execute("SELECT key, value FROM meta").fetchall())
        if known.get("boot") == boot:
            return int(known["anchor"])
        since_boot = BootClock.since_boot_ns()
        last = db.execute("SELECT max(stamp) FROM entry").fetchone()[0] or 0
        anchor = max(BootClock.wall_ns(), last + 1) - since_boot
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [("boot", boot), ("anchor", anchor)])
        db.execute("COMMIT")
        return anchor

    # -- the port -------------------------------------------------------------------------------

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append in one transaction; the stamp is read after the lock is held."""
        try:
            with self._lock:
                entries = self._append(after, bodies)
        except (sqlite3.DatabaseError, OSError) as problem:
            found = self._naming.of(problem)
            assert found is not None
            raise found from problem
        if self._ports and self._neighbours is not None:
            self._neighbours.wake(self._ports)
        return entries

    def _append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            # commits of this connection do not change data_version, so as
            # long as it stands still nobody else has written anything
            version = db.execute("PRAGMA data_version").fetchone()[0]
            is_current = self._seen == (version, after)
            # unknown until this is through: an interrupt after COMMIT must
            # not leave us believing that our own entries are not there
            self._seen = (-1, 0)
            fresh, tail = ([], after) if is_current else self._look(db, after)
            stamp = self.clock.now_ns()
            link = self._link[1] if self._link[0] == tail else self._link_at(db, tail)
            mine = []
            for position, body in enumerate(bodies, tail + 1):
                link = _linked(link, position, stamp, body)
                row = (position, stamp, body, _crc(position, stamp, body), link)
                db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
                mine.append(Entry(position, stamp, body))
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._link = (tail + len(mine), link)
        self._seen = (version, tail + len(mine))
        return fresh + mine

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position; 4 us if nobody else has written."""
        with self._naming:
            db = self._connection()
            version = db.execute("PRAGMA data_version").fetchone()[0]
            if self._seen == (version, after):
                return []
            fresh, tail = self._look(db, after)
            self._seen = (version, tail)
            return fresh

    def _look(self, db: sqlite3.Connection, after: int) -> tuple[list[Entry], int]:
        """Return what others have appended and the last position, and see who listens."""
        self._ports = [port for (port,) in db.execute("SELECT port FROM neighbour")]
        fresh = self._fetch(db, after)
        return fresh, fresh[-1].position if fresh else self._tail(db, after)

    def _fetch(self, db: sqlite3.Connection, after: int) -> list[Entry]:
        found = []
        expected = None
        for position, stamp, body, crc in db.execute(
            "SELECT position, stamp, body, crc FROM entry WHERE position > ? ORDER BY position", (after,)
        ):
            if body.__class__ is not bytes or crc != _crc(position, stamp, body):
                raise JournalCorruptError(self.path, "the checksum does not match", position)
            if expected is not None and position != expected:
                raise JournalCorruptError(self.path, "entries are missing before it", position)
            expected = position + 1
            found.append(Entry(position, stamp, body))
        return found

    def _tail(self, db: sqlite3.Connection, after: int) -> int:
        """Return the last position; a log that ends before what was already read has been rewound."""
        tail = db.execute("SELECT max(position) FROM entry").fetchone()[0]
        if tail is None:
            tail = db.execute("SELECT max(position) FROM snapshot").fetchone()[0] or 0
        if tail < after:
            raise JournalConflictError(
                self.path,
                f"ends at position {tail}, but {after} was read before: the file was replaced by an "
                "older copy; open it anew if that is what you want",
            )
        return int(tail)

    def _link_at(self, db: sqlite3.Connection, position: int) -> bytes:
        """Return the link of an entry that may have been trimmed."""
        for table in ("entry", "snapshot"):
            row = db.execute(f"SELECT link FROM {table} WHERE position = ?", (position,)).fetchone()  # noqa: S608
            if row is not None:
                return bytes(row[0])
        return b""

    def verify(self, head: str | None = None) -> tuple[int, int, str]:
        """
        Walk the chain.

        Args:
            head: what its head was when somebody noted it; it must be on the chain.

        Returns:
            The first and the last position that were checked, and the head of the chain: note it
            elsewhere, and compare it later.

        Raises:
            JournalCorruptError: with the position of the first entry that is not what it was.
            ValueError: `head` is no hash, or not on the chain: what followed it was written anew, or it
                has been trimmed.

        """
        wanted = b"" if head is None else bytes.fromhex(head)
        with self._naming:
            db = self._connection()
            db.execute("BEGIN")  # one view of the file, whoever writes meanwhile
            try:
                return self._verify(db, wanted)
            finally:
                db.execute("ROLLBACK")

    def _verify(self, db: sqlite3.Connection, wanted: bytes) -> tuple[int, int, str]:
        row = db.execute("SELECT * FROM snapshot ORDER BY position DESC LIMIT 1").fetchone()
        position, link = 0, b""
        if row is not None:
            position, writer, parts, link, whole = row
            hashes = []
            for part, body, known in db.execute(
                "SELECT part, body, hash FROM piece WHERE position = ? AND writer = ? ORDER BY part",
                (position, writer),
            ):
                hashes.append(known)
                if body.__class__ is not bytes or _hash(body) != known:
                    raise JournalCorruptError(
                        self.path, f"piece {part} of the snapshot was changed", position
                    )
            if len(hashes) != parts or _hash(link + b"".join(hashes)) != whole:
                raise JournalCorruptError(self.path, "the snapshot was changed", position)
        first, found = position + 1, wanted in (b"", link)
        for number, stamp, body, _, known in db.execute(
            "SELECT * FROM entry WHERE position >= ? ORDER BY position", (first,)
        ):
            if number != position + 1:
                raise JournalCorruptError(self.path, "an entry is missing", position + 1)
            link = _linked(link, number, stamp, body) if body.__class__ is bytes else b""
            if link != known:
                raise JournalCorruptError(self.path, "the chain is broken: it was changed", number)
            position, found = number, found or link == wanted
        if not found:
            raise ValueError(f"{wanted.hex()} is not on the chain from entry {first} to {position}")
        return first, position, link.hex()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Listen for appends of other processes."""
        with self._naming, self._lock:
            db = self._connection()
            assert self._neighbours is not None
            return self._neighbours.listen(db, changed)

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest whole snapshot; its pieces are read and checked when iterated."""
        with self._naming:
            row = (
                self._connection()
                .execute("SELECT position, writer, parts FROM snapshot ORDER BY position DESC LIMIT 1")
                .fetchone()
            )
        return None if row is None else (row[0], self._pieces(*row))

    def _pieces(self, position: int, writer: str, parts: int) -> Iterator[bytes]:
        with self._naming:
            rows = (
                self._connection()
                .execute(
                    "SELECT part, body, crc FROM piece WHERE position = ? AND writer = ? ORDER BY part",
                    (position, writer),
                )
                .fetchall()
            )
        if [part for part, _, _ in rows] != list(range(parts)):
            raise JournalCorruptError(self.path, "the snapshot has missing pieces", position)
        for part, body, crc in rows:
            if body.__class__ is not bytes or crc != _crc(position, part, body):
                raise JournalCorruptError(self.path, f"piece {part} of the snapshot is damaged", position)
            yield body

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep a piece of a snapshot; None makes it the board's and trims the log."""
        with self._naming, self._lock:
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                if piece is not None:
                    crc = _crc(position, part, piece)
                    row = (position, self._writer, part, piece, crc, _hash(piece))
                    db.execute("INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?, ?, ?)", row)
                else:
                    self._seal(db, position, part)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _seal(self, db: sqlite3.Connection, position: int, parts: int) -> None:
        newest = db.execute("SELECT max(position) FROM snapshot").fetchone()[0]
        if newest is not None and newest >= position:
            db.execute("DELETE FROM piece WHERE position = ? AND writer = ?", (position, self._writer))
            return  # somebody else's is newer
        link = self._link_at(db, position)
        hashes = db.execute(
            "SELECT hash FROM piece WHERE position = ? AND writer = ? ORDER BY part", (position, self._writer)
        )
        whole = _hash(link + b"".join([found for (found,) in hashes]))
        db.execute(
            "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?)", (position, self._writer, parts, link, whole)
        )
        db.execute("DELETE FROM snapshot WHERE position < ?", (position,))
        db.execute("DELETE FROM piece WHERE position < ?", (position,))
        db.execute("DELETE FROM entry WHERE position <= ?", (position,))

    def close(self) -> None:
        """Close the file; may be called again."""
        db, self._db = self._db, None
        if self._neighbours is not None:
            self._neighbours.close()
        if db is not None:
            # the last connection to close checkpoints: under our lock, like every write
            with contextlib.suppress(sqlite3.Error, JournalError), self._lock:
                if self._neighbours is not None:
                    self._neighbours.forget(db)
                db.close()
            note_closed(self)
        self._lock.close()

    def abandon(self) -> None:
        """Let go in a forked child: the connection must be neither used nor closed there."""
        self._lock.close()
        if self._db is not None:
            _inherited.append(self._db)
        self._db, self._why_closed = None, INHERITED

    # -- trouble --------------------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise JournalError(self.path, self._why_closed)
        return self._db


class _Naming:
    """Turns SQLite's and the system's errors into ours, with the path and a way out."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Translate."""
        found = self.of(problem)
        if found is not None:
            raise found from problem

    def of(self, problem: BaseException | None) -> JournalError | None:
        """Return what an error of SQLite or of the system means to us; None if it is neither's."""
        if isinstance(problem, sqlite3.DatabaseError):
            text = str(problem)
            if "not a database" in text or "file is encrypted" in text:
                return JournalConflictError(self._path, "is not a board; choose another path")
            if "malformed" in text:
                return JournalCorruptError(self._path, text, 0)
            return JournalError(self._path, _advice(text))
        if isinstance(problem, OSError):
            return JournalError(self._path, _advice(problem.strerror or str(problem)))
        return None


_inherited: list[object] = []
"""connections that a fork has copied: kept so that they are never closed (closing drops file locks)"""


def _advice(text: str) -> str:
    ways = {
        "disk is full": "make room and try again; nothing was changed",
        "No space left": "make room and try again; nothing was changed",
        "readonly": "give this user write permission to the file and its directory",
        "unable to open": "check that the directory exists and is writable",
        "Permission denied": "give this user write permission to the file and its directory",
        "Read-only file system": "put the board on a writable file system",
        "No such file": "create the directory first",
    }
    way = next((way for key, way in ways.items() if key in text), None)
    return text if way is None else f"{text}; {way}"


def _hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=20).digest()


def _linked(link: bytes, position: int, stamp: int, body: bytes) -> bytes:
    return _hash(b"%b%d,%d," % (link, position, stamp) + body)


def _crc(number: int, stamp: int, body: bytes) -> int:
    return zlib.crc32(b"%d,%d," % (number, stamp)) ^ zlib.crc32(body)

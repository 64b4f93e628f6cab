"""A board's open file: the connection, the lock, and whether it is still the board that was opened."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from ..errors import (
    JournalConflictError,
    JournalCorruptError,
    JournalError,
    JournalRewoundError,
    JournalVersionError,
)
from ..values.checks import check_path, told_session
from .chain import checksum, link_at
from .clocks import BootClock
from .codec import FORMAT
from .files import CAN_TELL, FileLock, as_uri, create_private, refuse_network
from .forks import INHERITED, is_inherited, note_closed, note_open
from .identity import SUFFIXES, Companions, Hold, Last, boot_key, keep_for_ever, letters, refuse_links
from .machine_facts import boot_id, time_namespace
from .ports import Clock
from .sqlite_errors import Naming

if TYPE_CHECKING:
    from .file_wakeups import Neighbours

R = TypeVar("R")

_TRIES = 8
"""most names drawn for an opening: one may collide with the lock of another"""

_WAL_BYTES = 4 << 20
_BUSY_S = 5.0
"""how long another program (ours take turns with the lock file) may keep the database locked"""
_DRIFT_NS = 60_000_000_000
"""how far the board's clock may differ from the wall clock before a warning is logged"""
_SLACK_NS = 1_000_000_000
"""how far the clocks of two time namespaces may differ"""

APPLICATION = 0x616E7473  # "ants"

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


class BoardFile:
    """
    The open file of a board; see SQLiteJournal for the arguments.

    Subclasses use `_locked` for everything under the lock, and call `_check` before they read.
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
        self.path: str = check_path(path)
        self._naming = Naming(self.path)
        self._synchronous = "FULL" if durability == "power" else "NORMAL"
        self._given_clock = clock
        self.clock: Clock
        self._db: sqlite3.Connection | None = None
        self._lock: FileLock
        self._hold: Hold | None = None
        self._companions: Companions
        self._dead: JournalConflictError | None = None
        self._why_closed = "is closed"
        self.file: tuple[int, int] = (0, 0)
        self._is_ready = self._is_local = False
        self._neighbours: Neighbours | None = None
        self.is_read_only = False
        self._writer = os.urandom(6).hex()
        self._seen: tuple[int, int] = (-1, 0)
        """(data_version, position) up to which everything has been read"""
        self._link: tuple[int, bytes] = (0, b"")
        """(position, link of the entry there) of the last entry that we have read or written"""
        self._boot = self._log = bytes(16)
        self._ports: list[int] = []
        self._checked = self._damaged = -1
        """positions of the snapshots last found to be complete, and last found to be damaged"""
        try:
            with self._naming:
                self._open()
        except BaseException:
            if self._is_ready:  # an interrupt just after opening: nobody has the file who could close it
                self.close()
            raise

    # -- opening --------------------------------------------------------------------------------

    def _open(self) -> None:
        found = refuse_links(self.path)
        if found is not None and is_inherited((found.st_dev, found.st_ino)):
            raise JournalConflictError(self.path, INHERITED)
        self._is_local = refuse_network(self.path)
        self._refuse_foreign(found)
        if self._can_only_be_read(found):
            self._open_to_read()
            return
        try:  # twice, for the reason given at `_locked`
            try:
                self._lock.take()
                self._connect()
                self._is_ready = True
            finally:
                self._finish_opening()
        finally:
            self._finish_opening()

    def _can_only_be_read(self, found: os.stat_result | None) -> bool:
        """Open the lock file; tell whether the board is in a place that cannot be written."""
        exists = found is not None and found.st_size > 0
        if not exists or os.access(self.path, os.W_OK):
            try:
                self._lock = FileLock(self.path + "-lock")
            except OSError as problem:
                if not exists or problem.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                    raise
            else:
                return False
        self._lock = FileLock(None)
        return True

    def _open_to_read(self) -> None:
        """Open an archive, a disk snapshot or another user's board, for reading and verifying only."""
        self.is_read_only = True
        # without a write-ahead log nobody has it open, and SQLite could not make one in order to read
        is_still = not os.path.exists(self.path + "-wal")
        uri = f"{as_uri(self.path)}?mode=ro" + ("&immutable=1" if is_still else "")
        try:
            db = self._db = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_S
            )
            self._refuse_kind(db)
            self._compare(db, None)
            known = db.execute(
                "SELECT value FROM meta WHERE key LIKE 'anchor %' AND typeof(value) = 'integer'"
            ).fetchone()
            anchor = BootClock.wall_ns() - BootClock.since_boot_ns() if known is None else known[0]
            self.clock = BootClock(anchor) if self._given_clock is None else self._given_clock
            self._companions = Companions(self.path, () if is_still else SUFFIXES)
            self._is_ready = True
        finally:
            if not self._is_ready:
                self._undo_opening()

    def _finish_opening(self) -> None:
        if self._is_ready:
            self._let_go()
            return
        try:
            self._undo_opening()
        finally:
            self._lock.close()  # closing unlocks it

    def _refuse_foreign(self, found: os.stat_result | None) -> None:
        """Refuse a file that is no database before anything is written beside it."""
        if found is None or not found.st_size:
            return
        hold = Hold.of(self.path, found)
        header = hold.header()
        if header.startswith(b"SQLite format 3\0"):
            self._hold = hold
            return
        hold.close()
        raise JournalConflictError(self.path, "is not a board; choose another path")

    def _undo_opening(self) -> None:
        """Restore everything as it was found, under the lock."""
        note_closed(self)
        hold, self._hold = self._hold, None
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error, OSError):
                if hold is not None and not self.is_read_only:
                    hold.lock()  # SQLite must not consider itself the last user, which writes at closing
                db.close()
        if hold is not None:
            hold.close()
        if not self._lock.is_closed and not os.fstat(self._lock.file).st_size:
            # we have just made this file, for something that is no board
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path + "-lock")

    def _connect(self) -> None:
        found = refuse_links(self.path)
        if found is None:
            # a deleted board must not prevent a new one
            os.truncate(self._lock.file, 0)
            create_private(self.path)
            found = os.stat(self.path)
        if self._hold is None:
            self._hold = Hold.of(self.path, found)
        elif not self._hold.is_of(found):
            raise JournalConflictError(self.path, "was replaced while it was being opened; try again")
        self.file = (found.st_dev, found.st_ino)
        if is_inherited(self.file):
            raise JournalConflictError(self.path, INHERITED)
        note_open(self)
        self._boot = boot_key(boot_id())
        last = Last.read(self._lock.file)
        if last is not None and (last.boot != self._boot or last.boot == bytes(16)):
            last = None
        if last is not None and last.position and not found.st_size:
            self._refuse_rewound(0, last.position)
        db = self._db = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S, cached_statements=64
        )
        self._prepare(db, last)
        self._note()
        anchor = self._agree_on_anchor(db)
        self.clock = BootClock(anchor) if self._given_clock is None else self._given_clock
        self._hold.lock()
        self._companions = Companions(self.path)

    def _refuse_kind(self, db: sqlite3.Connection) -> bool:
        """Refuse another program's database and a newer board; tell whether the board has its tables."""
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != APPLICATION and (tables or application or version or self.is_read_only):
            # it stays open: closing it would drop the locks of other users of that database in this process
            self._hold = None
            raise JournalConflictError(self.path, "is another program's database; choose another path")
        if application == APPLICATION and not 1 <= version <= FORMAT:
            raise JournalVersionError(
                self.path,
                f"has format {version}, this ants_coord reads {FORMAT}; "
                "upgrade ants_coord, nothing was changed",
            )
        return bool(tables)

    def _prepare(self, db: sqlite3.Connection, last: Last | None) -> None:
        tables = self._refuse_kind(db)
        db.execute("PRAGMA trusted_schema=OFF")
        if tables:
            self._compare(db, last)
        elif last is not None and last.position:
            self._refuse_rewound(0, last.position)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={self._synchronous}")
        # a long-running reader makes the write-ahead log long; once it has left, the log is cut again
        db.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        if not tables:
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.strip().split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION}")
            db.execute(f"PRAGMA user_version={FORMAT}")
            db.execute("COMMIT")
        if self._log == bytes(16):
            self._log = os.urandom(16)
            db.execute("INSERT INTO meta VALUES ('log', ?)", (self._log,))

    def _compare(self, db: sqlite3.Connection, last: Last | None) -> None:
        """Refuse a log that differs from the one somebody was told of, or ends before that entry."""
        known = db.execute("SELECT value FROM meta WHERE key = 'log'").fetchone()
        if known is not None:
            if known[0].__class__ is not bytes or len(known[0]) != 16:
                raise JournalCorruptError(self.path, "the name of the log is damaged", 0)
            self._log = known[0]
        tail = self._tail(db, 0)
        least = db.execute("SELECT min(position) FROM entry").fetchone()[0]
        if least is not None and least < 1:
            raise JournalCorruptError(self.path, "an entry stands where none can be", least)
        if last is not None and last.position:
            if last.log != self._log:
                raise JournalConflictError(
                    self.path,
                    "is another board than the one that was here before; choose another path, or delete "
                    f"{self.path}-lock if that is what you want",
                )
            link = link_at(db, last.position)
            if tail < last.position or (link and link != last.link):
                self._refuse_rewound(tail, last.position)
        self._link = (tail, link_at(db, tail))

    def _refuse_rewound(self, tail: int, position: int) -> None:
        what = (
            f"ends at position {tail}, but {position}" if tail < position else f"has another {position} than"
        )
        raise JournalConflictError(
            self.path,
            f"{what} was acknowledged: the file was replaced by an older "
            "copy, was truncated or damaged, or was copied without its write-ahead log (-wal); bring the "
            "right file back, or use `ants-coord restore` to go on from this one; nothing was changed",
        )

    def _note(self) -> None:
        """Record in the lock file how far the log has come."""
        with contextlib.suppress(OSError):  # it only warns others
            Last.write(self._lock.file, self._boot, self._log, *self._link)

    def _agree_on_anchor(self, db: sqlite3.Connection) -> int:
        """
        Return the difference between wall time and time since boot: one value per boot, never behind the log.

        Each time namespace has its own value too, because its processes read another time since boot. Where
        boots have no names, a value left by an earlier boot can be recognised: the time that it gives is
        behind the log, or far from the wall clock.
        """
        boot = boot_id()
        name = f"anchor {boot} {time_namespace()}"
        known = dict(db.execute("SELECT key, value FROM meta WHERE key != 'log'").fetchall())
        since_boot, wall = BootClock.since_boot_ns(), BootClock.wall_ns()
        last = self._last_stamp(db)
        anchor = known.get(name)
        if anchor is None and known.get("boot") == boot:  # the form that releases before format 2 wrote
            anchor = known.get("anchor")
        if anchor.__class__ is not int:
            anchor = None  # none yet, or damaged: it can be computed again
        else:
            now = since_boot + anchor
            is_stale = boot == "unknown" and abs(now - wall) > _DRIFT_NS
            if now < last - _SLACK_NS or is_stale:
                anchor = None
        if anchor is None:
            anchor = max(wall, last + 1) - since_boot
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "DELETE FROM meta WHERE key IN ('boot', 'anchor') OR key LIKE 'anchor %' AND key NOT LIKE ?",
                (f"anchor {boot} %",),
            )
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, anchor))
            db.execute("COMMIT")
        self._say_drift(since_boot + anchor - wall)
        return anchor

    def _last_stamp(self, db: sqlite3.Connection) -> int:
        # checked first: one flipped bit of a stamp could move the board's clock by a century
        row = db.execute(
            "SELECT position, stamp, body, crc FROM entry ORDER BY position DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return 0
        position, stamp, body, crc = row
        is_sound = stamp.__class__ is int and body.__class__ is bytes
        if not is_sound or crc != checksum(position, stamp, body):
            raise JournalCorruptError(self.path, "the checksum does not match", position)
        return int(stamp)

    def _say_drift(self, ahead_ns: int) -> None:
        if abs(ahead_ns) > _DRIFT_NS and self._given_clock is None:
            import logging  # noqa: PLC0415 - only trouble needs it

            logging.getLogger("ants_coord").warning(
                "%s: the board's clock is %+d s off this machine's, which was set after the board was first "
                "opened since boot; leases and delays are right, but its events bear that time",
                self.path,
                ahead_ns // 1_000_000_000,
            )

    # -- using ----------------------------------------------------------------------------------

    def _locked(self, do: Callable[..., R], *args: object) -> R:
        """
        Do something under the lock file, with the connection.

        An interrupt (Ctrl-C, an exception from a signal handler) may strike between any two byte codes, even
        on the way into a `finally`. So there are two of them, and each undoes whatever it finds.
        """
        if self.is_read_only:
            raise JournalError(
                self.path,
                "can only be read here; give this user write permission to the file and its directory",
            )
        try:
            try:
                self._lock.take()
                return do(self._check(), *args)
            finally:
                self._let_go()
        finally:
            if self._lock.is_held:  # the first one was cut short
                self._let_go()

    def _let_go(self) -> None:
        try:
            db = self._db
            if db is not None and db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.ProgrammingError:  # an interrupt struck just after its closing
            self._db = None
        finally:
            self._lock.give()

    def _check(self) -> sqlite3.Connection:
        """Return the connection; raise JournalConflictError if its file is no longer the board."""
        if self._dead is None:
            db = self._db
            if db is None:  # closed is closed: the last user has removed the companion files
                raise JournalError(self.path, self._why_closed)
            try:
                self._companions.check()
            except JournalConflictError as problem:
                self._dead = problem
            else:
                return db
        self._abandon()
        raise JournalConflictError(self.path, self._dead.problem)

    def _tail(self, db: sqlite3.Connection, after: int) -> int:
        """Return the last position; a log that ends before entries already read has been rewound."""
        tail = db.execute("SELECT max(position) FROM entry").fetchone()[0]
        if tail is None:
            tail = db.execute("SELECT max(position) FROM snapshot").fetchone()[0] or 0
        if tail < after:
            raise self._rewound(f"ends at position {tail}, but {after} was read before")
        return int(tail)

    def _rewound(self, what: str) -> JournalConflictError:
        """
        Return the error for a log that was overwritten in place by an older copy.

        Our open file still works: the engine reads the board again and continues, once a caller has been
        told. But if the lock file was deleted too, newcomers use another lock.
        """
        with contextlib.suppress(FileNotFoundError):
            if self.is_read_only or os.path.samestat(os.stat(self.path + "-lock"), os.fstat(self._lock.file)):
                return JournalRewoundError(
                    self.path,
                    f"{what}: an older copy was put in its place; what came later is gone, and the board "
                    "was read again",
                )
        return JournalConflictError(
            self.path,
            f"{what}: an older copy was put in its place; close this coordinator and open the board again",
        )

    # -- who has it open ------------------------------------------------------------------------

    def live(self) -> str:
        """
        Return a name for this opening, by which others can tell whether it still exists.

        Returns:
            The name; "" where its end cannot be detected.

        """
        home = self._home()
        for _ in range(_TRIES if home else 0):
            name = told_session(home, letters(os.urandom(9)))
            if self._lock.live(name):
                return name
        return ""

    def lives(self, name: str) -> bool:
        """
        Tell whether the opening of this name still has the file open; True also if that cannot be found out.
        """
        home = self._home()
        return not home or not name.startswith(told_session(home, "")) or self._lock.lives(name)

    def _home(self) -> str:
        """
        Return where the end of openings can be detected: this lock file, in this boot; "" if nowhere.

        A copy of the board has other openings, and so has a board whose lock file was deleted: the new lock
        file says nothing about openings that have the old one open.
        """
        if not (CAN_TELL and self._is_local) or self._boot == bytes(16):
            return ""  # where only the user vouches for the locks, or where boots have no names
        if self.is_read_only or self._lock.is_closed:
            return ""
        found = os.fstat(self._lock.file)
        place = f"{found.st_dev} {found.st_ino}".encode()
        return letters(hashlib.blake2b(self._boot + place, digest_size=6).digest())

    # -- closing --------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file; may be called again."""
        if self._neighbours is not None:
            self._neighbours.close()
        with contextlib.suppress(sqlite3.Error, JournalError):
            if self._db is not None and self.is_read_only:
                self._db.close()
            elif self._db is not None:
                # the last connection to close checkpoints, so it needs our lock like every write
                self._locked(self._disconnect)
            note_closed(self)
        self._db = None
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.close()
        self._lock.close()

    def _disconnect(self, db: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._neighbours is not None:
                self._neighbours.forget(db)
        if self._hold is not None:
            self._hold.let_go()
        try:
            db.close()
        finally:
            self._db = None

    def _abandon(self) -> None:
        """Abandon a board whose file is dead: its connection must never be used or closed."""
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.abandon()
        if self._db is not None:
            keep_for_ever(self._db)
            self._db = None

    def abandon(self) -> None:
        """Abandon the board in a forked child, where the connection must be neither used nor closed."""
        self._why_closed = INHERITED
        self._lock.close()
        self._abandon()

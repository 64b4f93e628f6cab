"""
The log as a table in a SQLite file, shared by threads and processes of one machine.

What SQLite is used for: WAL, one short write transaction per append, and `synchronous=FULL`, so that
acknowledged commands survive a power failure (`durability="process"` uses NORMAL: they survive kill -9 only).
What it is not trusted with: fairness between writers, and the race of a write with a second checkpoint
(SQLite 3.7.0 to 3.51.2). So every write, checkpoint and close happens under our own lock file. With
busy_timeout alone, one process was seen to make 1 commit while another made 15,006.

Stamps are the machine's time since boot, one clock for all processes, anchored
to wall time once per boot; the anchor is in the file. Each entry carries a
checksum over its position, stamp and body: a damaged file is refused by position.

Each entry also carries a link of a hash chain: the hash of the previous link, its position, stamp and body.
`verify` walks the chain. Changing history would require rewriting everything that follows, and then the head
differs from the one that somebody has noted. After trimming, the chain starts from the snapshot.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import JournalCorruptError
from .board_file import BoardFile
from .chain import LINK_BYTES, checksum, digest_of, link_at, walk
from .codec import FORMAT
from .identity import Last
from .ports import Entry

if TYPE_CHECKING:
    from .file_wakeups import Neighbours

_entry: Callable[[tuple[int, int, bytes]], Entry] = functools.partial(tuple.__new__, Entry)
"""as the class itself does, without a call (for replay, and cycles on a file)"""


class SQLiteJournal(BoardFile):
    """
    A journal in a file.

    Args:
        path: the file; it is made (mode 0600) if it does not exist.
        durability: "power" (FULL: an acknowledged command survives power failure)
            or "process" (NORMAL: it survives the death of the process).
        clock: replaces the machine's clock, for tests.

    Raises:
        JournalConflictError: the path is a directory, another program's file, or on a network.
        JournalVersionError: the board was written by a newer version.
        JournalCorruptError: the file is damaged; the message has the position.
        JournalError: it cannot be opened or written (permissions, disk full).

    """

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append in one transaction; the stamp is read after the lock is held."""
        try:  # `with self._naming`, without its calls: every command in a file comes here
            entries = self._locked(self._append, after, bodies)
        except (sqlite3.DatabaseError, OSError) as problem:
            raise self._naming.of(problem) or problem from problem
        if self._ports:
            self._meet().wake(self._ports)
        return entries

    def _append(self, db: sqlite3.Connection, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        execute, crc32 = db.cursor().execute, zlib.crc32  # one cursor for all four statements
        execute("BEGIN IMMEDIATE")
        # commits of this connection do not change data_version, so as long as it is unchanged, nobody else
        # has written anything
        version = execute("PRAGMA data_version").fetchone()[0]
        is_current = self._seen == (version, after)
        # unknown until this is done: an interrupt after COMMIT must not leave us believing that our own
        # entries are missing
        self._seen = (-1, 0)
        fresh, tail = ([], after) if is_current else self._look(db, after)
        stamp = self.clock.now_ns()
        link = self._link[1] if self._link[0] == tail else link_at(db, tail)
        mine = []
        for position, body in enumerate(bodies, tail + 1):
            # `linked` and `checksum`, without their calls (benchmark "SQLite NORMAL: cycle")
            head = b"%d,%d," % (position, stamp)
            link = hashlib.blake2b(link + head + body, digest_size=LINK_BYTES).digest()
            row = (position, stamp, body, crc32(head) ^ crc32(body), link)
            execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
            mine.append(_entry((position, stamp, body)))
        execute("COMMIT")
        tail += len(mine)
        self._link = (tail, link)
        # it only warns others: if it cannot be written, a committed command must not fail
        try:  # noqa: SIM105 - `_note`, without its calls
            Last.write(self._lock.file, self._boot, self._log, tail, link)
        except OSError:
            pass
        self._seen = (version, tail)
        return fresh + mine if fresh else mine

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position; takes a few microseconds if nobody else has written."""
        with self._naming:
            db = self._check()
            version = db.execute("PRAGMA data_version").fetchone()[0]
            if self._seen == (version, after):
                return []
            fresh, tail = self._look(db, after)
            self._seen = (version, tail)
            return fresh

    def _look(self, db: sqlite3.Connection, after: int) -> tuple[list[Entry], int]:
        """Return what others have appended and the last position, and note who listens."""
        self._ports = [port for (port,) in db.execute("SELECT port FROM neighbour")]
        if self._link[0] == after:  # a log that was restored in place may have grown past our position since
            link = link_at(db, after)
            if link and link != self._link[1]:
                raise self._rewound(f"has another entry {after} than the one that was read before")
        fresh = self._fetch(db, after)
        return fresh, fresh[-1].position if fresh else self._tail(db, after)

    def follow(self, after: int, most: int, absorb: Callable[[list[Entry]], None]) -> bool:
        """
        Give at most `most` entries to `absorb` while nobody else appends; tell whether there may be more.
        """
        with self._naming:
            return self._locked(self._follow, after, most, absorb)

    def _follow(
        self, db: sqlite3.Connection, after: int, most: int, absorb: Callable[[list[Entry]], None]
    ) -> bool:
        entries = self._fetch(db, after, most)
        absorb(entries)
        return len(entries) == most

    def _fetch(self, db: sqlite3.Connection, after: int, most: int = -1) -> list[Entry]:
        found: list[Entry] = []
        expected, link = None, b""
        crc32, note = zlib.crc32, found.append
        for position, stamp, body, crc, link in db.execute(
            "SELECT * FROM entry WHERE position > ? ORDER BY position LIMIT ?", (after, most)
        ):
            if not stamp.__class__ is int is crc.__class__ or not body.__class__ is bytes is link.__class__:
                raise JournalCorruptError(self.path, "a column holds something else", position)
            # `checksum`, without a call: all of a replay comes here
            if crc != crc32(b"%d,%d," % (position, stamp)) ^ crc32(body):
                raise JournalCorruptError(self.path, "the checksum does not match", position)
            if position != expected and expected is not None:
                raise JournalCorruptError(self.path, "entries are missing before it", position)
            expected = position + 1
            note(_entry((position, stamp, body)))
        if found:
            self._link = (found[-1].position, link)
        return found

    def verify(self, head: str | None = None) -> tuple[int, int, str]:
        """
        Walk the chain.

        Args:
            head: a head that was noted earlier; it must be on the chain.

        Returns:
            The first and the last position checked, and the head of the chain; note the head elsewhere, and
            compare it later.

        Raises:
            JournalCorruptError: an entry was changed; the error has the position of the first one.
            ValueError: `head` is not a hash, or not on the chain: the log was rewritten from there, or it has
                been trimmed.

        """
        wanted = b"" if head is None else bytes.fromhex(head)
        with self._naming:
            db = self._check()
            try:
                db.execute("BEGIN")  # one view of the file, even if others write meanwhile
                return walk(db, self.path, wanted)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def backup(self, to: str | os.PathLike[str]) -> None:
        """Write a complete copy of the board to a path that does not exist; from any thread."""
        with self._naming:
            self._check()
        from .backup import copy_board  # noqa: PLC0415 - seldom

        copy_board(self.path, to)

    def _meet(self) -> Neighbours:
        if self._neighbours is None:
            from .file_wakeups import Neighbours  # noqa: PLC0415 - 3 ms, and most processes wait for nobody

            self._neighbours = Neighbours(self._lock)
        return self._neighbours

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Listen for appends of other processes."""
        neighbours = self._meet()
        with self._naming:
            # of a board that can only be read, others cannot learn where to send hints; the slow look remains
            return neighbours.listen(changed, None if self.is_read_only else self._locked)

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest complete snapshot; its pieces are read during iteration."""
        with self._naming:
            db = self._check()
            trouble: JournalCorruptError | None = None
            for position, writer, parts in db.execute(
                "SELECT position, writer, parts FROM snapshot ORDER BY position DESC"
            ).fetchall():
                try:
                    # the pieces are too large to be kept: they are checked, and read again
                    if position != self._checked:
                        for _ in self._pieces(position, writer, parts):
                            pass
                except JournalCorruptError as problem:
                    # the previous one, with the entries since, gives the same state
                    self._damaged, trouble = position, trouble or problem
                    continue
                self._checked = position
                return position, self._pieces(position, writer, parts)
            if trouble is not None:
                raise trouble
            return None

    def _pieces(self, position: int, writer: str, parts: int) -> Iterator[bytes]:
        question = "SELECT part, body, crc FROM piece WHERE position = ? AND writer = ? ORDER BY part"
        with self._naming:
            rows = self._check().execute(question, (position, writer)).fetchall()
        if parts.__class__ is not int or [part for part, _, _ in rows] != list(range(parts)):
            raise JournalCorruptError(self.path, "the snapshot has missing pieces", position)
        for part, body, crc in rows:
            if body.__class__ is not bytes or crc != checksum(position, part, body):
                raise JournalCorruptError(self.path, f"piece {part} of the snapshot is damaged", position)
            yield body

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep a piece of a snapshot; None makes it the board's and trims the log."""
        with self._naming:
            self._locked(self._save, position, part, piece)

    def _save(self, db: sqlite3.Connection, position: int, part: int, piece: bytes | None) -> None:
        db.execute("BEGIN IMMEDIATE")
        if piece is not None:
            crc = checksum(position, part, piece)
            row = (position, self._writer, part, piece, crc, digest_of(piece))
            db.execute("INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?, ?, ?)", row)
        else:
            self._seal(db, position, part)
        db.execute("COMMIT")

    def _seal(self, db: sqlite3.Connection, position: int, parts: int) -> None:
        # a process that opens a board of format 1 upgrades its log before anything else, so this is our
        # format
        db.execute(f"PRAGMA user_version={FORMAT}")
        newest = db.execute(
            "SELECT max(position) FROM snapshot WHERE position != ?", (self._damaged,)
        ).fetchone()[0]
        if newest is not None and newest >= position:
            db.execute("DELETE FROM piece WHERE position = ? AND writer = ?", (position, self._writer))
            return  # another process has a newer one
        link = link_at(db, position)
        hashes = db.execute(
            "SELECT hash FROM piece WHERE position = ? AND writer = ? ORDER BY part", (position, self._writer)
        )
        whole = digest_of(link + b"".join([found for (found,) in hashes]))
        db.execute(
            "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?)", (position, self._writer, parts, link, whole)
        )
        # the previous one stays, with the entries since: if this one is found damaged one day, that one is
        # read
        keep = (newest or 0, position)
        db.execute("DELETE FROM snapshot WHERE position NOT IN (?, ?)", keep)
        db.execute("DELETE FROM piece WHERE position < ? AND position != ?", (position, keep[0]))
        db.execute("DELETE FROM entry WHERE position <= ?", (keep[0],))
        self._checked = position

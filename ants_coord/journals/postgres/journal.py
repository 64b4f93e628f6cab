"""
A journal in PostgreSQL: append is one call, and read verifies the entry that it continues from.

Each entry carries a link: a hash over the previous link, its position, stamp and body. The server computes
it, and we compute it again. So we notice a server that was restored from a backup, or that failed over to a
standby without the last commands, even when its log has grown past our position.

Stamps come from the server. Our estimate of its clock is never ahead of what the last exchanges allow: a
clock that runs ahead would write wake-ups in vain.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import psycopg
from psycopg import pq

from ...errors import (
    JournalConflictError,
    JournalCorruptError,
    JournalError,
    JournalRewoundError,
    JournalVersionError,
)
from ..clocks import SystemClock
from ..codec import FORMAT
from ..ports import Entry
from .dsn import address_of
from .install import check_server, make_tables
from .listener import Listener
from .schema import VERSION
from .server import Server, Statement

_I8, _I4, _STAMP_AND_LENGTH = struct.Struct("!q"), struct.Struct("!i"), struct.Struct("!qi")
_INT, _BIGINT, _BOOL, _BYTEA, _BYTEA_ARRAY = 23, 20, 16, 17, 1001
_APPEND = Statement(
    "ants_append", "SELECT * FROM ants_coord.append($1, $2, $3, $4, $5, $6, $7)",
    [_INT, _BIGINT, _BYTEA, _BYTEA_ARRAY, _BOOL, _BOOL, _INT],
)  # fmt: skip
_SETTLE = Statement("ants_settle", "SELECT ants_coord.settle()", [])
_READ = Statement(
    "ants_read",
    "SELECT e.position, e.stamp, CASE WHEN e.position > $2 THEN e.body END, e.link, e.early "
    "FROM ants_coord.entry e "
    "WHERE e.board = $1 AND e.position >= $2 ORDER BY e.position",
    [_INT, _BIGINT],
)
_FLUSH = Statement(
    "ants_flush",
    "SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'ants_coord', '')",
    [],
)
_CROWDED = 8
"""
How many appends without others' entries between them until a process counts as writing alone, and waits for
the disk in one commit, which is cheaper. A process that changed between the two ways at each append held all
others up.
"""


NO_BOARD = "there is no such board; make one with ClaimQueue, Matchmaker or Blackboard"


class NoSuchBoardError(JournalError):
    """Raised when there is no board of that name, and none was to be made."""


class ServerClock(SystemClock):
    """The server's time as estimated here: never ahead of it."""

    def __init__(self) -> None:
        super().__init__()
        self._offset_ns: int | None = None

    def note(self, sent_ns: int, stamp_ns: int, got_ns: int) -> None:
        """Use a stamp that the server made between two moments of ours."""
        least, most = stamp_ns - got_ns, stamp_ns - sent_ns
        if self._offset_ns is None or not least <= self._offset_ns <= most:
            self._offset_ns = least

    def now_ns(self) -> int:
        """Return the stamp of this instant."""
        return time.monotonic_ns() + (self._offset_ns or 0)


class PostgresJournal:
    """
    A board in PostgreSQL.

    Args:
        dsn: `postgresql://user@host/database#board`. A password is taken from ~/.pgpass or PGPASSWORD
            if the address has none.
        durability: "power" waits until the server has written to its disk. "process" does not: then a crash
            of the server may lose the last acknowledged commands (you are told).
        patience: seconds for which a call is repeated while the server does not answer.
        create: make the board if there is none of that name; the tables are made if this role is allowed to.

    Raises:
        ValueError: the address is malformed.
        JournalError: the server cannot be reached or used; the message says what to do.
        JournalVersionError: the board was written by a newer version.

    """

    is_remote = True
    """a look is a round trip over a network: see engine.log.Log"""
    SLOW_LOOK_S = 1.0
    """how often a listener looks without any notification: behind a pooler there are none"""

    def __init__(
        self,
        dsn: str,
        *,
        durability: Literal["power", "process"] = "power",
        patience: float = 10.0,
        create: bool = True,
    ) -> None:
        if durability not in ("power", "process"):
            raise ValueError(f"durability must be 'power' or 'process', not {durability!r}")
        self._address = address_of(dsn)
        self.path = self._address.shown
        self.clock = ServerClock()
        self._durable, self._create = durability == "power", create
        self._writer = os.urandom(6).hex()
        self._board = 0
        self.log_id = ""
        self._known: tuple[int, bytes] = (0, b"")
        self._listeners: list[Listener] = []
        self._crowded = 0
        """number of further appends for which others are assumed to write at the same time"""
        self._server = Server(self._address, (_APPEND, _SETTLE, _READ, _FLUSH), patience, self._greet)
        try:
            self._server.repeat(lambda _: None)
        except BaseException:
            self._server.close()
            raise

    # -- a new connection -----------------------------------------------------------------------

    def _greet(self, connection: psycopg.Connection[Any]) -> None:
        """Check whether this server will do, and find our board."""
        is_installed = check_server(connection, self.path, durable=self._durable)
        if not is_installed:
            if not self._create:
                raise NoSuchBoardError(self.path, NO_BOARD)
            make_tables(connection)
        self._find(connection)
        sent = time.monotonic_ns()
        stamp = connection.execute(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"
        ).fetchone()
        assert stamp is not None
        self.clock.note(sent, stamp[0], time.monotonic_ns())

    def _find(self, connection: psycopg.Connection[Any]) -> None:
        installed = connection.execute("SELECT version FROM ants_coord.installed").fetchone()
        if installed is None or installed[0] > VERSION:
            raise JournalVersionError(
                self.path,
                f"has tables of version {installed and installed[0]}, this one knows {VERSION}; update it",
            )
        row = connection.execute(
            "SELECT id, log_id, format FROM ants_coord.open(%s, %s, %s, %s)",
            (self._address.board, os.urandom(8).hex(), FORMAT, self._create and not self._board),
        ).fetchone()
        if row is None:
            if self._board:
                raise JournalConflictError(self.path, "was dropped")
            raise NoSuchBoardError(self.path, NO_BOARD)
        board, log_id, version = row
        if version > FORMAT:
            raise JournalVersionError(
                self.path, f"has format {version}, and this ants_coord reads up to {FORMAT}; update it"
            )
        if self.log_id and self.log_id != log_id:
            raise JournalConflictError(
                self.path, "is another board than before: it was dropped and made again"
            )
        self._board, self.log_id = board, log_id

    # -- the port -------------------------------------------------------------------------------

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append all bodies, or none; return every entry after a position."""
        if not bodies:
            return self.read(after)
        known = self._link_at(after)
        lock_ms = round(self._server.answer_s * 1_000)

        def do(connection: psycopg.Connection[Any]) -> list[Entry]:
            # behind a pooler, the second half might reach another session, which has nothing to announce
            early = self._crowded > 0 and self._durable and not self._server.is_pooled
            values = [
                _I4.pack(self._board), _I8.pack(after), known,
                _array(bodies), bytes([self._durable]), bytes([early]), _I4.pack(lock_ms),
            ]  # fmt: skip
            sent = time.monotonic_ns()
            if early:
                result, got = self._server.ask_and_then(connection, _APPEND, values, _SETTLE)
            else:
                result, got = self._server.ask(connection, _APPEND, values), time.monotonic_ns()
            last = result.ntuples - 1
            self._crowded = _CROWDED if last else max(0, self._crowded - 1)
            found, _ = self._entries(_rows(result, last), after, known)
            tail, stamp, link = _number(result, last, 0), _number(result, last, 1), _bytes(result, last, 3)
            self.clock.note(sent, stamp, got)
            found += [Entry(tail + n, stamp, body) for n, body in enumerate(bodies, 1)]
            self._known = tail + len(bodies), link
            return found

        return self._server.repeat(do)

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position."""
        known = self._link_at(after)

        def do(connection: psycopg.Connection[Any]) -> list[Entry]:
            result = self._server.ask(connection, _READ, [_I4.pack(self._board), _I8.pack(after)])
            rows = _rows(result, result.ntuples)
            if after:
                rows = self._proved(connection, rows, after, known)
            found, link = self._entries(rows, after, known)
            if found:
                if self._durable and result.get_value(result.ntuples - 1, 4) == b"\x01":
                    self._server.ask(connection, _FLUSH, [])  # its writer may still be waiting for the disk
                self._known = found[-1].position, link
            return found

        return self._server.repeat(do)

    def heard(self, after: int) -> list[Entry] | None:
        """
        Return the entries after a position that came with announcements, without asking the server.

        Returns:
            None if they do not continue from there: then the log must be read.

        """
        told = [run for listener in self._listeners for run in listener.take()]
        if self._known[0] != after or not told:
            return None
        found: list[Entry] = []
        position, link = self._known
        for run in told:
            entries, told_link = _entries_told(run)
            if not entries or entries[0].position > position + 1:
                return None
            fresh = entries[position + 1 - entries[0].position :]
            for entry in fresh:
                link = _link(link, *entry)
            if fresh and link != told_link:  # rewound, or not from the server: reading will tell
                return None
            position += len(fresh)
            found += fresh
        self._known = position, link
        return found

    def _proved(
        self, connection: psycopg.Connection[Any], rows: list[_Row], after: int, known: bytes
    ) -> list[_Row]:
        """Return the rows after the last one that we had read, which must still be there or be trimmed."""
        if rows and rows[0][0] == after:
            if rows[0][3] != known:
                raise JournalRewoundError(
                    self.path, f"position {after} is another entry than the one that was read before"
                )
            return rows[1:]
        row = connection.execute(
            "SELECT position, link FROM ants_coord.snapshot WHERE board = %s", (self._board,)
        ).fetchone()
        if row is None or row[0] < after or (row[0] == after and bytes(row[1]) != known):
            raise JournalRewoundError(self.path, f"does not hold position {after}, which was read before")
        return rows

    def _link_at(self, position: int) -> bytes:
        if self._known[0] == position:
            return self._known[1]
        if not position:
            return b""
        rows = self._server.repeat(
            lambda connection: connection.execute(
                "SELECT link FROM ants_coord.entry WHERE board = %(b)s AND position = %(p)s UNION ALL "
                "SELECT link FROM ants_coord.snapshot WHERE board = %(b)s AND position = %(p)s",
                {"b": self._board, "p": position},
            ).fetchall()
        )
        return bytes(rows[0][0]) if rows else b""

    def _entries(self, rows: list[_Row], after: int, link: bytes) -> tuple[list[Entry], bytes]:
        """Check the chain and return the entries with the last link."""
        found: list[Entry] = []
        expected = after + 1
        for position, stamp, body, told in rows:
            if position != expected:
                if found:
                    raise JournalCorruptError(self.path, "entries are missing before it", position)
                # trimmed past us: the caller starts again from the snapshot, and so does the chain
            elif _link(link, position, stamp, body) != told:
                raise JournalCorruptError(self.path, "does not follow the entry before it", position)
            found.append(Entry(position, stamp, body))
            expected, link = position + 1, told
        return found, link

    # -- listening ------------------------------------------------------------------------------

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever another process may have appended."""
        listener = Listener(self._server, self._board, changed, lambda: self._known[0], self.SLOW_LOOK_S)
        self._listeners.append(listener)
        listener.start()
        return listener.stop

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
        rows = self._server.repeat(self._all_rows)
        # after that: what another process trims between these two requests is not missing then
        first, link, _ = self._snapshot()
        last, found = first, wanted in (b"", link)
        for position, stamp, body, told in rows:
            if position <= first:
                continue
            if position != last + 1 or _link(link, position, stamp, body) != told:
                raise JournalCorruptError(self.path, "does not follow the entry before it", position)
            last, link = position, told
            found = found or link == wanted
        if not found:
            raise ValueError(f"{head} is not on the chain: it was rewritten, or trimmed")
        return first + 1, last, link.hex()

    def _all_rows(self, connection: psycopg.Connection[Any]) -> list[_Row]:
        result = self._server.ask(connection, _READ, [_I4.pack(self._board), _I8.pack(0)])
        return _rows(result, result.ntuples)

    # -- snapshots ------------------------------------------------------------------------------

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest complete snapshot, or None."""
        position, link, pieces = self._snapshot()
        if not position:
            return None
        if not self._known[0]:  # otherwise it is a look in passing: what was read must be there after it, too
            self._known = (position, link)
        return position, pieces

    def _snapshot(self) -> tuple[int, bytes, list[bytes]]:
        """Return (position, link, pieces) of the newest complete snapshot, checked; (0, ...) without one."""
        rows = self._server.repeat(
            lambda connection: connection.execute(
                "SELECT s.position, s.link, s.parts, p.part, p.body, p.hash FROM ants_coord.snapshot s "
                "LEFT JOIN ants_coord.piece p USING (board, position, writer) WHERE s.board = %s "
                "ORDER BY p.part",
                (self._board,),
                binary=True,
            ).fetchall()
        )
        if not rows:
            return 0, b"", []
        position, link, parts, *_ = rows[0]
        pieces = [(part, bytes(body), known) for *_, part, body, known in rows if part is not None]
        if [part for part, _, _ in pieces] != list(range(parts)):
            raise JournalCorruptError(self.path, "the snapshot lacks pieces", position)
        for part, body, known in pieces:
            if _digest(body) != bytes(known):
                raise JournalCorruptError(self.path, f"piece {part} of the snapshot is damaged", position)
        return position, bytes(link), [body for _, body, _ in pieces]

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep one piece of a snapshot; None seals it, and removes older ones and their entries."""
        if piece is None:
            call, values = "seal(%s, %s, %s, %s)", (self._board, position, self._writer, part)
        else:
            call = "save(%s, %s, %s, %s, %s, %s)"
            values = (self._board, position, self._writer, part, piece, _digest(piece))  # type: ignore[assignment]
        self._server.repeat(
            lambda connection: connection.execute(f"SELECT ants_coord.{call}".encode(), values)
        )

    # -- closing --------------------------------------------------------------------------------

    def close(self) -> None:
        """Release everything. May be called again."""
        for listener in self._listeners:
            listener.stop()
        self._server.close()

    def abandon(self) -> None:
        """Abandon it in a forked child, where the connection must be neither used nor closed."""
        _inherited.append(self._server.abandon())


_inherited: list[object] = []
"""connections copied by a fork: kept, because closing one would end the parent's session"""

_Row = tuple[int, int, bytes, bytes]


def _rows(result: pq.abc.PGresult, count: int) -> list[_Row]:
    return [
        (_number(result, n, 0), _number(result, n, 1), _bytes(result, n, 2), _bytes(result, n, 3))
        for n in range(count)
    ]


def _number(result: pq.abc.PGresult, row: int, column: int) -> int:
    value: int = _I8.unpack(_bytes(result, row, column))[0]
    return value


def _bytes(result: pq.abc.PGresult, row: int, column: int) -> bytes:
    return result.get_value(row, column) or b""


def _array(bodies: Sequence[bytes]) -> bytes:
    """Return the binary form of a bytea[]: dimensions, no nulls, element type, then each with its length."""
    parts = [_I4.pack(1), _I4.pack(0), _I4.pack(_BYTEA), _I4.pack(len(bodies)), _I4.pack(1)]
    for body in bodies:
        parts += (_I4.pack(len(body)), body)
    return b"".join(parts)


def _entries_told(run: bytes) -> tuple[list[Entry], bytes]:
    """Parse an announcement (see schema.announce); no entries if it is not one of ours."""
    found: list[Entry] = []
    at, end = 24, len(run)
    position = _I8.unpack_from(run)[0] if end >= at else 0
    while at + 12 <= end:
        stamp, length = _STAMP_AND_LENGTH.unpack_from(run, at)
        at += 12 + length
        if length < 0 or at > end:
            return [], b""
        found.append(Entry(position, stamp, run[at - length : at]))
        position += 1
    return (found, run[8:24]) if at == end else ([], b"")


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:16]


def _link(link: bytes, position: int, stamp: int, body: bytes) -> bytes:
    return _digest(link + _I8.pack(position) + _I8.pack(stamp) + body)

"""
The hash chain of a log, and the walk along it.

Each entry carries a link: the hash of the previous link, its position, stamp and body. So changing history
requires rewriting everything that follows, and then the head differs from the one that somebody has noted.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib

from ..errors import JournalCorruptError

LINK_BYTES = 20


def digest_of(body: bytes) -> bytes:
    """Return the hash of some bytes."""
    return hashlib.blake2b(body, digest_size=LINK_BYTES).digest()


def linked(link: bytes, position: int, stamp: int, body: bytes) -> bytes:
    """Return the link of an entry that follows `link`."""
    return digest_of(b"%b%d,%d," % (link, position, stamp) + body)


def checksum(number: int, stamp: int, body: bytes) -> int:
    """Return the checksum of an entry or a piece."""
    return zlib.crc32(b"%d,%d," % (number, stamp)) ^ zlib.crc32(body)


def link_at(db: sqlite3.Connection, position: int) -> bytes:
    """Return the link of an entry, even if a snapshot replaces it; None if it has been trimmed."""
    for table in ("entry", "snapshot"):
        row = db.execute(f"SELECT link FROM {table} WHERE position = ?", (position,)).fetchone()  # noqa: S608
        if row is not None:
            # only a damaged file has another type; it then fits no link that anybody has noted
            return row[0] if row[0].__class__ is bytes else b"damaged"
    return b""


def walk(db: sqlite3.Connection, path: str, wanted: bytes) -> tuple[int, int, str]:
    """Walk the chain from the oldest snapshot to the last entry; see SQLiteJournal.verify."""
    links = {}
    for position, writer, parts, link, whole in db.execute("SELECT * FROM snapshot ORDER BY position"):
        if link.__class__ is not bytes:
            raise JournalCorruptError(path, "the snapshot was changed", position)
        _check_snapshot(db, path, position, writer, parts, link, whole)
        links[position] = link
    position = min(links, default=0)
    link = links.get(position, b"")
    first, found = position + 1, wanted in (b"", link)
    for number, stamp, body, _, known in db.execute(
        "SELECT * FROM entry WHERE position >= ? ORDER BY position", (first,)
    ):
        if number != position + 1:
            raise JournalCorruptError(path, "an entry is missing", position + 1)
        is_sound = stamp.__class__ is int and body.__class__ is bytes
        link = linked(link, number, stamp, body) if is_sound else b""
        if link != known:
            raise JournalCorruptError(path, "the chain is broken: it was changed", number)
        if links.get(number, link) != link:
            raise JournalCorruptError(path, "the snapshot was changed", number)
        position, found = number, found or link == wanted
    if not found:
        raise ValueError(f"{wanted.hex()} is not on the chain from entry {first} to {position}")
    return first, position, link.hex()


def _check_snapshot(
    db: sqlite3.Connection, path: str, position: int, writer: str, parts: int, link: bytes, whole: bytes
) -> None:
    hashes = []
    for part, body, known in db.execute(
        "SELECT part, body, hash FROM piece WHERE position = ? AND writer = ? ORDER BY part",
        (position, writer),
    ):
        if not body.__class__ is bytes is known.__class__ or digest_of(body) != known:
            raise JournalCorruptError(path, f"piece {part} of the snapshot was changed", position)
        hashes.append(known)
    if len(hashes) != parts or digest_of(link + b"".join(hashes)) != whole:
        raise JournalCorruptError(path, "the snapshot was changed", position)

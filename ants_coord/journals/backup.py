"""
Copies of a board: made while it is in use, and brought back as a board of its own.

Copying the file by other means is how boards get lost: it may lack the write-ahead log, may be torn, and
a process that copies its own board drops its locks on it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from ..errors import JournalConflictError, JournalCorruptError
from ..values.checks import check_path
from .chain import link_at, walk
from .files import FileLock, as_uri, create_private, refuse_network
from .identity import Last, boot_key, refuse_links
from .machine_facts import boot_id
from .trouble import Naming

__all__ = ["copy_board", "restore_board"]

APPLICATION = 0x616E7473  # "ants"


def copy_board(path: str, to: str | os.PathLike[str]) -> None:
    """
    Write a whole, compact copy of a board, as it is at this moment, while others go on.

    Args:
        path: the board.
        to: where the copy goes; nothing may be there.

    Raises:
        JournalConflictError: something is there already.
        JournalError: it cannot be written.

    """
    target = check_path(to)
    _copy(path, target, str(os.getpid()))


def restore_board(source: str | os.PathLike[str], to: str | os.PathLike[str]) -> tuple[int, str]:
    """
    Make a board of a copy: checked, and with a name of its own.

    What was acknowledged after the copy had been made is not in it, so its history is another one from
    there on. Processes that still have the old board open are refused.

    Args:
        source: the copy; it stays as it is.
        to: where the board goes; move away what is there.

    Returns:
        The last position, and the head of the chain.

    Raises:
        JournalConflictError: `source` is no board, or something is at `to`.
        JournalCorruptError: the copy is damaged; with the position.
        JournalError: one of them cannot be read or written.

    """
    origin, target = check_path(source), check_path(to)
    found: list[tuple[int, str]] = []

    def renew(part: str) -> None:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as db:
            try:
                _, position, head = walk(db, origin, b"")
            except sqlite3.Error as problem:
                raise JournalCorruptError(origin, str(problem), 0) from problem
            log = os.urandom(16)
            db.execute("DELETE FROM neighbour")
            db.execute("DELETE FROM meta")
            db.execute("INSERT INTO meta VALUES ('log', ?)", (log,))
            last = Last(boot_key(boot_id()), log, position, link_at(db, position))
        # before the board is there: from then on nobody may believe what was noted of the one before
        lock = FileLock(target + "-lock")
        try:
            with lock:
                last.write(lock.file)
        finally:
            lock.close()
        found.append((position, head))

    _copy(origin, target, "restored", renew)
    return found[0]


def _copy(path: str, target: str, tag: str, finish: object = None) -> None:
    for place in (path, target):
        with Naming(place):
            _check_place(path, target, place)
    part = f"{target}.{tag}.part"
    with Naming(target):
        try:
            Path(part).unlink(missing_ok=True)
            create_private(part)
            with Naming(path):
                _vacuum(path, part)
            if callable(finish):
                finish(part)
            _sync(part)
            _place(part, target)
        finally:
            for suffix in ("", "-journal", "-wal", "-shm"):
                Path(part + suffix).unlink(missing_ok=True)


def _check_place(path: str, target: str, place: str) -> None:
    found = refuse_links(place)
    if place == target:
        if found is not None:
            raise JournalConflictError(target, "is there already; choose another name, or move it away")
        refuse_network(target)
    elif found is None:
        raise JournalConflictError(path, "there is no such board")


def _vacuum(path: str, part: str) -> None:
    """Copy within one view of the board, whoever writes meanwhile."""
    # a board on a read-only disk has no write-ahead log, and SQLite could not make one to look into
    is_still = not Path(path + "-wal").exists() and not os.access(os.path.dirname(path), os.W_OK)
    uri = f"{as_uri(path)}?mode=ro" + ("&immutable=1" if is_still else "")
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise JournalConflictError(path, "is not a board; choose another path")
        db.execute("VACUUM INTO ?", (part,))


def _sync(part: str) -> None:
    file = os.open(part, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _place(part: str, target: str) -> None:
    """Give the copy its name, unless somebody else has taken that meanwhile."""
    try:
        os.link(part, target)
        Path(part).unlink()
    except FileExistsError:
        raise JournalConflictError(target, "is there already; choose another name") from None
    except OSError:  # no hard links here
        os.rename(part, target)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

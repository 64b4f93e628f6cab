"""
Copies of a board: made while it is in use, and restored as a new board.

Do not copy the file by other means: such a copy may be torn or lack the write-ahead log, and a process that
copies its own board loses its locks on it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ..errors import JournalConflictError, JournalCorruptError
from ..values.checks import check_path
from .board_file import APPLICATION
from .chain import link_at, walk
from .files import FileLock, as_uri, create_private, refuse_network
from .identity import Last, boot_key, refuse_links
from .machine_facts import boot_id
from .sqlite_errors import Naming

__all__ = ["copy_board", "restore_board"]


def copy_board(path: str, to: str | os.PathLike[str]) -> None:
    """
    Write a complete, compact copy of a board as it is at this moment, while others continue.

    Args:
        path: the board.
        to: path of the copy; it must not exist yet.

    Raises:
        JournalConflictError: `to` exists already.
        JournalError: the copy cannot be written.

    """
    with _copy(path, check_path(to), str(os.getpid())):
        pass


def restore_board(source: str | os.PathLike[str], to: str | os.PathLike[str]) -> tuple[int, str]:
    """
    Make a board from a copy: checked, and with a new log id.

    Commands that were acknowledged after the copy was made are not in it, so its history differs from there
    on. Processes that still have the old board open are refused.

    Args:
        source: the copy, which is not changed.
        to: path of the new board; move an existing file away first.

    Returns:
        The last position, and the head of the chain.

    Raises:
        JournalConflictError: `source` is not a board, or `to` exists.
        JournalCorruptError: the copy is damaged; the message has the position.
        JournalError: one of them cannot be read or written.

    """
    origin, target = check_path(source), check_path(to)
    with _copy(origin, target, "restored") as part:
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
        # before the board exists: from then on, nobody may trust what was noted about the previous one
        with contextlib.closing(FileLock(target + "-lock")) as lock, lock:
            Last.write(lock.file, *last)
    return position, head


@contextlib.contextmanager
def _copy(path: str, target: str, tag: str) -> Iterator[str]:
    """Copy a board to a file beside the target, which gets the target's name when the block ends."""
    with Naming(path):
        if refuse_links(path) is None:
            raise JournalConflictError(path, "there is no such board")
    part = f"{target}.{tag}.part"
    with Naming(target):
        if refuse_links(target) is not None:
            raise JournalConflictError(target, "is there already; choose another name, or move it away")
        refuse_network(target)
        try:
            Path(part).unlink(missing_ok=True)
            create_private(part)
            with Naming(path):
                _vacuum(path, part)
            yield part
            _sync(part)
            _place(part, target)
        finally:
            for suffix in ("", "-journal", "-wal", "-shm"):
                Path(part + suffix).unlink(missing_ok=True)


def _vacuum(path: str, part: str) -> None:
    """Copy within one view of the board, even if others write meanwhile."""
    # a board on a read-only disk has no write-ahead log, and SQLite could not make one in order to read
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
    """Give the copy its name, unless that name has been taken meanwhile."""
    try:
        os.link(part, target)
        Path(part).unlink()
    except FileExistsError:
        raise JournalConflictError(target, "is there already; choose another name") from None
    except OSError:  # hard links do not work here
        os.rename(part, target)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

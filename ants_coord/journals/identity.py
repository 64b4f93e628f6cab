"""
A board is a file, not a path. This module knows which file it is, and how far its log had come.

Three things distinguish a board's file from another one that has taken its name:

- `Companions`: the inodes of the database and of the two files that SQLite keeps beside it. Writes to a file
  that has lost its name are lost, so before each append and read we ask whether the directory has changed
  (one stat, about 2 us), and if so, compare the inodes.
- `Last`: the last entry that anybody was told of, kept in the lock file. The log alone does not show where it
  should end: a file that was restored, truncated, or copied without its write-ahead log looks complete, and
  ends too early.
- `Hold`: locks that keep SQLite from believing that it is the last connection. SQLite's own locks belong to
  the process. The kernel drops them when the process closes any other descriptor of the file (because it
  copies or hashes its board), and a forked child has none. Then the next program that closes the board would
  delete the write-ahead log under the others.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import os
import stat
import struct
import time
import zlib
from typing import NamedTuple

from ..errors import JournalConflictError
from . import files

_MAGIC = b"antslock"
_LAST = struct.Struct("<8s16s16sQ20s")
_SUM = struct.Struct("<I")
_SIZE = _LAST.size + _SUM.size

_SETTLES_NS = 10**8
"""ten ticks of the clock of a usual file system"""
SUFFIXES = ("-wal", "-shm")
"""the files that SQLite keeps beside the database"""


class Last(NamedTuple):
    """The last acknowledged entry, as the lock file has it."""

    boot: bytes
    """the boot: after a power failure, a log of `durability="process"` may rightly end earlier"""
    log: bytes
    position: int
    link: bytes

    @staticmethod
    def write(file: int, boot: bytes, log: bytes, position: int, link: bytes) -> None:
        """Write one. Needs no sync, because it is compared within one boot only."""
        body = _LAST.pack(_MAGIC, boot, log, position, link)
        _pwrite(file, body + _SUM.pack(zlib.crc32(body)), 0)

    @staticmethod
    def read(file: int) -> Last | None:
        """Read what was noted; None if nothing was, or if it is incomplete."""
        raw = _pread(file, _SIZE)
        if len(raw) < _SIZE or _SUM.unpack_from(raw, _LAST.size)[0] != zlib.crc32(raw[: _LAST.size]):
            return None
        magic, *fields = _LAST.unpack_from(raw)
        return Last(*fields) if magic == _MAGIC else None


def _seek_and_write(file: int, body: bytes, at: int) -> None:
    os.lseek(file, at, os.SEEK_SET)
    os.write(file, body)


_pwrite = getattr(os, "pwrite", _seek_and_write)


def _pread(file: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(file, size, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return os.read(file, size)


def boot_key(boot: str) -> bytes:
    """Return a boot's name in the form used in the lock file; zeros if the boot is unknown."""
    return bytes(16) if boot == "unknown" else hashlib.blake2b(boot.encode(), digest_size=16).digest()


def refuse_links(path: str) -> os.stat_result | None:
    """
    Return the status of the file at the path, None if there is none.

    Raises:
        JournalConflictError: it is not an ordinary file, it has a second name, or a file that SQLite would
            put beside it is a link. Each name would have a write-ahead log of its own, and the last one would
            win.

    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        found = None
    if found is not None:
        if stat.S_ISDIR(found.st_mode):
            raise JournalConflictError(path, "is a directory; name a file in it")
        if not stat.S_ISREG(found.st_mode):
            raise JournalConflictError(path, "is no ordinary file; choose another path")
        if found.st_nlink > 1:
            raise JournalConflictError(
                path,
                f"has {found.st_nlink} names (hard links), and each would get a log of its own; "
                "remove the other names, or make a copy with `ants-coord backup`",
            )
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(path + suffix).st_mode):
                raise JournalConflictError(path + suffix, "is a link or no ordinary file; remove it")
    return found


class Companions:
    """The inodes of the database and of the files beside it, as of opening."""

    def __init__(self, path: str, suffixes: tuple[str, ...] = SUFFIXES) -> None:
        self._path = path
        self._folder = os.path.dirname(path)
        self._settled: tuple[int, int, int] | None = None
        """of the directory, when the files were last compared, if it had not changed for some time then"""
        self._files: list[tuple[str, int, int]] = []
        if os.name == "nt":  # there an open file can be neither replaced nor deleted
            return
        for suffix in ("", *suffixes):
            found = os.stat(path + suffix)
            self._files.append((path + suffix, found.st_dev, found.st_ino))

    def check(self) -> None:
        """Raise JournalConflictError if one of the files is gone, or has been replaced."""
        # the lock does not help here, because replacing files needs no lock. A replacement after this check
        # loses the command, as one right after the command would.
        #
        # No file of a directory changes its name without changing the directory's ctime, which nobody can set
        # back. So one look at the directory does for three. It also spares the write-ahead log: Linux 6.13
        # and later give a file that was looked at a new time at its next write, so that each sync writes its
        # inode, too (60 us for each command that is synced).
        if not self._files:
            return
        try:
            folder = os.stat(self._folder)
        except OSError:
            state = None
        else:
            state = folder.st_dev, folder.st_ino, folder.st_ctime_ns
            if state == self._settled:
                return
        for name, device, inode in self._files:
            self._compare(name, device, inode)
        # a change in the same tick of the directory's clock would not show. Some file systems (FAT, HFS+)
        # count whole seconds: there we always compare
        is_settled = state is not None and state[2] % 10**9 and time.time_ns() - state[2] > _SETTLES_NS
        self._settled = state if is_settled else None

    def _compare(self, name: str, device: int, inode: int) -> None:
        try:
            found = os.stat(name)
        except (FileNotFoundError, NotADirectoryError):
            found = None
        if found is None or found.st_ino != inode or found.st_dev != device:
            what = "is gone" if found is None else "is another file now"
            raise JournalConflictError(
                self._path,
                f"{os.path.basename(name)} {what}: it was deleted, moved or replaced while this "
                "process had it open; nothing was written; close this coordinator and open the board "
                "again if that is what you want",
            )


# the bytes that SQLite locks: both are part of its file format
_SHARED = (0x40000002, 510)
_DEAD_MAN = (128, 1)


class Hold:
    """
    Descriptors of the database and the WAL index, with their own locks; one pair per process and file.

    All journals of the process share it. Closing a descriptor drops the locks that SQLite holds in the same
    process on the same file, so it may only be closed when nobody there needs them any more.
    """

    _open: dict[tuple[int, int, int], Hold] = {}  # noqa: RUF012 - one table for the process
    _dead: set[tuple[int, int, int]] = set()  # noqa: RUF012

    def __init__(self, path: str, key: tuple[int, int, int]) -> None:
        self._path = path
        self._key = key
        self._users = 0
        self._index: int | None = None
        self._index_is_locked = False
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))

    @classmethod
    def of(cls, path: str, found: os.stat_result) -> Hold:
        """Return the process's hold on a file, and count one more user."""
        # the process is part of the key: a forked child must neither use nor close what it has inherited
        key = (os.getpid(), found.st_dev, found.st_ino)
        hold = cls._open.get(key)
        if key in cls._dead:
            raise JournalConflictError(
                path,
                "had its companions deleted or replaced while this process had it open, and SQLite keeps to "
                "the old ones until the process ends; open it in a new process",
            )
        if hold is None:
            hold = cls._open[key] = cls(path, key)
        hold._users += 1
        return hold

    def is_of(self, found: os.stat_result) -> bool:
        """Tell whether this is the hold on a file."""
        return self._key[1:] == (found.st_dev, found.st_ino)

    def header(self) -> bytes:
        """Return the first bytes of the file, read without a new descriptor."""
        return _pread(self._file, 100)

    def lock(self) -> None:
        """Take the locks, once SQLite has made its files. Does nothing where the kernel has no such locks."""
        if files.SET_OWN is None or self._index_is_locked:
            return
        if self._index is None:
            self._index = os.open(self._path + "-shm", os.O_RDONLY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a sandbox may know the name but not support it
            files.set_own(self._file, "F_RDLCK", *_SHARED)
            files.set_own(self._index, "F_RDLCK", *_DEAD_MAN)
            self._index_is_locked = True

    def let_go(self) -> None:
        """Free the locks if this is the only user, so that SQLite may be the last."""
        if self._users == 1 and self._index_is_locked and self._index is not None:
            self._index_is_locked = False
            with contextlib.suppress(OSError):
                files.set_own(self._file, "F_UNLCK", *_SHARED)
                files.set_own(self._index, "F_UNLCK", *_DEAD_MAN)

    def close(self) -> None:
        """Remove one user, after its connection has closed; the last one closes the descriptors."""
        self._users -= 1
        if self._users == 0:
            self._open.pop(self._key, None)
            os.close(self._file)
            if self._index is not None:
                os.close(self._index)

    def abandon(self) -> None:
        """
        Keep the descriptors and the locks for ever.

        The connection of a dead file must never consider itself the last one: it would write its log over the
        new file and delete, by name, the new file's write-ahead log.
        """
        self._open.pop(self._key, None)
        self._dead.add(self._key)


_kept: list[object] = []


def keep_for_ever(connection: object) -> None:
    """
    Make sure that a connection is never closed, not even when the interpreter ends.

    Closing one drops the locks of others on the file. The last one to close writes its log into the database
    and deletes the file with the log's name.
    """
    _kept.append(connection)
    # the list disappears when the interpreter ends; where `Hold` has no locks, only this keeps the connection
    with contextlib.suppress(Exception):
        import ctypes  # noqa: PLC0415 - 10 ms, for boards that have died only

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def letters(raw: bytes) -> str:
    """Return bytes as letters, digits, "-" and "_": a third shorter than hexadecimal digits."""
    return binascii.b2a_base64(raw, newline=False).decode("ascii").replace("+", "-").replace("/", "_")

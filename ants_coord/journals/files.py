"""What a file-based journal needs from the operating system: locks and private files."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

from ..errors import JournalConflictError
from .machine_facts import LOCAL, kind_of_mount, local_kind

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]

_OVERRIDE = "ANTS_COORD_FILE_SYSTEMS"
"""names of further file systems that the user declares to be good"""
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
SET_OWN: Any = getattr(fcntl, "F_OFD_SETLK", None)
_AWAIT_OWN = getattr(fcntl, "F_OFD_SETLKW", None)
_GET_OWN = getattr(fcntl, "F_OFD_GETLK", None)
"""locks on bytes that belong to a descriptor, not to a process (Linux)"""
CAN_TELL = _GET_OWN is not None and sys.platform == "linux"
"""whether a lock can show that an opening exists: where it belongs to a process, closing any descriptor ends
it"""


def _range(kind: str, at: int, count: int = 1) -> bytes:
    return b"" if fcntl is None else struct.pack("hhqqi4x", getattr(fcntl, kind), os.SEEK_SET, at, count, 0)


_TURN_AT = 1 << 28
_LOCK_AT = _TURN_AT + 1
_LIFE_AT = 1 << 29
"""bytes far beyond the end of the lock file: only their locks have a meaning"""
_TAKE_TURN, _GIVE_TURN = _range("F_WRLCK", _TURN_AT), _range("F_UNLCK", _TURN_AT)
_NOBODY = _GIVE_TURN[:2]
"""the type of lock that a look finds where there is none"""
_AT_ONCE = 0 if fcntl is None else fcntl.LOCK_EX | fcntl.LOCK_NB
_POLL_S = 0.001


class FileLock:
    """
    An exclusive lock between processes, freed by the kernel when its holder dies.

    flock wakes a waiting process but does not hand the lock over: a process that frees the lock and wants it
    again at once gets it before the sleeper has woken, again and again (delays of 4 to 6 s were seen). So
    there are two locks. A process that has to wait takes the turn first, and gives it back as soon as the
    lock itself is held. A process that wants the lock again stops at the turn, which the next one in line
    holds while it waits, and so cannot overtake it.

    A process that is stopped (SIGSTOP) inside the locked section, which is well under a millisecond of our
    own code, makes the others wait until it continues or dies.

    An interrupt may strike between any two byte codes. So `give` may be called at any time, and `take`
    records what it is about to take before it takes it.
    """

    def __init__(self, path: str | None) -> None:
        """Open the file; without one nothing is locked, for boards that can only be read."""
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW, 0o600)
            if fcntl is None and msvcrt is None:
                warnings.warn(
                    f"{path}: this Python has neither fcntl nor msvcrt, so writers of several processes take "
                    "no turns: one may wait for SQLite's 5 s and fail; let one process have the board",
                    RuntimeWarning,
                    stacklevel=2,
                )
        self.is_held = False
        """whether we have it, or are about to"""
        self._is_my_turn = False
        self._names: set[str] = set()

    @property
    def file(self) -> int:
        """The descriptor of the lock file."""
        assert self._file is not None
        return self._file

    @property
    def is_closed(self) -> bool:
        """Whether close() has been called."""
        return self._file is None

    def take(self) -> None:
        """Wait for the lock and take it."""
        file = self._file
        if file is None:
            return
        self.is_held = True
        if fcntl is None:
            if msvcrt is not None:
                self._poll(file)
            return
        if _AWAIT_OWN is None:
            fcntl.flock(file, fcntl.LOCK_EX)
            return
        # if nobody waits, there is no turn to take (benchmark "SQLite NORMAL: cycle"). If somebody comes just
        # after this look, we are first, as if we had taken the turn before
        try:
            if _GET_OWN is not None and fcntl.fcntl(file, _GET_OWN, _TAKE_TURN)[:2] == _NOBODY:
                fcntl.flock(file, _AT_ONCE)
                return
        except OSError:  # somebody has the lock, or a sandbox does not know this look
            pass
        self._is_my_turn = True
        fcntl.fcntl(file, _AWAIT_OWN, _TAKE_TURN)
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.fcntl(file, _AWAIT_OWN, _GIVE_TURN)
        self._is_my_turn = False

    def _poll(self, file: int) -> None:
        # Windows can wait for a lock as well, but only checks once a second
        self._is_my_turn = True
        for at in (_TURN_AT, _LOCK_AT):
            while not _claim(file, at):
                time.sleep(_POLL_S)
        _unclaim(file, _TURN_AT)
        self._is_my_turn = False

    def take_now(self) -> bool:
        """Take the lock if it is free; tell whether it was."""
        file = self._file
        if file is None:
            return True
        self.is_held = True
        if fcntl is None:
            self.is_held = msvcrt is None or _claim(file, _LOCK_AT)
            return self.is_held
        try:
            fcntl.flock(file, _AT_ONCE)
        except OSError:
            self.is_held = False
            return False
        return True

    def give(self) -> None:
        """Free the lock if it is held."""
        file = self._file
        if not self.is_held or file is None:
            return
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_UN)
        elif msvcrt is not None:
            _unclaim(file, _LOCK_AT)
        if self._is_my_turn:
            _unclaim(file, _TURN_AT)
            self._is_my_turn = False
        self.is_held = False

    def __enter__(self) -> None:
        try:
            self.take()
        except BaseException:
            self.give()
            raise

    def __exit__(self, *_: object) -> None:
        self.give()

    # -- who lives --------------------------------------------------------------------------------

    def live(self, name: str) -> bool:
        """
        Declare that `name` exists as long as this lock file is open here; False if that is not possible.

        The kernel keeps it as a lock on a byte, so it ends with the process, however that ends. A process id
        would not do: it is reused, means another process in another container, and asking about it with
        `os.kill(pid, 0)` ends that process on Windows.
        """
        self._names.add(name)
        _living.add((os.getpid(), name))
        return _claim(self.file, _life_at(name))

    def lives(self, name: str) -> bool:
        """Tell whether somebody has declared that `name` exists, and still has the lock file open."""
        if name in self._names or (_GET_OWN is None and (os.getpid(), name) in _living):
            return True  # our own locks never stop us
        return _is_claimed(self.file, _life_at(name))

    def close(self) -> None:
        """Close the file, which ends what was declared with it; may be called again."""
        while self._names:
            _living.discard((os.getpid(), self._names.pop()))
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


_living: set[tuple[int, str]] = set()
"""(process, name) declared here: our own lock does not stop us, where locks belong to processes"""


def _life_at(name: str) -> int:
    return _LIFE_AT + (zlib.crc32(name.encode()) & 0x0FFFFFFF)


def set_own(file: int, kind: str, at: int, count: int = 1) -> None:
    """Set a lock of a descriptor on some bytes, where SET_OWN says that there are such locks."""
    fcntl.fcntl(file, SET_OWN, _range(kind, at, count))


def _claim(file: int, at: int) -> bool:
    """Lock one byte; False if somebody else has locked it. True also where bytes cannot be locked."""
    try:
        if fcntl is not None:
            if SET_OWN is not None:
                set_own(file, "F_WRLCK", at)
            else:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
        elif msvcrt is not None:
            os.lseek(file, at, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _is_claimed(file: int, at: int) -> bool:
    """Tell whether somebody else has locked a byte; True also if that cannot be found out."""
    if _GET_OWN is not None:
        try:
            found = fcntl.fcntl(file, _GET_OWN, _range("F_WRLCK", at))
        except OSError:
            return True
        return bool(found[:2] != _NOBODY)
    if not _claim(file, at):
        return True
    _unclaim(file, at)
    return False


def _unclaim(file: int, at: int) -> None:
    with contextlib.suppress(OSError):
        if fcntl is not None:
            if SET_OWN is not None:
                set_own(file, "F_UNLCK", at)
            else:
                fcntl.lockf(file, fcntl.LOCK_UN, 1, at)
        elif msvcrt is not None:
            os.lseek(file, at, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)


def create_private(path: str) -> None:
    """Make an empty file that only its owner may read, unless there is one."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600))


_MOUNTS = "/proc/self/mountinfo"


def as_uri(path: str) -> str:
    """Return a path as SQLite takes it with options; importing urllib takes 2 ms."""
    return "file:" + "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in os.fsencode(path)])


_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-~")


def refuse_network(path: str) -> bool:
    """
    Refuse a path on a file system whose locks and shared memory may not work between processes.

    Returns:
        Whether they are known to work; False where only the user says so.

    Every file system that is not known to be local is refused unless the user declares it good: network and
    sandbox file systems have many names, and they damage a board without an immediate error.

    """
    try:
        # in one call: an interrupt between `open` and `with` would leave the file open
        table = Path(_MOUNTS).read_text(encoding="utf-8", errors="surrogateescape")
        kind = kind_of_mount(os.path.realpath(path), table)
        is_local = not kind or kind in LOCAL
    except OSError:
        kind, is_local = local_kind(path)
    if not is_local and kind not in os.environ.get(_OVERRIDE, "").replace(" ", "").split(","):
        raise JournalConflictError(
            path,
            f"is on a file system ({kind}) that is not known to be local, and on others locks and shared "
            "memory between processes often do not work; put the board on a local disk, or set "
            f"{_OVERRIDE}={kind} if you know that they do",
        )
    return is_local

"""
Where a hub listens, and who may connect: a socket that only its owner may use, or a port with a secret.

The path names the hub in every case. If it is too long for a socket, or if the hub listens on a port, a
private file at that path says where; `thin` reads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator

from ..errors import JournalConflictError
from ..journals.files import FileLock
from .thin import LONGEST, POINTER

_TMP = "/tmp"  # noqa: S108 - only a folder in it is used, which others cannot enter
"""where the socket is if all other folders have too long paths: short on every system with such sockets"""
_HAS_UNIX = hasattr(socket, "AF_UNIX")


class Address:
    """
    The address of one hub: taken when this object is made, and free again when it is closed.

    Args:
        path: where clients look.
        tcp: listen on a port of 127.0.0.1 even where there are Unix sockets.

    Raises:
        JournalConflictError: another hub listens there, another file is there, or other users can write
            there.

    """

    def __init__(self, path: str | os.PathLike[str], *, tcp: bool = False) -> None:
        self.path: str = os.path.abspath(os.fspath(path))
        self.secret: str | None = None
        """what a client must say first; None for a Unix socket, where the system checks the user"""
        self._made: list[tuple[str, int]] = []
        _refuse_open_folder(self.path)
        # a lock, and not a question to a possible listener: two hubs that start at once would both hear
        # nothing, and the kernel frees a lock when its holder dies. Its file stays, since deleting it would
        # allow two locks
        try:
            self._lock = FileLock(self.path + ".lock")
        except OSError as problem:
            raise self._no_place(problem) from None
        if not self._lock.take_now():
            self._lock.close()
            raise JournalConflictError(
                self.path, "another hub listens here; use that one, or another --listen"
            )
        try:
            _refuse_others_files(self.path)
            self._listen(tcp or not _HAS_UNIX)
        except OSError as problem:
            self.close()
            raise self._no_place(problem) from None
        except BaseException:
            self.close()
            raise

    def _no_place(self, problem: OSError) -> JournalConflictError:
        return JournalConflictError(
            self.path, f"a hub cannot listen here ({problem}); listen in a folder of your own with --listen"
        )

    def _listen(self, tcp: bool) -> None:
        self.listener = listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        if tcp:
            listener.bind(("127.0.0.1", 0))
            listener.listen(256)
            self.secret = secrets.token_hex(16)
            self._point({"port": listener.getsockname()[1], "secret": self.secret})
            return
        where = self.path
        # also the real name of the folder: a client may use another, longer name for it
        if _is_too_long(where) or _is_too_long(os.path.realpath(where)):
            where = _private_place(_short(self.path) + ".sock")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(where)  # of a hub that died: we have its lock
        listener.bind(where)
        os.chmod(where, 0o600)
        self._note(where)
        listener.listen(256)  # nobody can connect before this, so nobody did before the chmod
        if where != self.path:
            self._point({"unix": where})

    def _point(self, where: dict[str, object]) -> None:
        """Write in a private file at the path where the hub is."""
        new = f"{self.path}.{secrets.token_hex(4)}"
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, json.dumps({POINTER: where}).encode())
        finally:
            os.close(file)
        os.replace(new, self.path)
        self._note(self.path)

    def _note(self, path: str) -> None:
        self._made.append((path, os.lstat(path).st_ino))

    def close(self) -> None:
        """Remove what was made here, and nothing else. May be called again."""
        if hasattr(self, "listener"):
            self.listener.close()
        while self._made:
            path, inode = self._made.pop()
            with contextlib.suppress(OSError):
                if os.lstat(path).st_ino == inode:
                    os.unlink(path)
        self._lock.close()


def _refuse_open_folder(path: str) -> None:
    folder = os.path.dirname(path)
    try:
        found = os.stat(folder)
    except OSError as problem:
        raise JournalConflictError(path, f"there is no folder {folder} ({problem.strerror})") from None
    if os.name == "nt":
        return
    # a sticky folder such as /tmp does not help: another user may put a socket there while no hub runs
    is_open = found.st_mode & stat.S_IWOTH or (
        found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid)
    )
    if is_open or found.st_uid not in (os.geteuid(), 0):
        raise JournalConflictError(
            path,
            f"others can write in {folder}, and could answer in the hub's name; "
            f"`chmod go-w {folder}`, or listen in a folder of your own with --listen",
        )


def _is_own_group(group: int) -> bool:
    """Tell whether a group is this user's private one, which many systems make for each user."""
    import grp  # noqa: PLC0415 - not on Windows
    import pwd  # noqa: PLC0415

    try:
        entry, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return entry.gr_name == user.pw_name and set(entry.gr_mem) <= {user.pw_name}


def _refuse_others_files(path: str) -> None:
    """Refuse to replace what is neither a socket nor a file that a hub wrote."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISSOCK(found.st_mode):
        return
    if stat.S_ISREG(found.st_mode) and found.st_size < 4096:
        with open(path, "rb") as file, contextlib.suppress(ValueError):
            if POINTER in json.load(file):
                return
    raise JournalConflictError(path, "is not a hub's; move it away, or listen elsewhere with --listen")


def _short(path: str) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:24]


def _is_too_long(path: str) -> bool:
    return len(os.fsencode(path)) > LONGEST


def _private_folders() -> Iterator[str]:
    """Yield the places for a private folder of this user, the best first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        yield os.path.join(os.path.abspath(runtime), "ants_coord")
    for folder in (tempfile.gettempdir(), _TMP):
        yield os.path.join(folder, f"ants_coord-{os.geteuid()}")


def _private_place(name: str) -> str:
    """Return a path for a socket in a folder that only this user can enter, made if need be."""
    for folder in _private_folders():
        place = os.path.join(folder, name)
        if _is_too_long(place):
            continue
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
        except OSError:  # what `su` and containers leave in XDG_RUNTIME_DIR may be nobody's folder
            continue
        found = os.lstat(folder)
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not is_ours or stat.S_IMODE(found.st_mode) & 0o077:
            raise JournalConflictError(
                folder, "is not a folder of yours that only you can enter; set XDG_RUNTIME_DIR"
            )
        return place
    raise JournalConflictError(
        os.path.dirname(place),
        f"is no folder for a socket, whose path has at most {LONGEST} bytes; "
        "set XDG_RUNTIME_DIR to a folder of yours with a short path, or use --tcp",
    )

"""
What a file-based journal needs from the operating system: locks, privacy, neighbours.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ..errors import JournalConflictError

try:
    import fcntl
except ImportError:  # Windows: BEGIN IMMEDIATE alone must do, with SQLite's own fairness
    fcntl = None  # type: ignore[assignment]

__all__ = ["FileLock", "Neighbours", "boot_id", "create_private", "refuse_network"]

_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs")


class FileLock:
    """
    An exclusive lock between processes, freed by the kernel when its holder dies.

    flock queues its waiters, so writers take turns. A process that is stopped
    (SIGSTOP) inside the locked section, well under a millisecond of our own
    code, makes the others wait until it goes on or dies.
    """

    def __init__(self, path: str) -> None:
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW, 0o600)

    def __enter__(self) -> None:
        if fcntl is not None and self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if fcntl is not None and self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; may be called again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def create_private(path: str) -> None:
    """Make an empty file that only its owner may read, unless there is one."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600))


def boot_id() -> str:
    """Return a name for this boot of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def refuse_network(path: str) -> None:
    """Refuse a path on a network file system, whose locks cannot be trusted."""
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 5 or not rest:
            continue
        place = fields[4]
        inside = real == place or real.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, rest[0]
    if kind in _NETWORK:
        raise JournalConflictError(
            path, f"is on a network file system ({kind}); put the board on a local disk"
        )


class Neighbours:
    """
    Wake-ups between the processes that share a file: one datagram, on loopback.

    A process that waits registers the port it listens on in the file; whoever
    appends sends one byte to each. A datagram may get lost or be forged: it is
    only a hint to look, and a slow look at the file backs it up.
    """

    SLOW_LOOK_S = 0.5

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._out: socket.socket | None = None
        self._port = 0

    def wake(self, ports: list[int]) -> None:
        """Send a hint to every neighbour but ourselves. Never blocks, never raises."""
        if self._out is None:
            self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._out.setblocking(False)
        for port in ports:
            if port != self._port:
                with contextlib.suppress(OSError):
                    self._out.sendto(b"!", ("127.0.0.1", port))

    def listen(self, db: sqlite3.Connection, changed: Callable[[], None]) -> Callable[[], None]:
        """Register in the file and start a thread that calls `changed`; returns what stops it."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(self.SLOW_LOOK_S)
        self._socket, self._port = sock, sock.getsockname()[1]
        gone = [(pid,) for (pid,) in db.execute("SELECT DISTINCT pid FROM neighbour") if not _alive(pid)]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM neighbour WHERE pid = ?", gone)
        db.execute("INSERT OR REPLACE INTO neighbour VALUES (?, ?)", (self._port, os.getpid()))
        db.execute("COMMIT")
        looker = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        stop = threading.Event()
        threading.Thread(
            target=_listen, args=(sock, looker, changed, stop), name="ants_coord listener", daemon=True
        ).start()

        def finish() -> None:
            stop.set()
            self.wake_port(sock)

        return finish

    def wake_port(self, sock: socket.socket) -> None:
        """Let a listener see that it should stop."""
        with contextlib.suppress(OSError):
            port = sock.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(b".", ("127.0.0.1", port))

    def forget(self, db: sqlite3.Connection) -> None:
        """Take our port out of the file."""
        if self._port:
            db.execute("DELETE FROM neighbour WHERE port = ?", (self._port,))

    def close(self) -> None:
        """Close the sending socket."""
        out, self._out = self._out, None
        if out is not None:
            out.close()


def _listen(
    sock: socket.socket, looker: sqlite3.Connection, changed: Callable[[], None], stop: threading.Event
) -> None:
    """Wait for hints; without any, look at the file's version twice a second (4 us a look)."""
    seen = looker.execute("PRAGMA data_version").fetchone()
    try:
        while not stop.is_set():
            try:
                sock.recv(16)
            except TimeoutError:
                version = looker.execute("PRAGMA data_version").fetchone()
                if version == seen:
                    continue
                seen = version
            if not stop.is_set():
                changed()
    except (OSError, sqlite3.Error):
        return  # the file or the socket is gone; the next verb will say so
    finally:
        looker.close()
        sock.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

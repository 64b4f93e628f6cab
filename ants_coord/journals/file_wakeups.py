"""Wake-ups between processes that share a file; imported with the first waiter, here or elsewhere."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import sqlite3
import threading
from collections.abc import Callable

from .files import FileLock


class Neighbours:
    """
    Wake-ups between the processes that share a file: one datagram, on loopback.

    A waiting process registers the port it listens on in the file; a process that appends sends one byte to
    each. A datagram may get lost or be forged: it is only a hint to look, and a slow look at the file backs
    it up.
    """

    SLOW_LOOK_S = 0.5

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock
        self._out: socket.socket | None = None
        self._port = 0
        self._stop: Callable[[], None] | None = None

    def wake(self, ports: list[int]) -> None:
        """Send a hint to every neighbour but ourselves. Never blocks, never raises."""
        if self._out is None:
            self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._out.setblocking(False)
        for port in ports:
            if port != self._port:
                with contextlib.suppress(OSError):
                    self._out.sendto(b"!", ("127.0.0.1", port))

    def listen(
        self, changed: Callable[[], None], locked: Callable[..., None] | None = None
    ) -> Callable[[], None]:
        """
        Register in the file and start a thread that calls `changed`; return a function that stops it.

        `locked` runs a function with the connection under the lock; without it, others cannot learn where we
        listen. Nothing else is done there, because a process that is stopped (SIGSTOP) under the lock stops
        all others.
        """
        if self._stop is not None:  # an interrupt came before the caller had received it
            self._stop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stop = threading.Event()
        try:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(self.SLOW_LOOK_S)
            self._port = port = sock.getsockname()[1]
            if locked is not None:
                # before the row exists, so that nobody mistakes it for one that was left behind
                self._lock.live(_life(port))
                locked(self._register, port)
            self._stop = functools.partial(_stop, stop, port)
            threading.Thread(
                target=_listen, args=(sock, changed, stop), name="ants_coord listener", daemon=True
            ).start()
        except BaseException:
            stop.set()
            sock.close()
            raise
        return self._stop

    def _register(self, db: sqlite3.Connection, port: int) -> None:
        rows = [other for (other,) in db.execute("SELECT port FROM neighbour") if other != port]
        gone = [(other,) for other in rows if not self._lock.lives(_life(other))]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM neighbour WHERE port = ?", gone)
        db.execute("INSERT OR REPLACE INTO neighbour VALUES (?, ?)", (port, os.getpid()))
        db.execute("COMMIT")

    def forget(self, db: sqlite3.Connection) -> None:
        """Remove our port from the file."""
        if self._port:
            db.execute("DELETE FROM neighbour WHERE port = ?", (self._port,))

    def close(self) -> None:
        """Stop listening and close the sending socket."""
        if self._stop is not None:
            self._stop()
        out, self._out = self._out, None
        if out is not None:
            out.close()


def _stop(stop: threading.Event, port: int) -> None:
    """Stop a listener; may be called again."""
    if stop.is_set():
        return
    stop.set()
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setblocking(False)
        out.sendto(b".", ("127.0.0.1", port))


def _life(port: int) -> str:
    """Return the name by which others find out whether who listens on a port still has the board open."""
    return f"port {port}"


def _listen(sock: socket.socket, changed: Callable[[], None], stop: threading.Event) -> None:
    """Look at each hint, and twice a second without one (a look costs a few microseconds)."""
    with sock:
        while not stop.is_set():
            try:
                sock.recv(16)
            except TimeoutError:
                pass
            except OSError:  # no more hints; the slow look continues
                stop.wait(Neighbours.SLOW_LOOK_S)
            if stop.is_set():
                return
            changed()

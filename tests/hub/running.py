"""A hub that runs in a thread of this process, and questions to it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

from ants_coord.hub.loop import Hub


@contextlib.contextmanager
def running(board, address, **options):
    """Serve a board until the end of the block; the thread has ended by then."""
    hub = Hub(board, str(address), **options)
    thread = threading.Thread(target=hub.serve)
    thread.start()
    try:
        yield hub
    finally:
        hub.stop()
        thread.join(30)
        assert not thread.is_alive()


def plug(path) -> socket.socket:
    """Connect to a hub's socket, for who writes lines by hand."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(str(path))
    return sock


def lines(sock, count):
    """Read so many answers."""
    with sock.makefile("rb") as file:
        return [json.loads(file.readline()) for _ in range(count)]

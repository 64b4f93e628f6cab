"""A hub that runs in a thread of this process, and questions to it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import ants_coord
from ants_coord.hub import thin
from ants_coord.hub.loop import Hub

from ..fronts import conftest


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
        thread.join(conftest.LIMIT_S)
        assert not thread.is_alive()


def plug(path) -> socket.socket:
    """Connect to a hub's socket, for who writes lines by hand."""
    return thin.connect(str(path), conftest.LIMIT_S)


def lines(sock, count):
    """Read so many answers."""
    with sock.makefile("rb") as file:
        return [json.loads(file.readline()) for _ in range(count)]


class Served:
    """Boards that hubs in threads of this process serve, each to coordinators over `hub:`."""

    def __init__(self, folder):
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._made = 0

    def __call__(self, kind, where, clock, **settings):
        """Serve a board of a strategy, and return a coordinator of that class, in either colour, over its hub."""
        self._made += 1
        address = self._folder / f"hub{self._made}"
        ours = {} if where is not None else {"clock": clock}
        board = getattr(ants_coord, kind.__name__)(where, **ours, **settings)
        self._stack.callback(board.close, keep=True)
        board._engine.open()
        hub = self._stack.enter_context(running(board, address))
        client = kind(f"hub:{address}", clock=clock, **settings)
        client._engine.hub = hub  # for tests that look at who waits
        return client

    def close(self):
        self._stack.close()

"""A wire to the server that loses replies, breaks, and stands still when it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading


class Pair:
    """One client and its connection to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.loses_reply = threading.Event()
        self.has_asked = threading.Event()

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Forwards `port` to the server's port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: list[Pair] = []
        self._flows = threading.Event()
        self._flows.set()
        self.cuts = 0
        """how many replies were lost"""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            pair = Pair(client, server)
            self._pairs.append(pair)
            for way in (self._up, self._down):
                threading.Thread(target=way, args=(pair,), daemon=True).start()

    def _up(self, pair: Pair) -> None:
        with contextlib.suppress(OSError):
            while data := pair.client.recv(65_536):
                self._flows.wait()
                if pair.loses_reply.is_set():
                    pair.has_asked.set()
                pair.server.sendall(data)
        pair.close()

    def _down(self, pair: Pair) -> None:
        with contextlib.suppress(OSError):
            while data := pair.server.recv(65_536):
                self._flows.wait()
                if pair.has_asked.is_set():  # the server has done it and says so: nobody hears it
                    self.cuts += 1
                    break
                pair.client.sendall(data)
        pair.close()

    def lose_replies(self) -> None:
        """Each connection that is open loses the reply of what is asked next, and breaks."""
        for pair in self._pairs:
            pair.loses_reply.set()

    def disconnect(self) -> None:
        """Break every connection."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def stall(self):
        """Let nothing through until the returned function is called."""
        self._flows.clear()
        return self._flows.set

    def close(self) -> None:
        self._flows.set()
        self._listener.close()
        self.disconnect()

    def turn(self, target: int) -> None:
        """Lead to another server from here on."""
        self._target = target
        self.disconnect()

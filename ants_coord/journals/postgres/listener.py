"""
Notifications of what others append: a thread with its own session, while somebody waits.

An announcement contains the entries of a whole span (see schema), so a waiting process need not ask while
others work. Entries that follow within the span of the last announcement are not announced: a look after the
end of the span finds them, and a second look finds a commit that took long. Behind a pooler there are no
announcements, and one is lost whenever a session is lost. So there is a slow look in any case.
"""

from __future__ import annotations

import binascii
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import psycopg

from .schema import GAP_NS
from .server import Server

_HAND_S = 0.25
"""longest sleep before it notices that it should stop"""
_AGAIN_S = 0.5
"""pause after a lost session, before the next try"""
_LOOKS_S = (1.2 * GAP_NS / 1e9, 8 * GAP_NS / 1e9)
"""pause after an announcement, and after a look that found something, if no other announcement came"""
_MOST_RUNS = 64
"""announcements that are kept: beyond this, reading is as good"""


class Listener(threading.Thread):
    """
    One listening session.

    Args:
        server: address of the server.
        board: the board to listen for.
        changed: called whenever another process may have appended.
        position: position up to which the log is known here.
        slow_look_s: seconds between looks without any announcement.

    """

    def __init__(
        self,
        server: Server,
        board: int,
        changed: Callable[[], None],
        position: Callable[[], int],
        slow_look_s: float,
    ) -> None:
        super().__init__(name="ants_coord listener", daemon=True)
        self._server, self._board, self._changed, self._known = server, board, changed, position
        self._slow_look_s = slow_look_s
        self._stopped, self._ready = threading.Event(), threading.Event()
        self._runs: deque[bytes] = deque()

    def start(self) -> None:
        """Start; return when it is listening, or when it cannot at the moment."""
        super().start()
        self._ready.wait(self._server.patience)

    def stop(self) -> None:
        """End soon."""
        self._stopped.set()

    def take(self) -> list[bytes]:
        """Return the announcements since the last call that brought entries; none if one brought none."""
        runs = [self._runs.popleft() for _ in range(len(self._runs))]
        return [] if b"" in runs else runs

    def run(self) -> None:
        """Listen; after a lost session, start again."""
        while not self._stopped.is_set():
            try:
                with self._server.connect("listener") as connection:
                    self._open(connection)
                    self._runs.clear()
                    self._changed()  # for entries appended while nobody listened
                    self._ready.set()
                    with selectors.DefaultSelector() as selector:
                        selector.register(connection.pgconn.socket, selectors.EVENT_READ)
                        self._listen(connection, selector)
            except psycopg.Error:
                self._look()  # waiters meet the trouble at their own verb, or are served by this look
                self._stopped.wait(_AGAIN_S)
            finally:
                self._ready.set()

    def _open(self, connection: psycopg.Connection[Any]) -> None:
        question = "SELECT channel FROM ants_coord.board WHERE id = %s"
        for (channel,) in connection.execute(question, (self._board,)):  # no row: the board was dropped
            connection.execute(f'LISTEN "{channel}"'.encode())

    def _listen(self, connection: psycopg.Connection[Any], selector: selectors.BaseSelector) -> None:
        looks, due = 0, time.monotonic() + self._slow_look_s
        while not self._stopped.is_set():
            selector.select(max(0, min(_HAND_S, due - time.monotonic())))
            if self._stopped.is_set():
                return
            if self._hear(connection):
                self._changed()
                looks = 0
            elif time.monotonic() < due:
                continue
            else:
                before = self._known()
                self._look()
                looks = looks + 1 if self._known() == before else 0
            pause = _LOOKS_S[looks] if looks < len(_LOOKS_S) else self._slow_look_s
            due = time.monotonic() + pause

    def _hear(self, connection: psycopg.Connection[Any]) -> bool:
        connection.pgconn.consume_input()  # raises if the session is lost
        heard = False
        while (told := connection.pgconn.notifies()) is not None:
            heard = True
            try:
                self._runs.append(binascii.a2b_base64(told.extra))
            except ValueError:  # not from the server
                self._runs.append(b"")
        if len(self._runs) > _MOST_RUNS:  # nobody takes them: the waiter has just left
            self._runs.clear()
            self._runs.append(b"")
        return heard

    def _look(self) -> None:
        self._runs.clear()
        self._changed()

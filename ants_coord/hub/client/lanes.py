"""
Connections to a hub: one open request on each, repeated until it is answered.

A lane has its own session, in which its requests are numbered. With one open request, no number is overtaken
by another, so the board always remembers the one that may be repeated. A line that is sent again (to the next
process behind the address, or to another hub of the board) is carried out once.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from ...errors import ClosedError, JournalError
from ...values.checks import fresh_session
from .. import wire
from ..thin import connect, read_line

_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.2


class Session:
    """A name under which the board numbers requests that come one after the other."""

    def __init__(self) -> None:
        self.name = fresh_session()
        self.number = 0


class Dial:
    """
    How a hub is reached.

    Args:
        path: where clients look.
        greeted: called at each new connection with what the hub says about itself and its board.

    """

    def __init__(self, path: str, greeted: Callable[[list[Any]], None]) -> None:
        self.path = path
        self.shown = f"hub:{path}"
        """its name in error messages"""
        self.client = fresh_session()
        """identifies which connections belong to one client"""
        self.keys: dict[str, str] = {}
        """agent -> its key, once a hub has accepted it; shown on each new connection"""
        self._greeted = greeted
        self._opened: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.making: Any = threading.RLock()
        """held only while a socket is made and recorded"""

    def open(self, purpose: str, timeout: float) -> socket.socket:
        """
        Connect, and read what the hub says about its board.

        Raises:
            OSError: nobody answers there. JournalError: the program that answers is not a suitable hub.

        """
        sock = connect(self.path, timeout, self._made)
        try:
            sock.settimeout(timeout)
            hello = ["hello", wire.VERSION, self.client, purpose, dict(self.keys)]
            sock.sendall(wire.dumps(hello).encode() + b"\n")
            self._understand(read_line(sock, math.inf))
        except BaseException:
            sock.close()
            raise
        return sock

    def _made(self, family: int) -> socket.socket:
        # a fork takes this lock too: a fork between making the socket and recording it would keep its copy
        with self.making:
            sock = socket.socket(family)
            self._opened.add(sock)
        return sock

    def abandon(self) -> None:
        """Close a fork's copies of all connections; otherwise the hub would not notice the parent's end."""
        for sock in list(self._opened):
            sock.close()

    def _understand(self, line: bytes) -> None:
        refusal = None
        try:
            answer = wire.loads(line)
            if isinstance(answer, list):
                self._greeted(answer)
            elif "v" in answer:
                refusal = wire.unpack(answer).fresh_error()
            else:
                refusal = JournalError(self.shown, f"the hub takes no coordinator: {answer['say']}")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as problem:
            why = f"is no hub that this version understands: it answers {line[:60]!r}"
            raise JournalError(self.shown, why) from problem
        if refusal is not None:
            raise refusal


class _Lane:
    """One connection, opened at its first use."""

    def __init__(self) -> None:
        self.session = Session()
        self.sock: socket.socket | None = None
        self.keys: dict[str, str] = {}
        """the keys shown on it"""
        self.claim: tuple[str, int] | None = None
        """the open request, if it may be granted a lease"""

    def drop(self) -> None:
        if self.sock is not None:
            self.sock.close()
        self.sock = None


class Lanes:
    """
    The connections of one coordinator; as many as there are open requests.

    Args:
        dial: how the hub is reached.
        gave_up: called with (session, number) of a request that may be granted a lease although nobody waits
            for it any more: its caller was interrupted, or no hub has answered in time.

    """

    def __init__(self, dial: Dial, gave_up: Callable[[str, int], object]) -> None:
        self.dial = dial
        self._gave_up = gave_up
        self.patience_s = 10.0
        """how long a request is repeated before its caller is told"""
        self._free: deque[_Lane] = deque()
        self._all: dict[int, _Lane] = {}
        self._closed = threading.Event()

    def ask(self, message: list[Any], patience_s: float | None = None) -> Any:
        """Send something that may be sent twice, and return the answer as it came."""
        return self._on_a_lane(lambda _: message, lambda answer: answer, patience_s)

    def do(
        self,
        name: str,
        fields: dict[str, Any],
        request: tuple[str, int] | None,
        heard: Callable[[Any], Any],
        may_grant: bool,
    ) -> Any:
        """
        Have a command carried out once.

        Args:
            name: name of the command.
            fields: fields of the command.
            request: an id chosen by the caller, which may repeat the request itself; None draws a number.
            heard: turns the answer into a reply, and records it.
            may_grant: whether it may be granted a lease, which is given back if the request is abandoned
                before `heard` has returned.

        """

        def line(lane: _Lane) -> list[Any]:
            if request is not None:
                return [*request, name, fields]
            lane.session.number += 1
            if may_grant:
                lane.claim = lane.session.name, lane.session.number
            return [lane.session.name, lane.session.number, name, fields]

        return self._on_a_lane(line, heard, None)

    def _on_a_lane(
        self, message: Callable[[_Lane], list[Any]], heard: Callable[[Any], Any], patience_s: float | None
    ) -> Any:
        if self._closed.is_set():
            raise ClosedError
        try:
            lane = self._free.pop()
        except IndexError:
            lane = _Lane()
            self._all[id(lane)] = lane
        try:
            line = wire.dumps(message(lane)).encode() + b"\n"
            answer = self._said(lane, line, self.patience_s if patience_s is None else patience_s)
            found = wire.loads(answer)
            is_mistake = found.__class__ is dict and "say" in found
            reply = found if is_mistake else heard(found)
        except BaseException:
            # an answer may still come, and the number may still be used: this lane must not be used again
            if lane.claim is not None:
                self._gave_up(*lane.claim)
            lane.drop()
            self._all.pop(id(lane), None)
            if self._closed.is_set():
                raise ClosedError from None
            raise
        lane.claim = None
        self._free.append(lane)
        if self._closed.is_set():
            lane.drop()  # closed meanwhile by another thread, which may not have seen this lane
        if is_mistake:
            raise wire.mistake(found)
        return reply

    def claims(self) -> list[tuple[str, int]]:
        """Return the open requests that may be granted a lease."""
        return [claim for lane in list(self._all.values()) if (claim := lane.claim) is not None]

    def _said(self, lane: _Lane, line: bytes, patience_s: float) -> bytes:
        until, pause = time.monotonic() + patience_s, _PAUSE_S
        outcome = "nothing was done"
        while True:
            left = until - time.monotonic()
            try:
                if lane.sock is None or lane.keys != self.dial.keys:
                    lane.drop()
                    lane.keys = dict(self.dial.keys)
                    lane.sock = self.dial.open("lane", max(0.01, left))
                lane.sock.settimeout(max(0.01, left))
                outcome = "whether it was done is unknown"
                lane.sock.sendall(line)
                return read_line(lane.sock, math.inf)
            except OSError as problem:
                lane.drop()
                if time.monotonic() + pause > until:
                    raise JournalError(
                        self.dial.shown,
                        f"no hub answers ({problem}); {outcome}. Start one with: ants-coord hub BOARD",
                    ) from problem
            if self._closed.wait(pause):
                raise ClosedError
            pause = min(_LONGEST_PAUSE_S, 2 * pause)

    def drop(self) -> None:
        """Close the connections that have no open request."""
        for lane in list(self._free):
            lane.drop()

    def close(self) -> None:
        """Close all connections; callers that wait for an answer are told that the coordinator is closed."""
        self._closed.set()
        for lane in list(self._all.values()):
            sock = lane.sock
            if sock is not None:
                with contextlib.suppress(OSError):  # wakes the thread that reads from it
                    sock.shutdown(socket.SHUT_RDWR)
        self.drop()

    def abandon(self) -> None:
        """Send nothing any more: this is a fork's copy."""
        self._free.clear()
        self._all.clear()
        self._closed = threading.Event()
        self._closed.set()

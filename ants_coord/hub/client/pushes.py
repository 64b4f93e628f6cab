"""
The connection on which a hub sends messages of its own: answers to waits, lost leases.

One thread, started with the first message, reads and writes it, so sending never blocks and takes no lock.
Messages are one-way, and each is valid until it is revoked (a wait, a lease to watch). So after a
reconnection all valid ones are sent again, and nothing else need be remembered.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ...journals.clocks import report
from .. import wire
from .lanes import Dial

_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.5
_GREETING_S = 5.0
_READ = 1 << 16

Message = list[Any]


class Pushes:
    """
    The messages sent and received in the background.

    Args:
        dial: how the hub is reached.
        hear: called with each message of the hub, in a thread of its own; must not block.
        holds: returns all valid messages at this moment, for a hub that does not know them.

    """

    def __init__(
        self, dial: Dial, hear: Callable[[Message], None], holds: Callable[[], list[Message] | None]
    ) -> None:
        self._dial = dial
        self._hear = hear
        self._holds = holds
        self._outbox: deque[Message] = deque()
        self._runner: dict[str, object] = {}
        self._closed = threading.Event()
        self._bell, self._poke = socket.socketpair()
        for sock in (self._bell, self._poke):
            sock.setblocking(False)

    def show(self, message: Message) -> None:
        """Send a message if there is a connection; a new one begins with all valid messages anyway."""
        if "it" in self._runner:
            self.say(message)

    def say(self, message: Message) -> None:
        """Send a message; it goes out as soon as there is a hub that takes it."""
        self._outbox.append(message)
        if "it" not in self._runner:
            self._start()
        # full: the thread is awake; closed: nobody can hear it
        with contextlib.suppress(OSError):
            self._poke.send(b"!")

    def _start(self) -> None:
        # a single atomic step decides who starts the thread: this may be a signal handler, too
        me = object()
        try:
            if self._runner.setdefault("it", me) is me and not self._closed.is_set():
                threading.Thread(target=self._run, name="ants_coord hub", daemon=True).start()
        except BaseException:  # no thread could be started, or an interrupt: the next message tries again
            if self._runner.get("it") is me:
                self._runner.pop("it")
            raise

    def close(self) -> None:
        """Hang up."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._poke.send(b"!")
        if "it" not in self._runner:
            self._bell.close()
            self._poke.close()

    def abandon(self) -> None:
        """Close a fork's copies; its thread was not copied."""
        self._closed.set()
        self._bell.close()
        self._poke.close()

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                sock = self._connected()
                if sock is not None:
                    with contextlib.suppress(OSError), sock:  # it is gone, or hung up: try the next one
                        self._talk(sock)
        finally:
            self._bell.close()
            self._poke.close()

    def _connected(self) -> socket.socket | None:
        pause, is_told = _PAUSE_S, False
        while not self._closed.is_set():
            try:
                return self._dial.open("push", _GREETING_S)
            except OSError:
                pass
            except Exception:  # noqa: BLE001 - a hub may accept after a restart what it refuses now
                if not is_told:
                    report(f"{self._dial.shown} takes no connection; it is tried again")
                is_told = True
            self._closed.wait(pause)
            pause = min(_LONGEST_PAUSE_S, 2 * pause)
        return None

    def _talk(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._outbox.clear()  # in this order: messages added meanwhile are in both, and not lost
        held = self._holds()
        if held is None:
            self._closed.set()
            return
        # one message about these is left out: a wait that is over would start again if it were sent again
        begun = {number for word, number, *_ in held if word == "wait"}

        def is_news(message: Message) -> bool:
            if message[0] != "wait" or message[1] not in begun:
                return True
            begun.discard(message[1])
            return False

        unsent, inbox = bytearray(_lines(held)), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            selector.register(sock, selectors.EVENT_READ)
            watched = selectors.EVENT_READ
            while not self._closed.is_set():
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(4096)
                # taken one by one: another thread may be adding some
                told = [self._outbox.popleft() for _ in range(len(self._outbox))]
                unsent += _lines(list(filter(is_news, told)) if begun else told)
                if unsent:
                    with contextlib.suppress(BlockingIOError):
                        del unsent[: sock.send(unsent)]
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0)
                if wanted != watched:
                    selector.modify(sock, wanted)
                    watched = wanted
                for key, mask in selector.select():
                    if key.fileobj is sock and mask & selectors.EVENT_READ:
                        self._receive(sock, inbox)

    def _receive(self, sock: socket.socket, inbox: bytearray) -> None:
        try:
            got = sock.recv(_READ)
        except BlockingIOError:
            return
        if not got:
            raise ConnectionError("the hub has hung up")
        for line in wire.lines_of(inbox, got):
            try:
                self._hear(wire.loads(line))
            except Exception:  # noqa: BLE001 - the others must get theirs
                report("what the hub said could not be told")


def _lines(messages: list[Message]) -> bytes:
    return b"".join([wire.dumps(message).encode() + b"\n" for message in messages])

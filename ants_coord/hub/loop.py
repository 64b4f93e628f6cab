"""
One thread, one selector, all connections.

A turn takes one line of each peer, carries out the commands in one transaction, and answers. It takes one
line and not all that have arrived: a peer that sent fifty questions at once kept the others waiting for two
seconds. A peer that does not read its answers is not read from either, so it only delays itself.

The hub never renews its clients' leases and never gives them back: a client that stands still must lose its
lease as without a hub, and a client whose hub was restarted must keep it.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import select
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, cast

from ..commands.shared import Claim, Command, Query, Refused
from ..engine.combining import Turn
from ..engine.keeper import Kept
from ..engine.lobby import Waiter, mute
from ..errors import CoordinationError, WrongKeyError
from ..fronts.keys import is_same
from ..sync.board import Board
from . import coordinator_lines, program_lines, wire
from .address import Address
from .coordinator_lines import Said
from .hub_requests import Coordinators
from .keys import Gate
from .program_lines import Asked
from .thin import MAX_LINE
from .waiting import Wait, Waits

__all__ = ["Hub"]

_UNSENT = 1 << 20
"""bytes of unread answers from which on a peer's lines are not read"""
_READ = 1 << 16
_SHARE, _LEAST_S, _LONGEST_S = 0.25, 0.000_1, 0.005
"""how long a turn waits for company: a share of the time that the last one waited for its transaction; not at
all if that is too short, as it is without a disk"""
_DESCRIPTORS = 1024
"""select.select takes those below"""
_LAST_WORDS_S = 1.0
"""how long a hub that ends tries to send its answers"""
_OWN = -1
"""the wait number of a peer that sends objects, which has one at a time"""
_log = logging.getLogger("ants_coord")


class _Peer:
    """One connection."""

    def __init__(self, sock: socket.socket, secret: str | None) -> None:
        self.sock = sock
        self.secret = secret
        """what it must say before anything else; None once it has"""
        self.names: set[str] = set()
        """the agents whose keys it has shown"""
        self.inbox = bytearray()
        self.lines: collections.deque[bytes] = collections.deque()
        self.unsent = bytearray()
        self.events = selectors.EVENT_READ
        self.is_leaving = False
        """whether to hang up as soon as it has its answer"""
        self.client = ""
        """the coordinator that it belongs to, if it gets that one's answers to waits"""
        self.waits: dict[int, Wait] = {}
        self.kept: dict[int, Kept] = {}


class Hub:
    """
    A hub: it serves one board to every client that may use its address.

    Args:
        board: the board to serve. Its owner closes it, with `keep=True`, so that clients keep what they hold.
        address: where clients look, usually the board's path followed by ".hub".
        keys: each agent must show its key, `board.key_of(agent)`; the board needs `secret=`.
        tcp: listen on a port of 127.0.0.1 even where there are Unix sockets.

    Raises:
        JournalConflictError: another hub listens there, another file is there, or other users can write
            there.

    """

    def __init__(self, board: Board, address: str, *, keys: bool = False, tcp: bool = False) -> None:
        self._board = board
        self._engine = board._engine  # noqa: SLF001 - a class of this package
        self._keys = Gate(self._engine, board.key_of) if keys else None
        if keys:
            board.key_of("agent")  # says what is missing without a secret
        if (board.path or "").startswith("hub:"):
            raise ValueError(f"{board.path} is a hub's; serve the board itself")
        self._engine.outlive()  # clients keep what they hold, even if the hub is killed
        self._engine.open()
        self._address = Address(address, tcp=tcp)
        self._selector = selectors.DefaultSelector()
        self._bell, self._poke = socket.socketpair()
        self._queued: dict[_Peer, None] = {}
        # the selector of Windows cannot be waited for itself, nor can a high descriptor
        self._may_gather = hasattr(self._selector, "fileno") and self._selector.fileno() < _DESCRIPTORS
        self._company = 0
        """how many peers the last turn answered, if it is worth while to wait for them"""
        self._gather_s = 0.0
        """for how long the next turn waits for them"""
        self._told: dict[_Peer, None] = {}
        """peers with something to send, in the order in which it arose"""
        self._waits = Waits(self._engine, self._wake)
        self._coordinators = Coordinators(
            self._engine, self._waits, self._send, self._told_as, self._hang_up, self._keys
        )
        self._stopped = threading.Event()
        self._peers: set[_Peer] = set()
        self._is_listening = False
        for sock in (self._address.listener, self._bell, self._poke):
            sock.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._listen()

    @property
    def path(self) -> str:
        """The path where clients look."""
        return self._address.path

    def stop(self) -> None:
        """
        End `serve`, from any thread or signal handler; commands that were carried out are answered first.
        """
        self._stopped.set()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake; closed: it has ended
            self._poke.send(b"!")

    def serve(self) -> None:
        """Answer until `stop` is called; then remove the address."""
        try:
            while not self._stopped.is_set():
                self._turn()
            self._say_last_words()
        finally:
            for peer in list(self._peers):
                self._hang_up(peer)
            self._selector.close()
            self._address.close()
            self._bell.close()
            self._poke.close()

    # -- one turn -------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._hear(0 if self._queued or self._waits.is_due else None)
        if self._queued and len(self._queued) < self._company:
            self._gather()
        busy, self._queued = self._queued, {}
        asked = [(peer, peer.lines.popleft()) for peer in busy]
        if len(busy) > 1:
            began = time.monotonic() - time.thread_time()
            self._answer(asked)
            self._plan(len(busy), time.monotonic() - time.thread_time() - began)
        elif busy:  # a single peer has no company, and is spared two looks at the processor's clock
            self._answer(asked)
            self._plan(1, 0.0)
        self._waits.run()
        told, self._told = self._told, {}
        for peer in (busy | told) if told else busy:
            self._flush(peer)

    def _hear(self, timeout: float | None) -> None:
        """Take in what has arrived, and send what can be sent."""
        for key, mask in self._selector.select(timeout):
            if key.fileobj is self._address.listener:
                self._accept()
            elif key.fileobj is self._bell:
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(4096)
            else:
                if mask & selectors.EVENT_READ:
                    self._receive(key.data)
                if mask & selectors.EVENT_WRITE:
                    self._flush(key.data)

    def _plan(self, answered: int, waited_s: float) -> None:
        """Note whether it is worth while that the next turn waits for company."""
        self._gather_s = min(_LONGEST_S, _SHARE * waited_s)
        is_worth_it = answered > 1 and self._gather_s > _LEAST_S and self._may_gather
        self._company = answered if is_worth_it else 0

    def _gather(self) -> None:
        """
        Wait a moment for as many peers as the last turn answered, so that one transaction serves them all.

        Answered together, they ask again nearly together. A turn for the first to come would keep the others
        waiting for its transaction, and so on: half of them in each took a third longer in all.
        """
        until = time.monotonic() + self._gather_s
        while len(self._queued) < self._company and (left := until - time.monotonic()) > 0:
            # not by the selector's own time, which is in whole milliseconds: many turns are shorter
            if select.select([self._selector], [], [], left)[0]:
                self._hear(0)

    def _listen(self) -> None:
        if not self._is_listening:
            self._selector.register(self._address.listener, selectors.EVENT_READ)
            self._is_listening = True

    def _accept(self) -> None:
        try:
            sock, _ = self._address.listener.accept()
        except BlockingIOError:
            return
        except OSError as problem:
            # too many open files: listening on would be a busy loop. Each peer that hangs up makes room
            _log.warning("the hub %s takes no more connections for now: %s", self.path, problem)
            self._selector.unregister(self._address.listener)
            self._is_listening = False
            return
        sock.setblocking(False)
        peer = _Peer(sock, self._address.secret)
        self._peers.add(peer)
        self._selector.register(sock, selectors.EVENT_READ, peer)

    def _receive(self, peer: _Peer) -> None:
        try:
            got = peer.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            # complete lines sent before are carried out, as if the peer had waited for its answer
            peer.is_leaving = True
            self._waits.hang_up(peer)
            self._flush(peer)
            return
        peer.lines += wire.lines_of(peer.inbox, got)
        if len(peer.inbox) > MAX_LINE:
            problem = ValueError(
                f"a line has at most {MAX_LINE} bytes; nothing was done, and the hub hangs up"
            )
            self._send(peer, program_lines.refusal(problem))
            peer.is_leaving = True
            peer.inbox.clear()
            self._flush(peer)
        elif peer.lines:
            self._flush(peer)

    def _flush(self, peer: _Peer) -> None:
        """Send what the peer accepts, and decide how it continues."""
        if peer not in self._peers:
            return
        if peer.unsent:
            try:
                del peer.unsent[: peer.sock.send(peer.unsent)]
            except BlockingIOError:
                pass
            except OSError:
                self._hang_up(peer)
                return
        if peer.is_leaving and not peer.unsent and not peer.lines:
            self._hang_up(peer)
            return
        if peer.lines and len(peer.unsent) < _UNSENT and _OWN not in peer.waits:
            self._queued[peer] = None
        self._watch(peer)

    def _watch(self, peer: _Peer) -> None:
        """Ask the selector for what this peer may do now."""
        events = selectors.EVENT_WRITE if peer.unsent else 0
        # nor is it read ahead: the lines of a peer that writes faster than it is answered would fill the
        # memory
        if not peer.is_leaving and len(peer.unsent) < _UNSENT and len(peer.lines) < 100:
            events |= selectors.EVENT_READ
        if events == peer.events:
            return
        if not peer.events:
            self._selector.register(peer.sock, events, peer)
        elif not events:
            self._selector.unregister(peer.sock)
        else:
            self._selector.modify(peer.sock, events, peer)
        peer.events = events

    def _hang_up(self, peer: _Peer) -> None:
        if peer not in self._peers:
            return
        self._peers.discard(peer)
        self._queued.pop(peer, None)
        if peer.events:
            self._selector.unregister(peer.sock)
        peer.sock.close()
        self._waits.hang_up(peer)
        if not self._stopped.is_set():
            self._listen()

    def _say_last_words(self) -> None:
        until = time.monotonic() + _LAST_WORDS_S
        for peer in list(self._peers):
            if peer.unsent:
                with contextlib.suppress(OSError):
                    peer.sock.settimeout(max(0.001, until - time.monotonic()))
                    peer.sock.sendall(peer.unsent)

    # -- lines ----------------------------------------------------------------------------------

    def _answer(self, lines: Sequence[tuple[_Peer, bytes]]) -> None:
        """Carry out what these lines ask: the commands in one transaction, then the queries."""
        commands: list[tuple[_Peer, Asked | Said]] = []
        queries: list[tuple[_Peer, Asked | Said]] = []
        others: list[tuple[_Peer, list[Any]]] = []
        waiting: list[tuple[_Peer, Asked]] = []
        for peer, line in lines:
            is_list = line.startswith(b"[")
            try:
                asked = self._read_list(peer, line) if is_list else self._understand(peer, line)
            except (ValueError, TypeError, OSError, CoordinationError) as problem:
                form = coordinator_lines if is_list else program_lines
                self._send(peer, form.refusal(problem))
                continue
            if isinstance(asked, list):
                others.append((peer, asked))
            elif isinstance(asked, Asked) and asked.wait_s is not None:
                waiting.append((peer, asked))
            elif asked is not None:
                (commands if isinstance(asked.what, Command) else queries).append((peer, asked))
        for (peer, asked), reply in zip(commands, self._carry_out(commands), strict=True):
            self._reply(peer, asked, reply)
        for peer, asked in queries:
            assert isinstance(asked.what, Query)
            try:
                reply = self._engine.ask(asked.what)
                if self._keys:
                    names = {str(asked.agent)} if isinstance(asked, Asked) else peer.names
                    reply = self._keys.veiled(names, reply)
            except CoordinationError as problem:
                reply = Refused(problem)
            except Exception as problem:  # noqa: BLE001 - a cursor of another board, a count that is none
                self._send(peer, asked.refusal(problem))
                continue
            self._reply(peer, asked, reply)
        for peer, asked in waiting:
            self._wait(peer, asked)
        for peer, message in others:
            try:
                self._coordinators.serve(peer, message)
            except (ValueError, TypeError, AssertionError, CoordinationError) as problem:
                self._send(peer, coordinator_lines.refusal(problem))

    def _carry_out(self, commands: Sequence[tuple[_Peer, Asked | Said]]) -> Sequence[Any]:
        if not commands:
            return ()
        batch = [(asked.request, cast("Command[Any]", asked.what)) for _, asked in commands]
        try:
            return self._engine.carry_out(batch)
        except CoordinationError as problem:
            return [Refused(problem)] * len(commands)

    def _wait(self, peer: _Peer, asked: Asked) -> None:
        """Make a claim wait; the lines after it wait, too, since answers come in order."""
        assert isinstance(asked.what, Claim)
        what, now_ns = asked.what, self._engine.now_ns()
        until_ns = now_ns + round((asked.wait_s or 0) * 1e9)
        waiter = Waiter(mute, ready=True, agent=what.agent, kinds=what.kinds, until_ns=until_ns)
        if what.task is not None:
            waiter.task, waiter.ended = what.task, (what.task,)

        def tell(_: Wait, reply: Any) -> None:
            if isinstance(reply, Exception) and not isinstance(reply, TimeoutError):
                self._send(peer, asked.refusal(reply))
            else:
                self._reply(peer, asked, None if isinstance(reply, TimeoutError) else reply)

        turn = None if asked.request is None else Turn(asked.request, 0)
        self._waits.enter(Wait(peer, _OWN, what, waiter, turn, tell))

    def _reply(self, peer: _Peer, asked: Asked | Said, reply: Any) -> None:
        self._send(peer, asked.answer(reply, self._engine.now_ns()))

    def _refuse_unknown(self, peer: _Peer) -> None:
        if peer.secret is not None:
            peer.is_leaving = True
            raise ValueError("say hello with the secret of the hub's file first; the hub hangs up")

    def _read_list(self, peer: _Peer, line: bytes) -> Said | list[Any]:
        """Return what a coordinator asks of the board, or of us."""
        message = coordinator_lines.read(line)
        self._refuse_unknown(peer)
        if self._coordinators.is_asked(message):
            return message
        said = coordinator_lines.read_what(message)
        if self._keys:
            self._keys.admit(peer.names, said.what)
        return said

    def _told_as(self, peer: _Peer, client: str) -> list[_Peer]:
        """Return the connections for the answers to a coordinator's waits, as far as another may end them."""
        found = [other for other in self._peers if other.client == client]
        return [other for other in found if other.names <= peer.names] if self._keys else found

    def _understand(self, peer: _Peer, line: bytes) -> Asked | None:
        """Return what the board is asked; None if the line is answered already."""
        question = program_lines.read(line)
        if question.get("verb") == "hello":
            self._meet(peer, question)
            return None
        self._refuse_unknown(peer)
        asked = program_lines.read_line(question, self._engine.secret)
        if self._keys and (asked.agent is None or asked.agent not in peer.names):
            if asked.agent is None:
                raise ValueError(f"{asked.verb} needs 'agent', whose key was shown with hello")
            raise WrongKeyError(asked.agent, shown=False)
        return asked

    def _meet(self, peer: _Peer, question: dict[str, Any]) -> None:
        unknown = sorted(set(question) - {"verb", "secret", "agent", "key"})
        if unknown:
            raise ValueError(f"hello knows no {', '.join(map(repr, unknown))}")
        if peer.secret is not None:
            if not is_same(question.get("secret"), peer.secret):
                peer.is_leaving = True
                raise ValueError("this is not the secret of the hub's file; the hub hangs up")
            peer.secret = None
        agent = question.get("agent")
        if agent is not None and self._keys:
            self._keys.show(peer.names, agent, question.get("key"))
        self._send(peer, program_lines.hello(self._engine.path))

    def _send(self, peer: _Peer, answer: bytes) -> None:
        peer.unsent += answer
        self._told[peer] = None

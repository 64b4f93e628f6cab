"""Requests of coordinators to the hub itself: lines that are neither a command nor a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..commands.granting import given_back
from ..commands.reading import SettingsOf
from ..commands.shared import Command, Release
from ..engine.combining import Turn, is_vain
from ..engine.engine import Engine
from ..errors import CoordinationError
from ..values.checks import Request
from . import coordinator_lines, wire
from .keys import Gate
from .waiting import Wait, Waits


class Coordinators:
    """
    The hub's side of connections of coordinators.

    Args:
        engine: the board's engine.
        waits: where they wait.
        send: sends a connection a line.
        told: returns the connections that get a coordinator's answers to waits.
        hang_up: ends a connection.
        gate: decides what connections may ask, if agents must show keys.

    """

    def __init__(
        self,
        engine: Engine,
        waits: Waits,
        send: Callable[[Any, bytes], None],
        told: Callable[[Any, str], list[Any]],
        hang_up: Callable[[Any], None],
        gate: Gate | None = None,
    ) -> None:
        self._engine = engine
        self._waits = waits
        self._send = send
        self._told = told
        self._hang_up = hang_up
        self._gate = gate
        self._questions: dict[str, tuple[tuple[type, ...], Callable[..., object]]] = {
            "hello": ((int, str, str, dict), self._hello),
            "key": ((str, str), self._key),
            "bye": ((str, list, list), self._bye),
            "now": ((), lambda _: engine.now_ns()),
            "digest": ((), lambda _: engine.digest()),
            "check": ((), lambda _: engine.check()),
            "still": ((dict, int, int), self._still),
            "withdraw": ((list,), self._withdraw),
        }
        """word -> the types of the parts that follow it, and the function that returns the answer"""
        self._orders: dict[str, tuple[tuple[type, ...], Callable[..., object]]] = {
            "wait": ((int, bool, list, dict), self._wait),
            "last": ((int,), waits.last),
            "leave": ((int,), waits.leave),
            "keep": ((int, str), self._keep),
            "unkeep": ((int,), waits.unkeep),
        }
        """the same for words without an answer of their own"""

    def is_asked(self, message: list[Any]) -> bool:
        """Tell whether a line is for us: a request id, drawn or chosen, may happen to be one of our words."""
        is_command = len(message) == 4 and isinstance(message[2], str)
        return (message[0] in self._questions or message[0] in self._orders) and not is_command

    def serve(self, peer: Any, message: list[Any]) -> None:
        """Do what a line asks; raises ValueError or TypeError if it is not valid."""
        word, *parts = message
        takes, serve = self._questions.get(word) or self._orders[word]
        if len(parts) != len(takes) or not all(map(isinstance, parts, takes)):
            raise ValueError(f"{word} is not said with {parts!r:.80}")
        if self._gate is not None:
            self._gate.admit_word(peer.names, word)
        answer = serve(peer, *parts)
        if word in self._questions:
            self._send(peer, coordinator_lines.line(answer))

    def _hello(self, peer: Any, version: int, client: str, purpose: str, keys: dict[str, str]) -> list[Any]:
        if version != wire.VERSION:
            peer.is_leaving = True
            raise ValueError(f"it speaks version {version}, and this hub {wire.VERSION}")
        settings = self._engine.ask(SettingsOf())
        if self._gate is not None:
            self._gate.show_all(peer.names, keys)
            settings = self._gate.told(settings)
        if purpose == "push":
            # it sends all its waits again here: grants sent to the former connection would be lost
            for other in self._told(peer, client):
                self._hang_up(other)
            peer.client = client
        return ["hello", self._engine.now_ns(), wire.pack(settings)]

    def _key(self, peer: Any, agent: str, key: str) -> list[Any]:
        if self._gate is not None:
            self._gate.show(peer.names, agent, key)
        return ["key", agent, self._gate is not None]

    def _bye(self, peer: Any, client: str, requests: list[Any], granted: list[Any]) -> None:
        """End the waits of a coordinator that closes, and then take back what it gives back."""
        withdrawn, leases = coordinator_lines.requests_of(requests), coordinator_lines.leases_of(granted)
        told = self._told(peer, client)
        self._give_up(peer, told, withdrawn, leases)
        for other in told:
            self._hang_up(other)

    def _withdraw(self, peer: Any, requests: list[Any]) -> list[Any]:
        self._give_up(peer, [peer], coordinator_lines.requests_of(requests), [])
        return ["withdrawn", requests]

    def _give_up(
        self,
        peer: Any,
        told: list[Any],
        requests: list[tuple[str, int, int]],
        leases: list[tuple[str, int]],
    ) -> None:
        """Give back leases, and what was granted to abandoned requests; may be repeated."""
        for other in told:  # all of them first: otherwise what one gives back is granted to another
            requests = [each for each in requests if not self._waits.leave(other, each[2])]
        back: list[tuple[Request, Command[Any]]] = [(None, Release(task, token)) for task, token in leases]
        for session, number, _ in requests:
            back += self._given_back(session, number)
        if self._gate is not None:  # the core then refuses leases of others; an entry returns as its author's
            for _, command in back:
                if isinstance(command, Release):
                    self._gate.sign(peer.names, command)
        if back:
            self._engine.carry_out(back)

    def _given_back(self, session: str, number: int) -> list[tuple[Request, Command[Any]]]:
        """Return what gives back the grants of a request, or of a later try of the wait that it started."""
        while True:
            # a command that does nothing takes its number: the line may still be on its way, and then comes
            # too late; if it came earlier, its own reply is the answer
            (reply,) = self._engine.carry_out([((session, number), Release("", 0))])
            if not is_vain(reply):
                break
            number += 1
        back = given_back(reply, self._engine.now_ns())
        # numbered, since this may be said again: an entry must return once, even if it has been taken since
        return [((session, number + later), command) for later, command in enumerate(back, 1)]

    def _still(self, _: Any, about: dict[str, Any], quiet_ns: int, idle: int) -> str | None:
        return self._engine.stands_still(coordinator_lines.waiter_of(about), quiet_ns, idle)

    def _wait(self, peer: Any, number: int, is_last: bool, what: list[Any], about: dict[str, Any]) -> None:
        if number < 1:  # other numbers are the hub's own
            raise ValueError(f"a wait's number must be 1 or more, not {number}")
        try:
            said, waiter = coordinator_lines.read_what(what), coordinator_lines.waiter_of(about)
            if self._gate is not None:
                self._gate.admit_wait(peer.names, said.what, waiter)
        except (ValueError, TypeError, CoordinationError) as problem:
            self._send(peer, coordinator_lines.pushed(number, problem, 0))
            return
        waiter.timed_out = is_last
        turn = Turn(*said.request) if isinstance(said.request, tuple) else None
        self._waits.enter(Wait(peer, number, said.what, waiter, turn, self._answer))

    def _answer(self, wait: Wait, reply: Any) -> None:
        if self._gate is not None:
            reply = self._gate.veiled(wait.peer.names, reply)
        self._send(wait.peer, coordinator_lines.pushed(wait.number, reply, wait.request))

    def _keep(self, peer: Any, token: int, task: str) -> None:
        if self._gate is not None:
            self._gate.admit_watch(peer.names, task, token)

        def lost(reason: str) -> None:
            self._send(peer, coordinator_lines.line(["lost", token, reason]))

        self._waits.keep(peer, token, task, lost)

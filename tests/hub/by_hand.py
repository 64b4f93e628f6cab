"""Coordinators that show keys, and lines for coordinators that are written by hand."""

from __future__ import annotations

import contextlib
import json

from ants_coord import Blackboard, ClaimQueue
from ants_coord.commands.shared import Query, Refused
from ants_coord.hub import wire

from .running import lines, plug

SECRET = b"0123456789abcdef"


@contextlib.contextmanager
def over(address, kind=Blackboard):
    """Open a coordinator at the hub; `handle(name)` of it shows that agent's right key."""
    with ClaimQueue(secret=SECRET) as host, contextlib.closing(kind(f"hub:{address}")) as queue:
        queue.handle = lambda name: queue.shared().as_agent(name, host.key_of(name))
        yield queue


class Hand:
    """A connection on which lines are written by hand."""

    def __init__(self, address, board, *names, purpose="lane", client="by hand"):
        self._sock = plug(address)
        self._number = 0
        self.greeting = self.say(
            "hello", wire.VERSION, client, purpose, {name: board.key_of(name) for name in names}
        )

    def say(self, *message):
        self._sock.sendall(json.dumps(message).encode() + b"\n")
        (answer,) = lines(self._sock, 1)
        return answer

    def ask(self, what):
        """Send a command or query; return its answer, or its refusal."""
        return reply_of(self.say(*self.message(what)))

    def message(self, what):
        name, fields = what.__class__.__name__, wire.fields_of(what)
        if isinstance(what, Query):
            return ["?", name, fields]
        self._number += 1
        return [f"session of {id(self)}", self._number, name, fields]

    def wait(self, what, **about):
        """Wait for a command or query in the line; return what comes."""
        self._number += 1
        _, answer, _ = self.say("wait", self._number, True, self.message(what), about)
        return reply_of(answer) if not isinstance(answer, dict) or "late" not in answer else None

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self._sock.close()


def reply_of(answer):
    if isinstance(answer, dict) and "say" in answer:
        return wire.mistake(answer)
    reply = wire.unpack(answer)
    return reply.error if isinstance(reply, Refused) else reply

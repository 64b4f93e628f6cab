"""A blackboard whose clock is moved by hand."""

from __future__ import annotations

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.board import Deposit, Diffuse, React, Sense, Write
from ants_coord.core import Machine
from ants_coord.core.snapshot import records
from ants_coord.values.marks import Mark
from ants_coord.values.reactions import Reaction
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Task

from .test_model import SECOND, START


class Board:
    """A machine whose clock is moved by hand."""

    def __init__(self, **settings):
        self.machine, self.now = Machine(), START
        self.settings = Settings(strategy="board", backoff=Backoff(first=0), **settings)
        self.do(c.Configure(self.settings))

    def do(self, command, after=0.0):
        self.now += round(after * SECOND)
        reply = self.machine.apply(command, now_ns=self.now)
        self.machine.check()
        return reply

    def submit(self, *tasks):
        return self.do(c.submission(tasks))

    def mark(self, kind, place, strength=1.0, agent="scout", after=0.0):
        return self.do(Deposit(Mark(kind, place, strength), agent), after)

    def claim(self, agent="w", after=0.0, **options):
        lease = self.do(c.Claim(agent, **options), after)
        return lease if lease is None else lease.task

    def write(self, path, value=1, agent="w", **options):
        return self.do(Write(path, value, agent, **options))

    def react(
        self, name, pattern, on=(), payload=None, *, coalesce=True, trails=None, above=None, below=None
    ):
        task = Task(kind="reaction", payload=payload)
        return self.do(React(Reaction(name, pattern, task, on, coalesce, trails, above, below), payload))

    def diffuse(self, kind, neighbours, share):
        edges = tuple((place, tuple(others)) for place, others in neighbours.items())
        return self.do(Diffuse(kind, edges, share, "w"))

    def strength(self, place, kind=None):
        found = self.machine.ask(Sense(place, kind))
        return found[0].strength if found else 0.0

    def events(self, *types):
        return [event for event in self.machine.ask(reading.Events(count=100_000)) if event.type in types]

    def tasks(self):
        return [record.task.id for record in self.machine.ask(reading.Tasks(count=10_000))]


def state(board):
    """Return everything but how many commands there were."""
    return [record for record in records(board.machine) if record[0] != "head"]

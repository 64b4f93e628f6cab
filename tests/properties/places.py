"""Where the properties are tried: the bare core, three strategies, a file, both colours."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from ants_coord import Blackboard, ClaimQueue, Matchmaker, aio
from ants_coord.commands import shared as c
from ants_coord.core import Machine
from ants_coord.errors import LeaseLostError
from ants_coord.journals import SQLiteJournal
from ants_coord.values.settings import Settings


class Core:
    """The core without any front: commands go to a Machine, refusals are raised."""

    def __init__(self, clock, **options):
        self.clock, self.machine = clock, Machine()
        self.do(c.Configure(Settings(**options)))

    def do(self, command):
        reply = self.machine.apply(command, now_ns=self.clock.now_ns())
        if isinstance(reply, c.Refused):
            raise reply.error
        return reply

    def submit(self, task):
        return self.do(c.submission((task,)))

    def claim_nowait(self, agent, *, task=None, lease_ttl=None):
        return self.do(c.Claim(agent, task=task, ttl_ns=in_ns(lease_ttl)))

    def claim_many(self, agent, count, *, lease_ttl=None):
        return self.do(c.ClaimMany(agent, count, ttl_ns=in_ns(lease_ttl)))

    def lock_nowait(self, *names, agent, lease_ttl=None, holder=""):
        return self.do(c.LockNames(names, agent, in_ns(lease_ttl), holder))

    def renew(self, lease, *, lease_ttl=None):
        (answer,) = self.do(c.Renew(((lease.task, lease.token),), in_ns(lease_ttl)))
        if isinstance(answer, c.Lost):
            raise LeaseLostError(lease.task, answer.token, answer.reason)
        return answer.expires_ns

    def complete(self, lease, result):
        return self.do(c.Complete(lease.task, lease.token, result))

    def fail(self, lease, reason):
        return self.do(c.Fail(lease.task, lease.token, reason))

    def release(self, lease):
        return self.do(c.Release(lease.task, lease.token))

    def progress(self, lease, note):
        return self.do(c.Note(lease.task, lease.token, note))

    def check(self):
        self.machine.check()

    def close(self):
        pass


def in_ns(seconds):
    return None if seconds is None else round(seconds * 1e9)


class InAFile:
    """A board in a new file, which goes with it."""

    def __new__(cls, clock, **options):
        folder = Path(tempfile.mkdtemp())
        board = ClaimQueue(SQLiteJournal(folder / "b.db", clock=clock, durability="process"), **options)
        close = board.close

        def close_and_remove():
            close()
            shutil.rmtree(folder)

        board.close = close_and_remove
        return board


def never_benched(make):
    return lambda clock, **options: make(clock=clock, bench_after=0, **options)


PLACES = {
    "core": Core,
    "claim": ClaimQueue,
    "match": never_benched(Matchmaker),
    "board": never_benched(Blackboard),
    "file": InAFile,
    "aio": aio.ClaimQueue,
    "aio board": never_benched(aio.Blackboard),
}

WORTHWHILE = ("takeover after a deadline", "takeover exactly at a deadline", "stale token tried")


def play(machine, place, *, examples, steps, at=None):
    """Run an ExclusivityMachine in one place; return how many runs there were, and in how many each event was."""
    runs, met = [], Counter()

    class Here(machine):  # type: ignore[valid-type]
        def make(self, clock, **options):
            return PLACES[place](clock=clock, **options)

        def teardown(self):
            super().teardown()
            runs.append(set(self.seen))

    told = settings(settings.default, max_examples=examples, stateful_step_count=steps, database=None)
    run = Here if at is None else seed(at)(Here)
    run_state_machine_as_test(run, settings=told)
    for seen in runs:
        met.update(seen)
    return len(runs), met

"""
The real machine and the naive one side by side: `Pair.both` gives a command to both and compares.

Tests drive a pair (by Hypothesis or by a seeded walk) and call `compare`
after every step; the guarantees S1 to S5 are methods, so a failure names one.
"""

import json

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.values.tasks import Lease, Ticket

from .naive import FINAL, Naive
from .replies import plain
from .waking import hints_are_complete

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
AGENTS = ("ann", "bob", "cy")


def copy_of(machine):
    """Return a second machine, made from the first one's records by way of JSON."""
    twin = Machine()
    restore(twin, json.loads(json.dumps(list(records(machine)))))
    return twin


class Pair:
    def __init__(self):
        self.machine, self.naive, self.now = Machine(), Naive(), START
        self.tokens = [("a", 0)]
        self.requests = []
        self.numbers = self.accepted = self.last_token = 0
        self.seen = {}

    def both(self, command):
        """Apply a command to both; every second one as a numbered request."""
        self.numbers += 1
        request = ("session", self.numbers) if self.numbers % 2 else None
        before = copy_of(self.machine) if request is None else None
        with hints_are_complete(self.machine, AGENTS):
            reply = self.machine.apply(command, now_ns=self.now, request=request)
        expected = self.naive.apply(command, self.now)
        assert plain(reply) == expected, command
        if request is not None:
            self.requests.append((request, command, plain(reply)))
        if before is not None and isinstance(reply, c.Refused):
            self.a_refused_command_changed_nothing(before)
        for part in reply if isinstance(reply, tuple) else (reply,):
            if isinstance(part, Lease):
                self.tokens.append((part.task, part.token))
                assert part.token > self.last_token or part.kind == "lock"  # S2
                self.last_token = max(self.last_token, part.token)
            if isinstance(part, Ticket):
                self.accepted += part.created
        return reply

    def some(self, which):
        """Return one of the last leases, live or not, counted back from the newest."""
        return self.tokens[-1 - which % len(self.tokens)]

    def say_again(self, which):
        """A repeat is answered like the first time, and does nothing but let time pass."""
        request, command, first = self.requests[-1 - which % len(self.requests)]
        reply = plain(self.machine.apply(command, now_ns=self.now, request=request))
        self.naive.pass_time(self.now)
        if isinstance(first, tuple) and first[0] == "lease":
            assert reply[:7] == first[:7]  # the payload is not repeated once the lease is lost
        elif isinstance(first, tuple) and first[0] == "outcome":
            assert reply[:3] == first[:3]  # nor is the result once the task is forgotten
        elif not isinstance(first, list):
            assert reply == first

    def move_house(self):
        """A board that was written down and read back is the same board."""
        twin = copy_of(self.machine)
        assert digest(twin) == digest(self.machine)
        self.machine = twin

    # -- what must hold after every step -----------------------------------------------------

    def compare(self):
        self.machine.check()
        if self.naive.now is not None:
            self.both_tell_the_same()
        self.a_task_has_at_most_one_live_lease()
        self.what_is_done_stays_done()
        self.nothing_is_lost()

    def both_tell_the_same(self):
        rows = self.machine.ledger.tasks
        told = [(t.id, t.state, t.attempts, t.releases, t.lost, t.cause) for t in self.naive.tasks]
        assert told == [(i, r.state, r.attempts, r.releases, r.lost, r.cause) for i, r in rows.items()]
        assert [s.id for s in self.naive.stones] == list(self.machine.ledger.tombstones)
        assert [t.id for t in self.naive.idle] == [r.spec.id for r in self.machine.ledger.idle.values()]
        assert self.machine.next_wakeup_in_ns == self.naive.wakeup_in()
        told = [(event[2], event[4]) for event in self.machine.ledger.events() if event[1] == "stalled"]
        assert told == self.naive.stalls[len(self.naive.stalls) - len(told) :]
        for agent in AGENTS:
            standing = self.machine.ask(reading.StandingOf(agent))
            for what in ("claimed", "completed", "failed", "expired", "released"):
                assert getattr(standing, what) == self.naive.seen[agent, what]

    def a_task_has_at_most_one_live_lease(self):
        """S1, asked from outside."""
        leases = self.machine.ask(reading.Leases())
        held = [lease.task for lease in leases if lease.kind != "lock"]
        assert len(held) == len(set(held))
        for lease in leases:  # what I hold by name nobody else does, unless both share it
            for other in leases:
                if (
                    lease.names
                    and other.names
                    and lease.agent != other.agent
                    and set(lease.names) & set(other.names)
                ):
                    rows = [self.machine.ledger.locks[one.token] for one in (lease, other)]
                    assert all(row.shared for row in rows)
        assert len({lease.token for lease in leases}) == len(leases)

    def what_is_done_stays_done(self):
        """S3: DONE is left by being forgotten only."""
        rows = self.machine.ledger.tasks
        for task, (state, seq) in self.seen.items():
            if state == "done" and task in rows and rows[task].seq == seq:
                assert rows[task].state == "done"
        self.seen = {task: (row.state, row.seq) for task, row in rows.items()}

    def nothing_is_lost(self):
        """S4: whatever was accepted is unfinished, final, or was forgotten after it ended."""
        counted = self.machine.ask(reading.StatisticsOf()).tasks
        assert self.accepted == sum(counted.values()) + sum(self.naive.gone.values())
        assert set(self.naive.gone) <= set(FINAL)

    def a_refused_command_changed_nothing(self, before):
        """S5: but time has passed, as it would have for any command, and refusals are counted."""
        before.apply(c.Wakeup(), now_ns=self.now)
        before.ledger.refusals += (
            1  # that it was refused is remembered, so that replay can be held against it
        )
        assert digest(before) == digest(self.machine)

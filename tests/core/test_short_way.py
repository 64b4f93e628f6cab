"""
The short way does what the long way does: replies, news and digest, after every command; also when interrupted.

Two machines hear the same commands at the same stamps. One takes the short way where it is open, as a
board in memory does; the other never does, and ends every task by the general rule, which `finish` spells
out for plain ones. The second test cuts the short way at every byte code.
"""

from __future__ import annotations

import random

import pytest

from ants_coord.commands.shared import (
    Cancel,
    Claim,
    ClaimMany,
    Complete,
    CompleteMany,
    Configure,
    Decline,
    Fail,
    Note,
    Pause,
    Release,
    Renew,
    Resume,
    SetLimit,
    Wakeup,
    submission,
)
from ants_coord.core import Cut, Machine, digest, restore
from ants_coord.core.work import leases, lifecycle, short
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Lease, Outcome, Task
from ants_coord.values.trust import TrustPolicy
from ants_coord.values.verification import Verify

from ..landing import landing_at
from ..scale import of

S = 1_000_000_000


def shortly(machine, command, now):
    """Carry a command out by the short way, if it is one of its verbs and the way is open."""
    ledger = machine.ledger
    if isinstance(command, Claim) and (command.kinds, command.task, command.ttl_ns) == (None, None, None):
        return short.claim(ledger, now, (command.agent,))
    if isinstance(command, Complete) and command.late == "refuse":
        return short.complete(ledger, now, (command.task, command.token, command.result))
    if command.__class__.__name__ == "Submit" and len(command.tasks) == 1 and command.tasks[0].is_plain:
        ticket = short.submit(ledger, now, (command.tasks[0], command.payloads[0]))
        return ticket if ticket is NotImplemented else (ticket,)
    return NotImplemented


class Walk:
    """Random commands, mostly those of the short way, and everything that may stand in its way."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.now = S
        self.ids, self.leases = [], []
        self.step = 0

    def command(self):
        dice, self.step = self.dice, self.step + 1
        self.now += dice.randrange(1, S // 100)
        if dice.random() < 0.02:  # the clock stands still, goes back, or long
            self.now += dice.choice([0, -5, -S, 10 * S, 40 * S, 3_700 * S])
        roll = dice.random()
        if roll < 0.35:
            return submission((self.task(),))
        if roll < 0.63:
            return Claim(dice.choice("aaab" if dice.random() < 0.9 else "cde"))
        lease = dice.choice(self.leases[-6:]) if self.leases else None
        if lease is None:
            return Wakeup()
        if roll < 0.95:
            return Complete(lease.task, lease.token, {"r": self.step})
        return self.rare(lease)

    def task(self):
        dice, more = self.dice, {}
        if dice.random() < 0.15:
            more = dice.choice(
                [
                    {"priority": dice.randrange(-2, 3)},
                    {"limit": "L"},
                    {"delay": dice.random() * 5},
                    {"kind": "other"},
                    {"lease_ttl": 1.5},
                    {"verify": Verify.by_quorum(2)},
                    {"finish_by": dice.random() * 60},
                    {"needs": [dice.choice(self.ids or ["none"])]},
                    {"max_attempts": 1},
                ]
            )
        self.ids.append(dice.choice(self.ids) if self.ids and dice.random() < 0.03 else f"t{self.step}")
        return Task(self.ids[-1], payload={"n": [self.step]}, **more)

    def rare(self, lease):
        key = lease.task, lease.token
        return self.dice.choice(
            [
                lambda: Fail(*key, "no", retry=self.dice.random() < 0.7),
                lambda: Release(*key),
                lambda: Renew((key,)),
                lambda: Note(*key, {"at": self.step}),
                lambda: Cancel(self.dice.choice(self.ids)),
                lambda: Decline("a", lease.task, "not mine", self.dice.choice([None, 2 * S]), lease.token),
                lambda: Decline("b", lease.task, "tired", 3 * S, lease.token, everything=True),
                lambda: ClaimMany("b", 3),
                lambda: CompleteMany(((*key, 1),)),
                lambda: submission(tuple(Task(f"b{self.step}-{n}") for n in range(4))),
                Pause,
                Resume,
                Resume,
                Resume,
                lambda: SetLimit("L", self.dice.randrange(3)),
                Wakeup,
            ]
        )()

    def heard(self, reply):
        found = reply if isinstance(reply, tuple) else (reply,)
        self.leases += [one for one in found if isinstance(one, Lease)]


def news_of(machine):
    news = machine.news
    found = [list(getattr(news, name)) for name in ("agents", "changed", "ended", "freed")]
    found.append([(kind, task) for kind, _, task in news.ready])  # signatures are objects of each board
    for name in ("agents", "changed", "ready", "ended", "freed", "gone"):
        getattr(news, name).clear()
    return found


SETTINGS = [
    Settings(lease_ttl=20),
    Settings(lease_ttl=5, retention_count=12, event_count=100),
    Settings(aging=3, retention=60),
    Settings(trust=TrustPolicy()),
    Settings(strategy="match"),
    Settings(strategy="board"),
]


@pytest.mark.parametrize("seed", range(of(len(SETTINGS), 12, 300)))
def test_the_short_way_is_the_long_way(seed):
    walk, one, other = Walk(seed), Machine(), Machine()
    settings = SETTINGS[seed % len(SETTINGS)]
    for machine in (one, other):
        machine.news.is_wanted = seed % 2 == 1
        machine.apply(Configure(settings), now_ns=1)
    went = 0
    for _ in range(350):
        command = walk.command()
        reply = shortly(one, command, walk.now)
        went += reply is not NotImplemented
        if reply is NotImplemented:
            assert not one.ledger.undo.entries
            reply = one.apply(command, now_ns=walk.now)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leases, "finish", lifecycle.finish_any)
            expected = other.apply(command, now_ns=walk.now)
        assert repr(reply) == repr(expected), command
        for lease in (
            [reply] if isinstance(command, Claim) else reply if isinstance(command, ClaimMany) else []
        ):
            if lease is not None:
                assert lease == leases.lease_of(one.ledger, one.ledger.tasks[lease.task]), command
        assert news_of(one) == news_of(other), command
        assert digest(one) == digest(other), command
        if isinstance(reply, Outcome) and reply.state == "done" and command.task in one.ledger.tasks:
            # the row keeps less than the reply, and makes the same of it whenever somebody asks
            assert one.ledger.tasks[command.task].outcome == reply, command
        one.check()
        walk.heard(reply)
    plain = settings.strategy == "claim" and settings.trust is None
    assert went > 40 if plain else went == 0, went


def test_a_decline_is_forgotten_with_its_task():
    """Another agent ends what one had declined: `finish` leaves that to `finish_any`."""
    machine = Machine()
    machine.apply(Configure(Settings()), now_ns=S)
    for name in ("first", "second"):
        machine.apply(submission((Task(name),)), now_ns=S)
    lease = machine.apply(Claim("b"), now_ns=S)
    machine.apply(
        Complete(lease.task, lease.token), now_ns=S
    )  # from here on `finish` has kept tasks before it
    lease = machine.apply(Claim("a"), now_ns=S)
    machine.apply(Decline("a", lease.task, "not mine", 100 * S, lease.token), now_ns=S)
    assert machine.ledger.tables["declines"]
    machine.apply(Wakeup(), now_ns=40 * S)
    lease = machine.apply(Claim("b"), now_ns=40 * S)
    machine.apply(Complete(lease.task, lease.token), now_ns=40 * S)
    assert not machine.ledger.tables["declines"]
    machine.check()


def test_what_the_short_way_grants_ends_in_time():
    """No lease was there when it looked ahead: the first one sets how far the way is open."""
    machine = Machine()
    machine.apply(Configure(Settings(lease_ttl=20)), now_ns=S)
    for name in ("a", "b"):  # agents that are known
        machine.apply(submission((Task(name),)), now_ns=S)
        lease = machine.apply(Claim(name), now_ns=S)
        machine.apply(Complete(lease.task, lease.token), now_ns=S)
    shortly(machine, submission((Task("t"),)), 2 * S)
    assert shortly(machine, Claim("a"), 2 * S).task == "t"
    assert shortly(machine, Claim("b"), 22 * S - 1) is None
    assert shortly(machine, Claim("b"), 22 * S) is NotImplemented
    machine.apply(Wakeup(), now_ns=22 * S)
    assert shortly(machine, Claim("b"), 22 * S).attempt == 2
    machine.apply(Wakeup(), now_ns=23 * S)  # the way looks ahead again, with a lease standing
    assert shortly(machine, Claim("a"), 42 * S - 1) is None
    assert shortly(machine, Claim("a"), 42 * S) is NotImplemented


def test_a_snapshot_keeps_what_the_short_way_ends_meanwhile():
    """It began when the way was open already: the row is packed as it was before its end."""
    machine, now, lease = begun()
    other = shortly(machine, Claim("a"), now)
    assert shortly(machine, Complete(other.task, other.token), now).state == "done"
    before, cut = digest(machine), Cut(machine)
    assert shortly(machine, Complete(lease.task, lease.token, {"r": 2}), now) is not NotImplemented
    pieces, copy = [], Machine()
    while piece := cut.step():
        pieces += piece
    restore(copy, pieces)
    assert digest(copy) == before
    machine.check()


def test_what_is_known_is_for_the_long_way_to_say():
    """An id that was forgotten, a task that is there, an agent that is new, a lease that is not live."""
    machine = Machine()
    machine.apply(Configure(Settings(retention_count=0)), now_ns=S)
    machine.apply(submission((Task("old"),)), now_ns=S)
    lease = machine.apply(Claim("a"), now_ns=S)
    machine.apply(Complete(lease.task, lease.token), now_ns=S)
    machine.apply(Wakeup(), now_ns=S)
    assert "old" in machine.ledger.tombstones
    assert shortly(machine, submission((Task("new"),)), S) is not NotImplemented
    before = digest(machine)
    for command in (
        submission((Task("old"),)),
        submission((Task("new"),)),
        Claim("stranger"),
        Complete("new", lease.token),
        Complete("old", lease.token),
    ):
        assert shortly(machine, command, S) is NotImplemented
    assert digest(machine) == before


def begun():
    """A board with work waiting and work held, where the short way is open."""
    machine, now, leases = Machine(), 10**15, []
    machine.apply(Configure(Settings()), now_ns=now)
    for number in range(6):
        machine.apply(submission((Task(f"w{number}", payload={"n": number}),)), now_ns=now)
    for _ in range(3):
        leases.append(machine.apply(Claim("a"), now_ns=now + 1_000))
    machine.apply(Complete(leases[0].task, leases[0].token, 1), now_ns=now + 2_000)
    machine.apply(Fail(leases[1].task, leases[1].token, "no", retry_ns=0), now_ns=now + 3_000)
    return machine, now + 5_000, leases[2]


@pytest.mark.parametrize(
    "command_of",
    [
        lambda lease: submission((Task("x", kind="fresh", payload={"n": 1}),)),
        lambda lease: submission((Task("y", priority=3),)),
        lambda lease: Claim("a"),
        lambda lease: Complete(lease.task, lease.token, {"r": 2}),
    ],
    ids=["submit, a new kind", "submit", "claim", "complete"],
)
def test_an_exception_at_any_byte_code_leaves_the_old_or_the_new_state(command_of):
    """As test_interrupts does for the long way; and said again, every command comes to its end."""
    machine, now, lease = begun()
    command, old = command_of(lease), digest(machine)
    assert shortly(machine, command, now) is not NotImplemented
    new = digest(machine)
    assert new != old
    seen, step, came = set(), 0, [0]
    while came:
        machine, now, lease = begun()
        with landing_at(step, where="opcode") as came:
            shortly(machine, command_of(lease), now)
        machine.check()
        found = digest(machine)
        assert found in (old, new), (step, came)
        seen.add(found)
        if found == old:
            if shortly(machine, command_of(lease), now) is NotImplemented:
                machine.apply(command_of(lease), now_ns=now)
            assert digest(machine) == new, (step, came)
        step += 1
    assert seen == {old, new}
    assert step > 100

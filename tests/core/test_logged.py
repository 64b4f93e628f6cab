"""
The short way of a log does what the long way does: replies, news and digest, after every command; also cut short.

Two machines follow the same log: one by `follow`, as an engine does, the other by `Machine.apply` alone.
"""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from ants_coord.commands.shared import Claim, Complete, Configure, LockNames, Renew, Wakeup, submission
from ants_coord.core import Cut, Machine, digest, restore
from ants_coord.core.short_log import follow, is_idle
from ants_coord.core.state.parts import Part, Strategy
from ants_coord.core.strategies import STRATEGIES
from ants_coord.core.work import leases, lifecycle
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Lease, Task

from ..landing import landing_at
from ..scale import of
from .test_short_way import SETTINGS, S, Walk, news_of

TOLD = ("@one", "@two")
"""openings whose end is noticed, so that the board notes what they hold"""


class LoggedWalk(Walk):
    """The same commands, each with a request id of its session; some come twice."""

    def __init__(self, seed):
        super().__init__(seed)
        self.numbers = dict.fromkeys((*TOLD, "untold"), 0)
        self.past = []

    def entry(self):
        dice, command = self.dice, self.command()
        if self.leases and dice.random() < 0.15:
            count, ttl = dice.choice([(1, None), (1, None), (3, None), (2, dice.randrange(S // 2, 9 * S))])
            held = [(lease.task, lease.token) for lease in dice.choices(self.leases[-6:], k=count)]
            command = Renew(tuple(held), ttl)
        elif isinstance(command, Complete) and dice.random() < 0.15:
            command = Complete(command.task, command.token, command.result, agent=dice.choice("aaabc"))
        elif dice.random() < 0.03:
            command = LockNames((dice.choice("xy"),), dice.choice("ab"))
        roll = dice.random()
        if roll < 0.03 and self.past:
            return dice.choice(self.past[-80:])
        if roll < 0.05:
            return (f"chosen-{self.step % 9}", 0), command
        if roll < 0.06:
            return ("@one", dice.randrange(1 + self.numbers["@one"])), command  # perhaps forgotten by now
        session = dice.choice(("@one", "@one", "@two", "untold"))
        self.numbers[session] += 1
        self.past.append(((session, self.numbers[session]), command))
        return self.past[-1]


LENGTH = of(250, 400, 400)


@pytest.mark.parametrize("seed", range(of(len(SETTINGS), 12, 300)))
def test_the_short_way_is_the_long_way(seed):
    walk, one, other = LoggedWalk(seed), Machine(), Machine()
    settings = SETTINGS[seed % len(SETTINGS)]
    for machine in (one, other):
        machine.news.is_wanted = seed % 2 == 1
        machine.apply(Configure(settings), now_ns=1)
    went = 0
    for position in range(2, LENGTH):
        request, command = walk.entry()
        for asked in (command, Claim("b"), Claim("b", ("other",))):
            assert is_idle(one, asked, walk.now) == other.is_idle(asked, walk.now), asked
        reply = follow(one, command, walk.now, request, position)
        went += one.ledger.quiet_until_ns > 0  # the long way sets it to 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leases, "finish", lifecycle.finish_any)
            expected = other.apply(command, now_ns=walk.now, request=request, position=position)
        assert repr(reply) == repr(expected), command
        assert news_of(one) == news_of(other), command
        assert digest(one) == digest(other), command
        assert one.next_wakeup_in_ns == other.next_wakeup_in_ns
        assert one.ledger.tables["openings"] == other.ledger.tables["openings"], command
        one.check()
        walk.heard(reply)
    plain = settings.strategy == "claim" and settings.trust is None
    assert went > 0 if plain else went == 0, went


@pytest.mark.parametrize("seed", range(of(2, 6, 60)))
def test_a_snapshot_in_progress_holds_the_board_as_it_was(seed):
    """What goes the short way meanwhile does not reach it."""
    walk, machine = LoggedWalk(seed), Machine()
    machine.apply(Configure(SETTINGS[seed % 3]), now_ns=1)
    cut, before, whole, pieces = None, "", 0, []
    for position in range(2, 400):
        if cut is None and position % 60 == 0:
            cut, before, pieces = Cut(machine), digest(machine), []
        request, command = walk.entry()
        walk.heard(follow(machine, command, walk.now, request, position))
        found = None if cut is None else cut.step(5)
        if found:
            pieces += json.loads(json.dumps(found))
        elif cut is not None:
            twin, cut, whole = Machine(), None, whole + 1
            restore(twin, pieces)
            assert digest(twin) == before
    assert whole


def test_nearly_all_of_a_plain_log_goes_the_short_way():
    """All but what trims events and replies, and the first commands; the walks above often close the way."""
    machine, position, went = Machine(), 1, 0
    machine.apply(Configure(Settings()), now_ns=S, position=1)

    def say(command):
        nonlocal position, went
        position += 1
        reply = follow(machine, command, S + position, ("@one", position), position)
        went += machine.ledger.quiet_until_ns > 0  # the long way sets it to 0
        return reply

    for number in range(500):
        say(submission((Task(payload={"n": number}),)))
        lease = say(Claim("a"))
        say(Renew((key(lease),)))
        say(Complete(lease.task, lease.token, number))
    assert went > 2_000 * 0.97


def test_a_renewal_to_a_shorter_time_ends_in_time():
    """The way was open for longer than the lease now lasts."""
    machine = begun()[0]
    lease = follow(machine, Claim("a"), 10 * S, ("@one", 7), 9)
    assert machine.ledger.quiet_until_ns > 15 * S
    follow(machine, Renew(((lease.task, lease.token),), 2 * S), 11 * S, ("@one", 8), 10)
    assert machine.ledger.quiet_until_ns == 13 * S
    assert follow(machine, Claim("b"), 13 * S, ("@one", 9), 11).task == lease.task


def test_a_strategy_with_its_own_claim_is_asked():
    """A part may carry out a common command in its own way: then no short way passes by it."""

    class Nobody(Part):
        commands: ClassVar = {Claim: lambda ledger, command: None}

    def strategy():
        usual = STRATEGIES["claim"]()
        return Strategy(usual.eligibility, usual.order, (Nobody(),))

    machine = Machine({**STRATEGIES, "nobody": strategy})
    machine.apply(Configure(Settings(strategy="nobody")), now_ns=S)
    for number in range(1, 5):
        machine.apply(submission((Task(f"t{number}"),)), now_ns=S, request=("@one", number))
    assert not machine.ledger.is_short
    assert follow(machine, Claim("a"), S, ("@one", 9), 6) is None


def begun():
    """A board with work waiting and work held by two openings, where the short way is open."""
    machine, held, position = Machine(), [], 1
    machine.apply(Configure(Settings()), now_ns=S, position=1)
    for number in range(1, 4):
        position += 1
        machine.apply(
            submission((Task(f"w{number}", payload={"n": number}),)), now_ns=S, request=("@one", number)
        )
    for session, number in (("@one", 4), ("@two", 1)):
        held.append(machine.apply(Claim("a"), now_ns=2 * S, request=(session, number)))
    machine.apply(Wakeup(), now_ns=3 * S, request=("@one", 5))
    return machine, held[0], held[1]


def key(lease) -> tuple[str, int]:
    return lease.task, lease.token


@pytest.mark.parametrize(
    "command_of",
    [
        lambda mine, its: submission((Task("x", kind="fresh", payload={"n": 1}),)),
        lambda mine, its: Claim("a"),
        lambda mine, its: Complete(mine.task, mine.token, {"r": 2}),
        lambda mine, its: Complete("w3", 1),  # refused, by the long way
        lambda mine, its: Renew((key(mine), key(its))),
        lambda mine, its: Renew((key(mine),), 2 * S),
    ],
    ids=["submit", "claim", "complete", "refused", "renew", "renew shorter"],
)
def test_an_exception_at_any_byte_code_leaves_the_old_or_the_new_state(command_of):
    """And said again, with its request id, every command comes to its end once."""
    request, position, now = ("@one", 6), 8, 4 * S
    machine, *held = begun()
    command, old = command_of(*held), digest(machine)
    follow(machine, command, now, request, position)
    new = digest(machine)
    assert machine.ledger.position == position
    assert new != old
    seen, step, came = set(), 0, [0]
    while came:
        machine, *held = begun()
        with landing_at(step, where="opcode") as came:
            follow(machine, command_of(*held), now, request, position)
        machine.check()
        found = digest(machine)
        assert found in (old, new), (step, came)
        seen.add(found)
        if found == old:
            follow(machine, command_of(*held), now, request, position)
            assert digest(machine) == new, (step, came)
        step += 1
    assert seen == {old, new}
    assert step > 100


def test_a_sweep_of_openings_is_undone_whole():
    """The 65th claim drops what the table still says of ended leases: all of it or nothing, wherever it is cut."""

    def full():
        machine = Machine()
        machine.apply(Configure(Settings()), now_ns=S)
        for number in range(65):
            machine.apply(submission((Task(f"t{number}"),)), now_ns=S, request=("@one", 3 * number + 1))
            if number < 64:
                lease = machine.apply(Claim("a"), now_ns=S, request=("@one", 3 * number + 2))
                machine.apply(Complete(lease.task, lease.token), now_ns=S, request=("@one", 3 * number + 3))
        return machine

    machine = full()
    old, position = digest(machine), machine.ledger.position + 1
    assert len(machine.ledger.tables["openings"]) == 64
    assert isinstance(follow(machine, Claim("a"), S, ("@one", 900), position), Lease)
    assert len(machine.ledger.tables["openings"]) == 1
    new, step, came = digest(machine), 0, [0]
    while came:
        machine = full()
        with landing_at(step, where="opcode") as came:
            follow(machine, Claim("a"), S, ("@one", 900), position)
        machine.check()
        assert digest(machine) in (old, new), (step, came)
        step += 23
    assert step > 500

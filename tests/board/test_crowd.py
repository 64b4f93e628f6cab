"""
Claims among very many requirements: the same rows, whether all spots are walked together or group by group.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from ants_coord.commands import shared as c
from ants_coord.commands.board import Deposit
from ants_coord.commands.matching import Advertise
from ants_coord.core import Machine
from ants_coord.core.board import order, places
from ants_coord.core.matching import eligibility, index
from ants_coord.values.adverts import Advert
from ants_coord.values.marks import Mark, MarkKind
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Lease, Task

from ..scale import of

SECOND = 1_000_000_000
KINDS = (MarkKind("hot"), MarkKind("slow", half_life=50), MarkKind("bad", half_life=50, repels=True))


@pytest.fixture(params=[(256, 128), (24, 12), (8, 4)], ids=["usual", "narrow", "narrowest"])
def few_are_many(request, monkeypatch):
    """More than two open signatures are many; a walk may end at its number of visits, and be broken off."""
    monkeypatch.setattr(eligibility, "MANY", 2)
    monkeypatch.setattr(order, "MANY", 2)
    monkeypatch.setattr(index, "BLOCK", 4)
    visits, steps = request.param
    monkeypatch.setattr(order, "VISITS", visits)
    monkeypatch.setattr(order, "STEPS", steps)
    assert 2 * steps <= visits  # or a group's walk might have ended before it came to the best
    return 5 if steps > 100 else -1  # narrow ones are seldom settled


def start(monkeypatch):
    """Return two machines, the second of which always goes group by group, and how often all together knew."""
    machines = Machine(), Machine()
    for machine in machines:
        machine.apply(
            c.Configure(Settings(strategy="board", kinds=KINDS, stimulus=0.5, bench_after=0, lease_ttl=1e5)),
            now_ns=SECOND,
        )
    whole, asked = order.ByTrails._among_many, Counter()

    def among_many(self, *given):
        if self is machines[1].ledger.order:
            return False, None
        answer = whole(self, *given)
        asked[answer[0]] += 1
        return answer

    monkeypatch.setattr(order.ByTrails, "_among_many", among_many)
    return *machines, asked


def commands(dice):
    """Yield (command, time): agents of different size, tasks that each ask for a number, trails, claims, ends."""
    now, made = SECOND, 0
    for name, memory in (("small", 10), ("large", 100), ("x", 55)):
        yield Advertise(Advert(name, ("cpu",), {"mem": memory}, slots=50, ttl=1e6)), now
    yield c.SetLimit("one", 1), now
    while True:
        now += dice.choice((0, 0, SECOND, 7 * SECOND))
        agent = dice.choice(("small", "large", "x"))
        match dice.randrange(8):
            case 0 | 1:
                made += 1
                tasks = [
                    Task(
                        f"t{made}.{number}",
                        kind=dice.choice("uv"),
                        priority=dice.choice((0, 0, 0, 1)),
                        requires=f"mem >= {dice.randrange(100)}",
                        place=dice.choice((None, "a", "b", "c", "d", "e")),
                        limit=dice.choice((None, None, None, "one")),
                        uses=dice.choice((None, None, {"mem": 5})),
                    )
                    for number in range(dice.randrange(3, 12))
                ]
                yield c.submission(tuple(tasks)), now
            case 2 | 3:
                kind, place = dice.choice(KINDS).name, dice.choice("abcde")
                yield Deposit(Mark(kind, place, dice.choice((0.5, 1.0, 3.0))), agent), now
            case 4 | 5:
                yield c.Claim(agent, dice.choice((None, None, ("u",)))), now
            case 6:
                yield "end", now
            case 7:
                yield "decline", now


@pytest.mark.parametrize("seed", range(of(6, 40, 1_000)))
def test_a_claim_gets_the_same_row_either_way(seed, few_are_many, monkeypatch):
    dice = random.Random(seed)
    together, one_by_one, asked = start(monkeypatch)
    leases: list[Lease] = []
    stream = commands(dice)
    for number in range(250):
        command, now = next(stream)
        if isinstance(command, str):
            if not leases:
                continue
            lease = leases.pop(dice.randrange(len(leases)))
            command = (
                c.Complete(lease.task, lease.token, None)
                if command == "end"
                else c.Decline(lease.agent, lease.task, "", 60 * SECOND, lease.token)
            )
        answers = [machine.apply(command, now_ns=now) for machine in (together, one_by_one)]
        assert repr(answers[0]) == repr(answers[1]), (number, command)
        if isinstance(answers[0], Lease):
            leases.append(answers[0])
        if number % 30 == 0:
            together.check()
    together.check()
    assert one_by_one.ledger.order._crowd is None
    assert asked[True] > few_are_many


def test_the_real_numbers_leave_room():
    """What `Crowd` promises of its answers rests on this."""
    assert 2 * places.STEPS <= order.VISITS

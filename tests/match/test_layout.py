"""
Where the index puts a requirement decides nothing: a machine that has seen many answers as one restored just now.

Numbers of signatures are given back and given out again, blocks fill and empty, and every order follows. The
restored one has seen none of it. Blocks are made tiny, so that a short walk sees what else needs thousands.
"""

from __future__ import annotations

import json
import random

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Offers
from ants_coord.core import Machine, digest, restore
from ants_coord.core.matching import eligibility, index
from ants_coord.core.snapshot import records
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import FINAL, Backoff, Lease, Task

from ..scale import of
from .test_model import Walk

SECOND = 1_000_000_000
NAMES = [f"own{number}" for number in range(12)]


def shrink(set_to=setattr):
    """Make a block of four, and more than two open signatures many."""
    set_to(index, "BLOCK", 4)
    set_to(index, "_SPELLINGS", 2)
    set_to(eligibility, "MANY", 2)


@pytest.fixture
def tiny(monkeypatch):
    shrink(monkeypatch.setattr)


def again(machine):
    """Return a machine restored from another's state, through JSON as a snapshot is."""
    young = Machine()
    restore(young, json.loads(json.dumps(list(records(machine)))))
    return young


def requirement(dice):
    name, least = dice.choice(NAMES), dice.randrange(30)
    return dice.choice(
        (None, name, f"mem >= {least}", f"{name} and mem >= {least}", f"not {name}", f" ( {name} ) ")
    )


@pytest.mark.parametrize("seed", range(of(5, 60, 2_000)))
@pytest.mark.parametrize("extra", [{}, {"explore": 0.5}], ids=["", "explore"])
@pytest.mark.parametrize("strategy", ["match", "board"])
def test_where_a_requirement_stands_decides_nothing(strategy, extra, seed, tiny):
    """The same claims, offers and digest from a machine with a past and from one without."""
    play(strategy, seed, {"aging": 5} if extra and strategy == "match" else extra)


def play(strategy, seed, extra):
    """Give the same commands to both."""
    dice, now = random.Random(seed), 1_700_000_000 * SECOND
    old = Machine()
    settings = Settings(
        strategy=strategy, retention_count=5, bench_after=0, backoff=Backoff(first=0), **extra
    )
    old.apply(c.Configure(settings), now_ns=now)
    for agent in "xyz":
        some = dice.sample(NAMES, 4)
        accepts = dice.choice((None, None, "priority >= 1"))
        old.apply(
            Advertise(Advert(agent, some, {"mem": dice.randrange(30)}, slots=4, accepts=accepts)), now_ns=now
        )
    young = again(old)
    claimed = 0
    for number in range(90):
        now += dice.choice((0, SECOND, 3 * SECOND))
        agent = dice.choice(["x", "y", "z", "nobody"])
        which = dice.randrange(9)
        if which < 4:
            batch = [
                Task(
                    f"t{number}.{n}",
                    kind=dice.choice("uv"),
                    priority=dice.randrange(2),
                    requires=requirement(dice),
                    uses=dice.choice((None, None, {"mem": 3})),
                    limit=dice.choice((None, None, None, "one")),
                    max_attempts=3,
                )
                for n in range(dice.randrange(1, 6))
            ]
            command = c.submission(tuple(batch))
        elif which < 7:
            command = c.Claim(agent, dice.choice((None, None, ("u",), ("v", "u"))))
        elif which == 7:
            leases = old.ask(reading.Leases(agent))
            if not leases:
                continue
            end = dice.choice((c.Release, c.Fail, c.Complete))
            command = end(leases[0].task, leases[0].token, *(["bad"] if end is c.Fail else []))
        else:
            rows = [row for row in old.ledger.tasks.values() if row.state not in FINAL]
            if not rows:
                continue
            command = c.Cancel(dice.choice(rows).spec.id)
        first, second = old.apply(command, now_ns=now), young.apply(command, now_ns=now)
        assert repr(first) == repr(second), (number, command)
        claimed += isinstance(first, Lease)
        assert old.ask(Offers("x", 50)) == young.ask(Offers("x", 50))
        old.check()
        if number % 9 == 8:
            young = again(old)
    assert digest(old) == digest(young)
    assert claimed > 3


@pytest.mark.parametrize("seed", range(of(6, 60, 2_000)))
def test_seeded_walks_in_tiny_blocks(seed, tiny):
    """The naive model agrees however the requirements are numbered."""
    walk = Walk(seed + 10_000)
    for _ in range(60):
        walk.step()
    walk.model.teardown()

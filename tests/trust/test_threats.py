"""The attacks of threats.py, small: what trust is for is seen to work. The deep profile plays all of them."""

from __future__ import annotations

import pytest

from ..scale import of
from . import threats

LARGE = of(False, False, True)
TICKS = 1_500 if LARGE else 400


def play(name, *, trust, attackers=4, strategy="claim", seed=1):
    found = threats.Market(
        name, trust=trust, seed=seed, ticks=TICKS, attackers=attackers, strategy=strategy
    ).run()
    print(f"\n  {name}, trust {'on' if trust else 'off'}: {found}")
    return found


@pytest.fixture(scope="module")
def peace():
    return play("none", trust=True, attackers=0)


def test_nobody_suffers_without_an_attack(peace):
    """No honest agent is in quarantine, and little is lost."""
    assert peace.honest == 0
    assert peace.lost < 0.1


@pytest.mark.parametrize("strategy", ["claim", "match", "board"])
def test_ghosts_are_contained(peace, strategy):
    """An agent that claims and never works gets some three tasks; without trust it gets nearly all of them."""
    off, on = (play("ghost", trust=trust, strategy=strategy) for trust in (False, True))
    assert off.lost > 0.3
    assert on.lost <= peace.lost + 0.05
    assert on.claims <= 4
    assert on.honest == 0


@pytest.mark.parametrize("name", ["heartbeating ghost", "liar"])
def test_other_attackers_are_contained(peace, name):
    """Renewing for ever ends; failing at nearly everything is noticed."""
    off, on = (play(name, trust=trust) for trust in (False, True))
    assert on.lease_time < off.lease_time
    assert on.lease_time <= peace.lease_time + 0.1
    assert on.claims <= 12
    assert on.honest == 0


def test_a_swarm_of_newcomers_is_contained(peace):
    """Twenty ghosts against sixteen: each has one task, once or twice."""
    on = play("ghost swarm", trust=True, attackers=20)
    assert on.claims <= 7
    assert on.honest == 0


def test_decoys_and_spam_are_taken_back():
    """Marks of those in quarantine go when they are rolled back, and so does what they overwrote."""
    off, on = threats.decoys(trust=False), threats.decoys(trust=True, roll_back=True)
    print(f"\n  decoys among the strongest: {off:.1%} without trust, {on:.1%} with")
    assert off > 0.3
    assert on <= 0.02
    assert threats.spam() == (0, 50)


def test_who_declines_everything_delays_nobody():
    """A decline costs nothing and is remembered: the others do the work."""
    peace = threats.attack("none", trust=True, strategy="match", attackers=0, seeds=2)
    on = threats.attack("declines everything", trust=True, strategy="match", seeds=2)
    assert on.lost <= peace.lost + 0.02
    assert on.honest == 0

"""
Long random walks through everything at once: adverts, teams, trust, checks, limits, declines, time.

The models of the strategies know each rule by itself. Here rules meet that no model has together, and what is held
against them needs no model: no command raises, every invariant holds, and an agent that may take something new hears
of it.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Withdraw
from ants_coord.core import Machine
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task
from ants_coord.values.trust import TrustPolicy
from ants_coord.values.verification import Verify

from ..scale import of
from .pair import SECOND, START
from .waking import hints_are_complete

AGENTS = ("ann", "bob", "cy", "di", "ed")
POLICIES = (None, TrustPolicy(), TrustPolicy(newcomers=0.5), TrustPolicy(strangers=False, quarantine_after=2))
STEPS = {
    "submit": 22, "claim": 28, "end": 25, "wait": 10, "vouch": 3, "steer": 2, "cancel": 1, "requeue": 1, "advertise": 8,
}  # fmt: skip
"""step -> how often, in a hundred"""


class Walk:
    """One board, and five agents that do whatever comes to their minds."""

    def __init__(self, seed: int) -> None:
        self.dice, self.now, self.made = random.Random(seed), START, 0
        self.machine, self.leases = Machine(), list[Lease]()
        pick = self.dice.choice
        self.strategy = pick(("claim", "match", "board"))
        more: dict[str, Any] = (
            {} if self.strategy == "claim" else {"bench_after": pick((0, 2)), "team_hold": 5.0}
        )
        self.do(
            c.Configure(
                Settings(
                    strategy=self.strategy, trust=pick(POLICIES), lease_ttl=20, max_attempts=pick((2, 50)),
                    backoff=Backoff(first=0), **more,
                )
            )
        )  # fmt: skip

    def do(self, command: c.Command[Any]) -> Any:
        with hints_are_complete(self.machine, AGENTS):
            return self.machine.apply(command, now_ns=self.now)

    def step(self) -> None:
        getattr(self, self.dice.choices([*STEPS], [*STEPS.values()])[0])()

    def submit(self) -> None:
        chance, pick = self.dice.random, self.dice.choice
        self.made += 1
        fields: dict[str, Any] = {}
        if self.strategy != "claim" and chance() < 0.15:
            fields["team"] = pick((("x", "y"), ("x", "x"), ("x", "y", "z")))
        else:
            if chance() < 0.3:
                fields["verify"] = pick((Verify.by_check(), Verify.by_quorum(2)))
            if chance() < 0.2:
                fields["limit"] = "l"
            if self.strategy != "claim" and chance() < 0.3:
                fields["requires"] = pick(("x", "y", "x and y"))
            if self.strategy != "claim" and chance() < 0.2:
                fields["uses"] = {"mem": 2}
            if self.strategy == "board" and chance() < 0.4:
                fields["place"] = pick("pq")
        self.do(c.submission((Task(f"t{self.made}", priority=self.dice.randint(0, 2), **fields),)))

    def claim(self) -> None:
        lease = self.do(c.Claim(self.dice.choice(AGENTS)))
        if isinstance(lease, Lease):
            self.leases.append(lease)

    def end(self) -> None:
        if not self.leases:
            return
        held = self.leases.pop(self.dice.randrange(len(self.leases)))
        task, token = held.task, held.token
        pause = self.dice.choice((None, 5 * SECOND))
        ends = [
            c.Complete(task, token, self.dice.choice((1, 1, 2, True))),
            c.Fail(task, token, "no"),
            c.Decline(held.agent, task, "not mine", pause, token),
            c.Release(task, token),
        ]
        self.do(self.dice.choices(ends, [9, 7, 2, 2])[0])

    def wait(self) -> None:
        self.now += self.dice.choice((1, SECOND, 5 * SECOND, 20 * SECOND, 100 * SECOND, 2_000 * SECOND))
        self.do(c.Wakeup())

    def vouch(self) -> None:
        self.do(c.Vouch(self.dice.choice(AGENTS), self.dice.choice("PQ"), "host"))

    def steer(self) -> None:
        self.do(self.dice.choice((c.Pause(), c.Resume(), c.SetLimit("l", self.dice.randint(0, 2)))))

    def cancel(self) -> None:
        self.do(c.Cancel(f"t{self.dice.randint(1, self.made + 1)}"))

    def requeue(self) -> None:
        self.do(c.Requeue(f"t{self.dice.randint(1, self.made + 1)}"))

    def advertise(self) -> None:
        agent, pick = self.dice.choice(AGENTS), self.dice.choice
        if self.strategy == "claim":
            return
        if self.dice.random() < 0.2:
            self.do(Withdraw(agent))
            return
        can = tuple(self.dice.sample("xyz", self.dice.randint(0, 3)))
        self.do(
            Advertise(
                Advert(
                    agent, can, {"mem": pick((1, 2, 4))}, slots=pick((0, 1, 2, 3)), load=pick((0.0, 0.0, 0.5, 1.0)),
                    accepts=pick((None, None, "priority >= 1")), ttl=pick((5.0, 50.0)),
                )
            )
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(of(6, 120, 3_000)))
def test_no_rule_forgets_another(seed):
    """Nothing raises, nothing contradicts itself, and nobody waits for what is there."""
    walk = Walk(seed)
    for number in range(250):
        walk.step()
        if number % 25 == 0:
            walk.machine.check()
    walk.machine.check()


def test_an_agent_without_an_advert_gets_no_seat():
    """Seats are matched by adverts. An agent without one is passed over, and takes what asks for nothing."""
    machine = Machine()
    machine.apply(c.Configure(Settings(strategy="match")), now_ns=START)
    machine.apply(c.submission((Task("team", team=("x", "y")), Task("plain"))), now_ns=START)
    assert machine.apply(c.Claim("ann", task="team/seat-1"), now_ns=START) is None
    assert machine.apply(c.Claim("ann"), now_ns=START).task == "plain"
    assert machine.apply(c.Claim("ann"), now_ns=START) is None

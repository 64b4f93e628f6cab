"""
Wrong results, played through the real coordinators in virtual time, unchecked and checked.

Twenty agents, fourteen of them honest (one result in a hundred is wrong all the
same), two honest but slow, four that cheat. Results are checked by a quorum of
two, out of three at most, as seldom as a target for the share of wrong results
that are accepted allows. `python -m tests.trust.cheats` prints the table of
docs/explanation/trust.md.
"""

from __future__ import annotations

import heapq
import random

import attrs

from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise
from ants_coord.core import Machine
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task
from ants_coord.values.trust import TrustPolicy
from ants_coord.values.verification import Verify

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
LEASE = 10.0


@attrs.define
class Result:
    """What cheating brought."""

    accepted: float
    """share of accepted results that are wrong"""
    extra: float
    """completed attempts beyond one per accepted result"""
    claims: float
    """claims that a cheat got, once it cheated, before its first quarantine, on average"""
    isolated: float
    """share of the cheats that were ever in quarantine"""
    slow: float
    honest: float


class Market:
    def __init__(self, cheat, *, verify, trust=True, seed=0, ticks=1_500, cheats=4, strategy="claim"):
        self.dice, self.cheat, self.ticks, self.verify = random.Random(f"{cheat}{seed}"), cheat, ticks, verify
        self.machine = Machine()
        more = {"bench_after": 0} if strategy != "claim" else {}
        self.apply(0, c.Configure(Settings(
            strategy=strategy, trust=TrustPolicy() if trust else None, lease_ttl=LEASE, max_attempts=50,
            backoff=Backoff(first=0), retention_count=1_000_000, event_count=1_000_000, **more,
        )))  # fmt: skip
        self.honest = [f"honest{n}" for n in range(14)]
        self.slow = [f"slow{n}" for n in range(2)]
        self.bad = [f"bad{n}" for n in range(cheats)]
        self.deeds = dict.fromkeys(self.bad, 0)
        self.cheated = {}
        self.made = 0

    def apply(self, tick, command):
        return self.machine.apply(command, now_ns=START + round(tick * SECOND))

    def run(self):
        everybody = [*self.honest, *self.slow, *self.bad]
        if self.machine.ledger.settings.strategy == "match":
            for agent in everybody:
                self.apply(0, Advertise(Advert(agent, {"skill"}, slots=50, ttl=1e8)))
        if "one house" in self.cheat:
            for agent in self.bad:
                self.apply(0, c.Vouch(agent, "house", "host"))
        happening = [(self.dice.random(), number, agent, None) for number, agent in enumerate(everybody)]
        heapq.heapify(happening)
        number = len(everybody)
        while happening:
            now, _, agent, held = heapq.heappop(happening)
            if now > self.ticks:
                break
            if self.machine.ledger.counts["ready"] < 20:
                batch = tuple([self.task(self.made + n) for n in range(50)])
                self.made += 50
                self.apply(now, c.submission(batch))
            number += 1
            heapq.heappush(happening, (*self.step(agent, held, now, number),))
        return self.result()

    def task(self, number):
        """A task; with milking every tenth is a dear one, of a kind of its own."""
        kind = "dear" if "milking" in self.cheat and number % 10 == 0 else "default"
        return Task(f"t{number}", kind=kind, verify=self.verify)

    def step(self, agent, held, now, number):
        if held is None:
            lease = self.apply(now, c.Claim(agent))
            if not isinstance(lease, Lease):
                return now + 1.0, number, agent, None
            if self.dice.random() < (0.15 if agent in self.slow else 0.01):
                return now + lease.ttl_ns / SECOND + 5, number, agent, None
            takes = self.dice.uniform(3, 6) * (3 if agent in self.slow else 1)
            self.apply(now, c.Renew(((lease.task, lease.token),), round(2 * LEASE * SECOND)))
            return now + takes, number, agent, lease
        self.apply(now, c.Complete(held.task, held.token, self.answer(agent, held), draw=self.dice.random()))
        return now + 0.01, number, agent, None

    def answer(self, agent, lease):
        dice = self.dice
        if agent not in self.deeds:
            return "right" if dice.random() >= 0.01 else f"slip {dice.random()}"
        self.deeds[agent] += 1
        if "then" in self.cheat and self.deeds[agent] <= 40:
            return "right"
        if "30 %" in self.cheat and dice.random() >= 0.3:
            return "right"
        if "milking" in self.cheat and lease.kind != "dear":
            return "right"  # cheap work is done well, to be trusted with the dear
        self.cheated.setdefault(agent, lease.token)
        return "agreed lie" if "colluding" in self.cheat else f"lie {dice.random()}"

    def result(self):
        ledger = self.machine.ledger
        judged = "dear" if "milking" in self.cheat else "default"
        ended = [row for row in ledger.tasks.values() if row.state == "done"]
        done = [row.outcome.result for row in ended if row.spec.kind == judged]
        completed = sum(a.completed for a in [*ledger.agents.values(), ledger.departed])
        quarantined, claims = {}, dict.fromkeys(self.bad, 0)
        for at, kind, _, agent, token, _ in ledger.events():
            if kind == "quarantined":
                quarantined.setdefault(agent, at)
            elif kind == "claimed" and agent in claims and agent not in quarantined:
                claims[agent] += token >= self.cheated.get(agent, token + 1)
        share = lambda names: sum(name in quarantined for name in names) / max(1, len(names))  # noqa: E731
        return Result(
            sum(result != "right" for result in done) / len(done),
            completed / len(ended) - 1,
            sum(claims.values()) / max(1, len(claims)),
            share(self.bad),
            share(self.slow),
            share(self.honest),
        )


def market(cheat, *, verify, trust=True, seeds=4, cheats=4, strategy="claim"):
    """Play with several seeds, and average."""
    found = [
        Market(cheat, verify=verify, trust=trust, seed=seed, cheats=cheats, strategy=strategy).run()
        for seed in range(seeds)
    ]
    return Result(*[sum(attrs.astuple(one)[n] for one in found) / seeds for n in range(6)])


CHEATS = (
    ("none", 0), ("always wrong", 4), ("30 % wrong", 4), ("good, then wrong", 4), ("colluding", 4),
    ("colluding, one house", 4), ("milking cheap tasks, wrong in dear ones", 4),
)  # fmt: skip
CHECKED = Verify.by_quorum(2, of=3, error=0.05)


def table():
    """Return the lines of the table."""
    lines = [
        "| cheats | checked | wrong results accepted | extra work | isolated | claims until then | slow quarantined | honest quarantined |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, cheats in CHEATS:
        for how, verify in (("no", None), ("target 5 %", CHECKED)):
            found = market(name, verify=verify, trust=verify is not None, cheats=cheats)
            is_out = verify is not None and cheats
            lines.append(
                f"| {name}{f' ({cheats})' if cheats else ''} | {how} | {found.accepted:.1%} | {found.extra:.1%} | "
                f"{f'{found.isolated:.0%}' if is_out else '-'} | {f'{found.claims:.1f}' if is_out else '-'} | "
                f"{found.slow:.0%} | {found.honest:.0%} |"
            )
    return lines


if __name__ == "__main__":
    print("\n".join(table()))

"""
Attacks on a colony, played through the real coordinators in virtual time, with trust off and on.

Twenty agents, fourteen of them honest, two honest but slow, four attackers; work
for three quarters of what the honest can do. `python -m tests.trust.threats`
prints the table of docs/explanation/trust.md.
"""

from __future__ import annotations

import heapq
import random

import attrs

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.board import Deposit, RollBack, Strongest, Write
from ants_coord.commands.matching import Advertise, Offers
from ants_coord.core import Machine
from ants_coord.values.adverts import Advert
from ants_coord.values.marks import Mark
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task
from ants_coord.values.trust import TrustPolicy

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
LEASE = 10.0


@attrs.define
class Result:
    """What an attack did."""

    lost: float
    """share of attempts whose work was thrown away"""
    claims: float
    """claims that an attacker got before its first quarantine, on average"""
    slow: float
    """share of the slow honest agents that were ever in quarantine"""
    honest: float
    """share of the other honest agents that were"""
    lease_time: float
    """share of all lease time that brought nothing"""


class Market:
    """Agents with characters around one board."""

    def __init__(self, attack, *, trust, seed, ticks=1_500, attackers=4, strategy="claim", newcomers=None):
        self.dice, self.attack, self.ticks = random.Random(f"{attack}{seed}"), attack, ticks
        self.machine = Machine()
        settings = Settings(
            strategy=strategy, trust=TrustPolicy(newcomers=newcomers) if trust else None, lease_ttl=LEASE, max_attempts=50,
            backoff=Backoff(first=0), retention_count=0, id_retention_count=0, event_count=1_000_000,
            **({"bench_after": 0} if strategy != "claim" else {}),
        )  # fmt: skip
        self.apply(0, c.Configure(settings))
        self.honest = [f"honest{n}" for n in range(14)]
        self.slow = [f"slow{n}" for n in range(2)]
        self.bad = [f"bad{n}" for n in range(attackers)]
        self.deeds = dict.fromkeys(self.bad, 0)
        self.wasted = self.leased = 0.0
        self.tasks = 0
        self.names = 0
        self.fresh = {}
        """quarantined name -> the name under which its owner comes back"""

    def apply(self, tick, command):
        return self.machine.apply(command, now_ns=START + round(tick * SECOND))

    def run(self):
        """Let everybody live for a while."""
        everybody = [*self.honest, *self.slow, *self.bad]
        if self.machine.ledger.settings.strategy == "match":
            for agent in everybody:
                self.apply(0, Advertise(Advert(agent, {"skill"}, slots=50, ttl=1e8)))
        happening = [(self.dice.random(), number, agent, None) for number, agent in enumerate(everybody)]
        heapq.heapify(happening)
        number, rate, credit, last = len(everybody), 0.75 * (14 / 4.5 + 2 / 13.5), 0.0, 0.0
        while happening:
            now, _, agent, lease = heapq.heappop(happening)
            if now > self.ticks:
                break
            credit, last = credit + (now - last) * rate, now
            if credit >= 1:
                batch = [
                    Task(f"t{self.tasks + n}", requires="skill" if self.needs_skill else None)
                    for n in range(int(credit))
                ]
                self.tasks += len(batch)
                self.apply(now, c.submission(tuple(batch)))
                credit -= int(credit)
            for when, following in self.step(agent, lease, now):
                number += 1
                heapq.heappush(happening, (when, number, self.fresh.get(agent, agent), following))
        return self.result()

    @property
    def needs_skill(self):
        return self.machine.ledger.settings.strategy == "match"

    def step(self, agent, lease, now):
        """One thing that an agent does; return when it does the next, and with which lease."""
        if (
            lease is None
            and "whitewash" in self.attack
            and agent in self.machine.ledger.tables.get("breakers", ())
        ):
            self.names += 1
            self.fresh[agent] = again = f"bad-again{self.names}"
            self.deeds[again] = 0
            return [(now + 50, None)]
        if lease is None and "declines" in self.attack and agent in self.deeds:
            for offer in self.machine.ask(Offers(agent, 5)):
                self.apply(now, c.Decline(agent, offer.task, "no"))
            return [(now + 1.0, None)]
        if lease is None:
            reply = self.apply(now, c.Claim(agent))
            if not isinstance(reply, Lease):
                return [(now + 1.0, None)]
            return self.begin(agent, reply, now)
        what, held = lease
        if what == "end":
            self.apply(now, c.Complete(held.task, held.token))
            return [(now + 0.01, None)]
        if what == "fail":
            self.apply(now, c.Fail(held.task, held.token, "no"))
            return [(now + 0.01, None)]
        answer = self.apply(now, c.Renew(((held.task, held.token),)))  # keeps it, for nothing
        return [(now + 3.0, ("renew", held))] if isinstance(answer[0], c.Renewed) else [(now + 0.01, None)]

    def begin(self, agent, lease, now):
        dice, ttl = self.dice, lease.ttl_ns / SECOND
        if agent in self.deeds and self.is_on(agent):
            return self.misbehave(lease, now)
        if agent in self.deeds:
            self.deeds[agent] += 1
        takes = dice.uniform(3, 6) * (3 if agent in self.slow else 1)
        if dice.random() < (0.15 if agent in self.slow else 0.01):
            return [(now + ttl + 5, None)]  # crashes, and is there again some time later
        if takes > ttl:  # renews like everybody who is still at work
            for _ in range(int(takes / (ttl * 0.66))):
                self.apply(now, c.Renew(((lease.task, lease.token),), round(LEASE * SECOND)))
        return [(now + min(takes, LEASE * 0.99), ("fail" if dice.random() < 0.03 else "end", lease))]

    def is_on(self, agent):
        """Tell whether an attacker attacks: some behave for a while first."""
        return self.deeds[agent] >= (40 if "then" in self.attack else 0)

    def misbehave(self, lease, now):
        if "heartbeating" in self.attack:
            return [(now + 3.0, ("renew", lease))]
        if "liar" in self.attack:
            return [(now + 0.5, ("fail" if self.dice.random() < 0.9 else "end", lease))]
        return [(now + 0.01, None)]  # a ghost: claims the next at once, and is never heard of

    def result(self):
        ledger = self.machine.ledger
        agents = [*ledger.agents.values(), ledger.departed]
        attempts = sum(a.completed + a.failed + a.expired for a in agents)
        lost = sum(a.failed + a.expired for a in agents)
        held, good, bad, since = {}, 0.0, 0.0, {}
        quarantined, claims = {}, dict.fromkeys(self.bad, 0)
        for event in ledger.events():
            at, kind, _, agent, token, _ = event
            if kind == "claimed":
                held[token] = at
                if agent in claims and agent not in quarantined and self.counts(agent, since):
                    claims[agent] += 1
            elif kind in ("completed", "expired", "retried", "failed") and token in held:
                spent = (at - held.pop(token)) / SECOND
                good, bad = (good + spent, bad) if kind == "completed" else (good, bad + spent)
                since[agent] = since.get(agent, 0) + (kind == "completed")
            elif kind == "quarantined":
                quarantined.setdefault(agent, at)
        bad += sum((START + self.ticks * SECOND - at) / SECOND for token, at in held.items())
        share = lambda names: sum(name in quarantined for name in names) / len(names)  # noqa: E731
        return Result(
            lost / attempts,
            sum(claims.values()) / max(1, len(claims)),
            share(self.slow),
            share(self.honest),
            bad / (good + bad),
        )

    def counts(self, agent, since):
        return since.get(agent, 0) >= (40 if "then" in self.attack else 0)


def attack(name, *, trust, seeds=4, attackers=4, strategy="claim", newcomers=None):
    """Play an attack with several seeds, and average."""
    found = [
        Market(
            name, trust=trust, seed=seed, attackers=attackers, strategy=strategy, newcomers=newcomers
        ).run()
        for seed in range(seeds)
    ]
    fields = [field.name for field in attrs.fields(Result)]
    return Result(**{field: sum(getattr(one, field) for one in found) / seeds for field in fields})


def decoys(*, trust, roll_back=False, share=0.4, seed=0):
    """Agents mark places, attackers worthless ones; return the decoys' share of what the strongest 20 weigh."""
    dice, machine, now = random.Random(seed), Machine(), START
    machine.apply(c.Configure(Settings(strategy="board", trust=TrustPolicy() if trust else None, lease_ttl=LEASE,
                                       backoff=Backoff(first=0), half_life=200.0, bench_after=0)), now_ns=now)  # fmt: skip
    agents = [f"a{n}" for n in range(20)]
    bad = set(agents[: round(20 * share)])
    for _ in range(60):
        now += 20 * SECOND
        machine.apply(
            c.submission(tuple([Task(place=f"good{dice.randrange(20)}") for _ in range(20)])), now_ns=now
        )
        for agent in dice.sample(agents, 20):
            lease = machine.apply(c.Claim(agent), now_ns=now)
            if isinstance(lease, Lease) and agent not in bad:
                machine.apply(c.Complete(lease.task, lease.token), now_ns=now)
            place = f"decoy{dice.randrange(20)}" if agent in bad else f"good{dice.randrange(20)}"
            machine.apply(Deposit(Mark("food", place, 1.0), agent), now_ns=now)
    if roll_back:
        for agent in sorted(bad):  # those in quarantine may have left marks from before it
            if "quarantine" in (machine.ask(reading.StandingOf(agent)).barred or ""):
                machine.apply(RollBack(agent, "host"), now_ns=now)
    top = machine.ask(Strongest("food", 20))
    return sum(trail.strength for trail in top if trail.place.startswith("decoy")) / sum(
        t.strength for t in top
    )


def spam(*, seed=0):
    """One agent overwrites what others wrote; taking it back leaves the board as if it had never been there."""
    dice, machine, now = random.Random(seed), Machine(), START
    machine.apply(c.Configure(Settings(strategy="board", trust=TrustPolicy())), now_ns=now)
    for number in range(50):
        machine.apply(Write(f"plan/{number}", number, "ann"), now_ns=now)
    for _ in range(80):
        machine.apply(Write(f"plan/{dice.randrange(60)}", "spam", "mal"), now_ns=now)
    machine.apply(RollBack("mal", "host"), now_ns=now)
    entries = machine.ledger.tables["entries"]
    return sum(row[1] == "spam" for row in entries.values()), len(entries)


ATTACKS = (
    ("none", 0), ("ghost", 4), ("heartbeating ghost", 4), ("liar", 4), ("good, then ghost", 4),
    ("ghost swarm", 20),
)  # fmt: skip


def table():
    """Return the lines of the table."""
    lines = [
        "| attack | trust | lost attempts | lease time lost | claims before quarantine | slow quarantined | honest quarantined |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, attackers in ATTACKS:
        for trust in (False, True):
            found = attack(name, trust=trust, attackers=attackers)
            claims = f"{found.claims:.1f}" if trust and attackers else "-"
            lines.append(
                f"| {name}{f' ({attackers})' if attackers else ''} | {'on' if trust else 'off'} | {found.lost:.1%} | "
                f"{found.lease_time:.1%} | {claims} | {found.slow:.0%} | {found.honest:.0%} |"
            )
    for trust in (False, True):
        found = attack("declines everything", trust=trust, strategy="match")
        lines.append(
            f"| declines everything it is offered (4) | {'on' if trust else 'off'} | {found.lost:.1%} | "
            f"{found.lease_time:.1%} | - | {found.slow:.0%} | {found.honest:.0%} |"
        )
    for newcomers in (None, 0.1, 0.05):
        found = attack("whitewash", trust=True, attackers=20, newcomers=newcomers)
        how = "on" if newcomers is None else f"on, newcomers={newcomers:g}"
        lines.append(
            f"| back under a new name after each quarantine (20) | {how} | {found.lost:.1%} | {found.lease_time:.1%} "
            f"| - | {found.slow:.0%} | {found.honest:.0%} |"
        )
    for trust, roll_back in ((False, False), (True, False), (True, True)):
        shares = [decoys(trust=trust, roll_back=roll_back, seed=seed) for seed in range(4)]
        how = "on, and those in quarantine rolled back" if roll_back else "on" if trust else "off"
        told = f"decoys are {sum(shares) / 4:.1%} of the strongest 20"
        lines.append(f"| decoy marks (8 of 20) | {how} | {told} | | | | |")
    return lines


if __name__ == "__main__":
    print("\n".join(table()))

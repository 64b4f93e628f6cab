"""
Matching: does a claim cost more with 10,000 agents than with ten, and what do other ways cost?

Peers: the same machine with ten agents; a linear scan over tasks (what is written
first); ClassAds (HTCondor's library), which evaluate an expression for each agent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from ants_coord.commands.matching import Advertise, Refresh
from ants_coord.commands.shared import Claim, Configure, Release, submission
from ants_coord.core import Machine
from ants_coord.requirements import evaluate, facts_of, parse
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Lease, Task

from .measure import Ratio, compare

SKILLS = 200
SIGNATURES = 500
NOW = 1_700_000_000 * 10**9


class Market:
    """Agents with 10 of 200 capabilities, tasks of 500 signatures with 1 to 3 capabilities and a number each."""

    def __init__(self, agents: int, tasks: int) -> None:
        dice = random.Random(7)
        self.machine, self.now = Machine(), NOW
        self.apply(Configure(Settings(strategy="match", lease_ttl=1e6)))
        asked = [
            " and ".join([*(f"s{n}" for n in dice.sample(range(SKILLS), dice.choice((1, 1, 2)))), f"mem >= {dice.randrange(64)}"])
            for _ in range(SIGNATURES)
        ]  # fmt: skip
        self.tasks = [Task(f"t{n}", requires=asked[n % SIGNATURES], priority=n % 3) for n in range(tasks)]
        for start in range(0, tasks, 5_000):
            self.apply(submission(tuple(self.tasks[start : start + 5_000])))
        self.adverts = [
            Advert(
                f"a{n}",
                [f"s{skill}" for skill in dice.sample(range(SKILLS), 10)],
                {"mem": dice.randrange(16, 128)},
                slots=4,
                ttl=1e6,
            )
            for n in range(agents)
        ]
        for advert in self.adverts:
            self.apply(Advertise(advert))

    def apply(self, command: object) -> object:
        self.now += 1_000
        return self.machine.apply(command, now_ns=self.now)  # type: ignore[arg-type]


def _claims(market: Market, times: int) -> Callable[[], int]:
    """Claim and give back by ten agents in turn, whose views are up to date."""
    names = [advert.agent for advert in market.adverts[:10]]
    for name in names:
        _give_back(market, market.apply(Claim(name)))

    def work() -> int:
        done = 0
        while done < times:
            for name in names:
                _give_back(market, market.apply(Claim(name)))
                done += 1
        return done

    return work


def _give_back(market: Market, lease: object) -> None:
    if isinstance(lease, Lease):
        market.apply(Release(lease.task, lease.token))


def _scan(market: Market, times: int) -> Callable[[], int]:
    """Look at every task for the best that fits, requirements parsed beforehand."""
    facts = [facts_of(advert.capabilities, advert.attributes) for advert in market.adverts[:10]]
    waiting = [(-task.priority, n, parse(task.requires or "").root) for n, task in enumerate(market.tasks)]

    def work() -> int:
        for number in range(times):
            known = facts[number % 10]
            best = min((entry[:2] for entry in waiting if evaluate(entry[2], known) is True), default=None)
            assert best is None or best[1] >= 0
        return times

    return work


def _who_fits(market: Market, times: int) -> Callable[[], int]:
    """Count the agents that could do a task, for one signature after the other."""
    index = market.machine.ledger.eligibility.index  # type: ignore[attr-defined]
    roots = [parse(task.requires or "").root for task in market.tasks[:SIGNATURES]]

    def work() -> int:
        total = 0
        for number in range(times):
            total += index.masks(roots[number % SIGNATURES])[0].bit_count()
        assert total
        return times

    return work


def _classads(market: Market, times: int) -> Callable[[], int] | None:
    """The same question by evaluating the expression in every agent's ClassAd."""
    try:
        import classad2
    except ImportError:
        return None
    ads = [
        classad2.ClassAd({**dict.fromkeys(advert.capabilities, True), **dict(advert.attributes)})
        for advert in market.adverts
    ]
    asked = [
        classad2.ExprTree((task.requires or "").replace(" and ", " && "))
        for task in market.tasks[:SIGNATURES]
    ]

    def work() -> int:
        for number in range(times):
            expression = asked[number % SIGNATURES]
            sum(expression.eval(ad) is True for ad in ads)
        return times

    return work


def _rules(market: Market, times: int) -> Callable[[], int] | None:
    """The same question by a rule for each task, evaluated on every agent's attributes."""
    try:
        import rule_engine
    except ImportError:
        return None
    every = [f"s{n}" for n in range(SKILLS)]
    agents = [
        {
            **dict.fromkeys(every, False),
            **dict.fromkeys(advert.capabilities, True),
            **dict(advert.attributes),
        }
        for advert in market.adverts
    ]
    asked = [rule_engine.Rule(task.requires or "true") for task in market.tasks[:SIGNATURES]]

    def work() -> int:
        for number in range(times):
            rule = asked[number % SIGNATURES]
            sum(rule.matches(agent) for agent in agents)
        return times

    return work


def _refresh(market: Market, times: int, *, changed: bool) -> Callable[[], int]:
    adverts = market.adverts[:100]
    if not changed:
        commands: list[object] = [Refresh(((advert.agent, 0),)) for advert in adverts]
    else:
        flipped = [
            Advert(a.agent, [*a.capabilities[:8], "s1", "s2"], a.attributes, slots=4, ttl=1e6)
            for a in adverts
        ]
        commands = [Advertise(advert) for pair in zip(flipped, adverts, strict=True) for advert in pair]

    def work() -> int:
        for number in range(times):
            market.apply(commands[number % len(commands)])
        return times

    return work


def ratios(*, small: bool) -> Iterator[Ratio | str]:
    """Yield the rows of this area."""
    agents, tasks, rounds = (500, 2_000, 2) if small else (10_000, 100_000, 7)
    many, few = Market(agents, tasks), Market(10, tasks)
    few.adverts = many.adverts[:10]
    for advert in few.adverts:
        few.apply(Advertise(advert))
    times = 200 if small else 3_000
    yield compare(
        f"claim + release, {agents:,} agents, {tasks:,} tasks",
        lambda: _claims(many, times),
        lambda: _claims(few, times),
        rounds=rounds,
        target="<= 2",
        peer_name="the same with 10 agents",
    )
    yield compare(
        "claim + release against a look at every task",
        lambda: _claims(many, 100),
        lambda: _scan(many, 3),
        rounds=rounds,
        target="<= 0.02",
        peer_name="linear scan, parsed beforehand",
    )
    for peer, suffix, peer_name, way in (
        (_classads, "", "classad2, an expression per agent", "pip install htcondor"),
        (_rules, ", rules", "rule-engine, a rule per agent", "pip install --group peers"),
    ):
        if peer(few, 1) is None:
            yield f"({peer_name.partition(',')[0]}: not installed; {way})"
        else:
            yield compare(
                f"who of {agents:,} agents can do a task{suffix}",
                lambda: _who_fits(many, times),
                lambda peer=peer: peer(many, 2) or (lambda: 1),
                rounds=rounds,
                target="<= 0.001",
                peer_name=peer_name,
            )
    yield compare(
        f"refresh, unchanged, {agents:,} agents (3 us)",
        lambda: _refresh(many, times, changed=False),
        lambda: _claims(few, 100),
        rounds=rounds,
        target="-",
        peer_name="a claim + release with 10 agents",
    )
    yield compare(
        f"advert, 4 capabilities flip, {agents:,} agents (30 us)",
        lambda: _refresh(many, times, changed=True),
        lambda: _claims(few, 100),
        rounds=rounds,
        target="-",
        peer_name="a claim + release with 10 agents",
    )

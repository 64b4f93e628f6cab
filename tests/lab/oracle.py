"""
Random worlds, what every configuration really does in them, and the regret of an adviser.

The oracle tries everything: one agent, and each strategy with 2, 4 and 8. What it says is judged on other
seeds than those it chose by. Its own regret there is the noise floor: nobody can be expected to do better.
"""

from __future__ import annotations

import functools
import math
import random
import statistics

import attrs

from ants_coord.lab import Costs, Job, OnBoard, Solo, World

SIZES = (2, 4, 8)
LEVELS = {"solo": 0, "claim": 1, "match": 2, "board": 3}
CHOOSING, JUDGING, ONE_MORE = (1, 2, 3), (4, 5, 6, 7, 8, 9), 99
SLACK = 0.02
"""equal is not better: the lowest level within this of the best"""


@attrs.frozen(eq=False)
class Case:
    """A world, what is assumed, and gains over one agent: by other seeds, and by those that judge."""

    world: World
    costs: Costs
    chosen_by: dict[tuple[str, int], float]
    judged_by: dict[tuple[str, int], float]


def random_world(seed: int, family: str = "own") -> tuple[World, Costs]:
    """Return a world of a family: own, limit (half of the jobs share one slot) or speed (agents differ)."""
    dice = random.Random(f"world {seed}")
    count = dice.choice((20, 40, 80, 120))
    mean = math.exp(dice.uniform(math.log(3), math.log(200)))
    serial = dice.choice((0, 0, 0.2, 0.4, 0.6, 0.9))
    is_spawning = dice.choice((False, False, False, True))
    kinds = dice.choice((0, 0, 3))
    expert = dice.choice((0.0, 0.33, 0.6)) if kinds else 0.0
    chained, previous = int(serial * count), None
    rows: list[dict] = []
    for i in range(count):
        row = {"id": f"j{i}", "seconds": min(5 * mean, dice.lognormvariate(math.log(mean) - 0.18, 0.6))}
        row |= {"place": f"p{i % 6}", "needs": (), "children": ()}
        if kinds:
            row |= {"skill": f"s{dice.randrange(kinds)}", "level": 3 if dice.random() < expert else 1}
        if i < chained:
            row["needs"] = (previous,) if previous else ()
            previous = row["id"]
        elif i > chained + 1 and dice.random() < 0.3:
            row["needs"] = (f"j{dice.randrange(chained if serial else 0, i)}",)
        rows.append(row)
    if is_spawning:
        _let_some_be_found(dice, rows, chained)
    silent, by_harness = dice.choice((0.0, 0.03, 0.08)), dice.random() < 0.3
    more: dict = {}
    if family == "limit":
        for row in rows:
            if dice.random() < 0.5:
                row["limit"] = "api"
    elif family == "speed":
        speeds = {0: 1.0} | {agent: math.exp(dice.gauss(-0.35, 0.5)) for agent in range(1, max(SIZES))}
        more["speed"] = speeds.__getitem__
    return World(f"w{seed}", [Job(**row) for row in rows], **more), Costs(
        silent=silent, call_by_harness=by_harness
    )


def _let_some_be_found(dice: random.Random, rows: list[dict], chained: int) -> None:
    free = [row for row in rows[chained:] if not row["needs"]]
    needed = {need for row in rows for need in row["needs"]}
    half = len(free) // 2
    for child in free[half:]:
        if child["id"] not in needed and half:
            parent = dice.choice(free[:half])
            parent["children"] = (*parent["children"], child["id"])


def rate(way: str, agents: int, world: World, costs: Costs, seeds) -> float:
    chosen = Solo() if way == "solo" else OnBoard(way)
    return statistics.fmean([chosen.run(world, agents, seed, costs).rate for seed in seeds])


def measured(world: World, costs: Costs, seeds) -> dict[tuple[str, int], float]:
    """Return the gain over one agent of every configuration."""
    alone = rate("solo", 1, world, costs, seeds)
    found = {("solo", 1): 1.0}
    for way in ("claim", "match", "board"):
        for agents in SIZES:
            found[way, agents] = rate(way, agents, world, costs, seeds) / alone
    return found


@functools.cache
def cases(first: int, count: int, family: str = "own", judges: tuple[int, ...] = JUDGING) -> tuple[Case, ...]:
    made = []
    for seed in range(first, first + count):
        world, costs = random_world(seed, family)
        made.append(Case(world, costs, measured(world, costs, CHOOSING), measured(world, costs, judges)))
    return tuple(made)


def net(gain: float, agents: int, price: float) -> float:
    return gain - price * (agents - 1)


def oracle(gains: dict[tuple[str, int], float], price: float) -> tuple[str, int]:
    best = max(net(gain, agents, price) for (_, agents), gain in gains.items())
    near = [
        (LEVELS[way], agents, way)
        for (way, agents), gain in gains.items()
        if net(gain, agents, price) >= best - SLACK * abs(best)
    ]
    return min(near)[2], min(near)[1]


@attrs.frozen
class Judged:
    """Regret of a rule, and how it does where one agent is best."""

    name: str
    regrets: list[float]
    solo: tuple[int, int]
    exact: int
    above: int

    @property
    def mean(self) -> float:
        return statistics.fmean(self.regrets)

    @property
    def p95(self) -> float:
        return sorted(self.regrets)[int(0.95 * (len(self.regrets) - 1))]

    def __str__(self) -> str:
        return (
            f"{self.name:<52} regret mean {self.mean:6.1%} p95 {self.p95:6.1%} max {max(self.regrets):6.1%} | "
            f"solo {self.solo[0]}/{self.solo[1]} | exact {self.exact}/{len(self.regrets)} | two above {self.above}"
        )


def judge(name: str, given: tuple[Case, ...], decide, price: float = 0.25) -> Judged:
    """Hold a rule, Case -> (way, agents), against the oracle on the seeds that judge."""
    regrets, right, alone, exact, above = [], 0, 0, 0, 0
    for case in given:
        way, agents = decide(case)
        best_way, best_agents = oracle(case.judged_by, price)
        top = max(net(gain, n, price) for (_, n), gain in case.judged_by.items())
        regrets.append((top - net(case.judged_by[way, agents], agents, price)) / abs(top))
        exact += (way, agents) == (best_way, best_agents)
        above += LEVELS[way] - LEVELS[best_way] >= 2
        if best_way == "solo":
            alone += 1
            right += way == "solo"
    return Judged(name, regrets, (right, alone), exact, above)

"""
The advisor's regret, and the sweep that its thresholds come from: `python -m tests.lab.sweep [WORLDS]`.

80 worlds of its own family and 40 of each of two that it was not made for take about two minutes.
"""

from __future__ import annotations

import functools
import math
import random
import statistics
import sys
import time
from unittest import mock

import attrs

from ants_coord.lab import Costs, Facts, Level, Measurement, OnBoard, Solo, World, advise, structure
from ants_coord.lab import advice as module
from ants_coord.lab.worlds import chain, imports, independent, spawning

from . import oracle
from .oracle import Case, Judged, cases, judge

WAY = {Level.SOLO: "solo", Level.CLAIM: "claim", Level.CAPABILITY: "match", Level.STIGMERGY: "board"}


def blurred(world: World, how: float | None) -> World:
    """Return the jobs with sizes as a file has them: none (all equal), or off by a factor of e^how."""
    dice, mean = random.Random(f"blur {world.name}"), world.work / len(world.jobs)
    sizes = {
        job: mean if how is None else world.jobs[job].seconds * math.exp(dice.gauss(0, how))
        for job in world.jobs
    }
    jobs = [attrs.evolve(job, seconds=sizes[job.id]) for job in world.jobs.values()]
    return World(world.name, jobs, world.slots)


def shape_of(case: Case, blur: float | str = "exact"):
    if blur == "exact":
        return structure(case.world)
    if blur == "none":
        return attrs.evolve(structure(blurred(case.world, None)), has_sizes=False)
    return structure(blurred(case.world, blur))


def facts_of(case: Case, price: float, calls: bool = True) -> Facts:
    return Facts(price=price, call_seconds=case.costs.call_seconds if calls else None)


@functools.cache
def one_run(case: Case, way: str, agents: int, seed: int = oracle.ONE_MORE) -> float:
    chosen = Solo() if way == "solo" else OnBoard(way)
    return chosen.run(case.world, agents, seed, case.costs).rate


def measurement(case: Case, level: Level, agents: int, seed: int = oracle.ONE_MORE) -> Measurement:
    return Measurement(level, agents, one_run(case, WAY[level], agents, seed), len(case.world.jobs))


def by_structure(case: Case, *, blur: float | str = "exact", calls: bool = True, price: float = 0.25):
    """What the shape of the work speaks for in the end; the advice itself begins with two."""
    advice = advise(shape_of(case, blur), facts=facts_of(case, price, calls))
    level = advice.level if advice.aim > 1 else Level.SOLO
    return WAY[level], advice.aim


def after_one_round(case: Case, *, price: float = 0.25):
    """Structure, then one run of one agent, of what it speaks for and of the numbers beside it."""
    shape, facts = shape_of(case), facts_of(case, price)
    first = advise(shape, facts=facts)
    tried = [(Level.SOLO, 1)]
    if first.aim == 1:
        tried.append((Level.CLAIM, 2))
    else:
        sizes = {max(2, first.aim // 2), first.aim, min(max(oracle.SIZES), 2 * first.aim)}
        tried += [(first.level, size) for size in sorted(sizes)]
        if first.level is Level.CAPABILITY:
            tried.append((Level.CLAIM, first.aim))
    advice = advise(shape, [measurement(case, *key) for key in tried], facts)
    return WAY[advice.level], advice.agents


def step_by_step(case: Case, *, price: float = 0.25):
    """No structure: measure one agent, then try what is said to be worth a trial, until nothing is."""
    facts = facts_of(case, price, calls=False)
    seen = [measurement(case, Level.SOLO, 1)]
    advice = advise(None, seen, facts)
    while advice.trial is not None:
        seen.append(measurement(case, *advice.trial))
        advice = advise(None, seen, facts)
    return WAY[advice.level], advice.agents


def floor(case: Case, *, price: float = 0.25):
    return oracle.oracle(case.chosen_by, price)


def no_signal(given: tuple[Case, ...], runs: int = 1) -> float:
    """How often nothing is changed if there is nothing to gain: the same queue twice, under two names."""
    kept = 0
    for number, case in enumerate(given):
        rates = [one_run(case, "claim", 4, 1_000 * (number + 1) + seed) for seed in range(2 * runs)]
        alone = Measurement(Level.SOLO, 1, max(rates) / 2, 100)
        here = [Measurement(Level.CLAIM, 4, rate, len(case.world.jobs)) for rate in rates[:runs]]
        there = [Measurement(Level.CAPABILITY, 4, rate, len(case.world.jobs)) for rate in rates[runs:]]
        kept += advise(None, [alone, *there, *here], Facts(price=0.0, most=4)).level is Level.CLAIM
    return kept / len(given)


def predictions(given: tuple[Case, ...]) -> list[float]:
    """Measured gain of a claim queue through the predicted one."""
    found = []
    for case in given:
        shape = shape_of(case)
        for agents in oracle.SIZES:
            found.append(case.judged_by["claim", agents] / shape.gain(agents, case.costs.call_seconds))
    return sorted(found)


def limited(seed: int) -> World:
    """Return independent jobs, half of which share one slot."""
    world = independent(seed, count=400)
    return World(
        "limited",
        [attrs.evolve(job, limit="api" if n % 2 else None) for n, job in enumerate(world.jobs.values())],
    )


LONG_WORLDS = {
    "independent, 400 jobs": lambda seed: independent(seed, count=400),
    "independent, jobs of 8 s": lambda seed: independent(seed, count=400, mean=8.0),
    "half share one slot": limited,
    "import graph": imports,
    "chain": lambda seed: chain(seed, count=100),
    "spawning, 400 jobs": lambda seed: spawning(seed, count=400),
}


def as_needed(seeds=(1, 2, 3, 4), price: float = 0.25) -> None:
    """Print nets of `serve(agents="as needed", most=8)` beside fixed numbers, its whole run counted."""
    print(
        f"{'as needed, whole run':<28}{'net':>7}{'agents':>8}{'one':>7}{'four':>7}{'eight':>7}{'best fixed':>12}"
    )
    for name, make in LONG_WORLDS.items():
        costs = Costs()
        alone = {seed: Solo().run(make(seed), 1, seed, costs).rate for seed in seeds}
        fixed = {
            n: statistics.fmean([OnBoard("claim").run(make(s), n, s, costs).rate / alone[s] for s in seeds])
            - price * (n - 1)
            for n in (2, 3, 4, 6, 8)
        } | {1: 1.0}
        runs = {seed: OnBoard("claim", as_needed=True).run(make(seed), 8, seed, costs) for seed in seeds}
        agents = statistics.fmean([run.present / run.seconds for run in runs.values()])
        net = statistics.fmean([run.rate / alone[seed] for seed, run in runs.items()]) - price * (agents - 1)
        print(
            f"{name:<28}{net:>7.2f}{agents:>8.1f}{1.0:>7.2f}{fixed[4]:>7.2f}{fixed[8]:>7.2f}{max(fixed.values()):>12.2f}"
        )


def table(own: tuple[Case, ...]) -> list[Judged]:
    """Every rule on worlds of the advisor's own family."""
    return [
        judge("always one agent", own, lambda case: ("solo", 1)),
        judge("always claim with 2", own, lambda case: ("claim", 2)),
        judge("always claim with 8", own, lambda case: ("claim", 8)),
        judge("noise floor: the oracle on three other seeds", own, floor),
        judge("structure", own, by_structure),
        judge("structure, cost of a call unknown", own, functools.partial(by_structure, calls=False)),
        judge("structure, no sizes", own, functools.partial(by_structure, blur="none")),
        judge("structure, sizes off by e^0.7", own, functools.partial(by_structure, blur=0.7)),
        judge(
            "structure, neither sizes nor calls",
            own,
            functools.partial(by_structure, blur="none", calls=False),
        ),
        judge("structure, then one measured round", own, after_one_round),
        judge("measurements step by step, no structure", own, step_by_step),
    ]


def main(count: int) -> None:
    began = time.monotonic()
    own = cases(0, count)
    print(
        f"{count} worlds of its own family, price 0.25, six judging seeds ({time.monotonic() - began:.0f} s)"
    )
    for row in table(own):
        print(row)
    for price in (0.1, 0.5):
        print(f"price {price}")
        for name, rule in (
            ("floor", floor),
            ("structure", by_structure),
            ("one round", after_one_round),
            ("step by step", step_by_step),
        ):
            print(judge(name, own, functools.partial(rule, price=price), price))
    ratios = predictions(own)
    n = len(ratios)
    print(
        f"measured / predicted gain: p5 {ratios[n // 20]:.2f}, median {statistics.median(ratios):.2f}, "
        f"p95 {ratios[-n // 20]:.2f}"
    )
    for family in ("limit", "speed"):
        held = cases(100, count // 2, family)
        print(f"{count // 2} held-out worlds: {family} ({time.monotonic() - began:.0f} s)")
        for name, rule in (
            ("always one agent", lambda case: ("solo", 1)),
            ("floor", floor),
            ("structure", by_structure),
            ("one round", after_one_round),
            ("step by step", step_by_step),
        ):
            print(judge(name, held, rule))
    print("thresholds: margin to move, noise of few jobs, tie")
    for noise in (0.0, 1.0, 2.0, 3.0):
        with mock.patch.object(module, "NOISE", noise):
            kept = no_signal(own[: count // 2]), no_signal(own[: count // 2], 3)
            print(
                f"noise {noise:.1f}: no signal, kept {kept[0]:.0%} from one run each, {kept[1]:.0%} from three; "
                f"{judge('one round', own, after_one_round)}"
            )
    for margin in (0.0, 0.05, 0.1, 0.2, 0.3):
        with mock.patch.object(module, "MARGIN", margin):
            kept = no_signal(own[: count // 2]), no_signal(own[: count // 2], 3)
            print(
                f"margin {margin:.2f}: no signal, kept {kept[0]:.0%} from one run each, {kept[1]:.0%} from three; {judge('one round', own, after_one_round)}"
            )
    for tie in (0.0, 0.02, 0.05, 0.1):
        with mock.patch.object(module, "TIE", tie):
            print(f"tie {tie:.2f}: {judge('structure', own, by_structure)}")
    as_needed()
    print(f"all in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 80)

"""
Smaller studies: what matters, how long jobs must be for two agents to pay off, whether a curve has a peak.

`sensitivity` changes one assumption at a time; `break_even` changes the size of the jobs; `steady_curve`
measures rates in steady windows, which is what the scaling law may be fitted to.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from .costs import Costs
from .experiment import JOBS_PER_AGENT, Spread, spread
from .talk import Talk
from .ways import OnBoard, Way, run_alone
from .worlds import independent

ASSUMPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("as assumed", {}),
    ("choice first", {"choice": "first"}),
    ("reads 200/s", {"read_rate": 200.0}),
    ("choice first, reads 200/s", {"choice": "first", "read_rate": 200.0}),
    ("silence noticed after 300 s", {"deadline": 300.0}),
    ("silence noticed after 3,600 s", {"deadline": 3_600.0}),
    ("silence never noticed", {"deadline": None}),
    ("nobody falls silent", {"silent": 0.0}),
    ("nobody late", {"late": 0.0}),
    ("latency 10 s", {"latency": 10.0}),
    ("loss 10 %", {"loss": 0.1}),
    ("lease 30 s", {"lease": 30.0}),
    ("lease 600 s", {"lease": 600.0}),
)
"""what is changed, one assumption at a time, and how"""

_PATIENCE = 5.0
"""a run that takes this many times the work itself is given up"""


@attrs.frozen
class Effect:
    """The effect of one assumption on talk and on a claim queue of the same size; rates over one agent."""

    assumption: str
    agents: int
    talk: Spread
    claim: Spread
    tokens_per_job: float
    """of talk"""
    twice: float
    """of talk"""
    lost: float
    """jobs that talk never finished"""


def sensitivity(
    agents: int = 20,
    seeds: int = 10,
    costs: Costs | None = None,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Effect]:
    """
    Change one assumption at a time, in the world of independent jobs.

    Args:
        agents: number of agents.
        seeds: number of seeds.
        costs: all other assumptions.
        progress: called before each assumption.

    """
    base = Costs() if costs is None else costs
    found = []
    for number, (name, change) in enumerate(ASSUMPTIONS):
        if progress is not None:
            progress(number, len(ASSUMPTIONS), name)
        changed = attrs.evolve(base, **change)
        pairs = []
        for seed in range(1, seeds + 1):
            world = independent(seed)
            limit = _PATIENCE * world.work
            alone = run_alone(world, seed, changed)
            talk = Talk().run(world, agents, seed, changed, limit)
            pairs.append((alone, talk, OnBoard("claim").run(world, agents, seed, changed, limit)))
        talks = [talk for _, talk, _ in pairs]
        found.append(
            Effect(
                name,
                agents,
                spread([talk.rate / alone.rate for alone, talk, _ in pairs]),
                spread([claim.rate / alone.rate for alone, _, claim in pairs]),
                statistics.median([talk.tokens_per_job for talk in talks]),
                statistics.median([talk.duplicates.all for talk in talks]),
                statistics.median([talk.lost for talk in talks]),
            )
        )
    return found


@attrs.frozen
class Break:
    """Rates over one agent, for jobs of one size; nobody falls silent."""

    mean: float
    """seconds of a job"""
    talk: float
    claim: float
    """the model makes the calls"""
    claim_by_harness: float


def break_even(
    agents: int = 2,
    seeds: int = 10,
    costs: Costs | None = None,
    *,
    means: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0, 60.0),
) -> list[Break]:
    """
    Measure how long jobs must be for more agents to pay off.

    Args:
        agents: number of agents.
        seeds: number of seeds.
        costs: the assumptions; here nobody falls silent.
        means: mean seconds of the jobs.

    """
    model = attrs.evolve(Costs() if costs is None else costs, silent=0.0)
    harness = attrs.evolve(model, call_by_harness=True)
    ways: list[tuple[Way, Costs]] = [(Talk(), model), (OnBoard("claim"), model), (OnBoard("claim"), harness)]
    found = []
    for mean in means:
        rates: list[list[float]] = [[] for _ in ways]
        for seed in range(1, seeds + 1):
            world = independent(seed, mean=mean)
            alone = run_alone(world, seed, model).rate
            for measured, (way, assumed) in zip(rates, ways, strict=True):
                measured.append(way.run(world, agents, seed, assumed).rate / alone)
        found.append(Break(mean, *map(statistics.median, rates)))
    return found


def steady_curve(
    way: Way,
    agents: Sequence[int] = (1, 2, 4, 8, 16, 32, 64),
    seeds: int = 3,
    costs: Costs | None = None,
) -> list[tuple[int, float]]:
    """
    Measure rates in steady windows: independent jobs, at least ten per agent.

    Args:
        way: the way of working.
        agents: numbers of agents.
        seeds: number of seeds; each gives one point.
        costs: the assumptions.

    Returns:
        (agents, useful work per second) for `fit`.

    """
    assumed = Costs() if costs is None else costs
    points = []
    for number in agents:
        make = functools.partial(independent, count=JOBS_PER_AGENT * number + 20)
        for seed in range(1, seeds + 1):
            points.append((number, way.run(make(seed), number, seed, assumed).steady))
    return points

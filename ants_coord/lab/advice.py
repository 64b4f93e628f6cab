"""
The least coordination that some work needs: a level, a number of agents, reasons, and a prediction.

Theory of operation. The objective is the rate divided by one agent's rate, less a price for each further
agent. The shape of the work bounds what is possible; measurements decide. Equal is not better: ties go to the
lower level and to fewer agents, and a measured choice is only given up for one that is clearly better. Before
anything was measured, the advice is at most two agents; after that, at most twice as many as were seen at
work.

Three rules were tried and dropped because they did harm: stepping down when coordination takes more than 30 %
of the time (calls may be expensive and agents still worth it), one agent whenever the longest path is more
than half of the work, and marks whenever jobs are found by others (they gain nothing there).
"""

from __future__ import annotations

import enum
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from .costs import check_number
from .structure import Structure

MARGIN = 0.10
"""how much better something must have been measured to replace the present choice"""
NOISE = 2.0
"""a few jobs give noisy rates: the margin is at least this divided by the root of the jobs compared"""
TIE = 0.02
"""net values this close are equal, and the lower level is chosen"""
LEAST_JOBS = 10
"""finished jobs below which a measurement says nothing"""
LOW, HIGH = 0.65, 1.35
"""in nine of ten of our worlds, a measured gain lies between these shares of the predicted one"""
AGAIN_LOW, AGAIN_HIGH = 0.75, 1.3
"""the same for a gain that was measured before"""
CHANCE = 0.9
MOST = 8
"""number of agents to consider if none is given"""


class Level(enum.StrEnum):
    """How much coordination; each level includes the earlier ones."""

    SOLO = "SOLO"
    CLAIM = "CLAIM"
    CAPABILITY = "CAPABILITY"
    STIGMERGY = "STIGMERGY"
    NOT_ENOUGH_DATA = "NOT_ENOUGH_DATA"


_RANK = {level: rank for rank, level in enumerate(Level)}


@attrs.frozen(kw_only=True)
class Facts:
    """
    Facts that only you know.

    Args:
        price: cost of each further agent, in units of what one agent alone achieves.
        call_seconds: seconds that a call of the board takes an agent: about 3 if a model makes it, 0 if the
            loop around it does. None means unknown and counts as 0, which makes the advice too optimistic for
            short jobs.
        changing_worth: whether work is worth more in some places than in others, and these places change.
        most: number of agents that are available.

    """

    price: float = 0.25
    call_seconds: float | None = None
    changing_worth: bool = False
    most: int = MOST

    def __attrs_post_init__(self) -> None:
        check_number("price", self.price)
        if self.call_seconds is not None:
            check_number("call_seconds", self.call_seconds)
        if isinstance(self.most, bool) or not isinstance(self.most, int) or self.most < 1:
            raise ValueError(f"most must be a whole number of at least 1, not {self.most!r}")


@attrs.frozen
class Measurement:
    """
    A measured rate.

    Args:
        level: how the agents worked together.
        agents: number of agents.
        rate: accepted work per second, in any unit that all measurements share.
        jobs: number of finished jobs behind it.
        board: what it was measured on; rates of different work cannot be compared.

    """

    level: Level
    agents: int
    rate: float
    jobs: int
    board: str = ""

    def __attrs_post_init__(self) -> None:
        if self.agents < 1 or self.jobs < 0 or not (math.isfinite(self.rate) and self.rate >= 0.0):
            raise ValueError(
                f"a measurement needs at least 1 agent and a rate and jobs of at least 0, not {self!r}"
            )


class Reports(Protocol):
    """An object that has a measurement, such as a TaxReport."""

    def measurement(self) -> Measurement:
        """Return the measured rate."""


@attrs.frozen
class Prediction:
    """What must be seen for the advice to be right."""

    level: Level
    agents: int
    low: float
    high: float
    """rate divided by one agent's"""
    chance: float
    within: int
    """finished jobs"""

    def __str__(self) -> str:
        how = f"{self.level} with {self.agents} agents"
        return f"{how}: {self.low:.1f}x to {self.high:.1f}x of one agent within {self.within} jobs"


@attrs.frozen
class Advice:
    """
    A recommendation with its reasons.

    Args:
        level: how to work together.
        agents: number of agents to start with.
        aim: number of agents that the shape of the work, or the measurements, finally suggest.
        trial: what to try next, (level, agents); None if nothing is worth a trial.
        reasons: sentences.
        numbers: figures and thresholds that were used.
        prediction: what will be seen if this is right; None if there is nothing to see.

    """

    level: Level
    agents: int
    aim: int
    trial: tuple[Level, int] | None
    reasons: tuple[str, ...]
    numbers: dict[str, float]
    prediction: Prediction | None

    def __str__(self) -> str:
        lines = [self.headline, *[f"  {reason}" for reason in self.reasons]]
        if self.prediction is not None:
            lines.append(f"Prediction: {self.prediction}.")
        return "\n".join(lines)

    @property
    def headline(self) -> str:
        """The advice in one sentence."""
        price = self.numbers["price"]
        who = "one agent" if self.agents == 1 else f"{self.agents} agents"
        said = f"{self.level} with {who}"
        if self.trial is None:
            return said + "."
        level, agents = self.trial
        if (level, agents) == (self.level, self.agents):
            said += ", worth a trial"
        else:
            said += f"; {level} with {agents} is worth a trial"
        more = [n for n in _sizes(self.aim) if n > agents]
        steps = f"; then {', '.join(map(str, more))} while each further agent adds {price:g}" if more else ""
        return said + steps + "."


def advise(
    structure: Structure | None = None,
    reports: Iterable[Measurement | Reports] = (),
    facts: Facts | None = None,
) -> Advice:
    """
    Return how little coordination this work needs.

    Args:
        structure: the shape of the work; see `structure`.
        reports: measurements of it, the latest last; one with a single agent is needed for comparison.
        facts: facts that only you know; its `price` sets the objective.

    Returns:
        The advice, with its figures.

    Raises:
        ValueError: reports of different boards (rates of different work cannot be compared).

    Example:
        >>> from ants_coord.lab import Facts, Job, World, advise, structure
        >>> world = World("mine", [Job(f"j{n}", 60) for n in range(40)])
        >>> print(advise(structure(world), facts=Facts(call_seconds=2.9)).headline)
        CLAIM with 2 agents, worth a trial; then 4, 8 while each further agent adds 0.25.

    """
    facts = Facts() if facts is None else facts
    seen = [one if isinstance(one, Measurement) else one.measurement() for one in reports]
    boards = list(dict.fromkeys([one.board for one in seen]))
    if len(boards) > 1:
        raise ValueError(
            f"reports: of different boards ({boards[0]!r} and {boards[1]!r}); rates of different work cannot "
            "be compared: give reports of one board"
        )
    usable = [one for one in seen if one.jobs >= LEAST_JOBS and one.rate > 0.0]
    alone = [one.rate for one in usable if one.agents == 1 and one.level is Level.SOLO]
    if not alone:  # one agent on a board is the next best comparison
        alone = [one.rate for one in usable if one.agents == 1]
    if usable and alone:
        return _by_measurement(structure, usable, sum(alone) / len(alone), facts)
    return _by_structure(structure, seen, facts)


# -- before anything was measured -------------------------------------------------------------


def _by_structure(structure: Structure | None, seen: Sequence[Measurement], facts: Facts) -> Advice:
    if structure is None:
        return _not_enough(seen, facts)
    call = facts.call_seconds or 0.0
    level, aim = target(structure, facts)
    gains = {n: structure.gain(n, call) for n in _sizes(facts.most)}
    numbers = _numbers(facts, gains)
    reasons = _shape(structure, facts, gains)
    if aim == 1:
        reasons.append("no number of agents is worth its price: one competent agent is the answer")
        return Advice(Level.SOLO, 1, 1, None, tuple(reasons), numbers, None)
    if level is Level.STIGMERGY:
        reasons.append(
            "you say that worth differs by place and changes: marks tell others where; mark also where there "
            "is nothing, or one agent with a memory earns more than two"
        )
    elif level is Level.CAPABILITY:
        reasons.append(
            "jobs ask for different skills, some for experts: matching keeps work from the wrong hands"
        )
    elif structure.kinds > 1:
        reasons.append(
            f"there are {structure.kinds} kinds: let agents claim what they can do; that needs no matching"
        )
    reasons.append(
        "nothing was measured yet, so not more than two agents: measure one and two, then ask again"
    )
    prediction = None
    if structure.jobs >= LEAST_JOBS:
        low, high = gains[2] * LOW, gains[2] * HIGH
        prediction = Prediction(level, 2, low, high, CHANCE, min(60, structure.jobs))
    return Advice(level, 2, aim, (level, 2), tuple(reasons), numbers, prediction)


def target(structure: Structure, facts: Facts) -> tuple[Level, int]:
    """Return the level and the number of agents that the shape of the work suggests."""
    call = facts.call_seconds or 0.0
    best, most = 1, 1.0
    for agents in _sizes(facts.most):
        worth = structure.gain(agents, call) - facts.price * (agents - 1)
        if worth > most + TIE * abs(most):
            best, most = agents, worth
    if best == 1:
        return Level.SOLO, 1
    if facts.changing_worth:
        return Level.STIGMERGY, best
    return (Level.CAPABILITY if structure.needs_matching else Level.CLAIM), best


def _sizes(most: int) -> list[int]:
    return [1 << k for k in range(1, most.bit_length())]


def _numbers(facts: Facts, gains: Mapping[Any, float]) -> dict[str, float]:
    found = {"price": facts.price, "margin": MARGIN, "tie": TIE, "least_jobs": float(LEAST_JOBS)}
    if facts.call_seconds is not None:
        found["call_seconds"] = facts.call_seconds
    return found | {f"gain_{choice}": gain for choice, gain in gains.items()}


def _shape(structure: Structure, facts: Facts, gains: dict[int, float]) -> list[str]:
    world, call = structure.world, facts.call_seconds
    said = []
    if structure.has_sizes:
        most = world.work / world.path
        said.append(f"work {world.work:,.0f} s, longest path {world.path:,.0f} s: at most {most:.0f}x")
    else:
        said.append(
            f"{structure.jobs:,} jobs, the longest path of needs has {world.path:.0f}: at most "
            f"{world.work / world.path:.0f}x; no sizes were given, so all jobs are taken as equal "
            "(that tripled the regret in our worlds)"
        )
    if 2 in gains:
        with_calls = f"with 2 calls of {call:g} s a job " if call else ""
        said.append(f"{with_calls}2 agents give {gains[2]:.1f}x, less {facts.price:g} for the second")
    if call is None:
        said.append(
            "what a call takes was not given, and is taken as nothing: jobs shorter than their calls lose"
        )
    elif call and not structure.has_sizes:
        said.append("calls cannot be set against sizes that are not known: give seconds")
    return said


def _not_enough(seen: Sequence[Measurement], facts: Facts) -> Advice:
    most = max([one.jobs for one in seen], default=0)
    if not seen:
        why = "neither the shape of the work nor a measurement was given"
    elif most < LEAST_JOBS:
        why = f"only {most} jobs are finished; {LEAST_JOBS} are needed"
    else:
        why = "no rate of one agent was measured, so there is nothing to compare with: let one work alone"
    agents = seen[-1].agents if seen else 1
    reasons = (why, "until then nothing is changed")
    return Advice(Level.NOT_ENOUGH_DATA, agents, agents, None, reasons, _numbers(facts, {}), None)


# -- after ------------------------------------------------------------------------------------

_Key = tuple[Level, int]
"""(level, agents)"""
_ALONE = (Level.SOLO, 1)


@attrs.frozen
class _Seen:
    """The measurements, by level and number of agents: all rates, gains over one agent, net values, jobs."""

    rates: dict[_Key, list[float]]
    gains: dict[_Key, float]
    nets: dict[_Key, float]
    jobs: dict[_Key, int]

    @classmethod
    def of(cls, usable: Sequence[Measurement], alone: float, price: float) -> _Seen:
        rates: dict[_Key, list[float]] = {_ALONE: []}
        jobs: dict[_Key, int] = {_ALONE: LEAST_JOBS}
        for one in usable:
            key = (one.level, one.agents)
            rates.setdefault(key, []).append(one.rate)
            jobs[key] = jobs.get(key, 0) + one.jobs
        rates[_ALONE] = rates[_ALONE] or [alone]
        gains = {key: statistics.fmean(found) / alone for key, found in rates.items()}
        nets = {key: gain - price * (key[1] - 1) for key, gain in gains.items()}
        return cls(rates, gains, nets, jobs)

    def margin(self, one: _Key, other: _Key) -> float:
        """Return the share by which one choice must be better than another to be believed."""
        if _RANK[one[0]] <= _RANK[other[0]] and one[1] <= other[1]:
            return MARGIN  # less coordination needs no proof, because that is where one starts
        few = NOISE / math.sqrt(min(self.jobs[one], self.jobs[other]))
        doubt = 0.0
        if min(len(self.rates[one]), len(self.rates[other])) >= 3:
            # two standard errors of the difference, if there are enough measurements to know them
            error = sum(statistics.variance(self.rates[key]) / len(self.rates[key]) for key in (one, other))
            doubt = 2.0 * math.sqrt(error) / statistics.fmean(self.rates[other])
        return max(MARGIN, few, doubt)


def _by_measurement(
    structure: Structure | None, usable: Sequence[Measurement], alone: float, facts: Facts
) -> Advice:
    seen = _Seen.of(usable, alone, facts.price)
    nets, gains = seen.nets, seen.gains
    kept = _what_there_is(structure, seen, facts)
    best = max(nets.values())
    near = [key for key, worth in nets.items() if worth >= best - TIE * abs(best)]
    first = min(near, key=lambda key: (_RANK[key[0]], key[1]))
    margin = seen.margin(first, kept)
    is_better = nets[first] > nets[kept] + margin * abs(nets[kept])
    level, agents = chosen = first if is_better else kept
    reasons = [
        f"{key[0]} with {key[1]}: {gains[key]:.2f}x of one agent, less {facts.price * (key[1] - 1):g} is "
        f"{nets[key]:.2f}"
        for key in sorted(nets, key=lambda key: (key[1], _RANK[key[0]]))
    ]
    if is_better:
        reasons.append(f"more than {margin:.0%} better than {kept[0]} with {kept[1]}: worth the change")
    elif first != kept:
        reasons.append(
            f"{first[0]} with {first[1]} is not {margin:.0%} better, as it would have to be after so few "
            f"jobs: {kept[0]} with {kept[1]} stays"
        )
    trial = _next_trial(structure, seen, chosen, facts)
    aim = agents if trial is None else trial[1]
    measured = {f"{how}_{number}": gain for (how, number), gain in gains.items()}
    numbers = _numbers(facts, measured) | {"margin": margin}
    prediction = None
    if chosen != _ALONE:
        gain = gains[chosen]
        prediction = Prediction(level, agents, gain * AGAIN_LOW, gain * AGAIN_HIGH, CHANCE, 30)
    return Advice(level, agents, aim, trial, tuple(reasons), numbers, prediction)


def _what_there_is(structure: Structure | None, seen: _Seen, facts: Facts) -> _Key:
    """
    Return the choice that is kept if nothing is clearly better.

    This is what the shape of the work suggests, if that was measured; otherwise as many agents as were each
    worth their price, at the lowest level measured.
    """
    if structure is not None:
        wanted = target(structure, facts)
        if wanted in seen.nets:
            return wanted
    levels = sorted({key[0] for key in seen.nets if key[1] > 1}, key=_RANK.__getitem__)
    kept = _ALONE
    for key in sorted([key for key in seen.nets if levels and key[0] is levels[0] and key[1] > 1]):
        if seen.gains[key] - seen.gains[kept] >= facts.price * (key[1] - kept[1]):
            kept = key
    return kept


def _next_trial(structure: Structure | None, seen: _Seen, chosen: _Key, facts: Facts) -> _Key | None:
    """Return what to measure next: twice as many agents, unless that was measured or cannot pay off."""
    level, agents = chosen
    more = 2 * agents
    if more > facts.most or any(key[1] >= more for key in seen.nets):
        return None
    if structure is not None:
        hoped = structure.gain(more, facts.call_seconds or 0.0) - facts.price * (more - 1)
        if hoped <= seen.nets[chosen]:
            return None
    if level is Level.SOLO:
        level = Level.STIGMERGY if facts.changing_worth else Level.CLAIM
    return level, more

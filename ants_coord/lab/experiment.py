"""
The experiment: worlds x ways x numbers of agents x seeds, each run in virtual time.

Every figure is a median over seeds with its quartiles. A rate is compared with one agent alone in the same
world with the same seed. Where it makes a difference, boards are run twice: once with the model making the
calls, and once with the loop around it (the harness), which costs neither turns nor tokens.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from .costs import Costs
from .runs import Run
from .scaling import Scaling, fit
from .talk import Talk
from .ways import OnBoard, Way, run_alone
from .worlds import WORLDS, MakeWorld, World

AGENTS = (1, 2, 5, 10, 20, 50, 100)
WAYS: tuple[Way, ...] = (
    Talk(),
    OnBoard("claim"),
    OnBoard("match"),
    OnBoard("board"),
    OnBoard("board", repels=True),
)
SEEDS = 10
CROWD, SEEDS_OF_A_CROWD = 100, 3
"""with this many agents, a run of talk takes seconds: it gets fewer seeds, and the tables say so"""
FORAGERS = 20
"""more agents than this would run out of valuable work in a world whose values move"""
JOBS_PER_AGENT = 10
"""with fewer jobs, the window of a run is not steady: its tail would be taken for contention"""

Progress = Callable[[int, int, str], None]
"""Called with (runs done, runs in all, what is next)."""


@attrs.frozen
class Spread:
    """Median and quartiles."""

    median: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def spread(values: Iterable[float]) -> Spread:
    """Return median and quartiles of at least one value."""
    given = sorted(values)
    if len(given) == 1:
        return Spread(given[0], given[0], given[0])
    low, middle, high = statistics.quantiles(given, n=4, method="inclusive")
    return Spread(middle, low, high)


@attrs.frozen(eq=False)
class Row:
    """The runs of one world, way and number of agents, each compared with one agent alone."""

    world: str
    way: str
    agents: int
    runs: tuple[Run, ...]
    alone: tuple[Run, ...]
    """one agent alone, with the same seeds"""
    by_harness: tuple[Run, ...] = ()
    """the same with free calls; empty where nobody calls a board"""

    def of(self, figure: Callable[[Run], float]) -> Spread:
        """Return the spread of a figure over the seeds."""
        return spread([figure(run) for run in self.runs])

    @property
    def beside_solo(self) -> Spread:
        """Work per second divided by that of one agent alone."""
        return self._beside(self.runs)

    @property
    def beside_solo_by_harness(self) -> Spread | None:
        """The same if the harness makes the calls."""
        return self._beside(self.by_harness) if self.by_harness else None

    def _beside(self, runs: tuple[Run, ...]) -> Spread:
        return spread([run.rate / alone.rate for run, alone in zip(runs, self.alone, strict=True)])

    @property
    def noticed_after(self) -> Spread | None:
        """Seconds until somebody took up what a silent agent had promised; None if nobody fell silent."""
        found = [seconds for run in self.runs for seconds in run.noticed_after]
        return spread(found) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the figures, each as median and quartiles."""
        figures: dict[str, Spread | None] = {
            "work_per_second": self.of(lambda run: run.rate),
            "beside_solo": self.beside_solo,
            "beside_solo_by_harness": self.beside_solo_by_harness,
            "tokens_per_job": self.of(lambda run: run.tokens_per_job),
            "token_share": self.of(lambda run: run.token_share),
            "inside": self.of(lambda run: run.inside / run.present),
            "idle": self.of(lambda run: run.idle / run.present),
            "raced": self.of(lambda run: run.duplicates.raced),
            "no_context": self.of(lambda run: run.duplicates.no_context),
            "unheard": self.of(lambda run: run.duplicates.unheard),
            "given_up": self.of(lambda run: run.duplicates.given_up),
            "broken_promises": self.of(lambda run: run.broken),
            "noticed_after": self.noticed_after,
            "lost_jobs": self.of(lambda run: run.lost),
        }
        return {
            "world": self.world,
            "way": self.way,
            "agents": self.agents,
            "seeds": len(self.runs),
            **{name: None if found is None else attrs.asdict(found) for name, found in figures.items()},
        }


@attrs.frozen(eq=False)
class Experiment:
    """The results. Print them with `str()` or `lab.table`, draw them with `figure`."""

    rows: tuple[Row, ...]
    costs: Costs
    worlds: dict[str, World]
    """world -> the world of the first seed, for the heading"""

    def row(self, world: str, way: str, agents: int) -> Row:
        """Return one row; a ValueError names the rows that exist."""
        for row in self.rows:
            if (row.world, row.way, row.agents) == (world, way, agents):
                return row
        there = ", ".join(f"{row.world}/{row.way}/{row.agents}" for row in self.rows)
        raise ValueError(f"there is no {world}/{way}/{agents}; there are {there}")

    def fit(self, world: str, way: str) -> Scaling:
        """
        Fit the scaling law to the steady windows of a world's runs.

        Args:
            world: its name.
            way: its name.

        Raises:
            ValueError: fewer than 4 numbers of agents have at least 10 jobs per agent; see `steady_curve`.

        """
        points = [
            (row.agents, run.steady)
            for row in self.rows
            if (row.world, row.way) == (world, way)
            for run in row.runs
            if run.jobs >= JOBS_PER_AGENT * row.agents
        ]
        try:
            return fit(points)
        except ValueError as problem:
            raise ValueError(
                f"{world}/{way}: {problem} (a steady window needs {JOBS_PER_AGENT} jobs an agent)"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return plain data: the assumptions, and every figure."""
        return {"costs": attrs.asdict(self.costs), "rows": [row.to_dict() for row in self.rows]}

    def __str__(self) -> str:
        from .tables import table  # noqa: PLC0415 - drawing imports the experiment, not the other way round

        return table(self)

    def figure(self, path: str) -> None:
        """Draw the two curves of every world as SVG; needs the extra "plots"."""
        from .tables import svg  # noqa: PLC0415

        svg(self, path)


def experiment(
    worlds: Mapping[str, MakeWorld] | None = None,
    ways: Sequence[Way] | None = None,
    agents: Sequence[int] = AGENTS,
    seeds: int = SEEDS,
    costs: Costs | None = None,
    *,
    progress: Progress | None = None,
) -> Experiment:
    """
    Run every world, way and number of agents, each with every seed.

    Args:
        worlds: name -> function that makes one from a seed; by default all of ours.
        ways: ways of working, by default all of ours; one agent alone is always run for comparison.
        agents: numbers of agents, each at least 1.
        seeds: number of seeds; talk of 100 agents and more is run with at most 3.
        costs: the assumptions.
        progress: called before each row.

    Example:
        >>> from ants_coord.lab import Job, World, experiment
        >>> def mine(seed):
        ...     return World("mine", [Job(f"j{n}", 60) for n in range(8)])
        >>> found = experiment({"mine": mine}, agents=(1, 2), seeds=2)
        >>> found.row("mine", "claim", 2).beside_solo.median > 1.5
        True

    """
    costs = Costs() if costs is None else costs
    made = WORLDS if worlds is None else dict(worlds)
    for number in agents:
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 1_000:
            raise ValueError(f"agents: must be whole numbers from 1 to 1,000, not {number!r}")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ValueError(f"seeds must be a whole number of at least 1, not {seeds!r}")
    first = {name: make(1) for name, make in made.items()}
    for name, world in first.items():
        if not isinstance(world, World):
            raise ValueError(  # noqa: TRY004 - as every other bad argument of the lab
                f"worlds: {name!r} gave {world!r} for seed 1; a function from a seed to a World is needed"
            )
    plan = [
        (name, way, number)
        for name in made
        for way in (WAYS if ways is None else ways)
        for number in sorted(set(agents))
        if _makes_sense(first[name], way, number)
    ]
    free = attrs.evolve(costs, call_by_harness=True)
    alone: dict[str, list[Run]] = {}
    rows: list[Row] = []
    for done, (name, way, number) in enumerate(plan):
        if progress is not None:
            progress(done, len(plan), f"{name}, {way.name}, {number}")
        known = alone.setdefault(name, [])
        count = min(seeds, SEEDS_OF_A_CROWD) if way.name == "talk" and number >= CROWD else seeds
        while len(known) < count:
            known.append(run_alone(made[name](len(known) + 1), len(known) + 1, costs))
        runs = [way.run(made[name](seed), number, seed, costs) for seed in range(1, count + 1)]
        freed: list[Run] = []
        if runs[0].calls and not costs.call_by_harness:
            freed = [way.run(made[name](seed), number, seed, free) for seed in range(1, count + 1)]
        rows.append(Row(name, way.name, number, tuple(runs), tuple(known[:count]), tuple(freed)))
    return Experiment(tuple(rows), costs, first)


def _makes_sense(world: World, way: Way, agents: int) -> bool:
    if world.worth is None:
        return not (isinstance(way, OnBoard) and way.repels)
    return agents <= FORAGERS and not (isinstance(way, OnBoard) and way.strategy == "match")

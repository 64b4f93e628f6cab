"""
Worlds: kinds of work, each made from a seed.

A job is the work of one attempt; its size is in seconds of a skilled agent. `needs` are jobs that must be
done first; `children` are jobs that are unknown until this one is done. Your own world is any function that
takes a seed and returns a World.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from typing import Any

import attrs

_COUNT = 120
_MEAN = 60.0
"""seconds of a job"""
_LONGEST = 300.0
_SPREAD = 0.6
"""sigma of the lognormal sizes"""


@attrs.frozen
class Job:
    """
    One piece of work.

    Args:
        id: its name in its world.
        seconds: how long a skilled agent works at it, more than 0.
        needs: ids of jobs that must be done first.
        skill: the skill that it needs; None: no particular skill.
        level: the level of the skill: 1 (a beginner will do) to 3.
        limit: name of a resource that only a limited number of jobs may use at once; see World.slots.
        place: where the work is.
        children: ids of jobs that become known when this one is done.
        worth: what a second of it is worth, if that is constant.

    """

    id: str
    seconds: float
    needs: tuple[str, ...] = ()
    skill: str | None = None
    level: int = 1
    limit: str | None = None
    place: str | None = None
    children: tuple[str, ...] = ()
    worth: float = 1.0

    def __attrs_post_init__(self) -> None:
        for name in ("seconds", "worth"):
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not (math.isfinite(value) and value > 0)
            ):
                raise ValueError(f"job {self.id!r}: {name} must be a number above 0, not {value!r}")


def _by_id(jobs: Any) -> dict[str, Job]:
    found: dict[str, Job] = {}
    for job in jobs.values() if isinstance(jobs, Mapping) else jobs:
        if not isinstance(job, Job):
            raise TypeError(f"jobs: must be Job, not {job!r}")
        if job.id in found:
            raise ValueError(f"job {job.id!r} is there twice")
        found[job.id] = job
    if not found:
        raise ValueError("jobs: a world needs at least one job")
    return found


@attrs.frozen(eq=False)
class World:
    """
    Jobs and their relations.

    Args:
        name: for tables.
        jobs: all jobs, including those that are unknown at the start.
        slots: limit name -> how many jobs with it may run at once; by default 1.
        worth: function that gives what a second of a job is worth at an instant, if that changes; agents only
            learn it by doing the job.
        horizon: seconds after which all agents stop; None: when everything is done.
        speed: number of an agent -> its speed; None: all have speed 1.

    Raises:
        ValueError: jobs need each other in a cycle, are named twice, or do not exist.

    Example:
        >>> from ants_coord.lab import Job, World
        >>> world = World("two", [Job("a", 60), Job("b", 30, needs=("a",))])
        >>> world.work, world.path
        (90.0, 90.0)

    """

    name: str
    jobs: Mapping[str, Job] = attrs.field(converter=_by_id, repr=False)
    slots: Mapping[str, int] = attrs.field(factory=dict)
    worth: Callable[[Job, float], float] | None = None
    horizon: float | None = None
    speed: Callable[[int], float] | None = None
    parents: Mapping[str, str] = attrs.field(init=False, repr=False)
    order: tuple[str, ...] = attrs.field(init=False, repr=False)
    """ids, each after its needs"""

    def __attrs_post_init__(self) -> None:
        parents: dict[str, str] = {}
        for job in self.jobs.values():
            for other in (*job.needs, *job.children):
                if other not in self.jobs:
                    raise ValueError(f"job {job.id!r}: there is no job {other!r} in world {self.name!r}")
            for child in job.children:
                if child in parents:
                    raise ValueError(f"job {child!r} is a child of {parents[child]!r} and of {job.id!r}")
                parents[child] = job.id
        object.__setattr__(self, "parents", parents)
        object.__setattr__(self, "order", self._sorted())

    def before(self, job: str) -> tuple[str, ...]:
        """Return what must be done before a job can be started: its needs, and the job that reveals it."""
        needs = self.jobs[job].needs
        return (*needs, self.parents[job]) if job in self.parents else needs

    def graph(self) -> TopologicalSorter[str]:
        """Return the jobs with what must be done before each; free ones come in the given order."""
        graph = TopologicalSorter(dict.fromkeys(self.jobs, ()))
        for job in self.jobs:
            graph.add(job, *self.before(job))
        return graph

    def _sorted(self) -> tuple[str, ...]:
        try:
            return tuple(self.graph().static_order())
        except CycleError as problem:
            around = " needs ".join(reversed(problem.args[1]))
            raise ValueError(f"world {self.name!r}: jobs in a circle: {around}") from None

    @property
    def roots(self) -> tuple[str, ...]:
        """Jobs that are known at the start."""
        return tuple([job for job in self.jobs if job not in self.parents])

    @property
    def work(self) -> float:
        """Seconds of all jobs together."""
        return float(sum(job.seconds for job in self.jobs.values()))

    @property
    def path(self) -> float:
        """Seconds of the longest chain of dependent jobs: no number of agents is faster."""
        return self.longest(0.0)

    def longest(self, extra: float) -> float:
        """Return the longest chain if each job takes this many seconds more."""
        until: dict[str, float] = {}
        for job in self.order:
            start = max([until[other] for other in self.before(job)], default=0.0)
            until[job] = start + self.jobs[job].seconds + extra
        return max(until.values())

    @property
    def skills(self) -> tuple[str, ...]:
        """The skills that occur in this world."""
        return tuple(dict.fromkeys([job.skill for job in self.jobs.values() if job.skill is not None]))

    @property
    def width(self) -> float:
        """How many agents could work at once on average: work divided by path."""
        return self.work / self.path


MakeWorld = Callable[[int], World]
_HORIZON, _MOVES = 7_200.0, 1_800.0
"""of foraging: seconds of a run, and after how many the worth moves"""


def _size(dice: random.Random, mean: float = _MEAN) -> float:
    return min(_LONGEST, dice.lognormvariate(math.log(mean) - _SPREAD * _SPREAD / 2.0, _SPREAD))


def independent(seed: int, *, count: int = _COUNT, mean: float = _MEAN) -> World:
    """Return independent jobs."""
    dice = random.Random(f"independent {seed}")
    return World("independent", [Job(f"j{i}", _size(dice, mean), place=f"p{i % 10}") for i in range(count)])


def chain(seed: int, *, count: int = 40) -> World:
    """Return jobs of which each needs the previous one."""
    dice = random.Random(f"chain {seed}")
    needs = [(), *[(f"j{i}",) for i in range(count - 1)]]
    return World("chain", [Job(f"j{i}", _size(dice), needs[i], place="p") for i in range(count)])


def imports(seed: int) -> World:
    """
    Return the import graph of Python 3.11's own library: a module needs those that it imports at the top.

    Modules in a cycle are one job; sizes follow their lines, at most 2,000. It does not depend on the seed.
    """
    text = resources.files(__package__).joinpath("imports.json").read_text(encoding="utf-8")
    modules: dict[str, tuple[int, list[str]]] = json.loads(text)
    lines = {name: min(found[0], 2_000) for name, found in modules.items()}
    usual = sum(lines.values()) / len(lines)
    jobs = [
        Job(name, max(5.0, lines[name] / usual * _MEAN), tuple(needs), place=name[:1])
        for name, (_, needs) in modules.items()
    ]
    return World("imports", jobs)


def skills(seed: int) -> World:
    """Return jobs of several skills, a third of which need an expert."""
    dice = random.Random(f"skills {seed}")
    jobs = []
    for i in range(_COUNT):
        kind = dice.randrange(5)
        level = dice.choice((1, 1, 3))
        jobs.append(Job(f"j{i}", _size(dice), skill=f"skill{kind}", level=level, place=f"p{kind}"))
    return World("skills", jobs)


def spawning(seed: int, *, count: int = _COUNT) -> World:
    """Return jobs that are found by doing others; a few are known at the start."""
    dice = random.Random(f"spawning {seed}")
    size = {f"r{i}": _size(dice) for i in range(5)}
    children: dict[str, list[str]] = {name: [] for name in size}
    queue, at = list(size), 0
    while len(size) < count:
        parent = queue[at % len(queue)]
        at += 1
        for _ in range(min(dice.choice((0, 0, 1, 2, 3)), count - len(size))):
            child = f"{parent}.{len(children[parent])}"
            children[parent].append(child)
            size[child], children[child] = _size(dice), []
            queue.append(child)
    return World(
        "spawning",
        [Job(name, size[name], children=tuple(children[name]), place="p" + name[1]) for name in size],
    )


def foraging(seed: int, *, each: int = 200) -> World:
    """
    Return places with plenty of work, a few of which are worth ten times the others for half an hour.

    Agents are not told where; they learn it by doing a job there. All stop after two hours.
    """
    dice = random.Random(f"foraging {seed}")
    places = range(20)
    jobs = [Job(f"p{p}.{k}", _size(dice), place=f"p{p}") for k in range(each) for p in places]
    dice.shuffle(jobs)
    # the last window is for a job that ends exactly at the horizon
    rich = [random.Random(f"rich {seed} {i}").sample(places, 3) for i in range(int(_HORIZON // _MOVES) + 1)]

    def worth(job: Job, at: float) -> float:
        return 10.0 if int(str(job.place)[1:]) in rich[min(len(rich) - 1, int(at // _MOVES))] else 1.0

    return World("foraging", jobs, worth=worth, horizon=_HORIZON)


WORLDS: dict[str, MakeWorld] = {
    made.__name__: made for made in (independent, chain, imports, skills, spawning, foraging)
}

"""The result of one run, and the common part of all runs: virtual time, faults, and the account of time."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Generator
from graphlib import TopologicalSorter

import attrs

from .costs import Costs, check_number
from .worlds import Job, World

LIMIT = 200_000.0
"""virtual seconds after which an endless run is given up"""

Life = Generator[float | Callable[[Callable[[], None]], None], None, None]
"""What an agent does: it yields seconds to pass, or a function that receives what wakes it again."""


@attrs.define
class Duplicates:
    """
    Attempts at jobs that another agent had done or was doing, by the reason why the agent did not know.

    Args:
        raced: both began before either heard of the other.
        no_context: the other had promised before this agent joined.
        unheard: the other's promise was lost on its way.
        given_up: the promise was heard, and taken for broken because it took too long.

    """

    raced: int = 0
    no_context: int = 0
    unheard: int = 0
    given_up: int = 0

    @property
    def all(self) -> int:
        """The total number."""
        return self.raced + self.no_context + self.unheard + self.given_up


@attrs.define
class Run:
    """
    One run: a world, a way, a number of agents, a seed. Times are virtual seconds.

    worked + inside + down + idle = present, and useful + slowed + wasted = worked.
    """

    world: str
    way: str
    agents: int
    seed: int
    jobs: int
    seconds: float = 0.0
    """until everything was done, or until the run was given up"""
    done: int = 0
    earned: float = 0.0
    """seconds of accepted work, weighted by its worth"""
    useful: float = 0.0
    """seconds of accepted work, as a skilled agent would need them"""
    slowed: float = 0.0
    """seconds that accepted work took beyond that, for lack of skill or speed"""
    worked: float = 0.0
    """seconds of all attempts"""
    wasted: float = 0.0
    """of these, attempts that were broken off or whose result was not needed"""
    inside: float = 0.0
    """seconds of talking, reading, calling, and waiting for objections"""
    down: float = 0.0
    present: float = 0.0
    """seconds that agents were present"""
    attempts: int = 0
    duplicates: Duplicates = attrs.field(factory=Duplicates)
    promises: int = 0
    broken: int = 0
    noticed_after: list[float] = attrs.field(factory=list)
    """seconds from each broken promise to the next attempt at its job"""
    messages: int = 0
    heard: int = 0
    calls: int = 0
    commands: int = 0
    tokens_out: int = 0
    tokens_in: int = 0
    tokens_own: float = 0.0
    """tokens written by the work itself"""
    steady: float = 0.0
    """useful work per second between a tenth and seven tenths of the jobs"""

    @property
    def rate(self) -> float:
        """Work per second, weighted by its worth; one agent that is never interrupted has 1."""
        return self.earned / self.seconds if self.seconds else 0.0

    @property
    def idle(self) -> float:
        """Seconds in which agents were present and had nothing to do."""
        return self.present - self.worked - self.inside - self.down

    @property
    def is_finished(self) -> bool:
        """Whether all jobs were done."""
        return self.done == self.jobs

    @property
    def lost(self) -> int:
        """The number of jobs that were never done."""
        return self.jobs - self.done

    @property
    def tokens_per_job(self) -> float:
        """Tokens of coordination per finished job."""
        return (self.tokens_out + self.tokens_in) / max(1, self.done)

    @property
    def token_share(self) -> float:
        """Share of all tokens that coordination takes; what the work itself reads is not counted."""
        tokens = self.tokens_out + self.tokens_in
        return tokens / (tokens + self.tokens_own) if tokens else 0.0

    @property
    def tax(self) -> float:
        """Share of the busy time that coordination takes."""
        busy = self.inside + self.worked
        return self.inside / busy if busy else 0.0


class Trial:
    """A run in progress, of one agent alone; other ways of working derive from it and live otherwise."""

    def __init__(self, world: World, way: str, agents: int, seed: int, costs: Costs) -> None:
        self.world, self.agents, self.seed, self.costs = world, agents, seed, costs
        self.run = Run(world.name, way, agents, seed, len(world.jobs))
        self.now = 0.0
        self.is_over = False
        self.done_at: dict[str, float] = {}
        self.running: dict[str, int] = {}
        """job -> attempts in progress"""
        self.speeds = [1.0 if world.speed is None else world.speed(agent) for agent in range(agents)]
        for agent, speed in enumerate(self.speeds):
            check_number(f"world {world.name!r}: the speed of agent {agent}", speed, above=True)
        self.joined = [self._joins(agent) for agent in range(agents)]
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._tries: dict[str, int] = {}
        self._broken_at: dict[str, float] = {}
        """job -> when an attempt ended in silence, until somebody takes it up"""
        self._until = [("inside", 0.0)] * agents
        """agent -> what it is doing, and until when; to cut off what the end interrupts"""

    # -- virtual time -------------------------------------------------------------------------

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Schedule a call at an instant."""
        heapq.heappush(self._heap, (when, next(self._number), do))

    def start(self, life: Life) -> None:
        """Start an agent's life."""

        def step() -> None:
            try:
                wait = next(life)
            except StopIteration:
                return
            if callable(wait):
                wait(step)
            else:
                self.at(self.now + wait, step)

        step()

    def pass_(self, agent: int, what: str, seconds: float) -> float:
        """Record seconds that an agent is about to spend: "worked", "inside" or "down"; return them."""
        setattr(self.run, what, getattr(self.run, what) + seconds)
        self._until[agent] = (what, self.now + seconds)
        return seconds

    def live(self, limit: float) -> Run:
        """Let the agents live until everything is done or the limit is reached, then close the account."""
        run, world = self.run, self.world
        for agent, joined in enumerate(self.joined):
            if joined < math.inf:
                self.start(self.life(agent))
        limit = limit if world.horizon is None else min(limit, world.horizon)
        heap = self._heap
        while heap and not self.is_over:
            when, _, do = heapq.heappop(heap)
            if when > limit:
                self.now = limit
                break
            self.now = when
            do()
        run.done = len(self.done_at)
        run.seconds = end = self.now
        for what, until in self._until:
            if until > end:
                setattr(run, what, getattr(run, what) - (until - end))
        run.present += sum(max(0.0, end - joined) for joined in self.joined)
        run.wasted = run.worked - run.useful - run.slowed
        run.tokens_own = run.worked * self.costs.write_rate
        run.steady = self._steady()
        return run

    def _steady(self) -> float:
        ends = sorted([(at, job) for job, at in self.done_at.items()])
        if len(ends) < 10:
            return 0.0
        first, last = ends[len(ends) // 10][0], ends[len(ends) * 7 // 10][0]
        jobs = self.world.jobs
        work = sum(jobs[job].seconds for at, job in ends if first < at <= last)
        return work / (last - first) if last > first else 0.0

    def leave(self, agent: int) -> None:
        """Let an agent leave; it may return."""
        self.run.present += self.now - self.joined[agent]
        self.joined[agent] = math.inf

    # -- fates: the same for every way of working -------------------------------------------------

    def _joins(self, agent: int) -> float:
        dice = random.Random(f"{self.seed} join {agent}")
        is_late = agent > 0 and dice.random() < self.costs.late
        return dice.uniform(0.0, self.costs.late_within) if is_late else 0.0

    def level(self, agent: int, skill: str) -> int:
        """Return how good an agent is: 3 at its own skill, 1 at a neighbouring one, otherwise 0."""
        names = self.world.skills
        number, kinds, agents = names.index(skill), len(names), self.agents
        if (number % agents == agent) if agents < kinds else (number == agent % kinds):
            return 3
        return int(number == (agent + 1) % kinds)

    def is_skilled(self, agent: int, job: Job) -> bool:
        """Tell whether an agent does a job at full speed; a lone agent must be good at everything."""
        return job.skill is None or self.agents == 1 or self.level(agent, job.skill) >= job.level

    def attempt(self, agent: int, job: Job) -> Generator[float, None, float | None]:
        """
        Work at a job; return the seconds it took, None if the agent fell silent before its end.

        The k-th attempt at a job always has the same fate, for every agent and every way of working.
        """
        run, costs = self.run, self.costs
        kind = self.why_twice(agent, job)
        if kind is not None:
            setattr(run.duplicates, kind, getattr(run.duplicates, kind) + 1)
        if job.id in self._broken_at:
            run.noticed_after.append(self.now - self._broken_at.pop(job.id))
        self._tries[job.id] = number = self._tries.get(job.id, 0) + 1
        dice = random.Random(f"{self.seed} fate {job.id} {number}")
        seconds = job.seconds / (1.0 if self.is_skilled(agent, job) else costs.foreign) / self.speeds[agent]
        is_silent = dice.random() < costs.silent
        if is_silent:
            seconds *= dice.random()
        run.attempts += 1
        self.running[job.id] = self.running.get(job.id, 0) + 1
        yield self.pass_(agent, "worked", seconds)
        self.running[job.id] -= 1
        if is_silent:
            run.broken += 1
            self._broken_at.setdefault(job.id, self.now)
            return None
        self._broken_at.pop(job.id, None)
        return seconds

    def accept(self, job: Job, seconds: float) -> None:
        """Accept a result; a result for a finished job was work for nothing."""
        if job.id in self.done_at:
            return
        run = self.run
        self.done_at[job.id] = self.now
        run.useful += job.seconds
        run.slowed += seconds - job.seconds
        run.earned += job.seconds * self.worth(job)
        self.is_over = len(self.done_at) == len(self.world.jobs)

    def worth(self, job: Job) -> float:
        """Return the worth of a job at this instant."""
        return job.worth if self.world.worth is None else self.world.worth(job, self.now)

    def why_twice(self, agent: int, job: Job) -> str | None:
        """Return which kind of duplicate an attempt that begins now would be; None if it is none."""
        return "raced" if self.running.get(job.id) or job.id in self.done_at else None

    def life(self, agent: int) -> Life:
        """Live as one agent; here as the only one, which knows everything and takes the next job."""
        jobs, graph = self.world.jobs, self.world.graph()
        graph.prepare()
        if self.world.worth is not None:
            yield from self._from_memory(graph)
            return
        queue = deque(graph.get_ready())
        while queue:
            job = queue.popleft()
            yield from self._until_done(jobs[job])
            graph.done(job)
            queue.extend(graph.get_ready())

    def _until_done(self, job: Job) -> Life:
        self.run.promises += 1
        seconds = None
        while seconds is None:
            seconds = yield from self.attempt(0, job)
            if seconds is None:
                yield self.pass_(0, "down", self.costs.down)
        self.accept(job, seconds)

    def _from_memory(self, graph: TopologicalSorter[str]) -> Life:
        """Stay where work is worth much; otherwise go elsewhere."""
        jobs, dice = self.world.jobs, random.Random(f"{self.seed} alone")
        by_place: dict[str | None, list[str]] = {}
        place, is_rich = None, False
        while graph.is_active():
            for name in graph.get_ready():
                by_place.setdefault(jobs[name].place, []).append(name)
            if not (is_rich and by_place[place]):
                place = dice.choice([known for known, left in by_place.items() if left])
            job = jobs[by_place[place].pop()]
            yield from self._until_done(job)
            graph.done(job.id)
            is_rich = self.worth(job) > 1.0

"""
Ways of working: one agent alone, and boards; talk has its own file.

The boards are the library's own `Machine` with one of its three strategies: every grant, expiry and match
is the real one. Only time and agents are virtual.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any, Literal, Protocol

from ..commands.board import Deposit
from ..commands.matching import Advertise, Refresh
from ..commands.reading import Find
from ..commands.shared import (
    Claim,
    Command,
    Complete,
    Configure,
    Refused,
    Renew,
    SetLimit,
    Wakeup,
    submission,
)
from ..core import Machine
from ..fronts.as_needed import AsNeeded
from ..values.adverts import Advert
from ..values.marks import Mark, MarkKind
from ..values.settings import Settings
from ..values.tasks import Backoff, Lease, Task
from .costs import Costs
from .runs import LIMIT, Life, Run, Trial
from .worlds import Job, World

_START_NS = 1_750_000_000_000_000_000
_ADVERT_TTL = 600.0
_HALF_LIFE = 600.0
_STRENGTH = 10.0


class Way(Protocol):
    """A way of working together."""

    @property
    def name(self) -> str:
        """Its name in tables."""

    def run(self, world: World, agents: int, seed: int, costs: Costs, limit: float = LIMIT) -> Run:
        """
        Let agents do a world's work.

        Args:
            world: the work to do.
            agents: number of agents, at least 1.
            seed: decides everything that is random.
            costs: the assumptions.
            limit: virtual seconds after which the run is given up.

        """


class Solo:
    """One agent alone: no coordination at all, whatever number of agents was asked for."""

    name = "solo"

    def run(self, world: World, agents: int, seed: int, costs: Costs, limit: float = LIMIT) -> Run:
        """Let one agent do a world's work."""
        return Trial(world, self.name, 1, seed, costs).live(limit)


def run_alone(world: World, seed: int, costs: Costs) -> Run:
    """Let one agent do a world's work, for comparison; a ValueError if it achieves nothing."""
    run = Solo().run(world, 1, seed, costs)
    if not run.rate:
        raise ValueError(
            f"world {world.name!r}: one agent alone finishes nothing in {run.seconds:,.0f} s, so there is "
            "nothing to compare with; take shorter jobs, or agents that fall silent less often"
        )
    return run


class OnBoard:
    """
    A board of the library.

    Args:
        strategy: "claim", "match" or "board".
        repels: whether agents also mark places where work was worth little (worlds whose worth moves).
        as_needed: whether to start with one agent, as `serve(agents="as needed")` does; the number of agents
            of a run is then the maximum.

    """

    def __init__(
        self,
        strategy: Literal["claim", "match", "board"],
        *,
        repels: bool = False,
        as_needed: bool = False,
    ) -> None:
        self.strategy, self.repels, self.as_needed = strategy, repels, as_needed
        self.name = strategy + ("+poor" if repels else "") + (" as needed" if as_needed else "")

    def run(self, world: World, agents: int, seed: int, costs: Costs, limit: float = LIMIT) -> Run:
        """Let agents do a world's work over a board."""
        return _Boards(self, world, agents, seed, costs).live(limit)


class _Boards(Trial):
    def __init__(self, way: OnBoard, world: World, agents: int, seed: int, costs: Costs) -> None:
        super().__init__(world, way.name, agents, seed, costs)
        self.strategy, self.repels = way.strategy, way.repels
        self.machine = Machine()
        self.machine.news.is_wanted = True
        self.idle: list[Callable[[], None]] = []
        """wakes the agents that found nothing"""
        self.stamp, self.alarm_at = 0.0, math.inf
        self.crew = AsNeeded(agents) if way.as_needed else None
        if self.crew is not None:
            self.joined = [0.0] + [math.inf] * (agents - 1)
        more: dict[str, Any] = {}
        if self.strategy == "board" and world.worth is not None:
            # only marks attract here: a task that has waited longer is worth no more
            more = {"half_life": _HALF_LIFE, "faint": 0.001, "stimulus": 0.0}
            if self.repels:
                more["kinds"] = (MarkKind("rich"), MarkKind("poor", half_life=_HALF_LIFE, repels=True))
        settings = Settings(
            strategy=self.strategy,
            lease_ttl=costs.lease,
            max_attempts=1_000,
            backoff=Backoff(first=0.0),
            retention_count=100_000,
            **more,
        )
        self.do(Configure(settings))
        for name, slots in world.slots.items():
            self.do(SetLimit(name, slots))
        roots = [self.task(world.jobs[job]) for job in world.roots]
        for start in range(0, len(roots), 5_000):
            self.do(submission(tuple(roots[start : start + 5_000])))

    # -- the machine ----------------------------------------------------------------------------

    def _now_ns(self) -> int:
        return _START_NS + round(self.now * 1e9)

    def do(self, command: Command[Any]) -> Any:
        """Carry out a command at this instant, and wake the agents concerned."""
        self.run.commands += 1
        self.stamp = self.now
        reply = self.machine.apply(command, now_ns=self._now_ns())
        if isinstance(reply, Refused):
            raise reply.error
        news = self.machine.news
        if self.idle and (news.ready or news.agents):
            waiting, self.idle = self.idle, []
            for again in waiting:
                self.at(self.now, again)
        news.ready.clear()
        news.ended.clear()
        news.agents.clear()
        news.freed.clear()
        news.changed.clear()
        return reply

    def _sleep(self, again: Callable[[], None]) -> None:
        self.idle.append(again)
        self._set_alarm()

    def _set_alarm(self) -> None:
        wait_ns = self.machine.next_wakeup_in_ns
        if wait_ns is None:
            return
        at = max(self.stamp + wait_ns / 1e9, self.now) + 1e-6
        if at < self.alarm_at:
            self.alarm_at = at
            self.at(at, lambda: self._ring(at))

    def _ring(self, at: float) -> None:
        if at != self.alarm_at:
            return  # an earlier one has been set since
        self.alarm_at = math.inf
        if self.idle:
            self.do(Wakeup())
            if self.idle:
                self._set_alarm()

    # -- agents ---------------------------------------------------------------------------------

    def call(self, agent: int) -> Generator[float, None, None]:
        """Let an agent spend what one call of the board costs it."""
        costs, run = self.costs, self.run
        run.calls += 1
        if costs.call_by_harness:
            return
        run.tokens_out += costs.call // 3
        run.tokens_in += costs.call - costs.call // 3
        yield self.pass_(agent, "inside", costs.call_seconds)

    def task(self, job: Job) -> Task:
        """Return the task for a job, as submitted to the board."""
        kind, requires = "default", None
        if job.skill is not None and self.agents > 1:
            if self.strategy == "match":
                requires = f"{job.skill} and {job.skill}_level >= {job.level}"
            else:
                # a queue without kinds would be an unfair comparison; it cannot know the level
                kind = job.skill
        place = job.place if self.strategy == "board" else None
        return Task(job.id, kind=kind, requires=requires, place=place, needs=job.needs, limit=job.limit)

    def _join(self, agent: int, name: str) -> Generator[float, None, tuple[str, ...] | None]:
        """Advertise what an agent can do; return the kinds that it claims."""
        skills = self.world.skills if self.agents > 1 else ()
        can = {skill: self.level(agent, skill) for skill in skills if self.level(agent, skill)}
        if self.strategy != "match":
            return tuple(can) or None
        levels = {f"{skill}_level": level for skill, level in can.items()}
        self.do(Advertise(Advert(name, tuple(can), levels, ttl=_ADVERT_TTL)))
        yield from self.call(agent)

        def refresh() -> None:
            self.do(Refresh(((name, 0),)))
            self.at(self.now + _ADVERT_TTL / 3.0, refresh)

        self.at(self.now + _ADVERT_TTL / 3.0, refresh)
        return None

    def life(self, agent: int) -> Life:
        """Live as one agent: claim, work, submit what was found, complete; wait if there is nothing."""
        yield self.joined[agent] - self.now
        name = f"a{agent}"
        claim = Claim(name, (yield from self._join(agent, name)))
        while not self.is_over:
            began = self.now
            yield from self.call(agent)
            asked = self.now
            lease: Lease | None = None
            while lease is None:
                if not self.machine.is_idle(claim, self._now_ns()):
                    lease = self.do(claim)
                if lease is None:
                    yield self._sleep
            began += self.now - asked  # time asleep was not part of the attempt
            wait = self._wait_of(lease)
            is_done = yield from self._work(agent, name, lease)
            if self.crew is not None and self._is_told_to_leave(agent, began, wait, completed=is_done):
                return

    def _wait_of(self, lease: Lease) -> float | None:
        if self.crew is None or lease.attempt != 1:
            return None
        record = self.machine.ask(Find(lease.task))
        assert not isinstance(record, Refused)
        if record is None or record.ready_ns is None:
            return None
        waited: int = self._now_ns() - record.ready_ns
        return max(0, waited) / 1e9

    def _is_told_to_leave(self, agent: int, began: float, wait: float | None, *, completed: bool) -> bool:
        """Do as the worker does: ask after each attempt, and start or stop an agent."""
        assert self.crew is not None
        word = self.crew.ended(self._now_ns(), self.now - began, wait, completed=completed)
        if word == "add":
            free = self.joined.index(math.inf)
            self.joined[free] = self.now
            self.start(self.life(free))
        elif word == "leave":
            self.leave(agent)
        return word == "leave"

    def _work(self, agent: int, name: str, lease: Lease) -> Generator[float, None, bool]:
        job = self.world.jobs[lease.task]
        self.run.promises += 1
        alive = self._keep_alive(lease)
        seconds = yield from self.attempt(agent, job)
        if seconds is None:
            alive.clear()
            yield self.pass_(agent, "down", self.costs.down)
            return False
        if job.children:
            yield from self.call(agent)
            self.do(submission(tuple([self.task(self.world.jobs[child]) for child in job.children])))
        yield from self.call(agent)
        alive.clear()
        self.do(Complete(lease.task, lease.token, None))
        self.accept(job, seconds)
        if self.strategy == "board" and self.world.worth is not None and job.place is not None:
            is_rich = self.worth(job) > 1.0
            if is_rich or self.repels:
                yield from self.call(agent)
                self.do(Deposit(Mark("rich" if is_rich else "poor", job.place, _STRENGTH), name))
        return True

    def _keep_alive(self, lease: Lease) -> list[int]:
        """Renew a lease until the list that is returned is cleared."""
        alive, pause = [1], self.costs.lease / 3.0

        def again() -> None:
            if alive:
                self.do(Renew(((lease.task, lease.token),)))
                self.at(self.now + pause, again)

        self.at(self.now + pause, again)
        return alive

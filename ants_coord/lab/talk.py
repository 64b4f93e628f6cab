"""
Naive talk: agents without a board that tell each other what they are doing.

An agent announces to all that it will do a job, waits a moment for objections, works, and tells all when it
is done. Each message is written once and read by everybody; it takes a while to arrive, and sometimes it does
not. An agent that joins late has not heard earlier messages. An agent that falls silent leaves a promise that
nobody keeps; the others give it up when it is old enough, or never.

The assumptions favour talk: agents keep their promises, yield to the older promise, never argue twice, and
answer a question only if they have something to say. What a model loses in a long conversation, and plans
that talk improves, are not included.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs

from .costs import Costs
from .runs import LIMIT, Life, Run, Trial
from .worlds import Job, World

_ITEM = 8
"""tokens per finished job in an answer"""
_FOUND = 10
"""tokens per job that was found"""
_MANY = 50
_REMEMBER = 600.0
"""seconds for which a place is remembered as valuable; as long as marks last on a board"""


class Talk:
    """Agents that tell each other, without a board."""

    name = "talk"

    def run(self, world: World, agents: int, seed: int, costs: Costs, limit: float = LIMIT) -> Run:
        """Let agents do a world's work by talking."""
        if world.slots or any(job.limit is not None for job in world.jobs.values()):
            raise ValueError(f"world {world.name!r} has limits, which talkers know nothing of; use a board")
        return _Conversation(world, agents, seed, costs).live(limit)


class _Message(NamedTuple):
    arrives: float
    number: int
    kind: str
    sender: int
    what: Any
    tokens: int
    sent: float


class _Belief(NamedTuple):
    """What an agent believes about a job: that it is done, or that somebody has promised it."""

    is_done: bool
    who: int
    since: float


@attrs.define(eq=False)
class _Mind:
    inbox: list[_Message] = attrs.field(factory=list)
    beliefs: dict[str, _Belief] = attrs.field(factory=dict)
    left: dict[str, None] = attrs.field(factory=dict)
    """jobs that it knows and does not believe to be done"""
    pool: list[str] = attrs.field(factory=list)
    """the same as a list, to draw from; it may still contain some that are done"""
    did: list[str] = attrs.field(factory=list)
    doing: str | None = None
    asked_at: float = -math.inf
    told: dict[int, int] = attrs.field(factory=dict)
    """other agent -> how many of the jobs it did are known from its answers"""
    rich: dict[str, float] = attrs.field(factory=dict)
    """place -> when it was last reported as valuable"""


class _Conversation(Trial):
    def __init__(self, world: World, agents: int, seed: int, costs: Costs) -> None:
        super().__init__(world, "talk", agents, seed, costs)
        self.dice = random.Random(f"{seed} talk {agents}")
        self.minds = [_Mind() for _ in range(agents)]
        self.asleep: dict[int, Callable[[], None]] = {}
        self.promises: dict[str, list[tuple[float, int, dict[int, float]]]] = {}
        """job -> (when, who, listener -> arrival or infinity) of each promise"""
        self.sent = 0
        self.by_place: dict[str, list[str]] = {}
        if world.worth is not None:
            for job in world.jobs.values():
                self.by_place.setdefault(str(job.place), []).append(job.id)

    # -- messages -------------------------------------------------------------------------------

    def say(self, agent: int, kind: str, what: Any, tokens: int) -> float:
        """Send a message to everybody; return the seconds of writing it."""
        costs, run, now, draw = self.costs, self.run, self.now, self.dice.random
        run.messages += 1
        run.tokens_out += tokens
        self.sent += 1
        fate: dict[int, float] = {}
        for other in range(self.agents):
            if other == agent or self.joined[other] > now:
                continue  # an agent that has not joined yet never hears it
            # one draw decides whether it is lost and, if it arrives, how long it takes
            luck = draw()
            if luck < costs.loss:
                fate[other] = math.inf
                continue
            share = (luck - costs.loss) / (1.0 - costs.loss)
            fate[other] = arrives = now - costs.latency * math.log(1.0 - share)
            self.minds[other].inbox.append(_Message(arrives, self.sent, kind, agent, what, tokens, now))
            if other in self.asleep:
                self.at(arrives, lambda other=other: self.rouse(other))  # type: ignore[misc]
        if kind == "mine":
            self.promises.setdefault(what, []).append((now, agent, fate))
        return tokens / costs.write_rate

    def rouse(self, agent: int) -> None:
        """Wake an agent, if it sleeps."""
        again = self.asleep.pop(agent, None)
        if again is not None:
            again()

    def read(self, agent: int) -> tuple[float, list[tuple[float, int]], bool]:
        """Read what has arrived; return (seconds, older promises of its own job, whether somebody asked)."""
        mind, costs, now = self.minds[agent], self.costs, self.now
        inbox = mind.inbox
        inbox.sort()
        number = next((i for i, message in enumerate(inbox) if message.arrives > now), len(inbox))
        arrived, mind.inbox = inbox[:number], inbox[number:]
        if not arrived:
            return 0.0, [], False
        objections: list[tuple[float, int]] = []
        was_asked = False
        for message in arrived:
            if message.kind == "mine":
                self._hear_promise(agent, mind, message, objections)
            elif message.kind == "done":
                self._hear_done(mind, message)
            elif message.kind == "status":
                self._hear_status(mind, message)
            elif message.kind == "status?":
                was_asked = True
                mind.asked_at = max(mind.asked_at, message.sent)  # no need to ask what somebody just asked
        tokens = sum(message.tokens for message in arrived)
        self.run.heard += len(arrived)
        self.run.tokens_in += tokens
        return costs.turn + tokens / costs.read_rate, objections, was_asked

    def _hear_promise(
        self, agent: int, mind: _Mind, message: _Message, objections: list[tuple[float, int]]
    ) -> None:
        known = mind.beliefs.get(message.what)
        if known is not None and known.is_done:
            return
        if known is not None and known.who == agent and mind.doing == message.what:
            objections.append((message.sent, message.sender))
        else:
            mind.beliefs[message.what] = _Belief(False, message.sender, message.sent)

    def _hear_done(self, mind: _Mind, message: _Message) -> None:
        job, children, is_rich = message.what
        self._believe_done(mind, job, message.sender, message.sent)
        for child in children:
            self._learn_of(mind, child)
        place = self.world.jobs[job].place
        if place is not None and self.world.worth is not None:
            if is_rich:
                mind.rich[place] = message.sent
            else:
                mind.rich.pop(place, None)

    def _hear_status(self, mind: _Mind, message: _Message) -> None:
        count, doing = message.what
        sender = message.sender
        # an answer lists everything that its sender did; what an earlier answer listed is known
        for job in self.minds[sender].did[mind.told.get(sender, 0) : count]:
            self._believe_done(mind, job, sender, message.sent)
            for child in self.world.jobs[job].children:
                self._learn_of(mind, child)
        mind.told[sender] = max(count, mind.told.get(sender, 0))
        known = mind.beliefs.get(doing) if doing is not None else None
        if doing is not None and mind.doing != doing and not (known is not None and known.is_done):
            mind.beliefs[doing] = _Belief(False, sender, message.sent)

    def _believe_done(self, mind: _Mind, job: str, who: int, when: float) -> None:
        mind.beliefs[job] = _Belief(True, who, when)
        mind.left.pop(job, None)

    def _learn_of(self, mind: _Mind, job: str) -> None:
        if not (job in mind.beliefs and mind.beliefs[job].is_done):
            mind.left[job] = None
            mind.pool.append(job)

    def _catch_up(self, agent: int) -> tuple[float, list[tuple[float, int]]]:
        """Read, and answer if somebody asked; return (seconds, objections)."""
        seconds, objections, was_asked = self.read(agent)
        mind = self.minds[agent]
        if was_asked and (mind.did or mind.doing):
            tokens = self.costs.message + _ITEM * len(mind.did)
            seconds += self.say(agent, "status", (len(mind.did), mind.doing), tokens)
        return seconds, objections

    # -- deciding -------------------------------------------------------------------------------

    def choose(self, agent: int) -> str | None:
        """Return a job that this agent believes to be free and can start."""
        mind, jobs = self.minds[agent], self.world.jobs
        rich = [place for place, when in mind.rich.items() if self.now - when < _REMEMBER]
        there = [job for place in rich for job in self.by_place[place] if job in mind.left]
        there = [job for job in there if self._is_free(mind, job)]
        if there:
            return self._one_of(there)
        if self.costs.choice == "random" and len(mind.pool) > _MANY:
            # the same chances as choosing among all free jobs, without examining all of them
            for _ in range(_MANY):
                job = self.dice.choice(mind.pool)
                if job in mind.left and self._is_free(mind, job) and self.is_skilled(agent, jobs[job]):
                    return job
            mind.pool = list(mind.left)
        free = [job for job in mind.left if self._is_free(mind, job)]
        mine = [job for job in free if self.is_skilled(agent, jobs[job])]
        if not mine and self.agents < 3:  # with more agents, others will do what this one cannot
            mine = free
        return self._one_of(mine) if mine else None

    def _one_of(self, jobs: list[str]) -> str:
        return jobs[0] if self.costs.choice == "first" else self.dice.choice(jobs)

    def _is_free(self, mind: _Mind, job: str) -> bool:
        beliefs, deadline = mind.beliefs, self.costs.deadline
        known = beliefs.get(job)
        if known is not None and (deadline is None or self.now - known.since < deadline):
            return False
        for need in self.world.jobs[job].needs:
            done = beliefs.get(need)
            if done is None or not done.is_done:
                return False
        return True

    def why_twice(self, agent: int, job: Job) -> str | None:
        """Return why this agent does not know that somebody else has done the job or is doing it."""
        if not self.running.get(job.id) and job.id not in self.done_at:
            return None
        others = [promise for promise in self.promises.get(job.id, ()) if promise[1] != agent]
        if not others:
            return "given_up"
        when, _, fate = others[-1]
        if when < self.joined[agent]:
            return "no_context"
        arrival = fate.get(agent, math.inf)
        if math.isinf(arrival):
            return "unheard"
        recent = self.now - self.costs.patience - 10.0 * self.costs.latency
        return "raced" if arrival > recent else "given_up"

    # -- living ---------------------------------------------------------------------------------

    def life(self, agent: int) -> Life:
        """Live as one agent."""
        costs, mind = self.costs, self.minds[agent]
        yield self.joined[agent]
        mind.left, mind.pool = dict.fromkeys(self.world.roots), list(self.world.roots)
        if costs.catch_up and self.joined[agent] > 0.0:
            yield self.pass_(agent, "inside", costs.turn + self.say(agent, "status?", None, costs.message))
            yield 5.0 * costs.latency
        while not self.is_over:
            seconds, _ = self._catch_up(agent)
            if seconds:
                yield self.pass_(agent, "inside", seconds)
            job = self.choose(agent)
            if job is None:
                yield from self._wait(agent)
            elif (yield from self._promise(agent, job)):
                yield from self._keep(agent, self.world.jobs[job])

    def _wait(self, agent: int) -> Life:
        costs, mind = self.costs, self.minds[agent]
        if mind.left and self.now - mind.asked_at >= costs.ask_every:
            mind.asked_at = self.now
            yield self.pass_(agent, "inside", costs.turn + self.say(agent, "status?", None, costs.message))
            return

        def sleep(again: Callable[[], None]) -> None:
            self.asleep[agent] = again
            until = [self.now + costs.ask_every]
            if costs.deadline is not None:
                due = [mind.beliefs[job].since + costs.deadline for job in mind.left if job in mind.beliefs]
                until += [at for at in due if at > self.now]
            until += [max(self.now, message.arrives) for message in mind.inbox]

            def ring() -> None:
                if self.asleep.get(agent) is again:
                    self.rouse(agent)

            self.at(min(until) + 1e-6, ring)

        yield sleep

    def _promise(self, agent: int, job: str) -> Any:
        """Promise a job and wait for objections; return whether the promise stands."""
        costs, mind, since = self.costs, self.minds[agent], self.now
        mind.beliefs[job] = _Belief(False, agent, since)
        mind.doing = job
        self.run.promises += 1
        yield self.pass_(agent, "inside", costs.turn + self.say(agent, "mine", job, costs.message))
        if costs.patience:
            yield self.pass_(agent, "inside", costs.patience)
        seconds, objections = self._catch_up(agent)
        if seconds:
            yield self.pass_(agent, "inside", seconds)
        if not objections:
            return True
        first = min(objections)
        gives_way = first < (since, agent)
        word = "yours" if gives_way else "mine!"
        yield self.pass_(agent, "inside", costs.turn + self.say(agent, word, job, costs.message))
        if gives_way:
            mind.beliefs[job] = _Belief(False, first[1], first[0])
            mind.doing = None
        return not gives_way

    def _keep(self, agent: int, job: Job) -> Life:
        costs, mind = self.costs, self.minds[agent]
        seconds = yield from self.attempt(agent, job)
        mind.doing = None
        if seconds is None:
            yield self.pass_(agent, "down", costs.down)
            return
        self._believe_done(mind, job.id, agent, self.now)
        mind.did.append(job.id)
        for child in job.children:
            self._learn_of(mind, child)
        is_rich = self.world.worth is not None and self.worth(job) > 1.0
        if is_rich:
            mind.rich[str(job.place)] = self.now
        else:
            mind.rich.pop(str(job.place), None)
        self.accept(job, seconds)
        if not self.is_over:
            tokens = costs.message + _FOUND * len(job.children)
            what = (job.id, job.children, is_rich)
            yield self.pass_(agent, "inside", costs.turn + self.say(agent, "done", what, tokens))

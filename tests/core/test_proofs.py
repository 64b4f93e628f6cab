"""Proved capabilities against a list of all that agents did: after each step of random walks, and after a restore."""

import functools
import itertools
import random
import zlib

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Agents, Refresh, Retire, WhyNot, Withdraw
from ants_coord.core import Machine, digest
from ants_coord.values import verification
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Task, TaskState
from ants_coord.values.verification import Proof, Verify

from ..scale import of
from .pair import copy_of
from .waking import hints_are_complete

SECOND = 1_000_000_000
START = 1_700_000_007 * SECOND
AGENTS = ("ann", "bob", "cy")
PROVABLE = ("gpu", "doc.parse")
CAPABILITIES = ("gpu", "gpu.a100", "doc", "doc.parse.pdf", "web")
ASKED = (None, "web", "gpu", "gpu.a100", "doc", "doc.parse", "proven.gpu", "gpu and web", "proven.doc.parse")
QUESTIONS = tuple(
    Proof(name, answer=f"{name} {n}", payload={"of": name, "n": n}, kind="quiz")
    for name in PROVABLE
    for n in range(2)
)


def questions(machine):
    """Return which task asks whom for what."""
    part = next(part for part in machine.ledger.parts if "proofs" in part.tables)
    return part.open


def below(name, top):
    return name == top or name.startswith(top + ".")


class Naive:
    """A model that keeps each deed for ever and reads all of them whenever it is asked how somebody stands."""

    def __init__(self):
        self.adverts = {}  # agent -> (capabilities, when its advert was last heard)
        self.deeds = []  # (agent, capability, what)
        self.open = set()  # (agent, capability) for which a question is out
        self.tasks = {}  # task -> names that it requires

    def state(self, agent, name):
        state, doubt = "claimed", False
        for who, which, what in self.deeds:
            if (who, which) != (agent, name) or state == "refuted":
                continue
            if what in ("right", "wrong"):
                state = {"right": "proven", "wrong": "refuted"}[what]
            elif state == "proven" and what == "bad result":
                state, doubt = ("refuted", True) if doubt else ("claimed", True)
            elif state == "proven" and what == "good result":
                doubt = False
        return state

    def question(self, agent, name):
        n = sum((who, which, what) == (agent, name, "right") for who, which, what in self.deeds)
        return (n + zlib.crc32(agent.encode())) % 2

    def claims(self, agent):
        said = self.adverts.get(agent, ((), 0))[0]
        return [name for name in PROVABLE if any(below(one, name) for one in said)]

    def shows(self, agent, now):
        """Return all that an agent can be counted on for now; None if it is not here, or silent."""
        said, heard = self.adverts.get(agent, ((), None))
        if heard is None or now >= heard + 60 * SECOND:
            return None
        barred = [name for name in self.claims(agent) if self.state(agent, name) != "proven"]
        counts = [one for one in said if not any(below(one, name) for name in barred)]
        counts += [f"proven.{name}" for name in self.claims(agent) if name not in barred]
        return {one.rsplit(".", up)[0] for one in counts for up in range(one.count(".") + 1)}

    def may(self, agent, task, now):
        wanted, shows = self.tasks[task], self.shows(agent, now)
        return not wanted if shows is None else wanted <= shows

    def ask(self, agent):
        for name in self.claims(agent):
            if self.state(agent, name) == "claimed":
                self.open.add((agent, name))

    def heard(self, agent, capabilities, now, *, started):
        before = self.adverts.get(agent)
        self.adverts[agent] = (capabilities, now)
        self.open -= {key for key in self.open if key[0] == agent and key[1] not in self.claims(agent)}
        silent = before is not None and now >= before[1] + 60 * SECOND
        if before is None or started or silent or before[0] != capabilities:
            self.ask(agent)

    def gone(self, agent):
        self.adverts.pop(agent, None)
        self.open -= {key for key in self.open if key[0] == agent}

    def pass_time(self, now):
        for agent, (_, heard) in list(self.adverts.items()):
            if now >= heard + 120 * SECOND:
                self.gone(agent)


class Walk:
    def __init__(self, strategy, seed, proofs=QUESTIONS, **more):
        self.dice, self.now = random.Random(seed), START
        self.machine, self.naive, self.made, self.starts = Machine(), Naive(), 0, dict.fromkeys(AGENTS, 1)
        self.settings = {"lease_ttl": 20, "backoff": Backoff(first=0), "max_attempts": 2, "bench_after": 0}
        self.do(c.Configure(Settings(strategy=strategy, proofs=proofs, **{**self.settings, **more})))
        self.leases = {}

    def do(self, command):
        with hints_are_complete(self.machine, AGENTS):
            reply = self.machine.apply(command, now_ns=self.now)
        self.machine.check()
        return reply

    def row(self, task):
        return self.machine.ledger.tasks[task]

    def question(self, agent, name):
        return self.machine.ledger.tables["proofs"].get((agent, name), (0, "", "", 0, False))[2]

    # -- steps ------------------------------------------------------------------------------

    def submit(self):
        requires = self.dice.choice(ASKED)
        self.made += 1
        verify = Verify.by_canary("good") if self.dice.random() < 0.6 else None
        task = Task(f"t{self.made}", requires=requires, max_attempts=1_000, verify=verify)
        self.do(c.submission((task,)))
        self.naive.tasks[task.id] = set(requires.split(" and ")) if requires else set()

    def advertise(self):
        agent = self.dice.choice(AGENTS)
        said = tuple(sorted(self.dice.sample(CAPABILITIES, self.dice.randint(1, 3))))
        known = self.naive.adverts.get(agent)
        if known is not None and self.dice.random() < 0.5:
            said = known[0]
        started = self.dice.random() < 0.3
        self.starts[agent] += started or known is None
        started = started and known is not None
        self.do(Advertise(Advert(agent, said, slots=50, incarnation=self.starts[agent])))
        self.naive.heard(agent, said, self.now, started=started)

    def refresh(self):
        agent = self.dice.choice(AGENTS)
        self.do(Refresh(((agent, self.starts[agent]),)))
        if agent in self.naive.adverts:
            self.naive.heard(agent, self.naive.adverts[agent][0], self.now, started=False)

    def leave(self):
        agent = self.dice.choice(AGENTS)
        self.do(self.dice.choice((Withdraw(agent), Retire(agent, "out"))))
        self.naive.gone(agent)

    def claim(self):
        agent = self.dice.choice(AGENTS)
        asked = {self.question(*key): key for key in self.naive.open if key[0] == agent}
        ready = [task for task in asked if self.row(task).state is TaskState.READY]
        if self.naive.shows(agent, self.now) is None:
            ready = []
        able = [
            task
            for task in self.naive.tasks
            if self.row(task).state is TaskState.READY and self.naive.may(agent, task, self.now)
        ]
        for task in self.naive.tasks:
            if self.row(task).state is TaskState.READY:
                told = self.machine.ask(WhyNot(task, agent))
                assert (told.state == "on offer") is (task in able), told
        lease = self.do(c.Claim(agent))
        if not ready and not able:
            assert lease is None
            return
        assert lease.task in (ready or able)
        self.leases[lease.task] = lease
        if ready:
            name = asked[lease.task][1]
            assert lease.payload == {"of": name, "n": self.naive.question(agent, name)}
            for other in AGENTS:
                if other != agent:
                    assert self.do(c.Claim(other, task=lease.task)) is None

    def end(self):
        if not self.leases:
            return
        task, lease = self.dice.choice(list(self.leases.items()))
        pair, how, row = (task, lease.token), self.dice.random(), self.row(task)
        key = questions(self.machine).get(task)
        agent = lease.agent
        if how < 0.6:
            good = self.dice.random() < (0.9 if key else 0.6)
            right = f"{lease.payload['of']} {lease.payload['n']}" if key else "good"
            before = {name for name in PROVABLE if self.naive.state(agent, name) == "proven"}
            self.do(c.Complete(*pair, result=right if good else "else"))
            if key is not None:
                self.naive.deeds.append((*key, "right" if good else "wrong"))
                self.naive.open.discard(key)
            elif row.spec.verify is not None:
                wanted = {one.removeprefix("proven.") for one in self.naive.tasks[task]}
                for name in before:
                    if any(below(one, name) for one in wanted):
                        self.naive.deeds.append((agent, name, "good result" if good else "bad result"))
                        if self.naive.state(agent, name) == "claimed" and name in self.naive.claims(agent):
                            self.naive.open.add((agent, name))
        elif how < 0.8:
            self.do(c.Release(*pair))
        elif how < 0.95:
            last = row.attempts >= 2 or self.dice.random() < 0.1
            self.do(c.Fail(*pair, "no", retry=not last if key else True))
            if key is not None and last:
                self.naive.deeds.append((*key, "wrong"))
                self.naive.open.discard(key)
        elif key is not None:
            self.do(c.Cancel(task))
            self.naive.open.discard(key)

    def wait(self):
        self.now += self.dice.choice((1, 5, 19, 25, 61, 130)) * SECOND
        running_out = {
            key
            for task, key in questions(self.machine).items()
            if task in self.leases and self.row(task).attempts >= 2
            and self.row(task).deadline_ns <= self.machine.ledger.timeline.reading[1] + self.now
            - self.machine.ledger.timeline.reading[0]
        }  # fmt: skip
        self.do(c.Wakeup())
        self.naive.open -= running_out  # they have been silent as often as a task may be claimed
        self.naive.pass_time(self.now)

    def look(self):
        for task, lease in list(self.leases.items()):
            row = self.machine.ledger.tasks[task]
            if row.state is not TaskState.LEASED or row.token != lease.token:
                del self.leases[task]

    def step(self):
        steps = (self.submit, self.advertise, self.refresh, self.leave, self.claim, self.end, self.wait)
        self.dice.choices(steps, (3, 1.5, 1, 0.2, 7, 5, 1))[0]()
        self.look()
        self.compare()

    def compare(self):
        found = set(questions(self.machine).values())
        assert found == self.naive.open
        left = [task for task in self.naive.tasks if not self.row(task).state.is_final]
        assert self.machine.ask(reading.Unfinished()) == len(left)  # nobody waits for an answer
        for record in self.machine.ask(Agents()).agents:
            claimed = self.naive.claims(record.agent)
            assert record.proofs == {name: self.naive.state(record.agent, name) for name in claimed}
        assert {record.agent for record in self.machine.ask(Agents()).agents} == set(self.naive.adverts)
        for name in PROVABLE:
            able = {record.agent for record in self.machine.ask(Agents(f"proven.{name}")).agents}
            shown = {
                agent
                for agent in self.naive.adverts
                if name in self.naive.claims(agent) and self.naive.state(agent, name) == "proven"
            }
            assert able == shown


@pytest.mark.parametrize("strategy", ["match", "board"])
@pytest.mark.parametrize("seed", range(of(6, 30, 300)))
def test_only_what_was_proved_counts(strategy, seed):
    """After each step everybody is offered what their deeds allow, and nothing else; a restored twin agrees."""
    walk = Walk(strategy, seed)
    for number in range(200):
        walk.step()
        if number % 50 == 49:
            twin = copy_of(walk.machine)
            assert digest(twin) == digest(walk.machine)
            twin.check()
            walk.machine = twin


class Small(Walk):
    """One agent and one capability; each step does one thing, if that can be done now."""

    def __init__(self):
        question = Proof("gpu", {"of": "gpu", "n": 0}, "quiz", answer="gpu 0")  # with fewer rounds
        super().__init__("match", 0, proofs=(question,))
        canary = Verify.by_canary("good")
        tasks = [Task(f"t{n}", requires="gpu", verify=canary, max_attempts=99) for n in range(9)]
        self.do(c.submission(tuple(tasks)))
        self.naive.tasks = {task.id: {"gpu"} for task in tasks}

    def comes(self):
        self.starts["ann"] += 1
        self.do(Advertise(Advert("ann", ("gpu",), slots=9, incarnation=self.starts["ann"])))
        self.naive.heard("ann", ("gpu",), self.now, started=True)

    def goes(self):
        self.do(Withdraw("ann"))
        self.naive.gone("ann")

    def answers(self, *, well):
        if ("ann", "gpu") in self.naive.open:
            lease = self.do(c.Claim("ann"))
            assert lease.kind == "quiz"  # nothing else is offered before
            right = f"{lease.payload['of']} {lease.payload['n']}"
            self.do(c.Complete(lease.task, lease.token, right if well else "else"))
            self.naive.deeds.append(("ann", "gpu", "right" if well else "wrong"))
            self.naive.open.clear()

    def works(self, *, well):
        lease = self.do(c.Claim("ann", ("default",)))
        able = "ann" in self.naive.adverts and self.naive.state("ann", "gpu") == "proven"
        assert (lease is not None) is able
        if able:
            self.do(c.Complete(lease.task, lease.token, "good" if well else "bad"))
            self.naive.deeds.append(("ann", "gpu", "good result" if well else "bad result"))
            self.naive.ask("ann")

    def hangs(self):
        while ("ann", "gpu") in self.naive.open:
            self.do(c.Claim("ann"))
            self.now += 20 * SECOND
            self.do(c.Wakeup())
            self.do(Refresh((("ann", self.starts["ann"]),)))
            if not questions(self.machine):
                self.naive.open.clear()
        if "ann" in self.naive.adverts:
            self.naive.adverts["ann"] = (("gpu",), self.now)

    STEPS = (
        comes,
        goes,
        functools.partial(answers, well=True),
        functools.partial(answers, well=False),
        functools.partial(works, well=True),
        functools.partial(works, well=False),
        hangs,
    )


def test_every_short_life_is_right(monkeypatch):
    """All sequences of a few steps, one agent, one capability: none ends otherwise than the deeds say."""
    monkeypatch.setattr(verification, "_ROUNDS", 1)
    length = of(4, 5, 6)
    for steps in itertools.product(Small.STEPS, repeat=length - 1):
        small = Small()
        for step in (Small.STEPS[0], *steps):
            step(small)
        small.compare()


def test_the_walks_reach_every_state():
    """What the walks never did they do not test."""
    kinds, states = {}, set()
    for seed in range(6):
        walk = Walk("match", seed)
        for _ in range(300):
            walk.step()
        for event in walk.machine.ledger.events():
            kinds[event[1]] = kinds.get(event[1], 0) + 1
        states |= {(row[1], bool(row[2]), row[4]) for row in walk.machine.ledger.tables["proofs"].values()}
    assert all(kinds.get(kind, 0) > 5 for kind in ("proved", "refuted", "doubted")), kinds
    assert ("claimed", False, False) in states
    assert ("refuted", False, True) in states

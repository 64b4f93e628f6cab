"""The blackboard against a naive one: every strength, every claim, every take, after every step."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.board import (
    Deposit,
    Entries,
    Erase,
    React,
    Read,
    Sense,
    Strongest,
    Take,
    Thresholds,
    Write,
)
from ants_coord.commands.matching import Offers
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.values.marks import Mark, MarkKind
from ants_coord.values.reactions import Reaction
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task, TaskState

from ..core.waking import hints_are_complete
from ..scale import of
from .naive import SECOND, NaiveBoard

START = 1_700_000_000 * SECOND
AGENTS = ("ann", "bob", "cy")
PLACES = ("a", "b", "c/1", "c/2", None)
KINDS = (
    MarkKind("food", success=1.5, ceiling=20.0),
    MarkKind("slow", half_life=300.0, weight=0.5),
    MarkKind("bad", repels=True, half_life=40.0),
    MarkKind("kept", floor=0.5, forget_after=90.0, ceiling=4.0, failure=0.25),
    MarkKind("stone", half_life=0, success=0.0),
)
NAMES = [kind.name for kind in KINDS]
PATHS = ("in/1", "in/2", "in/2/x", "out/1")
PATTERNS = ("in/*", "in/**", "**", "out/1")
CLOSE = 1e-9

CONFIGURED = Settings(
    strategy="board", half_life=30.0, faint=0.05, kinds=KINDS, lease_ttl=15.0, stimulus=0.02, learning=0.1,
    bench_after=0, backoff=Backoff(first=0),
)  # fmt: skip

tasks = st.builds(
    Task,
    st.sampled_from([f"t{number}" for number in range(8)]),
    kind=st.sampled_from("uv"),
    priority=st.sampled_from((0, 0, 0, 1)),
    place=st.sampled_from(PLACES),
    limit=st.sampled_from((None, None, "one")),
    max_attempts=st.just(4),
    delay=st.sampled_from((None, None, 5.0)),
)
agents = st.sampled_from(AGENTS)


class Foraging(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now, self.log = START, []
        self.machine, self.naive = Machine(), NaiveBoard(CONFIGURED)
        self.naive.now = START
        self.leases = []
        self.do(c.Configure(CONFIGURED))

    @property
    def ledger(self):
        return self.machine.ledger

    def do(self, command):
        self.log.append((self.now, command))
        with hints_are_complete(self.machine, AGENTS):
            reply = self.machine.apply(command, now_ns=self.now)
        if isinstance(reply, Lease):
            self.leases.append(reply)
        self.naive.settle(self.ledger)
        return reply

    def live(self):
        return [
            lease
            for lease in self.leases
            if (row := self.ledger.tasks.get(lease.task)) is not None
            and row.token == lease.token
            and row.state is TaskState.LEASED
        ]

    # -- steps -------------------------------------------------------------------------------

    @initialize(batch=st.lists(tasks, min_size=3, max_size=8, unique_by=lambda task: task.id))
    def begin(self, batch):
        self.do(c.submission(tuple(batch)))

    @rule(task=tasks, how=st.sampled_from(("keep", "replace", "rerun")))
    def submit(self, task, how):
        self.do(c.submission((task,), how))

    @rule(
        kind=st.sampled_from(NAMES),
        place=st.sampled_from(PLACES[:-1]),
        strength=st.sampled_from((0.01, 0.3, 1.0, 1.0, 2.5, 7.0, 30.0)),
        agent=agents,
    )
    def deposit(self, kind, place, strength, agent):
        expected = self.naive.deposit(kind, place, strength, agent)
        reply = self.do(Deposit(Mark(kind, place, strength), agent))
        if expected is None:
            assert isinstance(reply, c.Refused)
        else:
            assert reply.strength == pytest.approx(float(expected.value), rel=CLOSE)
            assert (reply.marks, reply.first_by, reply.last_by) == (
                expected.marks, expected.first_by, agent,
            )  # fmt: skip

    @rule(agent=agents, kinds=st.sampled_from((None, None, ("u",), ("v", "u"))))
    def claim(self, agent, kinds):
        wanted = self.naive.best(agent, self.ledger, self.now, kinds)
        reply = self.do(c.Claim(agent, kinds))
        assert (reply.task in wanted) if reply else not wanted

    @rule(agent=agents, number=st.integers(0, 7), wait=st.sampled_from((None, None, 3)))
    def decline(self, agent, number, wait):
        """Which declines count is the machine's word, see tests/match; here, what is on offer without them."""
        self.do(c.Decline(agent, f"t{number}", "no", None if wait is None else wait * SECOND))

    @rule(which=st.integers(0, 9), how=st.sampled_from(("complete", "complete", "fail", "release")))
    def end(self, which, how):
        live = self.live()
        if not live:
            return
        lease = live[which % len(live)]
        row = self.ledger.tasks[lease.task]
        if how != "release":
            self.naive.learn(lease.agent, lease.kind, how == "complete")
            if row.spec.place is not None:
                self.naive.rescale(row.spec.place, how == "complete")
        command = {
            "complete": c.Complete(lease.task, lease.token),
            "fail": c.Fail(lease.task, lease.token, "no"),
            "release": c.Release(lease.task, lease.token),
        }[how]
        self.do(command)

    @rule(seconds=st.sampled_from((0.001, 0.5, 1, 4, 14, 61, 400)))
    def tick(self, seconds):
        """Time passes; leases that end on the way are failures, told to the naive board first."""
        self.now += round(seconds * SECOND)
        now = self.ledger.timeline.reading[1] + round(seconds * SECOND)
        late = [lease for lease in self.live() if self.ledger.tasks[lease.task].deadline_ns <= now]
        late.sort(key=lambda lease: (self.ledger.tasks[lease.task].deadline_ns, lease.token))
        lapsed = self.naive.pass_time(self.now)
        for lease in late:
            self.naive.learn(lease.agent, lease.kind, success=False)
            place = self.ledger.tasks[lease.task].spec.place
            if place is not None:
                self.naive.rescale(place, success=False)
        self.do(c.Wakeup())
        for path in lapsed:
            self.naive.change("deleted", path, self.ledger)
        self.naive.settle(self.ledger)

    @rule(
        path=st.sampled_from(PATHS),
        agent=agents,
        expect=st.sampled_from((None, None, None, 0, 5)),
        ttl=st.sampled_from((None, None, 10.0)),
    )
    def write(self, path, agent, expect, ttl):
        old = self.naive.entries.get(path)
        ttl_ns = None if ttl is None else round(ttl * SECOND)
        if expect is not None and expect != (old[1] if old else 0):
            reply = self.do(Write(path, {"n": len(self.log)}, agent, expect, ttl_ns))
            assert isinstance(reply, c.Refused)
            return
        self.naive.change("changed" if old else "created", path, self.ledger)
        reply = self.do(Write(path, {"n": len(self.log)}, agent, expect, ttl_ns))
        expires = None if ttl_ns is None else self.now + ttl_ns
        self.naive.entries[path] = [{"n": len(self.log) - 1}, reply.version, agent, expires]

    @rule(pattern=st.sampled_from(PATTERNS), agent=agents)
    def take(self, pattern, agent):
        expected = self.naive.first(pattern)
        if expected is not None:
            self.naive.change("deleted", expected, self.ledger)
        reply = self.do(Take(pattern, agent))
        assert (reply.path if reply else None) == expected
        if expected is not None:
            assert reply.value == self.naive.entries.pop(expected)[0]

    @rule(path=st.sampled_from(PATHS), agent=agents)
    def erase(self, path, agent):
        if path in self.naive.entries:
            self.naive.change("deleted", path, self.ledger)
        assert self.do(Erase(path, agent)) is (self.naive.entries.pop(path, None) is not None)

    @rule(name=st.sampled_from(("r1", "r2")), pattern=st.sampled_from(PATTERNS))
    def react(self, name, pattern):
        if name not in self.naive.reactions:
            on = ("created", "changed") if name == "r1" else ("changed", "deleted")
            self.naive.reactions[name] = (pattern, on)
            made = React(Reaction(name, pattern, Task(kind="r", max_attempts=4), on))
            assert self.do(made) is True
            assert self.do(made) is False

    @rule()
    def move_house(self):
        twin = Machine()
        restore(twin, json.loads(json.dumps(list(records(self.machine)))))
        assert digest(twin) == digest(self.machine)
        self.machine = twin

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def both_agree(self):
        machine, naive = self.machine, self.naive
        machine.check()
        found = {
            (trail.kind, trail.place): trail.strength
            for place in PLACES[:-1]
            for trail in machine.ask(Sense(place))
        }
        assert set(found) == set(naive.trails)
        for key, strength in found.items():
            assert strength == pytest.approx(float(naive.trails[key].value), rel=CLOSE)
        for kind in NAMES:
            told = machine.ask(Strongest(kind, 3))
            wanted = sorted(
                (trail.value for (k, _), trail in naive.trails.items() if k == kind), reverse=True
            )
            assert [t.strength for t in told] == pytest.approx(
                [float(value) for value in wanted[:3]], rel=CLOSE
            )
        nets = sorted(
            (net for place in PLACES[:-1] if (net := naive.attraction(place)) > CLOSE), reverse=True
        )
        told = [t.strength for t in machine.ask(Strongest(None, 3)) if t.strength > CLOSE]
        assert told == pytest.approx([float(net) for net in nets[:3]], rel=1e-6)
        for agent in AGENTS:
            offered = [offer.task for offer in machine.ask(Offers(agent, 50))]
            assert sorted(offered) == sorted(row.spec.id for row in naive.open_to(agent, self.ledger))
            assert not offered or offered[0] in naive.best(agent, self.ledger, self.now)
            told = machine.ask(reading.BriefingOf(agent, 50)).open
            assert [each.task for each in told] == offered
            known = {t.kind: t.threshold for t in machine.ask(Thresholds(agent))}
            assert known == pytest.approx({k: float(v) for k, v in naive.thresholds.get(agent, {}).items()})
        listed = {entry.path: (entry.value, entry.version, entry.author) for entry in machine.ask(Entries())}
        assert listed == {path: tuple(entry[:3]) for path, entry in naive.entries.items()}
        for path in PATHS:
            assert (machine.ask(Read(path)) is None) == (path not in naive.entries)
        made = {}
        for id_ in self.ledger.tasks:
            if id_.startswith("r"):
                name, _, rest = id_.partition("/")
                key = (name, rest.rpartition("#")[0])
                made[key] = made.get(key, 0) + 1
        assert made == naive.made

    def teardown(self):
        replica = Machine()
        for now, command in self.log:
            replica.apply(command, now_ns=now)
        replica.check()
        assert digest(replica) == digest(self.machine)


Foraging.TestCase.settings = settings(max_examples=of(20, 60, 5_000), stateful_step_count=40, deadline=None)
TestForaging = Foraging.TestCase


class Walk:
    """The same steps with dice that know what is interesting."""

    def __init__(self, seed):
        self.dice, self.model = random.Random(seed), Foraging()
        self.model.begin([self.task(number) for number in range(6)])

    def task(self, number):
        dice = self.dice
        return Task(
            f"t{number}",
            kind=dice.choice("uv"),
            priority=dice.choice((0, 0, 0, 1)),
            place=dice.choice(PLACES),
            limit=dice.choice((None, None, None, "one")),
            max_attempts=dice.choice((2, 6)),
            delay=dice.choice((None, None, None, 5.0)),
        )

    def step(self):
        dice, model, agent = self.dice, self.model, self.dice.choice(AGENTS)
        place, strength = dice.choice(PLACES[:-1]), dice.choice((0.01, 0.3, 1.0, 2.5, 7.0, 30.0))
        steps = [
            (7, lambda: model.claim(agent, dice.choice((None, None, ("u",), ("v", "u"), ("r",))))),
            (6, lambda: model.end(dice.randrange(9), dice.choice(("complete", "complete", "fail", "release")))),
            (7, lambda: model.deposit(dice.choice(NAMES), place, strength, agent)),
            (2, lambda: model.decline(agent, dice.randrange(12), dice.choice((None, None, 3)))),
            (4, lambda: model.submit(self.task(dice.randrange(12)), dice.choice(("replace", "rerun", "keep")))),
            (4, lambda: model.tick(dice.choice((0.001, 0.5, 1, 4, 14, 61, 400)))),
            (4, lambda: model.write(dice.choice(PATHS), agent, dice.choice((None, None, 0)), dice.choice((None, 9)))),
            (1, lambda: model.take(dice.choice(PATTERNS), agent)),
            (1, lambda: model.erase(dice.choice(PATHS), agent)),
            (1, lambda: model.react(dice.choice(("r1", "r2")), dice.choice(PATTERNS))),
            (1, model.move_house),
        ]  # fmt: skip
        dice.choices([step for _, step in steps], [weight for weight, _ in steps])[0]()
        model.both_agree()


@pytest.mark.parametrize("seed", range(of(20, 60, 2_000)))
def test_seeded_walks(seed):
    """Long walks through what matters; the log replays to the same digest."""
    walk = Walk(seed)
    for _ in range(60):
        walk.step()
    walk.model.teardown()


def test_the_naive_board_is_naive():
    """Its decimals are what the formula says."""
    board = NaiveBoard(CONFIGURED)
    board.now = START
    board.deposit("food", "a", 8.0, "ann")
    board.pass_time(START + 60 * SECOND)
    assert board.trails["food", "a"].value == pytest.approx(Decimal(2))

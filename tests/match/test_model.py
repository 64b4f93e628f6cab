"""The matchmaker against a naive one: who may take what, in which order, after every step."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Agents, Offers, Refresh, Withdraw
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.frozen import evolve
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task, TaskState

from ..core.waking import hints_are_complete
from ..scale import of
from .naive import SECOND, NaiveMatchmaker

START = 1_700_000_000 * SECOND
AGENTS = ("ann", "bob", "cy", "di")
REQUIRES = (
    None, "gpu", "gpu and mem >= 4", "doc", "doc.parse", "not gpu", "mem >= 8 or fast", "python:>=3.10",
    "region in {'eu'}", "not mem >= 4",
)  # fmt: skip
ACCEPTS = (
    None,
    None,
    "load < 0.5 or priority >= 2",
    "not load >= 0.4",
    'kind == "a"',
    "priority >= 1",
    "nightly",
    "not uses.mem > 2",
    'limit != "one"',
)
BENCH_AFTER = 2

adverts = st.builds(
    Advert,
    st.sampled_from(AGENTS),
    st.sets(st.sampled_from(("gpu", "doc.parse.pdf", "doc", "fast", "python:3.9", "python:3.11"))),
    st.fixed_dictionaries(
        {},
        optional={
            "mem": st.sampled_from((2, 4, 4, 8, "eu", True)),
            "region": st.sampled_from(("eu", "us", 1)),
        },
    ),
    slots=st.sampled_from((0, 1, 2, 3, 3)),
    load=st.sampled_from((0.0, 0.0, 0.5, 1.0)),
    accepts=st.sampled_from(ACCEPTS),
    ttl=st.sampled_from((5.0, 20.0)),
    incarnation=st.sampled_from((0, 0, 0, 0, 1)),
)
tasks = st.builds(
    Task,
    st.sampled_from([f"t{number}" for number in range(6)]),
    kind=st.sampled_from("ab"),
    priority=st.integers(0, 2),
    requires=st.sampled_from(REQUIRES),
    uses=st.sampled_from((None, {"mem": 2}, {"mem": 3})),
    limit=st.sampled_from((None, None, "one")),
    tags=st.sampled_from(((), ("nightly",))),
    max_attempts=st.just(4),
    backoff=st.sampled_from((None, Backoff(first=0))),
)


batches = st.lists(tasks, min_size=2, max_size=6, unique_by=lambda task: task.id)


class Matching(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now, self.log = START, []
        self.machine = Machine()
        self.naive = NaiveMatchmaker(BENCH_AFTER)
        self.leases = []
        self.do(c.Configure(Settings(strategy="match", bench_after=BENCH_AFTER, lease_ttl=15)))

    def do(self, command):
        self.log.append((self.now, command))
        with hints_are_complete(self.machine, AGENTS):
            reply = self.machine.apply(command, now_ns=self.now)
        if isinstance(reply, Lease):
            self.leases.append((reply.task, reply.token))
            self.naive.took(reply.agent, reply.task)
        self.settle()
        return reply

    def settle(self):
        unfinished = {row.spec.id for row in self.machine.ledger.tasks.values() if not row.state.is_final}
        self.naive.pass_time(self.now, unfinished)

    def holder(self, lease):
        row = self.machine.ledger.tasks.get(lease[0])
        live = row is not None and row.token == lease[1] and row.state is TaskState.LEASED
        return row.agent if live and row.deadline_ns > self.machine.ledger.timeline.reading[1] else None

    # -- steps -------------------------------------------------------------------------------

    @initialize(first=st.lists(adverts, min_size=3, max_size=5), batch=batches)
    def begin(self, first, batch):
        for advert in first:
            self.advertise(advert)
        self.submit(batch, "keep")

    @rule(advert=adverts)
    def advertise(self, advert):
        expected = self.naive.advertise(advert, self.now)
        reply = self.do(Advertise(advert))
        assert getattr(reply, "status", "refused") == expected

    @rule(agent=st.sampled_from(AGENTS), mem=st.sampled_from((1, True, 1.0, 4)))
    def change_one_thing(self, agent, mem):
        """Among values that are equal and mean different things."""
        if agent in self.naive.adverts:
            advert, _, _ = self.naive.adverts[agent]
            self.advertise(evolve(advert, attributes={**advert.attributes, "mem": mem}))

    @rule(agent=st.sampled_from(AGENTS), incarnation=st.integers(0, 2))
    def refresh(self, agent, incarnation):
        expected = self.naive.refresh(agent, incarnation, self.now)
        assert self.do(Refresh(((agent, incarnation),)))[0].status == expected

    @rule(agent=st.sampled_from(AGENTS))
    def withdraw(self, agent):
        expected = self.naive.withdraw(agent)
        assert self.do(Withdraw(agent)) is expected

    @rule(batch=batches, how=st.sampled_from(("keep", "replace", "replace", "rerun")))
    def submit(self, batch, how):
        before = {row.spec.id: row.spec for row in self.machine.ledger.tasks.values()}
        self.do(c.submission(tuple(batch), how))
        for row in self.machine.ledger.tasks.values():
            if before.get(row.spec.id) is not row.spec:
                self.naive.undecline(task=row.spec.id)

    @rule(agent=st.sampled_from(AGENTS), kinds=st.sampled_from((None, ("a",), ("b", "a"))))
    def claim(self, agent, kinds):
        wanted = self.naive.offers(agent, self.machine.ledger, self.now, kinds)
        reply = self.do(c.Claim(agent, kinds))
        assert (reply.task if reply else None) == (wanted[0] if wanted else None)

    @rule(agent=st.sampled_from(AGENTS), task=st.integers(0, 5))
    def claim_that_one(self, agent, task):
        task = f"t{task}"
        decline = self.naive.declines.pop((agent, task), None)  # naming a task overrules a decline
        able = task in self.naive.offers(agent, self.machine.ledger, self.now)
        if decline is not None:
            self.naive.declines[agent, task] = decline
        reply = self.do(c.Claim(agent, task=task))
        assert isinstance(reply, Lease) is able

    @rule(agent=st.sampled_from(AGENTS))
    def claim_several(self, agent):
        for lease in self.do(c.ClaimMany(agent, 3)):
            self.leases.append((lease.task, lease.token))

    @rule(agent=st.sampled_from(AGENTS), task=st.integers(0, 5), wait=st.sampled_from((None, None, 3, 30)))
    def decline(self, agent, task, wait):
        task, ledger = f"t{task}", self.machine.ledger
        self.refuse(agent, task, wait, ledger.tasks.get(task))

    @rule(agent=st.sampled_from(AGENTS), which=st.integers(0, 5), wait=st.sampled_from((None, None, 3, 30)))
    def decline_an_offer(self, agent, which, wait):
        offered = self.naive.offers(agent, self.machine.ledger, self.now)
        if offered:
            task = offered[which % len(offered)]
            self.refuse(agent, task, wait, self.machine.ledger.tasks[task])

    @rule(which=st.integers(0, 30), wait=st.sampled_from((3, 30)), everything=st.booleans())
    def not_now(self, which, wait, everything):
        live = [lease for lease in self.leases if self.holder(lease) is not None]
        if live:
            task, token = live[which % len(live)]
            agent, before = self.holder((task, token)), self.machine.ask(reading.Find(task)).attempts
            self.naive.decline(agent, None if everything else task, wait, self.now)
            assert self.do(c.Decline(agent, task, "429", wait * SECOND, token, everything)) is None
            record = self.machine.ask(reading.Find(task))
            assert (record.state, record.attempts) == ("ready", before - 1)

    def refuse(self, agent, task, wait, row):
        holder = self.machine.ledger.agents.get(agent)
        held = list(holder.leases.values()) if holder else []
        able = row is not None and row.state is TaskState.READY and self.naive.may(agent, row.spec, held)
        reply = self.do(c.Decline(agent, task, "no", None if wait is None else wait * SECOND))
        assert (reply is None) is able
        if able:
            self.naive.decline(agent, task, wait, self.now)

    @rule(which=st.integers(0, 30), how=st.sampled_from(("complete", "fail", "fail", "release")))
    def end_a_live_one(self, which, how):
        live = [lease for lease in self.leases if self.holder(lease) is not None]
        if live:
            self.finish(live[which % len(live)], how)

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30), how=st.sampled_from(("complete", "fail", "release")))
    def end(self, which, how):
        self.finish(self.leases[-1 - which % len(self.leases)], how)

    def finish(self, lease, how):
        agent = self.holder(lease)
        command = {
            "complete": lambda: c.Complete(*lease),
            "fail": lambda: c.Fail(*lease, "no"),  # type: ignore[call-arg]
            "release": lambda: c.Release(*lease),
        }[how]()
        if agent is not None:
            self.naive.lease_ended(agent, how, self.now)
        self.do(command)

    @rule(task=st.integers(0, 5))
    def cancel(self, task):
        self.do(c.Cancel(f"t{task}"))

    @rule(seconds=st.sampled_from((0.5, 1, 4, 5, 11, 45)))
    def tick(self, seconds):
        self.now += round(seconds * SECOND)
        self.do(c.Wakeup())

    @rule()
    def move_house(self):
        twin = Machine()
        restore(twin, json.loads(json.dumps(list(records(self.machine)))))
        assert digest(twin) == digest(self.machine)
        self.machine = twin

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def both_agree(self):
        machine, ledger = self.machine, self.machine.ledger
        machine.check()
        for agent in AGENTS:
            told = [offer.task for offer in machine.ask(Offers(agent))]
            assert told == self.naive.offers(agent, ledger, self.now)
            entry = self.naive.adverts.get(agent)
            (record,) = machine.ask(Agents(names=(agent,))).agents or (None,)
            assert (record is None) == (entry is None)
            if record is not None:
                assert (record.state, record.expires_ns) == ("fading" if entry[2] else "live", entry[1])
        for requires in ("gpu", "mem >= 4", "not fast"):
            found = sorted(record.agent for record in machine.ask(Agents(requires)).agents)
            assert found == self.naive.find(requires)

    def teardown(self):
        replica = Machine()
        for now, command in self.log:
            replica.apply(command, now_ns=now)
        replica.check()
        assert digest(replica) == digest(self.machine)


Matching.TestCase.settings = settings(max_examples=of(20, 60, 5_000), stateful_step_count=40, deadline=None)
TestMatching = Matching.TestCase


class Walk:
    """The same steps with dice that know what is interesting: most of them grant, decline or end something."""

    def __init__(self, seed):
        self.dice, self.model = random.Random(seed), Matching()
        for agent in AGENTS[:3]:
            self.model.advertise(self.advert(agent))
        self.model.submit([self.task(number) for number in range(6)], "keep")

    def advert(self, agent):
        dice = self.dice
        return Advert(
            agent,
            dice.sample(
                ("gpu", "doc.parse.pdf", "doc", "fast", "python:3.9", "python:3.11"), dice.randrange(2, 6)
            ),
            {"mem": dice.choice((2, 4, 4, 8, 8, "eu")), "region": dice.choice(("eu", "eu", "us", 1))},
            slots=dice.choice((0, 1, 2, 3, 3)),
            load=dice.choice((0.0, 0.0, 0.0, 0.5, 1.0)),
            accepts=dice.choice(ACCEPTS),
            ttl=dice.choice((5.0, 20.0, 20.0)),
            incarnation=dice.choice((0, 0, 0, 0, 0, 0, 1)),
        )

    def task(self, number):
        dice = self.dice
        return Task(
            f"t{number}",
            kind=dice.choice("ab"),
            priority=dice.randrange(3),
            requires=dice.choice(REQUIRES),
            uses=dice.choice((None, None, {"mem": 2}, {"mem": 3})),
            limit=dice.choice((None, None, None, "one")),
            tags=dice.choice(((), ("nightly",))),
            max_attempts=dice.choice((2, 6)),
            backoff=dice.choice((None, Backoff(first=0))),
        )

    def step(self):
        dice, model, agent = self.dice, self.model, self.dice.choice(AGENTS)
        kinds = dice.choice((None, None, ("a",), ("b", "a")))
        wait, which = dice.choice((None, None, 3, 30)), dice.randrange(31)
        steps = [
            (6, lambda: model.claim(agent, kinds)),
            (2, lambda: model.claim_that_one(agent, dice.randrange(6))),
            (1, lambda: model.claim_several(agent)),
            (5, lambda: model.decline_an_offer(agent, which, wait)),
            (1, lambda: model.decline(agent, dice.randrange(6), wait)),
            (2, lambda: model.not_now(which, dice.choice((3, 30)), dice.random() < 0.3)),
            (6, lambda: model.end_a_live_one(which, dice.choice(("complete", "fail", "fail", "release")))),
            (3, lambda: model.advertise(self.advert(agent))),
            (3, lambda: model.change_one_thing(agent, dice.choice((1, True, 1.0, 4)))),
            (3, lambda: model.refresh(agent, dice.randrange(2))),
            (1, lambda: model.withdraw(agent) if dice.random() < 0.3 else None),
            (
                4,
                lambda: model.submit(
                    [self.task(dice.randrange(6))], dice.choice(("replace", "rerun", "keep"))
                ),
            ),
            (1, lambda: model.cancel(dice.randrange(6))),
            (3, lambda: model.tick(dice.choice((0.5, 1, 4, 5, 11)))),
            (1, model.move_house),
        ]
        dice.choices([step for _, step in steps], [weight for weight, _ in steps])[0]()
        model.both_agree()


@pytest.mark.parametrize("seed", range(of(20, 60, 2_000)))
def test_seeded_walks(seed):
    """Long walks through what matters; the log replays to the same digest."""
    walk = Walk(seed)
    for _ in range(60):
        walk.step()
    walk.model.teardown()

"""The matchmaker against a naive one: who may take what, in which order, after every step."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ants_coord import commands as c
from ants_coord.adverts import Advert, Advertise, Agents, Decline, Offers, Refresh, Withdraw
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.values import Backoff, Lease, Settings, Task, TaskState

from .naive import SECOND, NaiveMatchmaker

START = 1_700_000_000 * SECOND
AGENTS = ("ann", "bob", "cy", "di")
REQUIRES = (
    None, "gpu", "gpu and mem >= 4", "doc", "doc.parse", "not gpu", "mem >= 8 or fast", "python:>=3.10",
    "region in {'eu'}", "not mem >= 4",
)  # fmt: skip
ACCEPTS = (None, None, None, 'kind == "a"', "priority >= 1", "nightly", "not uses.mem > 2", 'limit != "one"')
BENCH_AFTER = 2

adverts = st.builds(
    Advert,
    st.sampled_from(AGENTS),
    st.sets(st.sampled_from(("gpu", "doc.parse.pdf", "doc", "fast", "python:3.9", "python:3.11"))),
    st.dictionaries(st.sampled_from(("mem", "region")), st.sampled_from((2, 4, 8, "eu", "us"))),
    slots=st.integers(0, 3),
    load=st.sampled_from((0.0, 0.0, 0.5, 1.0)),
    accepts=st.sampled_from(ACCEPTS),
    ttl=st.sampled_from((5.0, 20.0)),
    incarnation=st.integers(0, 2),
)
tasks = st.builds(
    Task,
    st.sampled_from([f"t{number}" for number in range(8)]),
    kind=st.sampled_from("ab"),
    priority=st.integers(0, 2),
    requires=st.sampled_from(REQUIRES),
    uses=st.sampled_from((None, None, {"mem": 2}, {"mem": 3})),
    limit=st.sampled_from((None, None, "one")),
    tags=st.sampled_from(((), ("nightly",))),
    max_attempts=st.just(4),
    backoff=st.sampled_from((None, Backoff(first=0))),
)


class Matching(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now, self.log = START, []
        self.machine = Machine()
        self.naive = NaiveMatchmaker(BENCH_AFTER)
        self.leases = []
        self.do(c.Configure(Settings(strategy="match", bench_after=BENCH_AFTER, lease_ttl=15)))

    def do(self, command):
        before = {
            row.token: row.agent
            for row in self.machine.ledger.tasks.values()
            if row.state is TaskState.LEASED
        }
        self.log.append((self.now, command))
        reply = self.machine.apply(command, now_ns=self.now)
        assert before is not None
        if isinstance(reply, Lease):
            self.leases.append((reply.task, reply.token))
            self.naive.declines.pop((reply.agent, reply.task), None)
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

    @rule(advert=adverts)
    def advertise(self, advert):
        expected = self.naive.advertise(advert, self.now)
        reply = self.do(Advertise(advert))
        assert getattr(reply, "status", "refused") == expected

    @rule(agent=st.sampled_from(AGENTS), incarnation=st.integers(0, 2))
    def refresh(self, agent, incarnation):
        expected = self.naive.refresh(agent, incarnation, self.now)
        assert self.do(Refresh(((agent, incarnation),)))[0].status == expected

    @rule(agent=st.sampled_from(AGENTS))
    def withdraw(self, agent):
        expected = self.naive.withdraw(agent)
        assert self.do(Withdraw(agent)) is expected

    @rule(
        batch=st.lists(tasks, min_size=1, max_size=3, unique_by=lambda task: task.id),
        how=st.sampled_from(("keep", "replace", "rerun")),
    )
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

    @rule(agent=st.sampled_from(AGENTS), task=st.integers(0, 7))
    def claim_that_one(self, agent, task):
        task = f"t{task}"
        decline = self.naive.declines.pop((agent, task), "none")  # naming a task overrules a decline
        able = task in self.naive.offers(agent, self.machine.ledger, self.now)
        if decline != "none":
            self.naive.declines[agent, task] = decline
        reply = self.do(c.Claim(agent, task=task))
        assert isinstance(reply, Lease) is able

    @rule(agent=st.sampled_from(AGENTS))
    def claim_several(self, agent):
        for lease in self.do(c.ClaimMany(agent, 3)):
            self.leases.append((lease.task, lease.token))

    @rule(agent=st.sampled_from(AGENTS), task=st.integers(0, 7), wait=st.sampled_from((None, 3, 30)))
    def decline(self, agent, task, wait):
        task, ledger = f"t{task}", self.machine.ledger
        row = ledger.tasks.get(task)
        holder = ledger.agents.get(agent)
        held = list(holder.leases.values()) if holder else []
        able = row is not None and row.state is TaskState.READY and self.naive.may(agent, row.spec, held)
        reply = self.do(Decline(agent, task, "no", None if wait is None else wait * SECOND))
        assert (reply is None) is able
        if able:
            self.naive.declines[agent, task] = None if wait is None else self.now + wait * SECOND

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30), how=st.sampled_from(("complete", "fail", "release")))
    def end(self, which, how):
        lease = self.leases[-1 - which % len(self.leases)]
        agent = self.holder(lease)
        command = {
            "complete": lambda: c.Complete(*lease),
            "fail": lambda: c.Fail(*lease, "no"),
            "release": lambda: c.Release(*lease),
        }[how]()
        if agent is not None:
            self.naive.lease_ended(agent, how, self.now)
        self.do(command)

    @rule(task=st.integers(0, 7))
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


Matching.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMatching = Matching.TestCase

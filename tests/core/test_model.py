"""
The real machine against the naive one: same commands, same answers, for ever.

The first two tests state the two promises that everything else stands on;
the state machine below them drives both implementations through everything.
"""

import json

import attrs
import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ants_coord import commands as c
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.values import Backoff, Settings, Task

from .naive import FINAL, Naive, plain

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
AGENTS = ("ann", "bob", "cy")
IDS = tuple("abcdef")

agents = st.sampled_from(AGENTS)
steps_ns = st.sampled_from([0, 1, SECOND, 5 * SECOND, 10 * SECOND, 40 * SECOND, 200 * SECOND])


def copy_of(machine):
    """Return a second machine, made from the first one's records by way of JSON."""
    twin = Machine()
    restore(twin, json.loads(json.dumps(list(records(machine)))))
    return twin


@given(
    st.lists(
        st.tuples(
            agents,
            st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, unique=True).map(tuple),
            st.sampled_from(["take", "take", "leave", "renew"]),
            steps_ns,
        ),
        max_size=60,
    )
)
def test_a_lock_never_has_two_holders(steps):
    """
    A name changes hands only after its holder released it or its deadline passed.

    The bookkeeping here is the holders' own: until when each was told it holds.
    """
    machine, now = Machine(), START
    mine = {}  # name -> (agent, token, held until)
    for agent, names, act, wait_ns in steps:
        now += wait_ns
        if act == "take":
            reply = machine.apply(c.LockNames(names, agent), now_ns=now)
            others = [name for name in names if name in mine and mine[name][0] != agent]
            rivals = [name for name in others if mine[name][2] > now]
            assert isinstance(reply, c.Refused) == bool(rivals)
            if not rivals:
                for name in reply.names:
                    mine[name] = (agent, reply.token, reply.expires_ns)
        else:
            held = [(name, token) for name, (who, token, until) in mine.items() if who == agent and until > now]
            for name, token in held[:1]:
                if act == "leave":
                    machine.apply(c.Release(f"lock:{name}", token), now_ns=now)
                else:
                    machine.apply(c.Renew(((f"lock:{name}", token),)), now_ns=now)
                live = {x.token: x.expires_ns for x in machine.ask(c.Leases())}
                mine = {
                    n: (who, t, live.get(t, 0) if t == token else until)
                    for n, (who, t, until) in mine.items()
                }
        machine.check()
        for name, (agent, token, until) in mine.items():
            holder = machine.ask(c.Holder(name))
            if until > now:
                assert (holder.agent, holder.token) == (agent, token)


@given(
    ttl_ns=st.integers(1, 100 * SECOND),
    pieces=st.lists(st.integers(0, 30 * SECOND), max_size=20),
    renewals=st.sets(st.integers(0, 20)),
)
def test_a_lease_ends_exactly_at_its_deadline(ttl_ns, pieces, renewals):
    """A lease is live until one nanosecond before its deadline, and over at the deadline itself."""
    machine, now = Machine(), START
    machine.apply(c.submission((Task("a", max_attempts=10),)), now_ns=now)
    lease = machine.apply(c.Claim("ann", ttl_ns=ttl_ns), now_ns=now)
    deadline = now + ttl_ns
    assert lease.expires_ns == deadline
    for number, piece in enumerate(pieces):
        now += piece
        if number in renewals:
            (answer,) = machine.apply(c.Renew((("a", lease.token),)), now_ns=now)
            assert isinstance(answer, c.Renewed) == (now < deadline)
            deadline = now + ttl_ns if now < deadline else deadline
        else:
            machine.apply(c.Wakeup(), now_ns=now)
        assert machine.ask(c.Find("a")).state == ("leased" if now < deadline else "ready")
        assert machine.next_wakeup_in_ns == (deadline - now if now < deadline else None)
    if now < deadline:
        machine.apply(c.Wakeup(), now_ns=deadline - 1)
        assert machine.ask(c.Find("a")).state == "leased"
        machine.apply(c.Wakeup(), now_ns=deadline)
        assert machine.ask(c.Find("a")).state == "ready"


tasks = st.builds(
    Task,
    st.sampled_from(IDS),
    kind=st.sampled_from(["default", "default", "k2"]),
    payload=st.sampled_from([None, 1]),
    priority=st.integers(-1, 1),
    needs=st.lists(st.sampled_from(IDS), max_size=2, unique=True).map(tuple),
    if_need_fails=st.sampled_from(["cancel", "cancel", "run"]),
    delay=st.sampled_from([None, None, None, 7.0]),
    finish_by=st.sampled_from([None, None, None, 45.0]),
    lease_ttl=st.sampled_from([None, None, 5.0, 60.0]),
    max_attempts=st.sampled_from([None, 1, 2]),
    backoff=st.sampled_from([None, Backoff(first=0), Backoff(first=3, on_expiry=True)]),
    key=st.sampled_from([None, None, None, "k"]),
    limit=st.sampled_from([None, None, "db"]),
)
if_exists = st.sampled_from(["same", "same", "keep", "replace", "rerun"])
kinds = st.sampled_from([None, None, ("default",), ("k2", "default")])
boards = st.builds(
    Settings,
    lease_ttl=st.sampled_from([10.0, 30.0]),
    max_attempts=st.sampled_from([1, 2, 3]),
    backoff=st.sampled_from([Backoff(), Backoff(first=0), Backoff(first=2, on_expiry=True)]),
    aging=st.sampled_from([0.0, 0.0, 4.0]),
    retention=st.sampled_from([20.0, 300.0, 86_400.0]),
    retention_count=st.sampled_from([0, 1, 3, 10_000]),
    id_retention=st.sampled_from([30.0, 604_800.0]),
    id_retention_count=st.sampled_from([0, 2, 100_000]),
    event_count=st.sampled_from([16, 10_000]),
)


class Model(RuleBasedStateMachine):
    """Every command to both; every reply and every state compared."""

    def __init__(self):
        super().__init__()
        self.machine, self.naive, self.now = Machine(), Naive(), START
        self.tokens = [("a", 0)]
        self.requests = []
        self.numbers = 0
        self.accepted = 0
        self.last_token = 0

    def both(self, command):
        self.numbers += 1
        request = ("session", self.numbers) if self.numbers % 2 else None
        before = copy_of(self.machine) if request is None else None
        reply = self.machine.apply(command, now_ns=self.now, request=request)
        assert plain(reply) == self.naive.apply(command, self.now), command
        if request is not None:
            self.requests.append((request, command, plain(reply)))
        if before is not None and isinstance(reply, c.Refused):  # S5
            before.apply(c.Wakeup(), now_ns=self.now)
            assert digest(before) == digest(self.machine)
        for lease in reply if isinstance(reply, tuple) else (reply,):
            if isinstance(lease, c.Lease):
                self.tokens.append((lease.task, lease.token))
                assert lease.token > self.last_token or lease.task.startswith("lock:")  # S2
                self.last_token = max(self.last_token, lease.token)
            if isinstance(lease, c.Ticket):
                self.accepted += lease.created
        return reply

    @initialize(board=boards)
    def open(self, board):
        self.both(c.Configure(board))

    @rule(batch=st.lists(tasks, min_size=1, max_size=3), if_exists=if_exists, tame=st.integers(0, 3))
    def submit(self, batch, if_exists, tame):
        if tame:  # mostly such needs as can be met: earlier letters that are known, or in the batch
            known = {*self.machine.ledger.tasks, *(task.id for task in batch)}
            batch = [
                attrs.evolve(task, needs=[need for need in task.needs if need in known and need < task.id])
                for task in batch
            ]
        self.both(c.submission(tuple(batch), if_exists))

    @rule(task=st.sampled_from(IDS), data=tasks)
    def submit_plain(self, task, data):
        self.both(c.submission((Task(task, priority=data.priority, limit=data.limit),), "keep"))

    @rule(agent=agents, kinds=kinds, task=st.sampled_from([None, None, *IDS[:3]]))
    def claim(self, agent, kinds, task):
        self.both(c.Claim(agent, kinds, task))

    @rule(agent=agents, count=st.integers(1, 4), kinds=kinds)
    def claim_many(self, agent, count, kinds):
        self.both(c.ClaimMany(agent, count, kinds, ttl_ns=8 * SECOND))

    @rule(which=st.integers(0, 4), ttl=st.sampled_from([None, SECOND, 50 * SECOND]))
    def renew(self, which, ttl):
        pairs = self.tokens[-1 - which :: -2] or self.tokens
        self.both(c.Renew(tuple(dict.fromkeys(pairs[:3])), ttl))

    def some(self, which):
        return self.tokens[-1 - which % len(self.tokens)]

    @rule(which=st.integers(0, 6), late=st.sampled_from(["refuse", "refuse", "accept"]), again=st.booleans())
    def complete(self, which, late, again):
        for _ in range(1 + again):
            self.both(c.Complete(*self.some(which), {"n": which}, late))

    @rule(which=st.integers(0, 6), retry=st.sampled_from([True, True, False]), wait=st.sampled_from([None, 0]))
    def fail(self, which, retry, wait):
        self.both(c.Fail(*self.some(which), "no", retry, wait))

    @rule(which=st.integers(0, 6))
    def release(self, which):
        self.both(c.Release(*self.some(which)))

    @rule(which=st.integers(0, 4))
    def note(self, which):
        self.both(c.Note(*self.some(which), {"half": "way"}))

    @rule(agent=agents, all_back=st.booleans())
    def adopt(self, agent, all_back):
        self.both(c.ReleaseAll(agent) if all_back else c.Adopt(agent))

    @rule(task=st.sampled_from(IDS))
    def cancel(self, task):
        self.both(c.Cancel(task, "not wanted"))

    @rule(task=st.sampled_from(IDS))
    def requeue(self, task):
        self.both(c.Requeue(task))

    @rule(agent=agents, names=st.lists(st.sampled_from("xyz"), min_size=1, max_size=2, unique=True))
    def lock(self, agent, names):
        self.both(c.LockNames(tuple(names), agent, 12 * SECOND))

    @rule(n=st.integers(0, 3))
    def limit(self, n):
        self.both(c.SetLimit("db", n))

    @rule(on=st.booleans())
    def pause(self, on):
        self.both(c.Pause() if on else c.Resume())

    @rule(board=boards)
    def configure(self, board):
        self.both(c.Configure(board))

    @rule(step=steps_ns, wake=st.booleans())
    def tick(self, step, wake):
        self.now += step
        if wake:
            self.both(c.Wakeup())

    @rule(step=st.sampled_from([1, 3 * SECOND, 60 * SECOND]))
    def clock_steps_back(self, step):
        self.now -= step

    @precondition(lambda self: self.machine.next_wakeup_in_ns is not None)
    @rule()
    def sleep_until_the_wakeup(self):
        wait = self.machine.next_wakeup_in_ns
        self.now = self.naive.raw + wait
        self.both(c.Wakeup())

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 20))
    def say_again(self, which):
        """A repeat is answered like the first time, and does nothing but let time pass."""
        request, command, first = self.requests[-1 - which % len(self.requests)]
        reply = plain(self.machine.apply(command, now_ns=self.now, request=request))
        self.naive.pass_time(self.now)
        if isinstance(first, tuple) and first[0] == "lease":
            assert reply[:7] == first[:7]  # the payload is not repeated once the lease is lost
        elif isinstance(first, tuple) and first[0] == "outcome":
            assert reply[:3] == first[:3]  # nor is the result once the task is forgotten
        elif not isinstance(first, list):
            assert reply == first

    @rule()
    def move_house(self):
        """A board that was written down and read back is the same board."""
        twin = copy_of(self.machine)
        assert digest(twin) == digest(self.machine)
        self.machine = twin

    @invariant()
    def every_structure_is_sound(self):
        self.machine.check()

    @invariant()
    def both_tell_the_same(self):
        if self.naive.now is None:
            return
        rows = self.machine.ledger.tasks
        told = [(t.id, t.state, t.attempts, t.releases, t.lost, t.cause) for t in self.naive.tasks]
        assert told == [(i, r.state, r.attempts, r.releases, r.lost, r.cause) for i, r in rows.items()]
        assert [s.id for s in self.naive.stones] == list(self.machine.ledger.tombstones)
        assert [t.id for t in self.naive.idle] == [r.spec.id for r in self.machine.ledger.idle.values()]
        assert self.machine.next_wakeup_in_ns == self.naive.wakeup_in()
        for agent in AGENTS:
            standing = self.machine.ask(c.StandingOf(agent))
            for what in ("claimed", "completed", "failed", "expired", "released"):
                assert getattr(standing, what) == self.naive.seen[agent, what]

    @invariant()
    def a_task_has_at_most_one_live_lease(self):
        """S1, asked from outside."""
        leases = self.machine.ask(c.Leases())
        held = [lease.task for lease in leases if lease.kind != "lock"]
        assert len(held) == len(set(held))
        names = [name for lease in leases for name in lease.names]
        assert len(names) == len(set(names))
        assert len({lease.token for lease in leases}) == len(leases)

    @invariant()
    def what_is_done_stays_done(self):
        """S3: final states are left only by a new generation or by being forgotten."""
        now = {task: (row.state, row.seq) for task, row in self.machine.ledger.tasks.items()}
        for task, (state, seq) in getattr(self, "seen", {}).items():
            if state == "done" and task in now and now[task][1] == seq:
                assert now[task][0] == "done"
        self.seen = now

    @invariant()
    def nothing_is_lost(self):
        """S4: whatever was accepted is unfinished, final, or was forgotten after it ended."""
        counted = self.machine.ask(c.StatisticsOf()).tasks
        forgotten = self.accepted - sum(counted.values())
        assert forgotten >= 0
        assert forgotten == sum(self.naive.gone.values())
        assert set(self.naive.gone) <= set(FINAL)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=4 * settings().max_examples)

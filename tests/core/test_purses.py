"""Purses against a list of all payments: after each step of random walks, in all strategies, and after a restore."""

import random

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.purses import SetPurse, Spend
from ants_coord.core import Machine, digest
from ants_coord.errors import LeaseLostError, PurseError
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task, TaskState

from ..landing import landing_at
from ..scale import of
from .pair import copy_of
from .waking import hints_are_complete

SECOND = 1_000_000_000
START = 1_700_000_007 * SECOND
PERS = {"day": 50 * SECOND, "once": None}


class Naive:
    """A model that keeps each payment for ever and adds them all up, window by window, whenever it is asked."""

    def __init__(self):
        self.told = {purse: [] for purse in PERS}
        self.reserved = {}  # leased task -> {purse: left of its reservation}
        self.ready = []  # (task, what it spends), in the order of submission
        self.limited, self.limit = set(), 1  # tasks under the one limit that there is

    def balance(self, purse, now):
        amount = balance = 0
        at, per = START, PERS[purse]
        for when, what, n in [*self.told[purse], (now, "look", 0)]:
            for _ in range(when // per - at // per if per else 0):
                balance = min(amount, balance + amount)
            at = when
            if what == "amount":
                balance, amount = balance + n - amount, n
            elif what == "spent":
                balance -= n
        return balance

    def free(self, purse, now):
        return self.balance(purse, now) - sum(left.get(purse, 0) for left in self.reserved.values())

    def affordable(self, now):
        is_full = len(self.limited & set(self.reserved)) >= self.limit
        return [
            t
            for t, spends in self.ready
            if all(self.free(p, now) >= n for p, n in spends.items()) and not (is_full and t in self.limited)
        ]


class Walk:
    def __init__(self, strategy, seed):
        self.dice, self.now = random.Random(seed), START
        self.machine, self.naive = Machine(), Naive()
        # who fails in a row is not kept away: only the purses and the limit do that
        patient = {} if strategy == "claim" else {"bench_after": 1_000_000}
        settings = Settings(
            strategy=strategy, lease_ttl=20, max_attempts=1_000, backoff=Backoff(first=0), **patient
        )
        self.do(c.Configure(settings))
        self.leases, self.spends, self.made = {}, {}, 0
        for purse in PERS:
            self.set_purse(purse, 100)

    def do(self, command):
        with hints_are_complete(self.machine, ["w"]):
            reply = self.machine.apply(command, now_ns=self.now)
        self.machine.check()
        return reply

    def set_purse(self, purse, amount):
        self.do(SetPurse(purse, amount, PERS[purse]))
        self.naive.told[purse].append((self.now, "amount", amount))

    def submit(self):
        self.made += 1
        spends = {p: self.dice.randint(1, 40) for p in PERS if self.dice.random() < 0.6}
        limit = self.dice.choice((None, None, "l"))
        task = Task(f"t{self.made}", spends=spends or None, limit=limit)
        if not isinstance(self.do(c.submission([task])), c.Refused):
            self.spends[task.id] = spends
            if limit:
                self.naive.limited.add(task.id)
            self.naive.ready.append((task.id, spends))
            self.naive.ready.sort(key=lambda pair: int(pair[0][1:]))

    def claim(self):
        able = self.naive.affordable(self.now)
        lease = self.do(c.Claim("w"))
        if not able:
            assert lease is None
            return
        assert lease.task in able
        if self.machine.ledger.settings.strategy == "claim":
            assert lease.task == able[0]
        self.leases[lease.task] = lease
        self.naive.reserved[lease.task] = dict(self.spends[lease.task])
        self.naive.ready = [pair for pair in self.naive.ready if pair[0] != lease.task]

    def spend(self):
        if not self.leases:
            return
        lease = self.dice.choice(list(self.leases.values()))
        purse, n = self.dice.choice(list(PERS)), self.dice.randint(0, 30)
        left = self.do(Spend(lease.task, lease.token, purse, n))
        self.naive.told[purse].append((self.now, "spent", n))
        mine = self.naive.reserved[lease.task]
        mine[purse] = max(0, mine.get(purse, 0) - n)
        assert left == self.naive.free(purse, self.now)

    def end(self):
        if not self.leases:
            return
        task, lease = self.dice.choice(list(self.leases.items()))
        how = self.dice.choice((c.Complete(task, lease.token), c.Fail(task, lease.token, "no"),
                                c.Release(task, lease.token), c.Cancel(task)))  # fmt: skip
        self.do(how)
        self.over(task)

    def over(self, task):
        del self.leases[task], self.naive.reserved[task]
        if self.machine.ledger.tasks[task].state is TaskState.READY:
            self.naive.ready.append((task, self.spends[task]))
            self.naive.ready.sort(key=lambda pair: int(pair[0][1:]))

    def wait(self):
        self.now += self.dice.choice((1, 5, 19, 60, 170)) * SECOND
        self.do(c.Wakeup())
        for task, lease in list(self.leases.items()):
            row = self.machine.ledger.tasks[task]
            if row.state is not TaskState.LEASED or row.token != lease.token:
                self.over(task)

    def step(self):
        what = self.dice.choices(
            (self.submit, self.claim, self.spend, self.end, self.wait, self.change), (4, 5, 4, 3, 1, 0.5)
        )
        what[0]()
        purses = self.machine.ask(reading.StatisticsOf()).parts["purses"]
        for purse in PERS:
            assert purses[purse]["left"] == self.naive.free(purse, self.now), purse
            assert purses[purse]["spent"] == sum(
                n for _, what, n in self.naive.told[purse] if what == "spent"
            )

    def change(self):
        self.set_purse(self.dice.choice(list(PERS)), self.dice.choice((0, 40, 100, 200)))
        self.naive.limit = self.dice.choice((0, 1, 2))
        self.do(c.SetLimit("l", self.naive.limit))


@pytest.mark.parametrize("strategy", ["claim", "match", "board"])
@pytest.mark.parametrize("seed", range(of(4, 20, 200)))
def test_what_is_left_is_what_came_in_less_what_was_paid(strategy, seed):
    """A claim gets a task that every purse can pay for, and none is missed; a restored twin agrees."""
    walk = Walk(strategy, seed)
    for number in range(150):
        walk.step()
        if number % 50 == 49:
            twin = copy_of(walk.machine)
            assert digest(twin) == digest(walk.machine)
            walk.machine = twin


def test_a_window_begins_by_itself_and_a_debt_is_paid_first():
    """A waiter is woken at the first instant of the window that can pay, and `explain` names that instant."""
    walk = Walk("claim", 0)
    walk.do(c.submission([Task("a", spends={"day": 30}), Task("b", spends={"day": 80})]))
    lease = walk.do(c.Claim("w"))
    assert walk.do(Spend("a", lease.token, "day", 230, coordination=True)) == -130
    walk.do(c.Complete("a", lease.token))
    assert walk.do(c.Claim("w")) is None
    # at 1_700_000_050 it holds -30, at ..100 it holds 70, at ..150 it holds 100
    assert "it is refilled in 143.000 s" in str(walk.machine.ask(reading.Explain("b")))
    refills = []
    while (wait := walk.machine.next_wakeup_in_ns) is not None:
        walk.now += wait
        refills.append(walk.now // SECOND - 1_700_000_000)
        got = walk.do(c.Claim("w"))
        if got is not None:
            break
    assert refills == [50, 100, 150]
    assert got.task == "b"
    told = walk.machine.ask(reading.StatisticsOf()).parts["purses"]["day"]
    assert (told["coordination"], told["reserved"], told["left"]) == (230, 80, 20)


def test_a_purse_that_holds_too_little_or_is_not_there_is_refused_by_name():
    """Nothing is changed by a submission that no purse can ever pay, also in a batch and in a split."""
    walk = Walk("claim", 0)
    walk.do(c.submission([Task("a")]))
    lease = walk.do(c.Claim("w"))
    before, position = digest(walk.machine), walk.machine.ledger.position
    for spends, said in (({"dya": 1}, "there is no such purse; there are day, once"), ({"day": 101}, "never holds more than 100")):  # fmt: skip
        for command in (
            c.submission([Task("b"), Task("c", spends=spends)]),
            c.Split("a", lease.token, ("d",), *_batch(Task("d", spends=spends))),
        ):
            refused = walk.do(command)
            assert isinstance(refused.error, PurseError)
            assert said in str(refused.error)
    refused = walk.do(Spend("a", lease.token, "dya", 1))
    assert isinstance(refused.error, PurseError)
    assert isinstance(walk.do(Spend("a", 1, "day", 1)).error, LeaseLostError)
    walk.machine.ledger.position = position
    assert digest(walk.machine) == before


def _batch(task):
    batch = c.submission([task])
    return batch.tasks, batch.payloads


def test_without_a_purse_there_is_no_part():
    """A board without purses has no hook of theirs; the first purse brings the part, a torn one leaves none."""
    machine = Machine()
    assert machine.ledger.purses is None
    machine.apply(c.submission([Task("a", limit="x")]), now_ns=START)
    machine.apply(SetPurse("llm", 5), now_ns=START)
    assert machine.ledger.purses is not None
    machine.apply(c.submission([Task("b", spends={"llm": 5}, priority=1)]), now_ns=START)
    lease = machine.apply(c.Claim("w"), now_ns=START)
    assert isinstance(lease, Lease)
    assert lease.task == "b"
    assert machine.apply(c.Claim("w", task="b"), now_ns=START) is None
    machine.check()


STEPS = (
    SetPurse("llm", 100, 50 * SECOND),
    c.submission([Task("a", spends={"llm": 60}), Task("b", spends={"llm": 60})]),
    c.Claim("w"),
    Spend("a", 0, "llm", 70),
    SetPurse("llm", 120, 50 * SECOND),
    c.Complete("a", 0),
    c.Wakeup(),
    c.Claim("w"),
)


def test_an_exception_inside_leaves_a_purse_old_or_new():
    """Cut short at any line, each command that touches purses is taken back whole, and can be done again."""
    machine, now = Machine(), START
    for number, command in enumerate(STEPS):
        now += SECOND * (60 if number == 6 else 0)
        if hasattr(command, "token"):
            command.token = machine.ledger.last_token
        step, came = 0, [0]
        old, twin = digest(machine), copy_of(machine)
        twin.apply(command, now_ns=now)
        while came:
            with landing_at(step) as came:
                machine.apply(command, now_ns=now)
            machine.check()
            if came and digest(machine) != old:
                assert digest(machine) == digest(twin)
                break
            step += 3
        assert digest(machine) == digest(twin), command
    assert machine.ledger.tasks["b"].state is TaskState.LEASED

"""
The real machine against the naive one: same commands, same answers, for ever.

The first two tests state the two promises that everything else stands on.
Below them both implementations are driven through everything, twice: by
Hypothesis, which finds short stories and shrinks them, and by long seeded
walks, which get to the corners that need a past.
"""

import os
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ants_coord import commands as c
from ants_coord.core import Machine
from ants_coord.values import Backoff, Settings, Task

from .pair import AGENTS, SECOND, START, Pair

IDS = tuple("abcdefgh")
STEPS_NS = [0, 1, SECOND, 5 * SECOND, 10 * SECOND, 40 * SECOND, 200 * SECOND]

agents = st.sampled_from(AGENTS)
steps_ns = st.sampled_from(STEPS_NS)


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



# -- everything ----------------------------------------------------------------------------------


def a_task(dice, task=None):
    """Draw a task from a small world, where ids, keys and limits meet often."""
    pick = dice.choice
    return Task(
        task or pick(IDS),
        kind=pick(["default", "default", "k2"]),
        payload=pick([None, 1]),
        priority=pick([-1, 0, 0, 1]),
        needs=tuple(dice.sample(IDS, pick([0, 0, 1, 2]))),
        if_need_fails=pick(["cancel", "cancel", "run"]),
        delay=pick([None, None, None, 7.0]),
        finish_by=pick([None, None, None, 45.0]),
        lease_ttl=pick([None, None, 5.0, 60.0]),
        max_attempts=pick([None, 1, 2]),
        backoff=pick([None, Backoff(first=0), Backoff(first=3, on_expiry=True)]),
        key=pick([None, None, None, "k"]),
        limit=pick([None, None, "db"]),
    )


def a_board(dice):
    """Draw settings; retention and events are short enough to run out."""
    pick = dice.choice
    return Settings(
        lease_ttl=pick([10.0, 30.0]),
        max_attempts=pick([1, 2, 3]),
        backoff=pick([Backoff(), Backoff(first=0), Backoff(first=2, on_expiry=True)]),
        aging=pick([0.0, 0.0, 4.0]),
        retention=pick([20.0, 20.0, 20.0, 86_400.0]),
        retention_count=pick([0, 1, 3, 3, 10_000]),
        id_retention=pick([30.0, 30.0, 604_800.0]),
        id_retention_count=pick([0, 2, 100_000]),
        event_count=pick([16, 10_000]),
    )


def a_batch(pair, dice):
    """Draw a Submit. Mostly its needs can be met: earlier letters that are known or in the batch."""
    ids = dice.sample(IDS, dice.choice([1, 1, 2, 3]))
    batch = [a_task(dice, task) for task in ids]
    if dice.random() < 0.8:
        known = {*pair.machine.ledger.tasks, *ids}
        for task in batch:
            needs = tuple(need for need in task.needs if need in known and need < task.id)
            object.__setattr__(task, "needs", needs)
    again = dice.choice(["same", "keep", "replace", "replace", "rerun", "rerun"])
    return c.submission(tuple(batch), again)


def a_command(pair, dice):
    """Draw a command; the tokens in it are old or new, right or wrong."""
    pick = dice.choice
    some = lambda: pair.some(pick([0, 0, 1, 2, 3, 4, 5, 9]))  # noqa: E731
    kinds = pick([None, None, None, ("default",), ("k2", "default")])
    drawn = [
        (8, lambda: a_batch(pair, dice)),
        (6, lambda: c.Claim(pick(AGENTS), kinds, pick([None, None, None, *IDS[:2]]))),
        (2, lambda: c.ClaimMany(pick(AGENTS), pick([1, 2, 4]), kinds, 8 * SECOND)),
        (2, lambda: c.Renew(tuple({some(), some()}), pick([None, SECOND, 50 * SECOND]))),
        (5, lambda: c.Complete(*some(), pick([None, {"n": 1}]), pick(["refuse", "accept"]))),
        (5, lambda: c.Fail(*some(), "no", pick([True, False]), pick([None, None, 0]))),
        (2, lambda: c.Release(*some())),
        (1, lambda: c.Note(*some(), {"half": "way"})),
        (1, lambda: c.Adopt(pick(AGENTS))),
        (1, lambda: c.ReleaseAll(pick(AGENTS))),
        (2, lambda: c.Cancel(pick(IDS), "not wanted")),
        (4, lambda: c.Requeue(pick(IDS))),
        (2, lambda: c.LockNames(tuple(dice.sample("xyz", pick([1, 2]))), pick(AGENTS), 12 * SECOND)),
        (1, lambda: c.SetLimit("db", pick([0, 1, 1, 2]))),
        (1, lambda: pick([c.Pause, c.Resume, c.Resume, c.Resume])()),
        (1, lambda: c.Configure(a_board(dice))),
        (2, c.Wakeup),
    ]
    return dice.choices([make for _, make in drawn], [weight for weight, _ in drawn])[0]()


class Model(RuleBasedStateMachine):
    """Short stories, which shrink."""

    def __init__(self):
        super().__init__()
        self.pair = Pair()

    @initialize(dice=st.randoms(use_true_random=False))
    def open(self, dice):
        self.pair.both(c.Configure(a_board(dice)))

    @rule(dice=st.randoms(use_true_random=False))
    def command(self, dice):
        self.pair.both(a_command(self.pair, dice))

    @rule(step=steps_ns)
    def tick(self, step):
        self.pair.now += step

    @rule(step=st.sampled_from([1, 3 * SECOND, 60 * SECOND]))
    def clock_steps_back(self, step):
        self.pair.now -= step

    @precondition(lambda self: self.pair.machine.next_wakeup_in_ns is not None)
    @rule()
    def sleep_until_the_wakeup(self):
        self.pair.now = self.pair.naive.raw + self.pair.machine.next_wakeup_in_ns
        self.pair.both(c.Wakeup())

    @precondition(lambda self: self.pair.requests)
    @rule(which=st.integers(0, 20))
    def say_again(self, which):
        self.pair.say_again(which)

    @rule()
    def move_house(self):
        self.pair.move_house()

    @invariant()
    def compare(self):
        self.pair.compare()


TestModel = Model.TestCase
TestModel.settings = settings(stateful_step_count=25)


def walk(seed, steps):
    """Take a long way through one board's life; the seed is all there is to know about it."""
    dice, pair = random.Random(seed), Pair()
    pair.both(c.Configure(a_board(dice)))
    for _ in range(steps):
        match dice.choices(["command", "tick", "back", "sleep", "again", "move"], [40, 8, 1, 3, 3, 2])[0]:
            case "command":
                pair.both(a_command(pair, dice))
            case "tick":
                pair.now += dice.choice(STEPS_NS)
            case "back":
                pair.now -= dice.choice([1, 3 * SECOND, 60 * SECOND])
            case "sleep" if pair.machine.next_wakeup_in_ns is not None:
                pair.now = pair.naive.raw + pair.machine.next_wakeup_in_ns
                pair.both(c.Wakeup())
            case "again":
                pair.say_again(dice.randrange(20))
            case "move":
                pair.move_house()
        pair.compare()


DEEP = os.environ.get("ANTS_COORD_PROFILE") == "deep"


@pytest.mark.parametrize("first", range(0, 3000 if DEEP else 80, 10))
def test_long_walks_agree_with_the_naive_machine(first):
    """Hundreds of commands on one board, ten boards a case, every answer compared."""
    for seed in range(first, first + 10):
        walk(seed, 250)

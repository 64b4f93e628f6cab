"""
The real machine against the naive one: same commands, same answers, for ever.

The first two tests state the two promises that everything else stands on.
Below them both implementations are driven through everything, twice: by
Hypothesis, which finds short stories and shrinks them, and by long seeded
walks, which get to the corners that need a past.
"""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ants_coord.commands import shared as c
from ants_coord.core import Machine
from ants_coord.values.tasks import Task

from ..scale import of
from .pair import AGENTS, SECOND, START, Pair
from .walks import STEPS_NS, a_board, a_command, walk

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
            held = [(name, token) for name, (who, token, end) in mine.items() if who == agent and end > now]
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


@pytest.mark.parametrize("first", range(0, 80, 10))
def test_long_walks_agree_with_the_naive_machine(first):
    """Hundreds of commands on one board, several boards a case, every answer compared."""
    for seed in range(first, first + of(3, 10, 400)):
        walk(seed, 250)

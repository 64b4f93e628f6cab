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

from ants_coord.commands import reading
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
    mine = {}  # token -> [agent, names, held until, how often entered]
    for agent, names, act, wait_ns in steps:
        now += wait_ns
        live = {token: one for token, one in mine.items() if one[2] > now}
        if act == "take":
            reply = machine.apply(c.LockNames(names, agent), now_ns=now)
            rivals = [one for one in live.values() if one[0] != agent and set(names) & one[1]]
            assert isinstance(reply, c.Refused) == bool(rivals)
            if not rivals:
                entered = live[reply.token][3] + 1 if reply.token in live else 1
                assert set(names) <= set(reply.names)  # the whole set is pinned by this lease
                mine[reply.token] = [agent, set(reply.names), reply.expires_ns, entered]
        else:
            for token in [token for token, one in live.items() if one[0] == agent][:1]:
                if act == "leave":
                    machine.apply(c.Release("lock:x", token), now_ns=now)
                    mine[token][3] -= 1
                    if not mine[token][3]:
                        del mine[token]
                else:
                    (answer,) = machine.apply(c.Renew((("lock:x", token),)), now_ns=now)
                    mine[token][2] = answer.expires_ns
        machine.check()
        for agent_of, held, until, _ in mine.values():
            if until > now:
                assert all(machine.ask(reading.Holder(name)).agent == agent_of for name in held)


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
        assert machine.ask(reading.Find("a")).state == ("leased" if now < deadline else "ready")
        assert machine.next_wakeup_in_ns == (deadline - now if now < deadline else None)
    if now < deadline:
        machine.apply(c.Wakeup(), now_ns=deadline - 1)
        assert machine.ask(reading.Find("a")).state == "leased"
        machine.apply(c.Wakeup(), now_ns=deadline)
        assert machine.ask(reading.Find("a")).state == "ready"


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
    for seed in range(first, first + of(2, 10, 400)):
        walk(seed, 250)

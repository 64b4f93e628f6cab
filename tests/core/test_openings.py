"""
Openings: what is held through each, and what the end of one gives back: nothing of anybody else's.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine, digest
from ants_coord.core.work.openings import holding, opening_of
from ants_coord.values.checks import fresh_session, is_told, told_session
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task, TaskState

from .pair import SECOND, START, copy_of

ONE, TWO = told_session("home", "one"), told_session("home", "two")
UNTOLD = "0123456789abcdef"
GONE = "its process has ended or dropped the board"


def board(*tasks, **settings):
    machine = Machine()
    machine.apply(c.Configure(Settings(**settings)), now_ns=START)
    machine.apply(c.submission(tasks or (Task("a"), Task("b"))), now_ns=START)
    return machine


def events(machine, kind):
    return [event for event in machine.ask(reading.Events()) if event.type == kind]


def test_a_name_says_whether_its_life_is_told():
    assert is_told(ONE)
    assert not is_told(fresh_session())
    assert not is_told("=any request id")


def test_what_a_dead_opening_held_returns_at_once():
    """Counted as any expiry: the attempt, the agent's tally, the history; the event says why."""
    machine = board(max_attempts=2)
    lease = machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
    lock = machine.apply(c.LockNames(("x",), "ann", holder="h"), now_ns=START, request=(ONE, 2))
    assert holding(machine.ledger) == [ONE]
    machine = copy_of(machine)  # a snapshot keeps it
    assert machine.apply(c.EndOpening(ONE), now_ns=START + SECOND) == 2
    again = machine.apply(c.Claim("bob", task="a"), now_ns=START + SECOND)
    assert again.token > lease.token
    assert again.attempt == 2
    assert machine.ask(reading.Holder("x")) is None
    assert machine.ask(reading.StandingOf("ann")).expired == 1
    assert machine.ask(reading.Find("a")).history == (f"attempt 1 by ann: {GONE}",)
    (expired,), (unlocked,) = events(machine, "expired"), events(machine, "unlocked")
    assert (expired.agent, expired.token) == ("ann", lease.token)
    assert expired.detail == {"attempt": 1, "reason": GONE}
    assert (unlocked.token, unlocked.detail["why"]) == (lock.token, GONE)
    reply = machine.apply(c.Complete("a", lease.token, 1), now_ns=START + SECOND)
    assert reply.error.reason == "superseded"


def test_the_last_attempt_of_a_dead_opening_fails_the_task_and_says_so():
    machine = board(max_attempts=1)
    machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
    machine.apply(c.EndOpening(ONE), now_ns=START + SECOND)
    found = machine.ask(reading.Find("a"))
    assert found.state is TaskState.FAILED
    assert found.outcome.reason == f"expired: lease 1 of 1: {GONE}"


def test_a_pause_on_expiry_holds_for_the_dead_too():
    machine = board(Task("a", backoff=Backoff(first=3, on_expiry=True)))
    machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
    machine.apply(c.EndOpening(ONE), now_ns=START + SECOND)
    assert machine.ask(reading.Find("a")).state is TaskState.DELAYED


def test_a_late_result_of_the_dead_is_taken_as_after_an_expiry():
    """The machine may be wrong about nothing here: a caller that waits for the result would rather have it."""
    machine = board()
    lease = machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
    machine.apply(c.EndOpening(ONE), now_ns=START + SECOND)
    assert machine.apply(c.Complete("a", lease.token, 1, late="accept"), now_ns=START + SECOND).late


def test_what_is_kept_is_nobodys():
    """The opening says that it leaves it standing: after that only the time ends it."""
    machine = board(lease_ttl=30)
    machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
    machine.apply(c.LockNames(("x",), "ann"), now_ns=START, request=(ONE, 2))
    assert machine.apply(c.EndOpening(ONE, keep=True), now_ns=START + SECOND) == 2
    assert machine.apply(c.EndOpening(ONE), now_ns=START + SECOND) == 0
    assert holding(machine.ledger) == []
    assert machine.ask(reading.Find("a")).state is TaskState.LEASED
    assert machine.ask(reading.Holder("x")).agent == "ann"
    machine.apply(c.Wakeup(), now_ns=START + 31 * SECOND)
    assert machine.ask(reading.Find("a")).history == ("attempt 1 by ann: expired",)
    assert machine.ask(reading.Holder("x")) is None


@pytest.mark.parametrize("request_", [(UNTOLD, 1), ("chosen", 0), (ONE, 0), None])
def test_a_lease_of_unknown_opening_ends_by_its_time_alone(request_):
    """Under a caller's own request id another process may ask again, and is given the same lease."""
    machine = board()
    lease = machine.apply(c.Claim("ann"), now_ns=START, request=request_)
    assert opening_of(machine.ledger, lease.token) == ""
    assert holding(machine.ledger) == []
    for opening in (UNTOLD, "chosen", ONE, "", "=chosen"):
        assert machine.apply(c.EndOpening(opening), now_ns=START) == 0
    assert machine.ask(reading.Find("a")).state is TaskState.LEASED


@pytest.mark.parametrize("other", [(TWO, 1), (UNTOLD, 1), ("chosen", 0)])
@pytest.mark.parametrize("how", ["renew", "enter"])
def test_what_two_openings_speak_for_ends_with_neither(how, other):
    """A handle that was given away and is renewed there; a lock that the same holder entered twice."""
    machine = board()
    if how == "renew":
        lease = machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
        assert machine.apply(c.Renew(((lease.task, lease.token),)), now_ns=START, request=other)
    else:
        lock = c.LockNames(("x",), "ann", holder="h")
        lease = machine.apply(lock, now_ns=START, request=(ONE, 1))
        assert machine.apply(lock, now_ns=START, request=other).token == lease.token
    for opening in (ONE, TWO):
        assert machine.apply(c.EndOpening(opening), now_ns=START) == 0
    assert lease.token in [one.token for one in machine.ask(reading.Leases())]


def test_entering_a_lock_of_nobody_knows_whom_makes_it_nobodys():
    """Its first holder may live: the end of the second ends nothing."""
    machine, lock = board(), c.LockNames(("x",), "ann", holder="h")
    machine.apply(lock, now_ns=START, request=(UNTOLD, 1))
    machine.apply(lock, now_ns=START, request=(ONE, 1))
    assert machine.apply(c.EndOpening(ONE), now_ns=START) == 0
    assert machine.ask(reading.Holder("x")) is not None


def test_a_renewal_of_its_own_changes_nothing():
    machine = board()
    lease = machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
    machine.apply(c.Renew(((lease.task, lease.token),)), now_ns=START + SECOND, request=(ONE, 2))
    assert opening_of(machine.ledger, lease.token) == ONE


def test_adopt_takes_from_the_gone_however_short_their_silence():
    """From the living it does not; what is adopted is the adopter's from then on."""
    machine = board(lease_ttl=600)
    first = machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, 1))
    other = machine.apply(c.Claim("ann"), now_ns=START, request=(TWO, 1))
    three = told_session("home", "three")
    assert machine.apply(c.Adopt("ann"), now_ns=START + SECOND, request=(three, 1)) == ()
    command = c.Adopt("ann", gone=(ONE,))
    (taken,) = machine.apply(command, now_ns=START + SECOND, request=(three, 2))
    assert taken.task == first.task
    assert taken.token > other.token
    assert taken.attempt == 1
    assert opening_of(machine.ledger, taken.token) == three
    assert machine.apply(c.EndOpening(ONE), now_ns=START + SECOND) == 0
    assert machine.apply(c.EndOpening(three), now_ns=START + SECOND) == 1


def test_the_table_does_not_grow_with_what_has_ended():
    machine = board(retention_count=0)
    for number in range(1_000):
        machine.apply(c.submission((Task(),)), now_ns=START)
        lease = machine.apply(c.Claim("ann"), now_ns=START, request=(ONE, number + 1))
        machine.apply(c.Complete(lease.task, lease.token), now_ns=START)
        assert len(machine.ledger.tables["openings"]) <= 65
    machine.check()


class Lives(RuleBasedStateMachine):
    """
    Openings that claim, lock, renew, complete, adopt, end and are ended, against the plainest model.

    The model: token -> the set of openings that have spoken for the lease. The end of an opening ends the
    leases for which it alone has spoken, and no other.
    """

    OPENINGS = (ONE, TWO, told_session("home", "three"), UNTOLD)
    openings = st.sampled_from(OPENINGS)
    agents = st.sampled_from(("ann", "bob"))

    @initialize(ttl=st.sampled_from([10, 1_000]))
    def begin(self, ttl):
        tasks = [Task(f"t{number}", limit="two" if number % 2 else None) for number in range(6)]
        self.machine = board(*tasks, lease_ttl=ttl, max_attempts=1_000, backoff=Backoff(0))
        self.machine.apply(c.SetLimit("two", 2), now_ns=START)
        self.now, self.numbers, self.spoken, self.leases = START, 0, {}, {}

    def do(self, opening, command):
        self.numbers += 1
        return self.machine.apply(command, now_ns=self.now, request=(opening, self.numbers))

    def take(self, opening, lease):
        if isinstance(lease, Lease):
            self.spoken.setdefault(lease.token, set()).add(opening)
            self.leases[lease.token] = lease

    def live(self):
        return {lease.token for lease in self.machine.ask(reading.Leases())}

    @rule(opening=openings, agent=agents)
    def claim(self, opening, agent):
        self.take(opening, self.do(opening, c.Claim(agent)))

    @rule(opening=openings, agent=agents)
    def claim_two(self, opening, agent):
        for lease in self.do(opening, c.ClaimMany(agent, 2)):
            self.take(opening, lease)

    @rule(
        opening=openings,
        agent=agents,
        names=st.sampled_from([("x",), ("y",), ("x", "y")]),
        shared=st.booleans(),
    )
    def lock(self, opening, agent, names, shared):
        self.take(opening, self.do(opening, c.LockNames(names, agent, holder="h", shared=shared)))

    @rule(opening=openings, data=st.data())
    def renew(self, opening, data):
        token = self.pick(data)
        if token:
            (answer,) = self.do(opening, c.Renew(((self.leases[token].task, token),)))
            if isinstance(answer, c.Renewed):
                self.spoken[token].add(opening)

    @rule(opening=openings, data=st.data())
    def complete(self, opening, data):
        token = self.pick(data)
        if token:
            lease = self.leases[token]
            ending = c.Release if lease.names else c.Fail
            self.do(opening, ending(lease.task, token, *([] if lease.names else ["no"])))

    @rule(opening=openings, agent=agents, gone=st.lists(openings, max_size=2, unique=True))
    def adopt(self, opening, agent, gone):
        before = {
            token
            for token in self.live()
            if self.leases[token].agent == agent and not self.leases[token].names
        }
        theirs = {token for token in before if self.owner(token) and self.owner(token) in gone}
        for lease in self.do(opening, c.Adopt(agent, gone=tuple(gone))):
            self.take(opening, lease)
        assert theirs & self.live() == set()

    @rule(opening=openings, keep=st.booleans())
    def end(self, opening, keep):
        before = self.live()
        theirs = {token for token in before if self.owner(token) == opening}
        assert self.do(UNTOLD, c.EndOpening(opening, keep)) == len(theirs)
        assert before - self.live() == (set() if keep else theirs)
        for token in theirs:
            self.spoken[token].add("nobody")

    @rule(seconds=st.sampled_from([0, 1, 8, 11]))
    def pass_time(self, seconds):
        self.now += seconds * SECOND
        self.do(UNTOLD, c.Wakeup())

    @rule()
    def read_again(self):
        again = copy_of(self.machine)
        assert digest(again) == digest(self.machine)
        self.machine = again

    def pick(self, data):
        live = sorted(self.live())
        return data.draw(st.sampled_from(live)) if live else None

    def owner(self, token):
        """Return the opening whose end ends a lease: its only one, of those whose life is told."""
        (opening, *others) = self.spoken[token]
        return None if others or not is_told(opening) else opening

    @invariant()
    def agree(self):
        if not hasattr(self, "machine"):
            return
        self.machine.check()
        owners = {self.owner(token) for token in self.live()}
        assert set(holding(self.machine.ledger)) == owners - {None}
        for token in self.live():
            assert opening_of(self.machine.ledger, token) == (self.owner(token) or "")


TestLives = Lives.TestCase

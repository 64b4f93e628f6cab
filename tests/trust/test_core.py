"""Reputation and its effects in the core: golden values, limits, quarantine, alarms, poison, rolling back."""

from __future__ import annotations

import json
import random

import pytest

from ants_coord import errors
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.board import Deposit, Read, RollBack, Sense, Take, Write
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.core.trust.evidence import channel
from ants_coord.values.marks import Mark, MarkKind
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task
from ants_coord.values.trust import TrustPolicy

from ..landing import cut_short_everywhere
from ..scale import of

EVERY = of(13, 3, 1)

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
HOUR = 3_600


class Board:
    """A machine whose clock is moved by hand."""

    def __init__(self, strategy="claim", trust=None, **settings):
        self.machine, self.now, self.log = Machine(), START, []
        plain = {"backoff": Backoff(first=0), "lease_ttl": 10.0, "max_attempts": 100}
        self.do(c.Configure(Settings(strategy=strategy, trust=trust, **{**plain, **settings})))

    def do(self, command, after=0.0):
        self.now += round(after * SECOND)
        self.log.append((self.now, command))
        reply = self.machine.apply(command, now_ns=self.now)
        self.machine.check()
        return reply

    def submit(self, count, prefix="t", **options):
        self.do(c.submission(tuple(Task(f"{prefix}{number}", **options) for number in range(count))))

    def claim(self, agent, after=0.0, **options):
        return self.do(c.Claim(agent, **options), after)

    def end(self, lease, how="complete"):
        return self.do(
            {
                "complete": lambda: c.Complete(lease.task, lease.token),
                "fail": lambda: c.Fail(lease.task, lease.token, "no"),
                "release": lambda: c.Release(lease.task, lease.token),
            }[how]()
        )

    def work(self, agent, count=1, how="complete"):
        for _ in range(count):
            self.end(self.claim(agent), how)

    def standing(self, agent):
        return self.machine.ask(reading.StandingOf(agent))

    def events(self, *types):
        return [event for event in self.machine.ask(reading.Events(count=100_000)) if event.type in types]


# -- reputation -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "mean", "low"),
    [(0, 0, 0.5, 0.2113), (1, 0, 0.6667, 0.4310), (3, 0, 0.8, 0.6367), (5, 0, 0.8571, 0.7334), (10, 0, 0.9167, 0.84)],
)  # fmt: skip
def test_golden_values_of_the_beta_distribution(good, bad, mean, low):
    """Mean and lower bound as published for a uniform prior."""
    found = channel(good, bad)
    assert (round(found.mean, 4), round(found.low, 4)) == (mean, low)


def test_the_example_of_the_beta_reputation_paper():
    """Josang and Ismail 2002: seven good, one bad, expect 0.8; three silent expiries are below 0.35 at best."""
    assert channel(7, 1).mean == pytest.approx(0.8)
    assert round(channel(0, 6).high, 4) == 0.3063
    for lam, expected in ((0.0, 2 / 3), (0.5, 0.75), (0.7, 0.8125), (0.9, 0.9167), (0.99, 0.9902)):
        assert channel(1 / (1 - lam), 0).mean == pytest.approx(expected, abs=1e-4)


def test_outcomes_are_evidence_of_different_weight():
    """Silence is worse than failing, failing worse than giving back; what is given back early is nearly nothing."""
    board = Board()
    board.submit(50)
    for agent, how in (("done", "complete"), ("fails", "fail"), ("early", "release")):
        board.work(agent, how=how)
    late = board.claim("late")
    board.claim("silent")
    board.do(c.Release(late.task, late.token), after=6)
    board.do(c.Wakeup(), after=10)
    bad = {
        agent: board.standing(agent).delivery.bad for agent in ("done", "early", "late", "fails", "silent")
    }
    assert bad == {"done": 0.0, "early": 0.1, "late": 0.25, "fails": 1.0, "silent": 2.0}
    seen = board.standing("silent")
    assert (seen.expired, seen.kinds[0].kind, seen.kinds[0].failures) == (1, "default", 1)
    assert seen.limit is None
    assert seen.barred is None


def test_a_late_result_is_better_than_none():
    """Completed after all: some of the blame for the silence is taken back."""
    board = Board()
    board.submit(1)
    lease = board.claim("w")
    board.do(c.Wakeup(), after=10)
    assert board.standing("w").delivery.bad == 2.0
    board.do(c.Complete(lease.task, lease.token, late="accept"))
    seen = board.standing("w").delivery
    assert seen.good == 0.5
    assert seen.bad == pytest.approx(2 * 2 ** (-1 / 50) - 1)


def test_evidence_fades_with_outcomes_and_with_time():
    """Fifty outcomes halve it; a month halves the good, three months the bad; the memory is bounded."""
    board = Board(retention_count=0)
    board.submit(3_000)
    board.work("w", how="fail")
    board.work("w", 50)
    assert board.standing("w").delivery.bad == pytest.approx(0.5)
    board.do(c.Wakeup(), after=90 * 24 * HOUR)
    before = board.standing("w").delivery
    board.work("w", how="release")
    after = board.standing("w").delivery
    keep = 2 ** (-1 / 50)
    assert after.good == pytest.approx(before.good / 8 * keep)
    assert after.bad == pytest.approx(before.bad / 2 * keep + 0.1)
    machine, now = board.machine, board.now
    for _ in range(1_000):
        lease = machine.apply(c.Claim("w"), now_ns=now)
        machine.apply(c.Complete(lease.task, lease.token), now_ns=now)
    assert board.standing("w").delivery.good == pytest.approx(1 / (1 - keep), rel=1e-3)


def test_standing_has_no_effect_without_a_policy():
    """A plain queue never refuses a second claim, nor benches its only worker."""
    board = Board()
    board.submit(60)
    for _ in range(20):
        board.work("w", how="fail")
    held = [board.claim("w") for _ in range(20)]
    assert all(isinstance(lease, Lease) for lease in held)
    assert {lease.ttl_ns for lease in held} == {10 * SECOND}


# -- effects ----------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["claim", "match", "board"])
def test_how_much_an_agent_may_hold_grows_with_what_it_delivers(strategy):
    """One at first, two after three, three from five on, four after eight; and it says why not more."""
    board = Board(strategy, TrustPolicy())
    board.submit(60)
    limits = []
    for _ in range(9):
        limits.append(board.standing("w").limit)
        board.work("w")
    assert (limits[0], limits[3], limits[5], limits[8]) == (1, 2, 3, 4)
    assert limits == sorted(limits)
    held = []
    while (lease := board.claim("w")) is not None:
        held.append(lease)
    assert len(held) == 4
    told = str(board.machine.ask(reading.ExplainAgent("w")))
    assert "as many as its standing allows" in told
    assert board.standing("w").barred in told
    assert len(board.do(c.ClaimMany("new", 5))) == 1


def test_first_leases_are_short_until_an_agent_has_delivered():
    """A newcomer that vanishes costs half a lease."""
    board = Board(trust=TrustPolicy())
    board.submit(20)
    lengths = []
    for _ in range(7):
        lease = board.claim("w")
        lengths.append(lease.ttl_ns / SECOND)
        board.end(lease)
    assert lengths[0] == pytest.approx(10 * (0.25 + 0.2113), abs=0.01)
    assert lengths == sorted(lengths)
    assert lengths[-1] == 10.0


@pytest.mark.parametrize("asked", ["by the caller", "by the task"])
def test_a_lease_is_never_shorter_than_asked_for(asked):
    board = Board(trust=TrustPolicy())
    ttl = 60.0
    board.do(c.submission((Task("t", lease_ttl=None if asked == "by the caller" else ttl),)))
    lease = board.do(c.Claim("w", ttl_ns=60 * SECOND if asked == "by the caller" else None))
    assert lease.ttl_ns == 60 * SECOND


def test_who_works_within_the_full_length_is_not_silent():
    """Its first lease was shortened and ran out: no evidence, and full ones from then on."""
    board = Board(trust=TrustPolicy())
    board.submit(20)
    lease = board.claim("w")
    assert lease.ttl_ns < 5 * SECOND
    board.do(c.Wakeup(), after=5)
    assert board.standing("w").expired == 1
    assert board.standing("w").delivery.bad == 0
    for _ in range(3):
        lease = board.claim("w")
        assert lease.ttl_ns == 10 * SECOND
        board.do(c.Complete(lease.task, lease.token), after=9)
    board.claim("w")
    board.do(c.Wakeup(), after=10)
    assert board.standing("w").delivery.bad > 0
    assert board.claim("w").ttl_ns == 10 * SECOND
    board.machine.check()


def test_a_probe_has_the_full_length():
    """A ghost is still found out, and its trial after quarantine is as long as anybody's lease."""
    board = Board(trust=TrustPolicy())
    board.submit(40)
    for _ in range(40):
        if board.standing("w").barred:
            break
        board.claim("w")
        board.do(c.Wakeup(), after=10)
    assert board.standing("w").barred
    board.do(c.Wakeup(), after=600)
    assert board.claim("w").ttl_ns == 10 * SECOND


def test_renewing_for_ever_ends():
    """A lease cannot be renewed beyond six times its length; that is overtime, a little better than silence."""
    board = Board(trust=TrustPolicy(short_leases=False))
    board.submit(2)
    lease = board.claim("w")
    for _ in range(7):
        answer = board.do(c.Renew(((lease.task, lease.token),)), after=8)
    assert isinstance(answer[0], c.Renewed)
    assert answer[0].expires_ns == START + 60 * SECOND
    (lost,) = board.do(c.Renew(((lease.task, lease.token),)), after=8)
    assert lost.reason == "expired"
    assert board.standing("w").delivery.bad == 1.5


def test_adopting_does_not_start_the_clock_anew():
    """A lease that has been renewed keeps its last deadline under its new token."""
    board = Board(trust=TrustPolicy(short_leases=False, hold_most=2.0))
    board.submit(1)
    lease = board.claim("w")
    board.do(c.Renew(((lease.task, lease.token),)), after=9)
    (lease,) = board.do(c.Adopt("w", force=True), after=9)
    assert lease.expires_ns == START + 20 * SECOND


def test_quarantine_probe_and_relapse():
    """Three silent expiries are enough; later one task is tried; failing doubles the time, success readmits."""
    board = Board(trust=TrustPolicy(cooldown=2.0))
    board.submit(20)
    for _ in range(4):  # the first lease was shortened: no evidence
        assert isinstance(board.claim("ghost"), Lease)
        board.do(c.Wakeup(), after=10)
    (told,) = board.events("quarantined")
    assert told.detail["ns"] == 20 * SECOND
    assert board.claim("ghost") is None
    assert "in quarantine for" in board.standing("ghost").barred
    lease = board.claim("ghost", after=20)
    assert board.claim("ghost") is None
    assert "one task at a time" in board.standing("ghost").barred
    board.end(lease, "fail")
    assert board.events("quarantined")[-1].detail["ns"] == 40 * SECOND
    lease = board.claim("ghost", after=40)
    board.end(lease)
    assert [event.agent for event in board.events("readmitted")] == ["ghost"]
    assert board.standing("ghost").barred is None
    assert isinstance(board.claim("ghost"), Lease)


def test_a_betrayal_is_noticed_whatever_the_history():
    """A hundred good deeds do not excuse five bad ones in a row."""
    board = Board(trust=TrustPolicy(quarantine_most=1.0))
    board.submit(200)
    board.work("w", 100)
    board.work("w", 5, "fail")
    assert board.claim("w") is None
    assert "5 bad outcomes in a row" in board.standing("w").barred


def test_an_outage_is_not_a_crime_wave():
    """If more than a fifth of the established agents would go at once, nobody goes; an alarm is raised and ends."""
    board = Board(trust=TrustPolicy(cooldown=5.0, poison_after=0))
    agents = [f"w{number}" for number in range(10)]
    for agent in agents:  # work of their own, or they would only see that others fail it, too
        board.submit(20, prefix=agent, kind=agent)
        for _ in range(8):
            board.end(board.claim(agent, kinds=(agent,)))
    for agent in agents:
        for _ in range(5):
            board.end(board.claim(agent, kinds=(agent,)), "fail")
    assert len(board.events("quarantined")) == 2
    assert [bool(event.agent) for event in board.events("alarm")] == [True]
    held = board.claim("w9")
    assert isinstance(held, Lease)
    assert board.claim("w9") is None
    assert "an outage is likely" in board.standing("w9").barred
    board.end(held)
    board.do(c.Wakeup(), after=60)
    assert board.events("alarm")[-1].detail == {"why": "over"}


def test_a_poison_task_is_blamed_before_agents_are():
    """What three different agents failed is parked, and their records are mended."""
    board = Board(trust=TrustPolicy())
    board.do(c.submission((Task("poison"),)))
    for agent in ("ann", "bob", "cy"):
        board.work(agent, how="fail")
    record = board.machine.ask(reading.Find("poison"))
    assert record.state == "failed"
    assert record.outcome.reason.startswith("poison: 3 different agents failed it (ann, bob, cy)")
    assert [board.standing(agent).delivery.bad for agent in ("ann", "bob", "cy")] == pytest.approx(
        [0, 0, 0], abs=0.02
    )
    assert not board.machine.ledger.tables["strikes"].get("cy")


def test_marks_count_by_the_standing_of_who_lays_them():
    """A newcomer's mark counts a quarter, that of a proven agent in full, that of one in quarantine not at all."""
    board = Board("board", TrustPolicy(cooldown=100.0), half_life=1e6)
    board.submit(40)
    assert board.do(Deposit(Mark("food", "a", 4.0), "new")).laid == pytest.approx(4 * 0.2113 / 0.85, abs=0.01)
    board.work("old", 12)
    assert board.do(Deposit(Mark("food", "a", 4.0), "old")).laid == 4.0
    for _ in range(4):
        board.claim("ghost")
        board.do(c.Wakeup(), after=10)
    refused = board.do(Deposit(Mark("food", "a", 4.0), "ghost"))
    assert isinstance(refused.error, errors.QuarantinedError)
    assert "in quarantine" in str(refused.error)


# -- rolling back -----------------------------------------------------------------------------


def test_one_agents_doings_are_taken_back_in_one_step():
    """Shares of trails go exactly, entries get back what others had written, and others' work is untouched."""
    board = Board("board", TrustPolicy(), half_life=60.0)
    plain = Board("board", TrustPolicy(), half_life=60.0)
    for each in (board, plain):
        each.do(Deposit(Mark("food", "shared", 3.0), "ann"))
        each.do(Write("kept", 1, "ann"))
        each.do(Write("changed", "right", "ann"))
        if each is board:
            each.do(Deposit(Mark("food", "shared", 50.0), "mal"), after=7)
            each.do(Deposit(Mark("food", "decoy", 50.0), "mal"))
            each.do(Write("changed", "wrong", "mal"))
            each.do(Write("changed", "wronger", "mal"))
            each.do(Write("spam", 1, "mal"))
        else:
            each.do(c.Wakeup(), after=7)
        each.do(Deposit(Mark("food", "shared", 2.0), "bob"), after=5)
    answer = board.do(RollBack("mal", "host"))
    assert answer == {"trails": 2, "restored": 1, "erased": 1, "handed_on": {}}
    ask = lambda each, query: each.machine.ask(query)  # noqa: E731
    assert ask(board, Sense("decoy")) == ()
    assert (
        ask(board, Sense("shared"))[0].strength == ask(plain, Sense("shared"))[0].strength
    )  # to the last bit
    found = ask(board, Read("changed"))
    assert (found.value, found.author) == ("right", "ann")
    assert ask(board, Read("spam")) is None
    assert ask(board, Read("kept")).value == 1
    assert board.claim("mal") is None
    assert "taken back by host" in board.standing("mal").barred
    assert board.do(RollBack("mal", "host", quarantine=False)) == {
        "trails": 0,
        "restored": 0,
        "erased": 0,
        "handed_on": {},
    }
    assert isinstance(Machine().apply(RollBack("mal", "host"), now_ns=START).error, errors.NotSupportedError)


def test_rolling_back_does_not_raise_the_dead():
    """An entry that somebody took before the agent wrote it again goes; it does not come back."""
    board = Board("board")
    board.do(Write("x", 1, "ann"))
    board.do(Take("x", "bob"))
    board.do(Write("x", 2, "mal"))
    assert board.do(RollBack("mal", "host")) == {"trails": 0, "restored": 0, "erased": 1, "handed_on": {}}
    assert board.machine.ask(Read("x")) is None


# -- all together -----------------------------------------------------------------------------


def walk(board, dice, steps):
    """Agents with characters work for a while: most honest, one that vanishes, one that fails, one that spams."""
    held = []
    for number in range(steps):
        agent = dice.choice(("ann", "bob", "ghost", "fails"))
        kind = dice.randrange(10)
        if kind < 4:
            reply = board.do(c.Claim(agent))
            if isinstance(reply, Lease):
                held.append(reply)
        elif kind < 7 and held:
            lease = held.pop(dice.randrange(len(held)))
            if lease.agent != "ghost":
                board.end(
                    lease,
                    "fail" if lease.agent == "fails" else dice.choice(("complete", "complete", "release")),
                )
        elif kind == 7:
            board.do(c.submission((Task(f"s{number}", kind=dice.choice("uv"), place=dice.choice("abc")),)))
        elif kind == 8:
            board.do(c.Wakeup(), after=dice.choice((1, 5, 11, 3_700)))
        else:
            for command in (
                Deposit(Mark("food", dice.choice("abc"), dice.uniform(0.5, 9)), agent),
                Write(dice.choice(("x", "y")), number, agent),
            ):
                board.do(command)
            if dice.random() < 0.2:
                board.do(RollBack(agent, "host", quarantine=dice.random() < 0.5))


@pytest.mark.parametrize("seed", range(8))
def test_replicas_agree_on_trust(seed):
    """Replay and restored snapshots give the same replies and the same digest, and every table is sound."""
    dice = random.Random(seed)
    board = Board("board", TrustPolicy(cooldown=1.0), half_life=60.0)
    board.submit(20)
    walk(board, dice, 150)
    machine, twins = Machine(), []
    for number, (now, command) in enumerate(board.log):
        if number % 40 == 20:
            twin = Machine()
            restore(twin, json.loads(json.dumps(list(records(machine)))))
            twins.append(twin)
        reply = repr(machine.apply(command, now_ns=now))
        for twin in twins:
            assert repr(twin.apply(command, now_ns=now)) == reply
    for twin in (machine, *twins):
        assert digest(twin) == digest(board.machine)


def test_a_command_cut_short_has_happened_or_has_not():
    """An exception at every few lines of every command of a walk: the digest of before or of after."""
    board = Board("board", TrustPolicy(cooldown=1.0), half_life=60.0)
    board.submit(8)
    walk(board, random.Random(3), 40)

    def play(log):
        machine = Machine()
        for now, command in log:
            machine.apply(command, now_ns=now)
        return machine

    for number in range(1, len(board.log)):
        cut_short_everywhere(play, board.log, number, EVERY)


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: TrustPolicy(claims_most=0), ValueError, "claims_most"),
        (lambda: TrustPolicy(hold_most=0.5), ValueError, "hold_most.*0.5"),
        (lambda: TrustPolicy(hold_most=float("nan")), ValueError, "hold_most.*nan"),
        (lambda: TrustPolicy(quarantine_most=1.5), ValueError, "quarantine_most.*1.5"),
        (lambda: TrustPolicy(quarantine_after=0), ValueError, "quarantine_after"),
        (lambda: TrustPolicy(cooldown=0), ValueError, "cooldown"),
        (lambda: TrustPolicy(poison_after=-1), ValueError, "poison_after"),
        (lambda: TrustPolicy(short_leases=1), TypeError, "short_leases.*1"),
        (lambda: Settings(trust=True), TypeError, "trust.*True"),
    ],
)
def test_bad_input_is_refused_by_name(make, kind, words):
    """The error names the field and the value."""
    with pytest.raises(kind, match=words):
        make()


def test_what_an_outcome_has_strengthened_is_taken_back_with_it():
    """A trail of two authors is reinforced; without one of them it is what the other's would have become."""
    kinds = (MarkKind("food", half_life=60.0, success=3.0, failure=0.5),)
    strengths = []
    for with_mal in (True, False):
        board = Board("board", kinds=kinds)
        board.do(c.submission((Task("t", place="p"), Task("u", place="p"))))
        board.do(Deposit(Mark("food", "p", 4.0), "ann"))
        if with_mal:
            board.do(Deposit(Mark("food", "p", 9.0), "mal"))
        board.do(Deposit(Mark("food", "p", 2.0), "bob"))
        lease = board.claim("ann")
        board.do(c.Complete(lease.task, lease.token, None))
        if with_mal:
            assert board.do(RollBack("mal", "host"))["trails"] == 1
        (trail,) = board.machine.ask(Sense("p"))
        strengths.append(trail.strength)
    assert strengths[0] == strengths[1] == pytest.approx(18.0)


def test_the_authors_of_a_trail_are_known_one_by_one_up_to_a_number():
    """Sixty-four have shares of their own; the others are counted together, and stay when one is taken back."""
    board = Board("board", half_life=60.0)
    for number in range(70):
        board.do(Deposit(Mark("food", "p", 1.0), f"agent-{number:02}"))
    shares = board.machine.ledger.tables["shares"]["food", "p"]
    assert [name for name, *_ in shares] == ["", *[f"agent-{number:02}" for number in range(64)]]
    assert board.do(RollBack("agent-63", "host"))["trails"] == 1
    assert board.machine.ask(Sense("p"))[0].strength == pytest.approx(69.0)
    assert board.do(RollBack("agent-64", "host"))["trails"] == 0
    assert board.machine.ask(Sense("p"))[0].strength == pytest.approx(69.0)

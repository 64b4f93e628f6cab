"""Results that others check: against a naive model, on every strategy, and through the fronts."""

import collections
import json
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ants_coord import (
    Backoff,
    Blackboard,
    ClaimQueue,
    Matchmaker,
    Task,
    TaskFailedError,
    TaskState,
    TrustPolicy,
    Verify,
)
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.core.trust.checks import agree, share_to_check
from ants_coord.errors import TaskExistsError, VerdictError
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock
from ants_coord.values.settings import Settings

from ..core.waking import hints_are_complete
from ..scale import of
from .naive_checks import NaiveChecks

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
AGENTS = ("ann", "bob", "cy", "dan")
BOARDS = (ClaimQueue, Matchmaker, Blackboard)
WAYS = (
    None,
    Verify.by_check(),
    Verify.by_check("review", votes=3),
    Verify.by_quorum(),
    Verify.by_quorum(2, of=4),
    Verify.by_quorum(3),
    Verify.by_canary(1),
)


@pytest.fixture(params=BOARDS, ids=lambda cls: cls.__name__)
def board(request):
    with request.param(clock=ManualClock()) as board:
        yield board
        board._engine.check()


# -- the model --------------------------------------------------------------------------------


class Both:
    def __init__(self, strategy, trust=None):
        self.machine, self.naive, self.now = Machine(), NaiveChecks(), START
        more = {} if strategy == "claim" else {"bench_after": 0}
        more |= {"lease_ttl": 30, "max_attempts": 3, "backoff": Backoff(0)}
        self.machine.apply(c.Configure(Settings(strategy=strategy, trust=trust, **more)), now_ns=self.now)
        self.tokens, self.made = [], 0

    def do(self, command):
        with hints_are_complete(self.machine, AGENTS):
            return self.machine.apply(command, now_ns=self.now)

    def step(self, kind, pick, agent, value):
        self.naive.pass_time(self.now)
        if kind == "submit":
            task = Task(f"t{self.made}", verify=WAYS[pick % len(WAYS)], priority=pick % 3)
            self.made += 1
            assert self.do(c.submission((task,)))[0].created
            self.naive.submit(task)
        elif kind == "claim":
            kinds = ((None, None, None, ("default",), ("check", "review")))[pick % 5]
            lease = self.do(c.Claim(agent, kinds))
            expected = self.naive.claim(agent, kinds, None if lease is None else lease.token)
            assert (None if lease is None else (lease.task, lease.kind)) == expected
            if lease is not None:
                self.tokens.append((lease.task, lease.token))
        elif kind == "name":
            name = f"t{pick % max(1, self.made)}"
            lease = self.do(c.Claim(agent, task=name))
            if isinstance(lease, c.Refused):
                assert not self.naive.jobs or not self.naive.jobs[pick % self.made].is_open
                return
            expected = self.naive.claim_by_name(agent, name, None if lease is None else lease.token)
            assert (None if lease is None else (lease.task, lease.kind)) == expected
            if lease is not None:
                self.tokens.append((lease.task, lease.token))
        elif kind == "vouch":
            house = ("x", "y")[pick % 2]
            self.do(c.Vouch(agent, house, "host"))
            self.naive.principal[agent] = house
        elif kind == "wait":
            self.now += (1, 10, 40)[pick % 3] * SECOND
            self.do(c.Wakeup())
            self.naive.pass_time(self.now)
        elif kind == "move":
            twin = Machine()
            restore(twin, json.loads(json.dumps(list(records(self.machine)))))
            assert digest(twin) == digest(self.machine)
            self.machine = twin
        elif self.tokens:
            task, token = self.tokens[-1 - pick % min(6, len(self.tokens))]
            self.end(kind, task, token, value)
        self.compare()

    def end(self, kind, task, token, value):
        known = self.naive.of(token)
        if kind == "fail":
            reply = self.do(c.Fail(task, token, "no"))
            expected = self.naive.fail(token)
        else:
            reply = self.do(c.Complete(task, token, value))
            expected = self.naive.complete(token, value)
        if isinstance(reply, c.Refused):
            said = "no verdict" if isinstance(reply.error, VerdictError) else "lost"
        else:
            said = str(getattr(reply, "state", reply))
        if known is None and not isinstance(reply, c.Refused):
            return  # the same lease asks again: the same answer
        assert said == expected

    def compare(self):
        self.machine.check()
        for job in self.naive.jobs:
            row = self.machine.ledger.tasks[job.task.id]
            assert (str(row.state), row.attempts) == (job.state, job.attempts), job.task
            if job.state == "done":
                assert (row.outcome.result, row.outcome.by) == (job.result, job.by)
        seen = {agent: self.machine.ask(reading.StandingOf(agent)).quality for agent in AGENTS}
        count = collections.Counter(self.naive.quality)
        for agent, quality in seen.items():
            judged = count[agent, True] + count[agent, False]
            assert (quality is None) == (judged == 0)
            if quality is not None:
                assert (quality.good > 0) == (count[agent, True] > 0)
                assert (quality.bad > 0) == (count[agent, False] > 0)


MOVES = (
    "submit",
    "claim",
    "claim",
    "claim",
    "name",
    "complete",
    "complete",
    "complete",
    "fail",
    "wait",
    "move",
)
MOVES = (*MOVES * 3, "vouch")
VALUES = (1, 1, 2, True, True, False, {"x": [1]})


@settings(max_examples=of(20, 60, 5_000), deadline=None)
@given(
    strategy=st.sampled_from(["claim", "match", "board"]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(MOVES),
            st.integers(0, 30),
            st.sampled_from(AGENTS),
            st.sampled_from(VALUES),
        ),
        max_size=60,
    ),
)
def test_a_naive_model_agrees(strategy, steps):
    both = Both(strategy)
    for step in steps:
        both.step(*step)


@pytest.mark.parametrize("seed", range(of(5, 15, 500)))
def test_a_naive_model_agrees_on_long_walks(seed):
    dice = random.Random(seed)
    both = Both(("claim", "match", "board")[seed % 3])
    for _ in range(400):
        both.step(dice.choice(MOVES), dice.randrange(31), dice.choice(AGENTS), dice.choice(VALUES))
    states = collections.Counter(job.state for job in both.naive.jobs)
    assert states["done"] > 1  # the walk gets somewhere
    assert both.naive.quality


# -- one thing at a time ----------------------------------------------------------------------


def test_nobody_checks_what_a_friend_has_done(board):
    board.vouch("ann", "north", by="host")
    assert board.vouch("bob", "north", by="host") is True
    assert board.vouch("bob", "north", by="host") is False
    board.submit(Task("a", verify=Verify.by_check()))
    board.complete(board.claim_nowait("ann"), 1)
    assert board.claim_nowait("ann") is None
    assert board.claim_nowait("bob") is None
    assert board.claim_nowait("bob", task="a") is None
    assert "of another principal" in str(board.explain("a"))
    check = board.claim_nowait("cy")
    assert check.payload == {"task": "a", "kind": "default", "payload": None, "result": 1}
    assert board.standing("bob").principal == "north"
    assert board.standing("cy").principal == "cy"


def test_dependents_wait_for_the_verdict(board):
    board.submit_many([Task("a", verify=Verify.by_check()), Task("b", needs=("a",))])
    board.complete(board.claim_nowait("ann"), 1)
    assert board.find("b").state == "waiting"
    assert board.find("a").outcome is None
    board.complete(board.claim_nowait("bob"), {"ok": True, "reason": "fine"})
    assert board.outcome("a").by == "ann"
    assert board.claim_nowait("ann").inputs == {"a": 1}


def test_a_repeated_answer_is_the_same_answer(board):
    board.submit(Task("a", verify=Verify.by_quorum()))
    lease = board.claim_nowait("ann")
    first = board.complete(lease, 5)
    assert board.complete(lease, 5) == first
    assert len(board._engine._machine.ledger.tables["handed"]["a"][1]) == 1


def test_a_quorum_that_cannot_be_reached_fails(board):
    board.submit(Task("a", verify=Verify.by_quorum(2, of=3)))
    for agent, value in (("ann", 1), ("bob", 2), ("cy", 3)):
        board.complete(board.claim_nowait(agent), value)
    with pytest.raises(TaskFailedError, match="no 2 of 3 results agree"):
        board.result("a")
    assert board.standing("ann").quality is None  # nobody knows who was right


def test_who_is_outvoted_is_judged(board):
    board.submit(Task("a", verify=Verify.by_quorum(2, of=3)))
    for agent, value in (("ann", 1.0), ("bob", 7), ("cy", 1.0)):
        board.complete(board.claim_nowait(agent), value)
    assert board.result("a") == 1.0
    assert board.standing("bob").quality.bad == 1
    assert board.standing("ann").quality.good == board.standing("cy").quality.good == 1
    assert board.standing("bob").delivery.good == 1  # it did deliver


def test_a_lying_checker_is_outvoted(board):
    board.submit(Task("a", verify=Verify.by_check(votes=3)))
    board.complete(board.claim_nowait("ann"), 1)
    for agent, ok in (("liar", False), ("bob", True), ("cy", True)):
        board.complete(board.claim_nowait(agent), ok)
    assert board.result("a") == 1
    assert board.standing("liar").quality.bad == 1
    assert board.standing("ann").quality.good == 1


def test_a_rejected_result_is_an_attempt(board):
    board.submit(Task("a", verify=Verify.by_check(), max_attempts=2))
    for expected in ("ready", "failed"):
        board.complete(board.claim_nowait("ann"), 1)
        answer = board.complete(board.claim_nowait("bob"), {"ok": False, "reason": "no units"})
        assert answer.state == expected
    assert "rejected by bob: no units" in board.outcome("a").reason
    assert [event.agent for event in board.events() if event.type == "rejected"] == ["ann", "ann"]


def test_a_known_answer_is_not_in_the_record(board):
    board.submit(Task("a", payload="17*3", verify=Verify.by_canary(51), max_attempts=2))
    assert "51" not in repr(board.find("a").task.verify)
    board.complete(board.claim_nowait("bob"), 52)
    assert board.standing("bob").quality.bad == 2
    board.complete(board.claim_nowait("ann"), 51)
    assert board.result("a") == 51


def test_bad_verdicts_change_nothing(board):
    board.submit(Task("a", verify=Verify.by_check()))
    board.complete(board.claim_nowait("ann"), 1)
    check = board.claim_nowait("bob")
    before = board._engine.digest()
    for verdict in ("yes", 1, None, {"ok": 1}, {"ok": True, "reason": 3}, {"ok": True, "more": 1}):
        with pytest.raises(VerdictError, match=r"complete it with True, False or \{'ok'"):
            board.complete(check, verdict)
        with pytest.raises(VerdictError):
            board.complete_many([(check, verdict)])
    board._engine.check()
    assert board.find("a").lease.token == check.token
    assert board._engine.digest() != "" and before
    assert board.complete(check, True).state == "done"


def test_limits_and_priorities_hold_for_checks(board):
    board.limit("db", 1)
    board.submit(Task("a", verify=Verify.by_check(), limit="db"))
    board.submit(Task("b", limit="db"))
    board.complete(board.claim_nowait("ann", task="a"), 1)
    assert board.claim_nowait("ann").task == "b"
    assert board.claim_nowait("bob") is None
    board.submit(Task("c", priority=1))
    assert board.claim_nowait("bob").task == "c"


@pytest.mark.parametrize("cls", [Matchmaker, Blackboard])
def test_a_check_can_require_other_abilities(cls):
    with cls(clock=ManualClock()) as board:
        board._engine.execute(Advertise(_advert("coder", "python")))
        board._engine.execute(Advertise(_advert("judge", "review")))
        board._engine.execute(Advertise(_advert("other", "python")))
        board.submit(Task("a", requires="python", verify=Verify.by_check(requires="review")))
        assert board.claim_nowait("judge") is None
        board.complete(board.claim_nowait("coder"), 1)
        assert board.claim_nowait("other") is None
        assert "that meets review" in str(board.explain("a"))
        lease = board.claim_nowait("judge")
        board.complete(lease, True)
        board._engine.check()


@pytest.mark.parametrize("cls", [Matchmaker, Blackboard])
def test_offers_declines_and_reasons_know_of_checks(cls):
    with cls(clock=ManualClock()) as board:
        for agent in ("ann", "bob", "cy"):
            board._engine.execute(Advertise(_advert(agent, "python")))
        board.submit_many(
            [Task("a", requires="python", verify=Verify.by_check()), Task("b"), Task("c", priority=1)]
        )
        board.complete(board.claim_nowait("ann", task="a"), 1)
        assert [(offer.task, offer.kind) for offer in board.offers("bob")] == [
            ("c", "default"), ("a", "check"), ("b", "default"),
        ]  # fmt: skip
        assert [offer.task for offer in board.offers("ann")] == ["c", "b"]
        assert "has handed a result in" in str(board.why_not("a", agent="ann"))
        assert "could check it" in str(board.why_not("a", agent="bob"))
        board.decline("a", reason="not today", agent="bob")
        assert [offer.task for offer in board.offers("bob")] == ["c", "b"]
        assert board.claim_nowait("cy", kinds=["check"]).task == "a"
        board._engine.check()


def _advert(agent, *abilities):
    from ants_coord import Advert

    return Advert(agent, capabilities=abilities)


def test_words_that_make_no_sense_are_refused():
    for make, match in (
        (lambda: Verify.by_check(votes=2), "votes must be odd"),
        (lambda: Verify.by_check("no kind!"), "kind"),
        (lambda: Verify.by_check(error=0.9), "error"),
        (lambda: Verify.by_check(requires="gpu >"), "gpu"),
        (lambda: Verify.by_quorum(1), "agree must be 2"),
        (lambda: Verify.by_quorum(3, of=2), "most must be 3"),
        (lambda: Verify.by_quorum(tolerance=-1), "tolerance"),
        (lambda: Verify("vote"), "method"),
        (lambda: Verify("check"), "kind belongs"),
        (lambda: Verify("canary"), "digest belongs"),
        (lambda: Task(verify=Verify.by_check(), team=("a", "b")), "verify cannot be asked of a team"),
        (lambda: ClaimQueue(secret=b"short"), "secret must be at least 8 bytes"),
    ):
        with pytest.raises(ValueError, match=match):
            make()
    for make in (
        lambda: Task(verify="check"),
        lambda: Verify.by_check(requires=3),
        lambda: Verify.by_canary(object()),
    ):
        with pytest.raises(TypeError):
            make()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=2),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=1), x, max_size=2),
    )
)
def test_a_value_agrees_with_itself_and_its_copy(value):
    assert agree(value, json.loads(json.dumps(value)), 0.0)


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "same"),
    [
        (1, 1.0, 0, True),
        (1, True, 0, False),
        (100, 101, 0.01, True),
        (100, 102, 0.01, False),
        ({"a": [1.0, "x"]}, {"a": [1.0001, "x"]}, 0.001, True),
        ({"a": 1}, {"b": 1}, 0.5, False),
        ([1], [1, 2], 1.0, False),
        ("1", 1, 1.0, False),
        (None, None, 0, True),
    ],
)
def test_agreement(one, other, tolerance, same):
    assert agree(one, other, tolerance) is same
    assert agree(other, one, tolerance) is same


# -- how often --------------------------------------------------------------------------------


def test_the_share_to_check_keeps_the_accepted_error_below_the_target():
    assert share_to_check(0, 0, 9, 0.05) == 1.0  # never under ten in a row
    assert share_to_check(100, 0, 100, 0.0) == 1.0  # no error allowed: all
    assert share_to_check(1000, 0, 1000, 0.05) == 0.05  # never less than one in twenty
    assert share_to_check(10, 0, 10, 0.05) == pytest.approx(0.4)  # 1 - .05 / (1/12)
    for good, bad in ((100, 5), (100, 20), (50, 50)):
        wrong = (bad + 1) / (good + bad + 2)
        assert wrong * (1 - share_to_check(good, bad, 15, 0.05)) <= 0.05 + 1e-12


@pytest.mark.parametrize("cls", BOARDS)
def test_the_draw_is_the_host_s_and_repeats(cls):
    """An agent that knows the secret can foretell which results are checked, and nobody else can."""

    def checked(secret):
        with cls(clock=ManualClock(), secret=secret) as board:
            found = []
            for n in range(120):
                board.submit(Task(f"t{n}", verify=Verify.by_check(error=0.05)))
                outcome = board.complete(board.claim_nowait("ann"), n)
                found.append(outcome.state != "done")
                if found[-1]:
                    board.complete(board.claim_nowait("bob"), True)
            return found

    once = checked(b"12345678")
    assert once == checked(b"12345678")
    assert once != checked(b"abcdefgh")
    assert all(once[:10])
    assert 5 <= sum(once[10:]) <= 60
    assert all(checked(None))


# -- standing has effects ---------------------------------------------------------------------


def test_three_wrong_results_open_the_breaker_and_a_right_one_closes_it(board_with_trust):
    board, clock = board_with_trust
    for n in range(3):
        board.submit(Task(f"t{n}", verify=Verify.by_check(), max_attempts=1))
        board.complete(board.claim_nowait("cheat"), n)
        board.complete(board.claim_nowait(f"judge{n}"), False)
    assert "quarantine" in board.standing("cheat").barred
    assert board.standing("cheat").quality.high < 0.5
    board.submit(Task("probe", verify=Verify.by_check(error=0.5)))
    assert board.claim_nowait("cheat") is None
    clock.advance(301)
    board.complete(board.claim_nowait("cheat"), 1)  # its results are all checked now
    assert board.standing("cheat").barred is not None or board.standing("cheat").held == 0
    assert board.find("probe").outcome is None
    board.complete(board.claim_nowait("judge0"), True)
    assert "readmitted" in [event.type for event in board.events()]
    assert board.standing("cheat").barred is None


@pytest.fixture(params=BOARDS, ids=lambda cls: cls.__name__)
def board_with_trust(request):
    clock = ManualClock()
    with request.param(clock=clock, trust=TrustPolicy()) as board:
        yield board, clock
        board._engine.check()


def test_strangers_may_be_kept_out():
    with ClaimQueue(clock=ManualClock(), trust=TrustPolicy(strangers=False)) as board:
        board.submit(Task("a"))
        assert board.claim_nowait("ann") is None
        assert "stranger" in str(board.explain_agent("ann"))
        board.vouch("ann", "north", by="host")
        assert board.claim_nowait("ann").task == "a"


def test_a_passed_probe_halves_what_speaks_against_an_agent(board_with_trust):
    board, clock = board_with_trust
    board.submit_many([Task(f"t{n}", max_attempts=9, backoff=Backoff(0)) for n in range(4)])
    for _ in range(4):  # the first lease was shortened, so its end is no evidence
        board.claim_nowait("ghost")
        clock.advance(31)
    before = board.standing("ghost").delivery
    assert before.bad > 5
    clock.advance(301)
    board.complete(board.claim_nowait("ghost"))
    after = board.standing("ghost").delivery
    assert 0.45 * before.bad < after.bad < 0.52 * before.bad
    assert after.good > 0


def test_quarantines_end_in_their_order_after_a_restart(tmp_path):
    """The alarms are made again from the tables, whatever order these are in."""
    from ants_coord.core.snapshot import records as written

    machine, now = Machine(), START
    machine.apply(c.Configure(Settings(trust=TrustPolicy(), lease_ttl=30, max_attempts=99)), now_ns=now)
    for name in ("late", "early"):
        machine.apply(c.submission((Task(name, backoff=Backoff(0)),)), now_ns=now)
    restraint = machine.ledger.restraint
    machine.ledger.undo.look()
    for number, agent in enumerate(("d", "c", "b", "a")):
        restraint._open(machine.ledger, agent, 3 - number, "told so")
    machine.ledger.undo.entries.clear()
    twin = Machine()
    restore(twin, json.loads(json.dumps(list(written(machine)))))
    ends = sorted(row[0] for row in twin.ledger.tables["breakers"].values())
    assert twin.next_wakeup_in_ns == ends[0] - now
    twin.check()


def test_a_known_answer_is_salted_by_its_question():
    """Equal answers look different, the same task twice is one task, and a request that is repeated is one, too."""
    with ClaimQueue(MemoryJournal(ManualClock())) as board:
        for _ in range(2):
            for name in "ab":
                board.submit(Task(name, payload=1, verify=Verify.by_canary("Paris")))
            board.submit(Task(payload=2, verify=Verify.by_canary("Paris")), request_id="one")
        assert board.statistics().unfinished == 3
        known = [record.task.verify.digest for record in board.tasks()]
        assert len({digest.partition("$")[2] for digest in known}) == 3
        with pytest.raises(TaskExistsError):
            board.submit(Task("a", payload=1, verify=Verify.by_canary("Rome")))
        for _ in range(3):
            assert board.complete(board.claim_nowait("ann"), "Paris").state is TaskState.DONE


def test_a_known_answer_of_an_old_log_is_known():
    """Logs of old hold answers without a salt; they are compared as they were."""
    machine = Machine()
    task = Task("a", verify=Verify.by_canary("Paris"))
    machine.apply(c.Submit((task,), (None,)), now_ns=1)
    lease = machine.apply(c.Claim("w"), now_ns=2)
    outcome = machine.apply(c.Complete("a", lease.token, "Paris"), now_ns=3)
    assert outcome.state is TaskState.DONE

"""Agents that boast, that come back for another try, or that turn bad; and proofs that nobody could pass."""

import re

import pytest

from ants_coord import Blackboard, ClaimQueue, Matchmaker
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Agents, Refresh, Withdraw
from ants_coord.core import digest
from ants_coord.errors import ForeignLeaseError, LeaseLostError, LimitError, RequirementError
from ants_coord.testing import ManualClock
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Lease, Task, TaskState
from ants_coord.values.verification import Proof, Verify

from ..landing import landing_at
from .pair import SECOND, copy_of
from .test_proofs import QUESTIONS, Walk


def asked_of(walk, agent, *said, incarnation=1):
    walk.do(Advertise(Advert(agent, said, slots=9, incarnation=incarnation)))
    return walk.do(c.Claim(agent, ("quiz",)))


def stands(walk, agent):
    return walk.machine.ask(Agents(names=(agent,))).agents[0].proofs


def answer(walk, lease, *, well=True):
    right = f"{lease.payload['of']} {lease.payload['n']}"
    return walk.do(c.Complete(lease.task, lease.token, right if well else "what?", agent=lease.agent))


def test_a_boaster_goes_on_with_what_it_can():
    """A wrong answer ends it, whatever attempts are left; its other capabilities are not touched."""
    walk = Walk("match", 0)
    walk.do(c.submission((Task("g", requires="gpu"), Task("w", requires="web"))))
    lease = asked_of(walk, "boaster", "gpu", "web")
    assert answer(walk, lease, well=False).state is TaskState.FAILED
    assert stands(walk, "boaster") == {"gpu": "refuted"}
    assert walk.do(c.Claim("boaster", task="g")) is None
    assert walk.do(c.Claim("boaster")).task == "w"
    assert "gpu: refuted: boaster" in str(walk.machine.ask(reading.Explain("g")))
    assert "gpu refuted" in str(walk.machine.ask(reading.ExplainAgent("boaster")))
    assert "nobody advertises" not in str(walk.machine.ask(reading.Explain("g")))


def test_who_comes_back_gets_no_fresh_proof():
    """Withdrawing, another advert, a restart or a restore change nothing of a refutation, nor of a proof."""
    walk = Walk("match", 0)
    assert answer(walk, asked_of(walk, "bad", "gpu"), well=False).state is TaskState.FAILED
    assert answer(walk, asked_of(walk, "good", "gpu")).state is TaskState.DONE
    for start in (2, 3):
        for agent, said in (("bad", "refuted"), ("good", "proven")):
            walk.do(Withdraw(agent))
            assert asked_of(walk, agent, "gpu.a100", "web", incarnation=start) is None
            assert stands(walk, agent) == {"gpu": said}
        walk.machine = copy_of(walk.machine)


def test_a_question_is_seen_by_its_agent_alone_and_stays_the_same():
    """Nobody else may take it or end it; leaving in the middle and coming back brings the same question."""
    walk = Walk("match", 0)
    lease = asked_of(walk, "slow", "gpu")
    asked_of(walk, "clever", "gpu", "web")
    for command in (
        c.Complete(lease.task, lease.token, "gpu 0", agent="clever"),
        c.Fail(lease.task, lease.token, "no", agent="clever"),
    ):
        assert isinstance(walk.do(command).error, ForeignLeaseError)
    walk.do(Withdraw("slow"))
    assert walk.row(lease.task).state is TaskState.CANCELLED
    assert isinstance(walk.do(c.Complete(lease.task, lease.token, "gpu 1")).error, LeaseLostError)
    again = asked_of(walk, "slow", "gpu", incarnation=2)
    assert again.payload == lease.payload
    assert again.task != lease.task
    assert walk.do(c.Claim("clever", task=again.task)) is None
    walk.do(c.Release(again.task, again.token))
    assert walk.do(c.Claim("clever", task=again.task)) is None
    assert stands(walk, "slow") == {"gpu": "claimed"}


def test_who_turns_bad_is_asked_again_and_then_believed_no_more():
    """One wrong result takes the proof back and brings the next question; a second in a row refutes."""
    walk = Walk("match", 0)
    canary = Verify.by_canary("good")
    walk.do(c.submission(tuple(Task(f"t{n}", requires="gpu", verify=canary) for n in range(6))))
    first = asked_of(walk, "turncoat", "gpu")
    answer(walk, first)

    def work(result):
        lease = walk.do(c.Claim("turncoat", ("default",)))
        walk.do(c.Complete(lease.task, lease.token, result))

    work("good")
    work("bad")
    assert stands(walk, "turncoat") == {"gpu": "claimed"}
    assert walk.do(c.Claim("turncoat", ("default",))) is None
    second = walk.do(c.Claim("turncoat"))
    assert second.payload != first.payload
    answer(walk, second)
    work("good")  # a right result ends the doubt
    work("bad")
    answer(walk, walk.do(c.Claim("turncoat")))
    assert stands(walk, "turncoat") == {"gpu": "proven"}
    work("bad")
    assert stands(walk, "turncoat") == {"gpu": "refuted"}


def test_silence_says_nothing_and_is_asked_again():
    """An agent that hangs is asked as often as a task may be claimed, and again once it has come back."""
    walk = Walk("match", 0)
    for back in (False, True):
        lease = asked_of(walk, "hangs", "gpu") if not back else walk.do(c.Claim("hangs"))
        for _ in range(2):
            assert lease.payload["of"] == "gpu"
            walk.now += 20 * SECOND
            walk.do(c.Wakeup())
            walk.do(Refresh((("hangs", 1),)))
            lease = walk.do(c.Claim("hangs"))
        assert lease is None  # nothing is left that others would wait for
        assert walk.machine.ask(reading.Unfinished()) == 0
        assert stands(walk, "hangs") == {"gpu": "claimed"}
        walk.now += 61 * SECOND
        walk.do(c.Wakeup())
        walk.do(Refresh((("hangs", 1),)))
    assert answer(walk, walk.do(c.Claim("hangs"))).state is TaskState.DONE


def test_nothing_of_an_answer_can_be_read():
    """Ids and texts say nothing of it; the result that was right is not shown; equal answers look different."""
    walk = Walk("match", 0, proofs=tuple(Proof(f"c{n}", n, "quiz", answer="secret") for n in range(2)))
    walk.do(Advertise(Advert("ann", ("c0", "c1"), slots=2, incarnation=1)))
    leases = walk.do(c.ClaimMany("ann", 2))
    for lease in leases:
        walk.do(c.Complete(lease.task, lease.token, "secret"))
    told = str([walk.machine.ask(reading.Find(lease.task)) for lease in leases])
    assert "secret" not in told + str(walk.machine.ledger.settings)
    for word in ("proof", "proven", "ann", "c0", "c1"):
        assert word not in leases[0].task
        assert word not in str(walk.machine.ask(reading.Find(leases[0].task)).task.requires)
    known = [walk.machine.ask(reading.Find(lease.task)).task.verify.digest for lease in leases]
    assert known[0] != known[1]
    assert known[0].partition("$")[2] != known[1].partition("$")[2]


@pytest.mark.parametrize("strategy", ["match", "board"])
def test_other_settings_ask_other_questions(strategy):
    """Agents that are here are asked when the first proof comes, all of them when it changes, none without proofs."""
    walk = Walk(strategy, 0, proofs=())
    walk.do(c.submission((Task("g", requires="gpu"),)))
    walk.do(Advertise(Advert("ann", ("gpu",), slots=9, incarnation=1)))
    assert not walk.machine.ledger.on_shown  # no part, no hook
    assert walk.machine.ask(Agents()).agents[0].proofs == {}

    def configure(proofs):
        walk.do(c.Configure(Settings(strategy=strategy, proofs=proofs, **walk.settings)))

    configure(QUESTIONS)
    assert walk.do(c.Claim("ann", task="g")) is None
    lease = walk.do(c.Claim("ann"))
    answer(walk, lease, well=False)
    configure(QUESTIONS[:1])
    assert stands(walk, "ann") == {"gpu": "claimed"}
    held = walk.do(c.Claim("ann"))
    configure(QUESTIONS[1:])
    assert walk.row(held.task).state is TaskState.CANCELLED
    answer(walk, walk.do(c.Claim("ann")))
    walk.machine = copy_of(walk.machine)
    assert stands(walk, "ann") == {"gpu": "proven"}
    configure(())
    assert walk.machine.ledger.tables["proofs"] == {}
    assert walk.do(c.Claim("ann")).task == "g"


def test_a_requirement_of_a_proof_that_there_is_not_is_refused():
    """With the name that was probably meant; nothing is changed, also in teams and checks."""
    walk = Walk("match", 0)
    tasks = walk.machine.ledger.tasks
    for task in (
        Task("a", requires="web and proven.gpo"),
        Task("a", team=("web", "proven.gpo")),
        Task("a", verify=Verify.by_check(requires="proven.gpo")),
    ):
        refused = walk.do(c.submission((Task("b"), task)))
        assert isinstance(refused.error, RequirementError)
        assert "no proof of 'gpo'" in str(refused.error)
        assert "did you mean 'gpu'" in str(refused.error)
        assert not tasks
    assert walk.do(c.submission((Task("a", requires="proven.gpu"),)))[0].created


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Proof("gpu"), TypeError, "the proof of 'gpu' needs answer=: nobody could pass it"),
        (lambda: Proof("gpu", known="42"), ValueError, "give that instead"),
        (lambda: Proof("gpu", answer=object()), TypeError, "answer of the proof of 'gpu'"),
        (lambda: Proof("gpu", answer=float("nan")), ValueError, "answer of the proof of 'gpu'"),
        (lambda: Proof("gpu", payload={1: 2}, answer=1), TypeError, "payload of the proof of 'gpu'"),
        (lambda: Proof("gpu", payload="x" * 20_000, answer=1), LimitError, "payload of the proof of 'gpu'"),
        (lambda: Proof("gpu", kind="two words", answer=1), ValueError, "kind of the proof of 'gpu'"),
        (lambda: Proof("two words", answer=1), ValueError, "dotted name"),
        (lambda: Proof("python:3.11", answer=1), ValueError, "without a version"),
        (lambda: Proof("not", answer=1), ValueError, "dotted name"),
        (lambda: Proof(7, answer=1), TypeError, "must be a string"),
        (lambda: Proof("proven.gpu", answer=1), ValueError, "the board itself gives"),
        (lambda: Matchmaker(proofs={"gpu": 42}), TypeError, "a list such as [Proof('gpu', answer=42)]"),
        (lambda: Matchmaker(proofs=["gpu"]), TypeError, "must hold Proofs"),
        (lambda: Matchmaker(proofs=[Proof("a", answer=1), Proof("a", answer=2)]), ValueError, "twice"),
        (lambda: Blackboard(proofs=[Proof(f"c{n}", answer=n) for n in range(257)]), LimitError, "256"),
        (lambda: ClaimQueue(options=None, proofs=(Proof("a", answer=1),)), ValueError, "means nothing to a ClaimQueue"),  # type: ignore[call-arg]
    ],
)  # fmt: skip
def test_a_proof_that_nobody_can_pass_is_refused(make, error, said):
    """Where it is written, with the field and the way out."""
    with pytest.raises(error, match=re.escape(said)):
        board = make()
        board.settings()


@pytest.mark.parametrize("name", ["proven.gpu", "proven", "addressee.x1"])
def test_nobody_says_of_itself_that_it_has_proved_something(name):
    """Neither as a capability nor as an attribute, with proofs or without; a log that says so is not believed."""
    with Matchmaker(clock=ManualClock()) as board:
        for capabilities, attributes in (((name,), None), ((), {name: True})):
            with pytest.raises(ValueError, match="is said by the board alone"):
                board.advertise(Advert("liar", capabilities, attributes or {}))
            with (
                pytest.raises(ValueError, match="is said by the board alone"),
                board.join("liar", capabilities, attributes=attributes),
            ):
                pass
    walk = Walk("match", 0)
    walk.do(c.submission((Task("t", requires="proven.gpu"),)))
    walk.do(Advertise(Advert("liar", (name, "gpu"), {name: True}, slots=9, incarnation=1)))
    assert walk.do(c.Claim("liar", task="t")) is None
    assert walk.machine.ask(Agents("proven")).agents == ()


STEPS = (
    Advertise(Advert("ann", ("gpu", "web"), slots=3, incarnation=1)),
    c.Claim("ann"),
    c.Complete("", 0, "gpu {n}"),
    c.submission((Task("t", requires="gpu", verify=Verify.by_canary("good")),)),
    c.Claim("ann"),
    c.Complete("", 0, "bad"),
    c.Claim("ann"),
    c.Complete("", 0, "worse"),
    Advertise(Advert("bob", ("gpu",), incarnation=1)),
    Withdraw("bob"),
)


def test_an_exception_inside_leaves_a_proof_old_or_new():
    """Cut short at any line, each command about proofs is taken back whole, and can be done again."""
    walk = Walk("match", 0)
    machine = walk.machine
    for command in STEPS:
        if hasattr(command, "token"):
            lease = machine.ask(reading.Leases())[0]
            command.task, command.token = lease.task, lease.token
            if "{n}" in command.result:
                command.result = f"gpu {lease.payload['n']}"
        step, came = 0, [0]
        old, twin = digest(machine), copy_of(machine)
        reply = twin.apply(command, now_ns=walk.now)
        assert not isinstance(reply, c.Refused)
        while came:
            with landing_at(step) as came:
                machine.apply(command, now_ns=walk.now)
            machine.check()
            if came and digest(machine) != old:
                assert digest(machine) == digest(twin)
                break
            step += 3
        assert digest(machine) == digest(twin), command
    assert stands(walk, "ann") == {"gpu": "refuted"}


def test_what_agents_may_ask_for_is_bounded(monkeypatch):
    """Names that come and go leave no more than so many answers behind; who is here keeps its own."""
    monkeypatch.setattr("ants_coord.core.matching.proofs._MOST", 3)
    walk = Walk("match", 0)
    answer(walk, asked_of(walk, "stays", "gpu"))
    for n in range(9):
        answer(walk, asked_of(walk, f"a{n}", "gpu"))
        walk.do(Withdraw(f"a{n}"))
        assert len(walk.machine.ledger.tables["proofs"]) <= 3
    assert ("stays", "gpu") in walk.machine.ledger.tables["proofs"]
    assert isinstance(walk.do(c.Claim("stays")), Lease | None)

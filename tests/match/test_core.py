"""The matchmaker's core beside its model: interrupts, many signatures, bad input, reasons, parts and routes."""

from __future__ import annotations

import json

import pytest

from ants_coord import Matchmaker, errors
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Agents, Offers, Refresh, WhyNot, Withdraw
from ants_coord.core import Machine, digest, restore
from ants_coord.core.matching.index import BLOCK
from ants_coord.core.snapshot import records
from ants_coord.errors import RequirementError
from ants_coord.values.adverts import Advert, Advertised
from ants_coord.values.routes import Piece, Route
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task

from ..landing import cut_short_everywhere, landing_at
from ..scale import of
from .test_model import SECOND, START, Walk

EVERY = of(13, 3, 1)

GPU = Advert("w", {"gpu"}, {"mem": 8})


class Board:
    """A machine whose clock is moved by hand."""

    def __init__(self, **settings):
        self.machine, self.now = Machine(), START
        self.do(c.Configure(Settings(strategy="match", **settings)))

    def do(self, command, after=0.0):
        self.now += round(after * SECOND)
        reply = self.machine.apply(command, now_ns=self.now)
        self.machine.check()
        return reply

    def submit(self, *tasks, **options):
        return self.do(c.submission(tasks, **options))

    def claim(self, agent, **options):
        lease = self.do(c.Claim(agent, **options))
        return lease.task if isinstance(lease, Lease) else lease

    def why(self, task):
        return str(self.machine.ask(reading.Explain(task)))


@pytest.fixture
def board():
    return Board()


def play(log):
    machine = Machine()
    for now, command in log:
        machine.apply(command, now_ns=now)
    return machine


@pytest.mark.parametrize("seed", [1, 2])
def test_a_command_cut_short_has_happened_or_has_not(seed):
    """An exception at every few lines of every command of a walk: the digest of before or of after, and sound."""
    walk = Walk(seed)
    for _ in range(40):
        walk.step()
    log, kinds = walk.model.log, set()
    for number in range(1, len(log)):
        kinds.add(type(log[number][1]))
        cut_short_everywhere(play, log, number, EVERY)
    assert {Advertise, Refresh} <= kinds


def test_a_look_cut_short_loses_no_alarm(board):
    """Asking when to wake up sets lazy alarms again; cut short at any line, the advert still fades."""
    step, came = 0, [0]
    while came:
        board = Board()
        board.do(Advertise(GPU))
        board.do(Refresh((("w", 0),)), after=10)
        with landing_at(step) as came:
            _ = board.machine.next_wakeup_in_ns
        assert board.machine.next_wakeup_in_ns == 60 * SECOND
        board.do(c.Wakeup(), after=60)
        assert board.machine.ask(Agents()).agents[0].state == "fading"
        step += 1
    assert step > 5


def test_many_signatures_change_no_answer():
    """However many other requirements wait, order and eligibility stay the same."""
    few, many = Board(), Board()
    filling = [Task(f"f{n}", requires=f"skill{n}") for n in range(3 * BLOCK)]
    for start in range(0, len(filling), 1_000):
        many.machine.apply(c.submission(tuple(filling[start : start + 1_000])), now_ns=many.now)
    wanted = [Task(f"t{n}", requires=f"own{n % 7} and mem >= {n % 3}", priority=n % 4) for n in range(40)]
    for board in (few, many):
        board.submit(*wanted)
        board.do(Advertise(Advert("w", {f"own{n}" for n in range(5)}, {"mem": 1}, slots=100)))
        board.do(c.Decline("w", board.machine.ask(Offers("w")).__getitem__(0).task))
    assert many.machine.ask(reading.StatisticsOf()).parts["signatures"] > 3 * BLOCK
    assert [o.task for o in few.machine.ask(Offers("w", 99))] == [
        o.task for o in many.machine.ask(Offers("w", 99))
    ]
    for _ in range(25):
        assert few.claim("w") == many.claim("w")


def test_signatures_without_tasks_give_their_numbers_back():
    """A board that lives long sees any number of requirements, and remembers those it has tasks for."""
    board = Board()
    board.submit(Task("kept", requires="rare and mem >= 4"))
    board.do(Advertise(Advert("x", {"other"}, {"mem": 8})))
    assert board.claim("x") is None
    for n in range(3_000):
        board.machine.apply(c.submission((Task(f"t{n}", requires=f"skill{n}"),)), now_ns=board.now)
        board.machine.apply(c.Cancel(f"t{n}"), now_ns=board.now)
    board.submit(Task("last", requires="gpu"))
    board.do(Advertise(GPU))
    assert board.claim("w") == "last"
    assert board.machine.ask(reading.StatisticsOf()).parts["signatures"] < 10
    assert board.claim("x") is None
    board.do(Advertise(Advert("x", {"other", "rare"}, {"mem": 8})))  # what was kept still follows the adverts
    assert board.claim("x") == "kept"


def test_slots_and_amounts_follow_live_leases(board):
    """Used up while leased, free again when the lease ends however it does."""
    board.do(Advertise(Advert("w", {"gpu"}, {"mem": 8}, slots=3)))
    board.submit(
        *[Task(f"t{n}", requires="gpu", uses={"mem": 4}, lease_ttl=5, max_attempts=9) for n in range(4)]
    )
    assert [board.claim("w"), board.claim("w"), board.claim("w")] == ["t0", "t1", None]
    assert "busy: not enough mem free for 4: w" in board.why("t2")
    board.do(c.Wakeup(), after=5)  # both leases run out
    assert [board.claim("w"), board.claim("w"), board.claim("w")] == ["t0", "t1", None]
    lease = board.machine.ask(reading.Leases("w"))[0]
    board.do(Withdraw("w"))
    assert board.do(c.Complete(lease.task, lease.token)).state == "done"  # losing the advert kills no work


def test_reasons_are_kept_apart(board):
    """Unknown word, nobody fits, near miss, own rule, busy, declined, benched, fading: each says so."""
    board.submit(Task("t", requires="gpu and mem >= 16", kind="train"))
    assert "no agent has advertised yet" in board.why("t")
    board.do(Advertise(Advert("small", {"gpus"}, {"mem": 32})))
    assert "nobody advertises 'gpu'; did you mean 'gpus'?" in board.why("t")
    board.do(Advertise(Advert("near", {"gpu"}, {"mem": 8})))
    assert "near fails only mem >= 16 (it has 8)" in board.why("t")
    assert "each clause is met by somebody" in board.why("t")
    board.do(Advertise(Advert("picky", {"gpu"}, {"mem": 16}, accepts='kind == "test"')))
    assert "refused by the agent's own rule" in board.why("t")
    board.do(Advertise(Advert("able", {"gpu"}, {"mem": 16})))
    assert "could be claimed now by able" in board.why("t")
    board.do(c.Decline("able", "t", "too hot"))
    assert "declined (too hot): able" in board.why("t")
    why_not = str(board.machine.ask(WhyNot("t", "near")))
    assert "mem >= 16: not met (it has 8)" in why_not
    assert "no advert" in str(board.machine.ask(WhyNot("t", "stranger")))
    board.do(c.Wakeup(), after=61)
    assert "fading" in board.why("t")


def test_failing_fast_does_not_attract_work():
    """After five failures in a row an agent gets nothing for a second, then two; success clears it."""
    board = Board()
    board.submit(Task("t", max_attempts=99, backoff=c_backoff()))
    for _ in range(5):
        assert board.claim("bad") == "t"
        board.do(c.Fail("t", board.machine.ledger.tasks["t"].token, "no"))
    assert board.claim("bad") is None
    assert "benched for 1 s more" in str(board.machine.ask(reading.ExplainAgent("bad")))
    board.do(c.Wakeup(), after=1)
    assert board.claim("bad") == "t"
    board.do(c.Fail("t", board.machine.ledger.tasks["t"].token, "no"))
    board.do(c.Wakeup(), after=1)
    assert board.claim("bad") is None
    assert board.claim("good") == "t"


def c_backoff():
    from ants_coord.values.tasks import Backoff

    return Backoff(first=0)


# -- parts and routes -----------------------------------------------------------------------


def test_a_parent_waits_for_its_parts_and_gets_their_results_in_order(board):
    """Submitted atomically, each part with its own requirement; the ticket is the parent's."""
    parts = [Task("c", requires="gpu"), Task("a"), Task("b", parts=[Task("b/1")])]
    tickets = board.submit(Task("whole", parts=parts))
    assert [ticket.id for ticket in tickets] == ["c", "a", "b/1", "b", "whole"]
    board.do(Advertise(Advert("w", {"gpu"}, slots=9)))
    for expected in ("c", "a", "b/1", "b"):
        lease = board.do(c.Claim("w"))
        assert lease.task == expected
        board.do(c.Complete(lease.task, lease.token, f"result of {expected}"))
    lease = board.do(c.Claim("w"))
    assert list(lease.inputs.items()) == [(part, f"result of {part}") for part in "cab"]


def test_a_part_that_fails_for_good_takes_its_parent_along(board):
    """The parent is cancelled with the chain as the reason; `if_need_fails="run"` lets it run."""
    board.submit(Task("whole", parts=[Task("part", max_attempts=1)]))
    board.submit(Task("anyway", parts=[Task("other", max_attempts=1)], if_need_fails="run"))
    for _ in range(2):
        lease = board.do(c.Claim("w"))
        board.do(c.Fail(lease.task, lease.token, "broken", retry=False))
    found = board.machine.ask(reading.Find("whole"))
    assert (found.state, "needs 'part', which is failed: broken" in found.outcome.reason) == (
        "cancelled",
        True,
    )
    assert board.claim("w") == "anyway"


def test_routes_rewrite_what_is_submitted():
    """Requirements are added, priorities set, tasks split; saying it again changes nothing."""
    routes = (
        Route('kind == "book"', split=(Piece("scan", requires="scanner"), Piece("ocr", needs=("scan",)))),
        Route('kind == "ocr" or nightly', requires="gpu", priority=3),
    )
    board = Board(routes=routes)
    (ticket,) = board.submit(Task("b", kind="book", payload={"page": 1}))
    assert (ticket.id, ticket.state) == ("b", "waiting")
    ocr, scan = board.machine.ask(reading.Find("b/ocr")), board.machine.ask(reading.Find("b/scan"))
    assert (ocr.task.requires, ocr.task.priority, ocr.state) == ("gpu", 3, "waiting")
    assert (scan.task.requires, scan.task.payload, scan.state) == ("scanner", {"page": 1}, "ready")
    board.submit(Task("n", requires="fast", tags=("nightly",)))
    assert board.machine.ask(reading.Find("n")).task.requires == "fast and gpu"
    before = digest(board.machine)
    assert not board.submit(Task("b", kind="book", payload={"page": 1}))[0].created
    assert digest(play([(board.now, c.Wakeup())])) != before
    refused = board.submit(Task("bad", requires="not gpu", tags=("nightly",)))
    assert isinstance(refused.error, RequirementError)
    assert board.machine.ask(reading.Find("bad")) is None
    twin = Machine()
    restore(twin, json.loads(json.dumps(list(records(board.machine)))))
    assert digest(twin) == digest(board.machine)


BAD_ROUTES = {
    "can meet the same rule again": [Route('kind == "a"', split=(Piece("a"),))],
    "again; let": [Route('kind == "a"', split=(Piece("b"),)), Route('kind == "b"', split=(Piece("a"),))],
    "contradict each other": [
        Route('kind == "a"', requires="m > 3"),
        Route("priority > 3", requires="m < 2"),
    ],
}


@pytest.mark.parametrize("words", BAD_ROUTES)
def test_routes_that_loop_or_contradict_are_refused(words):
    """At construction, with the rules named."""
    with pytest.raises(ValueError, match=words):
        Matchmaker(routes=BAD_ROUTES[words])


# -- bad input ------------------------------------------------------------------------------

BAD_ADVERTS = [
    (lambda: Advert("a b"), ValueError, "agent"),
    (lambda: Advert("a", "gpu"), TypeError, "capabilities"),
    (lambda: Advert("a", {"g p u"}), ValueError, "capabilities"),
    (lambda: Advert("a", {"and"}), ValueError, "capabilities"),
    (lambda: Advert("a", {3}), TypeError, "capabilities"),
    (lambda: Advert("a", {"python:x"}), ValueError, "python:3.11"),
    (lambda: Advert("a", {f"c{n}" for n in range(600)}), errors.LimitError, "capabilities"),
    (lambda: Advert("a", (), {"mem": float("nan")}), ValueError, "mem"),
    (lambda: Advert("a", (), {"mem": [1]}), TypeError, "mem"),
    (lambda: Advert("a", (), {"mem": 1 << 60}), ValueError, "2\\*\\*53"),
    (lambda: Advert("a", (), {"or": 1}), ValueError, "attributes"),
    (lambda: Advert("a", (), {"x": "y\x00"}), ValueError, "x"),
    (lambda: Advert("a", (), ["mem"]), TypeError, "attributes"),
    (lambda: Advert("a", slots=-1), ValueError, "slots"),
    (lambda: Advert("a", slots=1.5), TypeError, "slots"),
    (lambda: Advert("a", load=2), ValueError, "load"),
    (lambda: Advert("a", load="low"), TypeError, "load"),
    (lambda: Advert("a", ttl=0), ValueError, "ttl"),
    (lambda: Advert("a", ttl=float("inf")), ValueError, "ttl"),
    (lambda: Advert("a", accepts="kind =="), RequirementError, "column 8"),
    (lambda: Advert("a", incarnation=-1), ValueError, "incarnation"),
    (lambda: Task("t", requires="gpu &&"), RequirementError, "column 5"),
    (lambda: Task("t", requires="mem > 3 and mem < 2"), RequirementError, "no agent can ever"),
    (lambda: Task("t", uses={"mem": 0}), ValueError, "uses"),
    (lambda: Task("t", uses={"mem": 1.5}), TypeError, "uses"),
    (lambda: Task("t", parts=["a"]), TypeError, "parts"),
    (lambda: Task("t", parts=[Task("t")]), ValueError, "'t' twice"),
    (lambda: Task("t", parts=[Task("a"), Task("a")]), ValueError, "'a' twice"),
    (lambda: Route("a"), ValueError, "changes nothing"),
    (lambda: Route("a ==", priority=1), RequirementError, "column"),
    (lambda: Route("a", split=(Piece("x"), Piece("x"))), ValueError, "two pieces"),
    (lambda: Route("a", split=(Piece("x", needs=("y",)),)), ValueError, "'y'"),
    (lambda: Settings(routes=(Route("a", priority=1),)), ValueError, "ClaimQueue"),
    (lambda: Settings(bench_after=3), ValueError, "ClaimQueue"),
    (lambda: Matchmaker().join("a", "gpu"), TypeError, "capabilities"),
    (lambda: Matchmaker().advertise("a"), TypeError, "Advert"),
    (lambda: Matchmaker().agents("gpu and"), RequirementError, "column"),
    (lambda: Matchmaker().agents(prefer="gpu"), TypeError, "prefer"),
    (lambda: Matchmaker().decline("t", -1, agent="a"), ValueError, "seconds"),
    (lambda: Matchmaker(colour="red"), TypeError, "colour"),  # type: ignore[call-arg]
]


@pytest.mark.parametrize(("make", "kind", "words"), BAD_ADVERTS)
def test_bad_input_is_refused_by_name(make, kind, words):
    """At the line that wrote it: the field, the value, the way out."""
    with pytest.raises(kind, match=words):
        make()


def test_what_the_core_refuses_changes_nothing(board):
    """A lower incarnation, a decline of what is not on offer, unknown tasks: S5."""
    board.do(Advertise(Advert("w", {"gpu"}, incarnation=5)))
    board.submit(Task("t", requires="tpu"), Task("u"))
    lease = board.do(c.Claim("w", task="u"))
    before = digest(board.machine)
    for command, error in (
        (Advertise(Advert("w", incarnation=4)), errors.AdvertRefusedError),
        (Withdraw("w", 4), errors.AdvertRefusedError),
        (c.Decline("w", "t"), errors.NotOfferedError),
        (c.Decline("w", "u"), errors.NotOfferedError),
        (c.Decline("w", "nope"), errors.TaskNotFoundError),
    ):
        reply = board.do(command)
        assert isinstance(reply.error, error), command
        assert "w" in str(reply.error) or "nope" in str(reply.error)
    board.machine.ledger.position -= 5
    board.machine.ledger.refusals -= 5
    assert digest(board.machine) == before
    assert board.do(Refresh((("w", 4), ("x", 0)))) == (Advertised("w", "refused"), Advertised("x", "unknown"))
    assert board.do(c.Complete(lease.task, lease.token)).state == "done"


# -- who is kept free, and who could not be heard ---------------------------------------------


def test_silence_while_nobody_could_be_heard_is_no_evidence(board):
    """A writer that stood still says for how long: adverts that ran out meanwhile live for one more ttl, once."""
    board.do(Advertise(Advert("w", {"gpu"}, ttl=10)))
    board.do(Advertise(Advert("long", {"gpu"}, ttl=500)))
    board.now += 100 * SECOND
    board.do(c.Wakeup(late_ns=95 * SECOND))
    assert [(r.agent, r.state) for r in board.machine.ask(Agents()).agents] == [
        ("long", "live"),
        ("w", "live"),
    ]
    board.do(c.Wakeup(), after=10)
    assert board.machine.ask(Agents()).agents[1].state == "fading"
    board.do(c.Wakeup(), after=10)
    assert len(board.machine.ask(Agents()).agents) == 1


def test_amounts_are_summed_over_all_leases():
    """Three tasks that use 1, 1 and 3 of 4: the third waits until enough is free, whatever came last."""
    board = Board()
    board.do(Advertise(Advert("ann", (), {"mem": 4}, slots=9)))
    board.do(
        c.submission((Task("c", uses={"mem": 3}), Task("a", uses={"mem": 1}), Task("b", uses={"mem": 3})))
    )
    assert board.do(c.Claim("ann")).task == "c"
    assert board.do(c.Claim("ann")).task == "a"
    assert board.do(c.Claim("ann")) is None


def test_why_not_names_a_limit_only_if_it_is_full(board):
    board.submit(Task("t", limit="db"), Task("u", limit="db"))
    assert "limit" not in str(board.machine.ask(WhyNot("t", "w")))
    assert board.claim("w") == "t"
    assert "limit 'db' is full" in str(board.machine.ask(WhyNot("u", "w")))


def test_a_short_delay_of_the_writer_excuses_nobody(board):
    """Only a silence of ours that is as long as the advert's own ttl may have hidden a refresh."""
    board.do(Advertise(Advert("w", {"gpu"}, ttl=10)))
    board.now += 10 * SECOND
    board.do(c.Wakeup(late_ns=10 * SECOND - 1))
    assert board.machine.ask(Agents()).agents[0].state == "fading"


def test_nobody_is_benched_for_more_than_a_minute(board):
    """The pauses double from a second on, and stay at sixty."""
    board = Board(bench_after=1, max_attempts=100, backoff=Backoff(0))
    board.do(Advertise(Advert("w", {"gpu"}, ttl=10_000)))
    board.submit(Task("a"))
    for _ in range(12):
        lease = board.do(c.Claim("w"), after=61)
        board.do(c.Fail("a", lease.token, "no"))
    told = [
        event.detail["ns"] // SECOND
        for event in board.machine.ask(reading.Events(count=1_000))
        if event.type == "benched"
    ]
    assert told == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]

"""The account of a board: by hand, with checks, trimmed, with a meter, and beside one agent."""

from __future__ import annotations

import itertools
import json
from asyncio import create_task, sleep
from asyncio import run as run_loop
from types import SimpleNamespace

import pytest

from ants_coord import ClaimQueue, Task, aio
from ants_coord.errors import LeaseLostError
from ants_coord.lab import Level, Meter, TaxReport, advise, measurements, tax
from ants_coord.lab import meter as meters
from ants_coord.testing import ManualClock
from ants_coord.values.verification import Verify


@pytest.fixture
def clock():
    return ManualClock()


def test_a_board_by_hand(clock):
    """Ann finishes one of 3 s and fails one after 2 s; bob lets one run out after 30 s; both are idle in between."""
    with ClaimQueue(clock=clock, lease_ttl=30, max_attempts=1) as board:
        board.submit_many([Task("a"), Task("b"), Task("c", kind="rare")])
        clock.advance(5)
        bob = board.claim_nowait("bob")
        ann = board.claim_nowait("ann")
        clock.advance(3)
        board.complete(ann)
        clock.advance(1)
        ann = board.claim_nowait("ann")
        clock.advance(2)
        board.fail(ann, "no", retry=False)
        clock.advance(24)
        report = tax(board)
        assert bob.task == "a"
    assert report.whole
    assert report.kinds == {"default": 2, "rare": 1}
    assert (report.done, report.attempts, report.checks, report.hands) == (1, 3, 0, 2)
    by_name = {one.agent: one for one in report.agents}
    assert (by_name["ann"].held, by_name["ann"].wasted, by_name["ann"].idle) == (5.0, 2.0, 1.0)
    assert (by_name["ann"].done, by_name["ann"].failed) == (1, 1)
    assert (by_name["bob"].held, by_name["bob"].wasted, by_name["bob"].expired) == (30.0, 30.0, 1)
    assert report.held == 35.0
    assert report.wasted_share == pytest.approx(32 / 35)
    assert report.wait == 5.0
    assert report.seconds == 35.0


def test_what_was_not_measured_is_none_and_named(clock):
    with ClaimQueue(clock=clock) as board:
        board.submit(Task("a"))
        board.complete(board.claim_nowait("ann"))
        report = tax(board)
    for name in (
        "inside",
        "calls",
        "empty_claims",
        "lost_races",
        "refused",
        "reads",
        "tokens",
        "speedup",
        "overhead",
    ):
        assert getattr(report, name) is None
        assert name in report.not_measured
    assert report.tax is None
    assert "not measured: time inside" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["not_measured"] == list(report.not_measured)


def test_checks_are_told_from_work_and_what_does_not_stand_is_wasted(clock):
    """A result is rejected by a check, done again, and accepted by another; every lease's end is seen."""
    with ClaimQueue(clock=clock, lease_ttl=100) as board:
        board.submit(Task("a", verify=Verify.by_check()))
        for verdict in (False, True):
            work = board.claim_nowait("ann")
            clock.advance(10)
            board.complete(work, "result")
            check = board.claim_nowait("bob")
            clock.advance(1)
            board.complete(check, verdict)
        report = tax(board)
        kinds = [
            (event.type, event.agent) for event in board.events() if event.type in ("judged", "rejected")
        ]
    assert kinds == [("judged", "bob"), ("rejected", "ann"), ("judged", "bob")]
    assert (report.done, report.attempts, report.checks, report.rejected) == (1, 2, 2, 1)
    ann, bob = report.agents
    assert (ann.held, ann.wasted, ann.checking, ann.checks) == (20.0, 10.0, 0.0, 0)
    assert (bob.held, bob.wasted, bob.checking, bob.checks) == (2.0, 0.0, 2.0, 2)


def test_a_late_result_that_is_accepted_was_no_waste(clock):
    with ClaimQueue(clock=clock, lease_ttl=5) as board:
        board.submit(Task("a"))
        lease = board.claim_nowait("ann")
        clock.advance(6)
        board.complete(lease, late="accept")
        report = tax(board)
    assert report.done == 1
    assert report.wasted == 0.0


def test_a_trimmed_log_says_its_window_and_where_to_begin(clock):
    with ClaimQueue(clock=clock, event_count=16) as board:
        for _ in range(200):
            board.submit(Task())
            board.complete(board.claim_nowait("ann"))
        report = tax(board)
        assert not report.whole
        assert report.since > 0
        assert report.tasks["done"] == 200 > report.done
        with pytest.raises(ValueError, match=r"since=3: the log is trimmed, .* use since=\d+, or 0"):
            tax(board, since=3)
        later = tax(board, since=board.statistics().cursor - 3)
        assert later.done == 1


def test_a_meter_counts_what_no_log_contains(clock):
    with ClaimQueue(clock=clock, lease_ttl=5) as board:
        with Meter(board) as meter:
            board.submit(Task("a", payload="x" * 40))
            assert board.claim_nowait("ann") is not None
            assert board.claim_nowait("bob") is None
            clock.advance(6)
            lease = board.claim("ann")
            clock.advance(6)
            with pytest.raises(LeaseLostError):
                board.complete(lease)
            board.find("a")
        figures = tax(board, meter=meter)
        board.find("a")
        assert tax(board, meter=meter).calls == figures.calls
    assert figures.empty_claims == 1
    assert figures.calls == 4
    assert figures.refused == 1
    assert figures.reads >= 1
    assert figures.inside > 0
    assert 0 < figures.tax <= 1
    assert figures.tokens == -(-(42 * 3 + 0) // 4)
    assert "about 32 tokens (estimate)" in str(figures)


def test_a_meter_counts_claims_that_wait_in_either_colour():
    """Bob waits and is woken for a task that ann has taken in the meantime: an empty claim, a lost race."""

    async def main():
        async with aio.ClaimQueue() as board:
            with Meter(board) as meter:
                waiting = create_task(board.claim("bob"))
                await sleep(0)
                await board.submit(Task("a"))
                lease = await board.claim_nowait("ann")
                await sleep(0)
                await board.submit(Task("b"))
                assert (await waiting).task == "b"
                await board.complete(lease)
                return tax(board, meter=meter)

    report = run_loop(main())
    assert report.done == 1
    assert report.empty_claims >= 1
    assert report.lost_races == report.empty_claims - 1
    assert report.calls >= 5


def test_a_meter_is_one_and_of_its_board(clock):
    with ClaimQueue(clock=clock) as board, ClaimQueue(clock=clock) as other, Meter(board) as meter:
        with pytest.raises(ValueError, match="a meter is around it already"), Meter(board):
            pass
        with pytest.raises(ValueError, match="meter: it is around another board"):
            tax(other, meter=meter)


def test_a_board_without_a_meter_runs_what_it_always_ran(clock):
    with ClaimQueue(clock=clock) as board:
        before = dict(vars(board._engine))
        with Meter(board):
            assert "execute" in vars(board._engine)
        assert vars(board._engine).keys() == before.keys()


def run(agents: int, tasks: int = 40) -> TaxReport:
    """Agents in lockstep, 1 s a task."""
    clock = ManualClock()
    with ClaimQueue(clock=clock) as board:
        board.submit_many([Task() for _ in range(tasks)])
        while board.statistics().unfinished:
            leases = [board.claim_nowait(f"a{n}") for n in range(agents)]
            clock.advance(1)
            for lease in filter(None, leases):
                board.complete(lease)
        return tax(board)


def test_beside_one_agent_that_was_measured():
    """Four in lockstep are four times as fast and cost nothing more; what was kept as JSON can be read again."""
    solo = TaxReport.read(json.loads(json.dumps(run(1).to_dict())))
    clock = ManualClock()
    with ClaimQueue(clock=clock) as board:
        board.submit_many([Task() for _ in range(8)])
        for _ in range(2):
            leases = [board.claim_nowait(f"a{n}") for n in range(4)]
            clock.advance(2)
            for lease in leases:
                board.complete(lease)
        report = tax(board, solo=solo)
    assert report.speedup == pytest.approx(2.0)
    assert report.overhead == pytest.approx(1.0)
    assert "2.00x of one agent; agent time per task +100%" in str(report)
    with pytest.raises(ValueError, match="solo: is of 4 tasks at once; measure one agent"):
        tax_of_four = run(4)
        with ClaimQueue(clock=clock) as board:
            tax(board, solo=tax_of_four)
    for strange in ({"board": "x"}, solo.to_dict() | {"hands": "x"}, solo.to_dict() | {"seconds": None}, []):
        with pytest.raises(ValueError, match="not a tax report"):
            TaxReport.read(strange)  # type: ignore[arg-type]
    assert TaxReport.read(solo.to_dict()) == solo


def test_reports_become_measurements_and_advice():
    """One agent and four of the same kind of board: advice compares them; of different boards it refuses."""
    one, four = run(1), run(4)
    assert (one.measurement().level, four.measurement().level) == (Level.SOLO, Level.CLAIM)
    advice = advise(None, [one, four])
    assert (advice.level, advice.agents) == (Level.CLAIM, 4)


def test_a_board_whose_agents_come_and_go_gives_a_rate_for_each_number(clock):
    with ClaimQueue(clock=clock) as board:
        board.submit_many([Task() for _ in range(120)])
        for agents in (1, 3):
            for _ in range(60 // agents):
                leases = [board.claim_nowait(f"a{n}") for n in range(agents)]
                clock.advance(1)
                for lease in leases:
                    board.complete(lease)
        found = {one.agents: one.rate for one in measurements(board)}
    assert found[1] == pytest.approx(1.0, rel=0.05)
    assert found[3] == pytest.approx(3.0, rel=0.15)


def test_a_lease_that_is_split_is_no_waste(clock):
    """It ends when its parts are submitted, however long they take."""
    with ClaimQueue(clock=clock, lease_ttl=30) as board:
        board.submit(Task("big"))
        lease = board.claim_nowait("ann")
        clock.advance(3)
        board.split(lease, [Task("part")])
        clock.advance(20)
        board.complete(board.claim_nowait("bob"))
        board.complete(board.claim_nowait("ann"))
        ann = tax(board).agents[0]
    assert (ann.claims, ann.released, ann.done, ann.held, ann.wasted, ann.hands) == (2, 1, 1, 3.0, 0.0, 1)


def test_there_must_be_a_board(tmp_path):
    with pytest.raises(ValueError, match=r"there is no .*nothing\.db"):
        tax(tmp_path / "nothing.db")


def test_the_clock_of_the_meter_is_the_only_thing_it_adds(monkeypatch):
    """A call that is timed reads the clock twice, before and after; the others are taken to last as long."""
    clock = SimpleNamespace(perf_counter=map(float, itertools.count()).__next__)
    monkeypatch.setattr(meters, "time", clock)
    with ClaimQueue() as board, Meter(board) as meter:
        for _ in range(50):
            board.submit(Task())
            board.complete(board.claim_nowait("ann"))
        assert meter.figures()["calls"] == meter.figures()["inside"] == 150

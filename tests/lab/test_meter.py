"""The meter: what it counts at every door, in both colours, and what that costs in things that can be counted."""

from __future__ import annotations

import asyncio
import gc
import sys
import time

import pytest

from ants_coord import Blackboard, ClaimQueue, Matchmaker, Task, aio
from ants_coord.errors import LeaseLostError
from ants_coord.journals import MemoryJournal
from ants_coord.lab import Meter, tax
from ants_coord.testing import ManualClock

COUNTS = ("calls", "empty_claims", "lost_races", "refused", "reads")


def counts(meter):
    return tuple(meter.figures()[name] for name in COUNTS)


def story(board):
    """Each way to ask for work, with and without some; 19 commands that are carried out, 3 that are refused."""
    board.submit_many([Task(f"t{n}") for n in range(4)])
    board.submit(Task("plain"))
    board.complete(board.claim_nowait("ann"), 1)
    board.complete(board.claim("ann"), {"n": [1]})
    with pytest.raises(TimeoutError):
        board.claim("ann", kinds=["rare"], timeout=0)
    for lease in board.claim_many("ann", 9):
        board.complete(lease)
    assert board.claim_nowait("ann") is None
    assert board.claim_nowait("ann", kinds=["rare"]) is None
    assert board.claim_many("ann", 2) == []
    with pytest.raises(TimeoutError):
        board.claim("ann", timeout=0)
    assert [lease.task for lease in board.claims("ann", until="idle")] == []
    board.submit(Task("gone"))
    lease = board.claim_nowait("bob")
    board.release(lease)
    for call in (board.complete, board.release):
        with pytest.raises(LeaseLostError):
            call(lease)
    with pytest.raises(LeaseLostError):
        board.fail(lease, "late")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClaimQueue(clock=ManualClock()),
        lambda: Matchmaker(clock=ManualClock()),
        lambda: Blackboard(clock=ManualClock()),
        lambda: ClaimQueue(MemoryJournal(ManualClock())),
    ],
    ids=["short way", "match", "board", "log"],
)
def test_every_door_is_counted_on_every_board(make):
    """Six claims find nothing: two at once, one of many, two that may not wait, one that ends when idle."""
    with make() as board, Meter(board) as meter:
        story(board)
        calls, empty, raced, refused, _ = counts(meter)
    assert (empty, raced, refused) == (6, 0, 3)
    assert calls == 19


def test_both_colours_count_the_same():
    def cycles(board):
        board.submit(Task("a"))
        board.complete(board.claim_nowait("ann"))
        board.claim_nowait("ann")
        board.submit(Task("b"))
        board.release(board.claim_nowait("ann"))

    async def awaited():
        async with aio.ClaimQueue() as board:
            with Meter(board) as meter:
                await board.submit(Task("a"))
                await board.complete(await board.claim_nowait("ann"))
                await board.claim_nowait("ann")
                await board.submit(Task("b"))
                await board.release(await board.claim_nowait("ann"))
                return counts(meter)

    with ClaimQueue() as board, Meter(board) as meter:
        cycles(board)
        assert counts(meter) == asyncio.run(awaited()) == (7, 1, 0, 0, 0)


def test_a_time_that_is_over_is_no_lost_race():
    """Two claims wait: one is woken and beaten, the other's time ends; only the first has lost a race."""

    async def main():
        clock = ManualClock()
        async with aio.ClaimQueue(clock=clock) as board:
            with Meter(board) as meter:
                patient = asyncio.create_task(board.claim("bob", timeout=5))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                clock.advance(6)
                with pytest.raises(TimeoutError):
                    await patient
                first = counts(meter)
                waiting = asyncio.create_task(board.claim("cid"))
                await asyncio.sleep(0)
                await board.submit(Task("a"))
                assert await board.claim_nowait("ann") is not None
                await board.submit(Task("b"))
                assert (await waiting).task == "b"
                return first, counts(meter)

    first, second = asyncio.run(main())
    assert first[1:3] == (1, 0)
    assert second[1] - second[2] == 2  # bob's and cid's first looks; each further one is a race


def test_locks_that_are_held_are_no_empty_claims():
    with ClaimQueue(clock=ManualClock()) as board, Meter(board) as meter:
        with board.lock("src", agent="ann"), pytest.raises(TimeoutError):
            board.lock("src", agent="bob", timeout=0).__enter__()
        assert counts(meter)[1:3] == (0, 0)


def test_waiting_for_results_is_reading():
    with ClaimQueue(clock=ManualClock()) as board, Meter(board) as meter:
        tickets = board.submit_many([Task("a"), Task("b")])
        board.complete_many([(lease, 1) for lease in board.claim_many("ann", 2)])
        before = counts(meter)[-1]
        assert len(list(board.as_finished(tickets))) == 2
        assert counts(meter)[-1] > before


@pytest.mark.parametrize("make", [ClaimQueue, Matchmaker])
def test_time_inside_is_that_of_every_command_refused_ones_too(make, monkeypatch):
    """Each reading of the clock is a second later than the last: a second a command, timed or stood for."""
    ticks = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    with make(clock=ManualClock()) as board, Meter(board) as around:
        for _ in range(50):
            board.submit(Task())
            lease = board.claim_nowait("ann")
            board.complete(lease)
        with pytest.raises(LeaseLostError):
            board.release(lease)
        figures = around.figures()
    assert (figures["calls"], figures["refused"]) == (150, 1)
    assert figures["inside"] == pytest.approx(151)


def test_a_metered_board_takes_the_ways_that_a_plain_one_takes():
    """The same verbs of core/work/short.py run with a meter as without."""

    def files(board):
        seen = set()

        def see(frame, event, arg):
            seen.add(frame.f_code.co_filename.rpartition("/")[2] + ":" + frame.f_code.co_name)

        for _ in range(3):
            cycle(board)
        gc.disable()  # what other tests have dropped is no part of a cycle
        sys.setprofile(see)
        try:
            cycle(board)
        finally:
            sys.setprofile(None)
            gc.enable()
        return seen

    with ClaimQueue(clock=ManualClock()) as board:
        plain = files(board)
        with Meter(board):
            metered = files(board)
        assert files(board) == plain
    assert plain <= metered
    assert metered - plain == {"meter.py:short"}


def cycle(board):
    board.submit(Task(payload={"n": 1}))
    board.complete(board.claim_nowait("w"), 1)


def cost_of(board, cycles=128):
    """Return the Python calls, readings of the clock, and byte codes of a cycle; each 128th command goes the long way."""
    calls = clocks = codes = 0

    def see(frame, event, arg):
        nonlocal calls, clocks
        calls += event == "call"
        clocks += event == "c_call" and arg.__name__ == "perf_counter"

    def watch(frame, event, arg):
        nonlocal codes
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        codes += event == "opcode"
        return watch

    for _ in range(200):
        cycle(board)
    gc.disable()  # others time the collector, by the same clock
    for setter, hook in ((sys.setprofile, see), (sys.settrace, watch)):
        setter(hook)
        try:
            for _ in range(cycles):
                cycle(board)
        finally:
            setter(None)
    gc.enable()
    return calls / cycles, clocks / cycles, codes / cycles


@pytest.mark.parametrize(
    ("make", "share"),
    [
        (lambda: ClaimQueue(clock=ManualClock()), 0.07),
        (lambda: Matchmaker(clock=ManualClock()), 0.07),
        (lambda: ClaimQueue(MemoryJournal(ManualClock())), 0.04),
    ],
    ids=["short way", "match", "log"],
)
def test_what_a_meter_adds_to_a_cycle(make, share, capsys, request):
    """One call and at most two readings of the clock a command, few byte codes; times are in benchmarks.metered."""
    with make() as plain, make() as metered, Meter(metered):
        calls, _, codes = cost_of(plain)
        more_calls, clocks, more_codes = cost_of(metered)
    with capsys.disabled():
        print(
            f"\n  byte codes of a metered cycle, {request.node.callspec.id}: {more_codes:.0f} ({codes:.0f} without)"
        )
    assert round(more_calls - calls, 1) == 3.0
    assert clocks <= 6.0
    if request.node.callspec.id == "short way":
        assert clocks < 0.3
    assert more_codes - codes <= 3 * 35
    assert more_codes <= codes * (1 + share)


def test_only_a_board_can_be_metered(tmp_path):
    for wrong in (None, "jobs.db", tmp_path, Task("a")):
        with pytest.raises(ValueError, match=r"board: .* is no open board"):
            Meter(wrong)


def test_a_meter_leaves_nothing_behind():
    with ClaimQueue(clock=ManualClock()) as board:
        with Meter(board) as first:
            cycle(board)
        seen = first.figures()
        cycle(board)
        with Meter(board) as second:
            cycle(board)
        assert first.figures() == seen
        assert counts(first) == counts(second) == (3, 0, 0, 0, 0)
        assert tax(board).calls is None

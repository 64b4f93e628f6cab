"""
What a cycle costs in things that can be counted: they do not flicker, so they may be asserted.

When one of these grows, look for the reason; when it shrinks, lower the bound.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest

from ants_coord import Advert, Blackboard, ClaimQueue, Mark, Matchmaker, Task, TrustPolicy, aio
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock


@pytest.fixture(autouse=True)
def no_collector():
    """What other tests have dropped is no part of a cycle."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def calls_of(run) -> int:
    """Return how many Python functions are called; other files' tests use this, too, without `no_collector`."""
    count, is_collecting = 0, gc.isenabled()
    gc.collect()
    gc.disable()

    def see(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(see)
    try:
        run()
    finally:
        sys.setprofile(None)
        if is_collecting:
            gc.enable()
    return count


def cycle(board):
    board.submit(Task(payload={"n": 1}))
    lease = board.claim_nowait("w")
    board.complete(lease, 1)


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: ClaimQueue(clock=ManualClock()), 27),
        (lambda: ClaimQueue(clock=ManualClock(), trust=TrustPolicy()), 57),
        (lambda: Matchmaker(clock=ManualClock()), 72),
        (lambda: Blackboard(clock=ManualClock()), 92),
        (lambda: ClaimQueue(MemoryJournal(ManualClock())), 85),
    ],
    ids=["claim", "claim with trust", "match", "board", "claim with a log"],
)
def test_calls_of_a_cycle(make, most, capsys, request):
    with make() as board:
        for _ in range(300):
            cycle(board)
        calls = calls_of(lambda: [cycle(board) for _ in range(100)]) / 100
    with capsys.disabled():
        print(f"\n  calls of a cycle, {request.node.callspec.id}: {calls:.0f} (at most {most})")
    assert calls <= most


def test_calls_of_a_cycle_through_await(capsys):
    """The same short way: what an event loop adds is three coroutines."""

    async def main():
        async with aio.ClaimQueue(clock=ManualClock()) as board:

            async def many(times):
                for _ in range(times):
                    await board.submit(Task(payload={"n": 1}))
                    await board.complete(await board.claim_nowait("w"), 1)

            await many(300)
            count = 0

            def see(frame, event, arg):
                nonlocal count
                count += event == "call"

            sys.setprofile(see)
            try:
                await many(100)
            finally:
                sys.setprofile(None)
            return count / 100

    calls = asyncio.run(main())
    with capsys.disabled():
        print(f"\n  calls of a cycle, await: {calls:.0f} (at most 27)")
    assert calls <= 27


def test_calls_of_a_replay(capsys):
    """Per entry of a log that another process reads: a task's life is four of them, with one renewal."""
    journal = MemoryJournal(ManualClock())
    with ClaimQueue(journal) as board:
        for number in range(500):
            board.submit(Task(payload={"n": number}))
            lease = board.claim_nowait("w")
            board.renew(lease)
            board.complete(lease, number)
        board.statistics()
        entries, machine = journal.entries, board._engine._make_machine()  # type: ignore[attr-defined]
        reader = board._engine
        reader._machine = machine  # type: ignore[attr-defined]
        calls = calls_of(lambda: reader._absorb(entries, [])) / len(entries)  # type: ignore[attr-defined]
        assert machine.ledger.position == len(entries) > 2_000
    with capsys.disabled():
        print(f"\n  calls of a replay, per entry: {calls:.1f} (at most 10.5)")
    assert calls <= 10.5


def test_calls_of_a_batch():
    """Per task of a batch of a hundred: what a call costs by itself is paid once."""
    with ClaimQueue(clock=ManualClock()) as board:

        def batch():
            board.submit_many([Task(payload={"n": n}) for n in range(100)])
            board.complete_many([(lease, 1) for lease in board.claim_many("w", 100)])

        batch()
        assert calls_of(batch) / 100 <= 15


def test_byte_codes_of_a_cycle(capsys):
    """The finest count there is; CPython 3.12 does not report byte codes to a tracer."""
    counted = 0

    def watch(frame, event, arg):
        nonlocal counted
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counted += event == "opcode"
        return watch

    with ClaimQueue(clock=ManualClock()) as board:
        for _ in range(300):
            cycle(board)
        sys.settrace(watch)
        try:
            for _ in range(100):
                cycle(board)
        finally:
            sys.settrace(None)
    with capsys.disabled():
        print(f"\n  byte codes of a cycle: {counted / 100:.0f} (at most 1,810)")
    if sys.version_info < (3, 12):
        assert counted > 0
    assert counted / 100 <= 1_810


def test_what_a_cycle_leaves_to_the_garbage_collector():
    """It runs by the number of containers left, and walks through them: a Task, its payload and a Row are."""
    with ClaimQueue(clock=ManualClock()) as board:
        for _ in range(300):
            cycle(board)
        before = gc.get_count()[0]
        for _ in range(100):
            cycle(board)
        assert gc.get_count()[0] - before <= 3 * 100 + 10


def test_calls_of_forgetting():
    """Each task that is done is forgotten some time later: nobody sees it in a count of a few cycles."""
    with ClaimQueue(clock=ManualClock(), retention_count=0) as board:
        for _ in range(300):
            cycle(board)
        assert calls_of(lambda: [cycle(board) for _ in range(100)]) / 100 <= 54


def test_a_cycle_does_not_cost_more_on_a_full_board():
    """Nothing scans: ten thousand tasks and a thousand leases more, and the same number of calls."""
    with ClaimQueue(clock=ManualClock()) as board:
        for _ in range(200):
            cycle(board)
        few = calls_of(lambda: [cycle(board) for _ in range(50)])
        board.submit_many([Task(priority=-1) for _ in range(10_000)])
        board.claim_many("holder", 1_000)
        for _ in range(200):
            cycle(board)
        many = calls_of(lambda: [cycle(board) for _ in range(50)])
    assert many <= few * 1.1


def many_requirements(board, count, wanted):
    """Submit as many tasks that each ask for something of their own; return the calls of what others do then."""
    board.advertise(Advert("w", ["gpu"], {"mem": 1_000_000}, slots=100))
    for start in range(0, count, 2_000):
        board.submit_many([Task(requires=wanted.format(n), priority=-1) for n in range(start, start + 2_000)])
    board.claim_nowait("w")  # it judges what is new to it, each once
    calls = {}

    def honest():
        board.submit(Task(requires="gpu"))
        board.complete(board.claim_nowait("w"))

    def new():
        board.cancel(board.submit(Task(requires=f"fast and mem >= {next(numbers)}")).id)

    def joins():
        name = f"new{next(numbers)}"
        board.advertise(Advert(name, ["other"]))
        board.claim_nowait(name)
        board.withdraw(name)

    numbers = iter(range(10**6, 10**7))
    verbs = [honest, new, lambda: board.claim_nowait("nobody"), joins]
    if "mem" in wanted:
        verbs.append(lambda: board.complete(board.claim_nowait("w")))  # one of the many
    for number, verb in enumerate(verbs):
        for _ in range(40):
            verb()
        calls[number] = calls_of(lambda verb=verb: [verb() for _ in range(40)]) / 40
    return calls


@pytest.mark.parametrize("wanted", ["skill{}", "mem >= {}", "gpu and not skill{}"])
def test_other_requirements_cost_nothing_however_many_they_are(wanted, capsys):
    """A claim, a submission and an advert on a board on which 20,000 tasks each ask for something of their own."""
    few, many = (many_requirements(Matchmaker(clock=ManualClock()), n, wanted) for n in (2_000, 20_000))
    with capsys.disabled():
        print(f"\n  calls among 2,000 and 20,000 requirements ({wanted}): {few} {many}")
    for verb in few:
        # a look at a bound for each block of 1,024 is all that grows
        assert many[verb] <= 1.3 * few[verb] + 25, verb


def test_a_blackboard_claims_among_many_requirements_at_the_cost_of_few():
    """An agent that may take tasks of 3,000 requirements walks their places together, not one by one."""
    calls = []
    for count in (300, 3_000):
        board = Blackboard(clock=ManualClock())
        board.advertise(Advert("w", ["gpu"], {"mem": 1_000_000}, slots=100))
        board.submit_many([Task(requires=f"mem >= {n}", place=f"p{n}") for n in range(count)])
        board.deposit(Mark("hot", "p7"), agent="w")
        for _ in range(5):  # it judges what is new to it, each once
            board.release(board.claim_nowait("w"))
        calls.append(calls_of(lambda board=board: board.complete(board.claim_nowait("w"))))
    assert calls[1] <= 1.2 * calls[0]


def test_an_end_costs_the_same_however_many_are_awaited():
    """A reader of as_finished of thousands is not entered again for each; nor asks for all of them."""
    entered = []

    def calls(count):
        with ClaimQueue(clock=ManualClock()) as board:
            tickets = board.submit_many([Task() for _ in range(count)])
            board.complete(board.claim_nowait("w"))
            ends = board.as_finished(tickets)
            next(ends)

            def one():
                board.complete(board.claim_nowait("w"))
                entered.append(next(ends))

            return calls_of(lambda: [one() for _ in range(50)])

    few, many = calls(100), calls(3_000)
    assert many <= few * 1.1
    assert len({outcome.task for outcome in entered}) == 100


@pytest.mark.parametrize("make", [ClaimQueue, Matchmaker, Blackboard])
def test_a_replacement_costs_the_same_however_many_stand_in_its_line(make):
    """No heap is made again: nothing is compared with all others."""
    with make(clock=ManualClock()) as board:
        board.submit_many([Task(f"t{n}") for n in range(2_000)])
        ready = board._engine._machine.ledger.order
        lanes = list((getattr(ready, "_lanes", None) or ready._spots).values())
        (before,) = [id(lane.heap) for lane in lanes]
        board.submit_many([Task(f"t{n}", payload=1) for n in range(1_000, 1_900)], if_exists="replace")
        assert [id(lane.heap) for lane in lanes] == [before], "the heap was made again"
        board.submit_many([Task(f"t{n}", priority=1 + n % 2) for n in range(900)], if_exists="replace")
        board.check()
        for lane in lanes:
            assert len(lane.heap) <= 2 * 2_000
        first = [lease.task for lease in board.claim_many("w", 450)]
        assert sorted(first) == sorted(f"t{n}" for n in range(1, 900, 2))


def test_what_a_cycle_writes():
    journal = MemoryJournal(ManualClock())
    with ClaimQueue(journal) as board:
        board.statistics()
        before = len(journal.entries)
        for _ in range(50):
            cycle(board)
        fresh = journal.entries[before:]
    assert len(fresh) == 3 * 50
    assert sum(len(entry.body) for entry in fresh) / 50 < 480


def test_an_idle_claim_writes_nothing():
    journal = MemoryJournal(ManualClock())
    with ClaimQueue(journal) as board:
        board.statistics()
        before = len(journal.entries)
        for _ in range(100):
            assert board.claim_nowait("w") is None
        assert len(journal.entries) == before


@pytest.mark.parametrize("trails", [100, 10_000])
def test_calls_of_a_deposit_do_not_grow_with_the_board(trails):
    with Blackboard(clock=ManualClock()) as board:
        for number in range(trails):
            board.deposit(Mark("food", f"p{number}", 5.0), agent="a")
        calls = (
            calls_of(lambda: [board.deposit(Mark("food", f"p{n}", 1.0), agent="a") for n in range(50)]) / 50
        )
    assert calls <= 60


def test_importing_brings_only_what_a_claim_queue_needs():
    """What only other strategies, journals or colours need is imported when it is first asked for."""
    code = "import sys; from ants_coord import ClaimQueue, Task; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    later = {
        "asyncio", "sqlite3", "cattrs", "logging", "difflib", "ants_coord.values.adverts",
        "ants_coord.values.marks", "ants_coord.core.matching", "ants_coord.core.board.trails", "ants_coord.core.trust.checks",
        "ants_coord.values.verification", "ants_coord.values.trust", "ants_coord.testing", "ants_coord.engine.replica",
    }  # fmt: skip
    assert loaded & later == set()

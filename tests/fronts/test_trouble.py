"""A journal that raises, hangs and lies; threads that cannot start; logs that were rewound."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from ants_coord import Blackboard, ClaimQueue, ClosedError, LeaseLostError, Task
from ants_coord.core.snapshot import digest
from ants_coord.errors import JournalCorruptError, JournalError, JournalRewoundError
from ants_coord.journals import MemoryJournal
from ants_coord.journals.ports import Entry
from ants_coord.testing import ManualClock

from ..inside import inside
from .conftest import LIMIT_S, Background, waits


class Sick(MemoryJournal):
    """A journal that fails, stands still, lies or goes back in time when it is told to."""

    def __init__(self, clock=None):
        super().__init__(clock)
        self.problem: Exception | None = None
        self.lie = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.hangs = threading.Event()

    def append(self, after, bodies):
        self._ail(after)
        entries = super().append(after, bodies)
        return entries if self.lie is None else self.lie(entries)

    def read(self, after):
        self._ail(after)
        entries = super().read(after)
        return entries if self.lie is None or not entries else self.lie(entries)

    def _ail(self, after):
        if self.problem is not None:
            raise self.problem
        if not self.go_on.is_set():
            self.hangs.set()
            assert self.go_on.wait(LIMIT_S)
        if after > self._trimmed + len(self.entries):
            raise JournalRewoundError("log", f"ends before {after}")

    def stand_still(self):
        self.hangs.clear()
        self.go_on.clear()


@pytest.fixture
def journal():
    journal = Sick()
    yield journal
    journal.problem, journal.lie = None, None
    journal.go_on.set()


@pytest.fixture
def board(journal):
    with ClaimQueue(journal, lease_ttl=1.0) as board:
        board.submit_many([Task("long"), Task("short")])
        yield board
        journal.problem, journal.lie = None, None
        journal.go_on.set()


# -- raises ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "problem", [ConnectionResetError("peer"), JournalError("log", "disk full"), KeyError("x")]
)
def test_what_a_journal_raises_has_our_name_and_its_cause(board, journal, problem):
    """A verb raises JournalError; what was asked can be asked again."""
    journal.problem = problem
    for verb in (
        lambda: board.submit(Task("n")),
        lambda: board.find("n"),
        lambda: board.claim("w", timeout=1),
    ):
        with pytest.raises(JournalError) as caught:
            verb()
        assert caught.value is problem or caught.value.__cause__ is problem
    journal.problem = None
    board.submit(Task("n"))
    assert board.find("n") is not None


@pytest.mark.parametrize(
    "problem", [ConnectionResetError("peer"), JournalError("log", "busy"), MemoryError()]
)
def test_renewals_time_outs_and_waits_survive_what_a_journal_raises(problem):
    """The alarm's thread lives on: leases are renewed again in time, time-outs ring, waiters are woken."""
    clock = ManualClock()
    journal = Sick(clock)
    with ClaimQueue(journal, lease_ttl=30) as board:
        board.submit_many([Task("long"), Task("short")])
        with board.work(board.claim("ann", task="long")) as long:
            short = board.work(board.claim("bob", task="short"), timeout=12).__enter__()
            waiting = Background(board.claim, "cid", kinds=["other"], timeout=500)
            waits(board)
            journal.problem = problem
            clock.advance(15)
            assert short.lost.is_set()  # told in time, though it could not be written
            journal.problem = None
            for _ in range(60):
                clock.advance(5)
            assert not long.lost.is_set()
            assert board.find("short").attempts == 1
            board.submit(Task("x", kind="other"))
            assert waiting.get().task == "x"
            long.result = "done"
        assert board.result("long") == "done"
        with pytest.raises(LeaseLostError):
            short.__exit__(None, None, None)


def test_a_waiter_is_woken_although_the_journal_failed_when_its_task_was_due():
    """The alarm sets itself again after an error of the journal: no verb and no lease comes to its help."""
    clock = ManualClock()
    journal = Sick(clock)
    with ClaimQueue(journal) as board:
        board.submit(Task("later", delay=10))
        waiting = Background(board.claim, "ann", timeout=500)
        waits(board)
        journal.problem = ConnectionResetError("peer")
        clock.advance(11)
        journal.problem = None
        for _ in range(40):
            clock.advance(1)
        assert waiting.get().task == "later"


def test_a_holder_hears_when_its_lease_ran_out_while_nothing_could_be_written():
    """Renewals are tried until the deadline, and then the holder is told."""
    clock = ManualClock()
    journal = Sick(clock)
    with ClaimQueue(journal, lease_ttl=30) as board:
        board.submit(Task("t"))
        hold = board.work(board.claim("ann")).__enter__()
        journal.problem = OSError("gone")
        clock.advance(29)
        assert not hold.lost.is_set()
        clock.advance(2)
        assert hold.lost_reason == "expired"
        journal.problem = None


def test_what_is_final_closes_the_board_with_its_reason():
    """Every waiter and holder hears why, instead of waiting for something that cannot come."""
    clock = ManualClock()
    journal = Sick(clock)
    board = ClaimQueue(journal, lease_ttl=30)
    board.submit(Task("t"))
    hold = board.work(board.claim("ann")).__enter__()
    journal.problem = JournalCorruptError("log", "a flipped bit", 7)
    clock.advance(11)
    assert hold.lost_reason is not None
    with pytest.raises(ClosedError, match="flipped"):
        board.submit(Task("u"))
    board.close()


def test_what_is_final_wakes_whoever_waits():
    """A waiter hears the reason, too, without any lease that is renewed."""
    clock = ManualClock()
    journal = Sick(clock)
    with ClaimQueue(journal, lease_ttl=30) as board:
        board.submit(Task("t", delay=5))
        waiting = Background(board.claim, "bob")
        waits(board)
        journal.problem = JournalCorruptError("log", "a flipped bit", 7)
        clock.advance(6)
        with pytest.raises(ClosedError, match=r"position 7.*flipped"):
            waiting.get()


def test_a_snapshot_that_cannot_be_written_is_nobodys_trouble_and_never_half():
    """A command that was carried out is answered; a snapshot with a piece missing is never sealed."""

    class Full(Sick):
        left = 3

        def save(self, position, part, piece):
            self.left -= 1
            if self.left == 0:
                raise OSError("no space left")
            super().save(position, part, piece)

    journal = Full(ManualClock())
    with ClaimQueue(journal) as board:
        inside(board)._snapshots.every = 20
        for number in range(900):
            board.submit(Task(f"t{number % 9}"))
        assert journal.left < 0
        assert journal.load() is not None  # the next one went well
        whole = board._engine.digest()
    with ClaimQueue(journal) as again:
        assert again._engine.digest() == whole


# -- hangs ----------------------------------------------------------------------------------------


def test_a_claim_keeps_its_time_while_the_journal_hangs(board, journal):
    """Whether it is its own call that hangs, or another thread's; and what arrives late is given back."""
    journal.stand_still()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        board.claim("ann", timeout=0.1)
    other = Background(board.submit, Task("n"))
    with pytest.raises(TimeoutError):
        board.claim("ann", timeout=0.1)
    with pytest.raises(TimeoutError):
        board.result("long", timeout=0.1)
    assert journal.hangs.is_set()
    assert time.monotonic() - begun < LIMIT_S / 2  # not the journal's own time
    journal.go_on.set()
    other.get()
    assert {board.claim("bob", timeout=LIMIT_S).task for _ in range(3)} == {"long", "short", "n"}


def test_an_async_claim_keeps_its_time_while_the_journal_hangs(board, journal):
    """The same for event loops; the loop goes on."""

    async def main():
        journal.stand_still()
        with pytest.raises(TimeoutError):
            await board.aio.claim("ann", timeout=0.1)
        with pytest.raises(TimeoutError):
            await board.aio.result("long", timeout=0.1)
        journal.go_on.set()
        return [(await board.aio.claim("bob", timeout=LIMIT_S)).task for _ in range(2)]

    assert sorted(asyncio.run(main())) == ["long", "short"]


@pytest.mark.parametrize("colour", ["sync", "aio"])
def test_an_entry_that_is_taken_too_late_is_back(journal, colour):
    """The take has ended with TimeoutError; its try gets the entry when the journal goes on, and nobody is there."""
    with Blackboard(journal) as board:
        board.write("box/1", 7, agent="x")
        journal.stand_still()

        async def main():
            await board.aio.take("box/*", agent="ann", timeout=0.1)

        with pytest.raises(TimeoutError):
            asyncio.run(main()) if colour == "aio" else board.take("box/*", agent="ann", timeout=0.1)
        assert journal.hangs.is_set()
        journal.go_on.set()
        assert board.take("box/*", agent="bob", timeout=LIMIT_S).value == 7


def test_holders_hear_in_time_while_the_journal_hangs(board, journal):
    """`work(timeout=)` and the end of a lease are told by the clock, even while somebody holds the board's lock."""
    short = board.work(board.claim("bob", task="short"), timeout=0.2).__enter__()
    long = board.work(board.claim("ann", task="long")).__enter__()
    journal.stand_still()
    stuck = Background(board.submit, Task("n"))
    assert journal.hangs.wait(LIMIT_S)
    assert short.lost.wait(LIMIT_S)
    assert short.lost_reason == "finished"
    assert long.lost.wait(LIMIT_S)
    assert long.lost_reason == "expired"
    with board.keep_alive(long.lease):  # a scope begins and ends without the journal
        pass
    journal.go_on.set()
    stuck.get()


def test_a_fork_is_not_held_up_by_a_hanging_journal_for_ever(board, journal, monkeypatch):
    """The locks around a fork are waited for some seconds only."""
    from ants_coord.engine import board_lock

    monkeypatch.setattr(board_lock, "_FORK_PATIENCE_S", 0.1)
    journal.stand_still()
    stuck = Background(board.submit, Task("n"))
    assert journal.hangs.wait(LIMIT_S)
    board_lock._before_fork()
    board_lock._after_fork_in_parent()
    journal.go_on.set()
    stuck.get()


# -- lies -----------------------------------------------------------------------------------------

LIES = {
    "an entry twice": lambda entries: [entries[0], *entries],
    "a gap": lambda entries: [entries[0]._replace(position=entries[0].position - 1), *entries],
    "nothing": lambda entries: [],
    "another's": lambda entries: [*entries[:-1], Entry(entries[-1].position, entries[-1].stamp_ns, b"?")],
    "the past": lambda entries: [entry._replace(position=1) for entry in entries[-1:]],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_journal_that_lies_is_stopped_before_anything_is_applied(board, journal, lie):
    """The state is not touched, and the error says where."""
    machine = board._engine._machine
    before = digest(machine)
    journal.lie = LIES[lie]
    with pytest.raises(JournalCorruptError):
        board.submit(Task("n"))
    assert board._engine._machine is machine
    assert digest(machine) == before
    journal.lie = None
    assert board.find("n") is not None  # what it had written all the same is read from the log
    board.check()


# -- rewound --------------------------------------------------------------------------------------


def test_a_rewound_log_is_told_once_and_read_again():
    """Its leases are lost, its waiters wake, and the board goes on from what is there."""
    clock = ManualClock()
    journal = Sick(clock)
    with ClaimQueue(journal, lease_ttl=30) as board:
        board.submit(Task("old"))
        kept = len(journal.entries)
        board.submit(Task("new"))
        hold = board.work(board.claim("ann", task="new")).__enter__()
        waiting = Background(board.claim, "bob", kinds=["other"])
        waits(board)
        del journal.entries[kept:]
        with pytest.raises(JournalRewoundError):
            board.find("new")
        assert hold.lost_reason == "rewound"
        assert board.find("new") is None
        assert board.find("old") is not None
        waits(board)
        board.submit(Task("x", kind="other"))
        assert waiting.get().task == "x"
        board.check()


def test_a_rewound_log_that_the_alarm_meets_is_told_to_the_next_caller():
    """Not to nobody, and not twice."""
    clock = ManualClock()
    journal = Sick(clock)
    with ClaimQueue(journal, lease_ttl=30) as board:
        board.submit(Task("old"))
        kept = len(journal.entries)
        hold = board.work(board.claim("ann")).__enter__()
        waiting = Background(board.claim, "bob", kinds=["other"], timeout=1_000)
        waits(board)
        del journal.entries[kept:]
        clock.advance(12)
        assert hold.lost_reason == "rewound"
        heard = 0
        for _ in range(3):
            try:
                board.find("old")
            except JournalRewoundError:
                heard += 1
        try:
            board.submit(Task("x", kind="other"))
            waiting.get()
        except JournalRewoundError:
            heard += 1
        assert heard == 1


# -- threads --------------------------------------------------------------------------------------


def test_a_thread_that_cannot_start_is_noticed_and_tried_again(monkeypatch):
    """The verb that needs it says so; the next one finds it."""
    with ClaimQueue(lease_ttl=30) as board:
        board.submit(Task("t"))
        lease = board.claim("ann")
        start = threading.Thread.start

        def fail(thread):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="thread"):
            board.claim("bob", timeout=5)
        with pytest.raises(RuntimeError, match="thread"):
            board.work(lease).__enter__()
        assert not len(board._engine._lobby)
        assert not len(board._engine._keeper)
        monkeypatch.setattr(threading.Thread, "start", start)
        with pytest.raises(TimeoutError):
            board.claim("bob", timeout=0.05)


def test_a_clock_that_runs_ahead_fills_no_log():
    """A wake-up in vain is followed by a pause."""

    class Ahead(ManualClock):
        ahead_ns = 0

        def now_ns(self):
            return super().now_ns() + self.ahead_ns

    clock, true = Ahead(), ManualClock()

    class Behind(Sick):
        def append(self, after, bodies):
            self.clock = true
            entries = super().append(after, bodies)
            self.clock = clock
            return entries

    journal = Behind(clock)
    with ClaimQueue(journal) as board:
        board.submit(Task("t", delay=10))
        clock.ahead_ns = 11_000_000_000
        before = len(journal.entries)
        waiting = Background(board.claim, "ann", timeout=100)
        waits(board)
        clock.set(clock.now_ns())  # its alarms ring by what it says
        clock.ahead_ns = 0
        for _ in range(100):
            clock.advance(0.01)
            true.advance(0.01)
        assert len(journal.entries) - before < 12
        true.advance(20)
        clock.advance(1)
        assert waiting.get().task == "t"


def test_a_remote_journal_is_not_looked_at_before_a_claim_that_has_work():
    """One trip for a claim; a look only before saying that there is nothing."""

    class Remote(Sick):
        is_remote = True
        looks = 0

        def read(self, after):
            Remote.looks += 1
            return super().read(after)

    with ClaimQueue(Remote(ManualClock())) as board:
        board.submit(Task("t"))
        Remote.looks = 0
        assert board.claim_nowait("ann") is not None
        assert Remote.looks == 0
        assert board.claim_nowait("ann") is None
        assert Remote.looks == 1


@pytest.mark.parametrize("where", ["memory", "log"])
def test_a_dropped_board_warns_and_leaves_nothing(where, tmp_path):
    """A board on a log says so and lets go of it; one in memory just goes, with its alarm."""
    closed = threading.Event()

    class Seen(MemoryJournal):
        def close(self):
            super().close()
            closed.set()

    def use():
        board = ClaimQueue(Seen() if where == "log" else None, lease_ttl=30)
        board.submit(Task("t"))
        board.work(board.claim("ann")).__enter__()

    import gc

    before = threading.active_count()
    if where == "log":
        with pytest.warns(ResourceWarning, match="dropped without close"):
            use()
            gc.collect()
        assert closed.wait(LIMIT_S)
    else:
        use()
        gc.collect()
    end = time.monotonic() + LIMIT_S
    while threading.active_count() > before and time.monotonic() < end:
        threading.Event().wait(0.01)
    assert threading.active_count() <= before

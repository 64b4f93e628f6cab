"""Waiting: nobody polls, no wake-up is lost, and closing wakes everybody (L1, L2, L3)."""

from __future__ import annotations

import pytest

from ants_coord import Backoff, ClaimQueue, ClosedError, Task
from ants_coord.commands.reading import StatisticsOf
from ants_coord.commands.shared import Claim
from ants_coord.engine.lobby import Waiter
from ants_coord.errors import JournalError, TaskNotFoundError
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock

from .conftest import Background, until, waits

WAYS = {
    "submit": (lambda b: None, lambda b, c: b.submit(Task("t"))),
    "release": (
        lambda b: (b.submit(Task("t")), setattr(b, "held", b.claim("other"))),
        lambda b, c: b.release(b.held),
    ),
    "a decline of its holder": (
        lambda b: (b.submit(Task("t")), setattr(b, "held", b.claim("other"))),
        lambda b, c: b.decline(b.held, 60),
    ),
    "the end of its own decline": (
        lambda b: (b.submit(Task("t")), b.decline(b.claim("waiter"), 9)),
        lambda b, c: c.advance(9),
    ),
    "the end of its own limit": (
        lambda b: (b.submit(Task("t")), b.decline(b.claim("waiter"), 9, all=True)),
        lambda b, c: c.advance(9),
    ),
    "a failure that may be retried": (
        lambda b: (b.submit(Task("t", backoff=Backoff(first=0))), setattr(b, "held", b.claim("other"))),
        lambda b, c: b.fail(b.held, "no"),
    ),
    "expiry": (lambda b: (b.submit(Task("t")), b.claim("other")), lambda b, c: c.advance(30)),
    "the end of a delay": (lambda b: b.submit(Task("t", delay=60)), lambda b, c: c.advance(60)),
    "the end of a backoff": (
        lambda b: (b.submit(Task("t", backoff=Backoff(first=9))), b.fail(b.claim("other"), "no")),
        lambda b, c: c.advance(9),
    ),
    "the end of a need": (
        lambda b: (
            b.submit_many([Task("n"), Task("t", needs=("n",))]),
            setattr(b, "held", b.claim("other")),
        ),
        lambda b, c: b.complete(b.held),
    ),
    "a slot of a limit": (
        lambda b: (
            b.submit_many([Task("h", limit="l"), Task("t", limit="l", kind="k")]),
            setattr(b, "held", b.claim("other")),
        ),
        lambda b, c: b.complete(b.held),
    ),
    "a raised limit": (
        lambda b: (b.submit_many([Task("h", limit="l"), Task("t", limit="l")]), b.claim("other")),
        lambda b, c: b.limit("l", 2),
    ),
    "resume": (lambda b: (b.submit(Task("t")), b.pause()), lambda b, c: b.resume()),
    "requeue": (
        lambda b: (b.submit(Task("t", max_attempts=1)), b.fail(b.claim("other"), "no")),
        lambda b, c: b.requeue("t"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_waiting_claim_wakes_on(board, clock, way):
    """Whatever makes a task claimable wakes the claim that waits for it."""
    prepare, act = WAYS[way]
    prepare(board)
    waiting = Background(board.claim, "waiter")
    waits(board)
    act(board, clock)
    assert waiting.get().task == "t"


def test_a_timeout_is_driven_by_the_clock(board, clock):
    """A claim gives up when its time is over, by the board's clock and no other."""
    waiting = Background(board.claim, "waiter", timeout=5)
    waits(board)
    clock.advance(4.999)
    assert not waiting.done.is_set()
    clock.advance(0.001)
    with pytest.raises(TimeoutError):
        waiting.get()
    with pytest.raises(TimeoutError):
        board.claim("waiter", timeout=0)


def test_a_waiter_that_takes_another_task_passes_its_hint_on(board):
    """Woken for one kind and served with a better task of another, it must not strand the first."""
    both = Background(board.claim, "ann", kinds=["a", "b"])
    waits(board)
    only_a = Background(board.claim, "bob", kinds=["a"])
    waits(board, 2)
    board.submit_many([Task("for-a", kind="a"), Task("for-b", kind="b", priority=5)])
    assert both.get().task == "for-b"
    assert only_a.get().task == "for-a"


def test_the_longest_waiting_is_served_first(board):
    """First come, first served, one waiter for one task."""
    waiting = []
    for number in range(4):
        waiting.append(Background(board.claim, f"w{number}"))
        waits(board, number + 1)
    for number in range(4):
        board.submit(Task(f"t{number}"))
        assert waiting[number].get().task == f"t{number}"
        assert [w.done.is_set() for w in waiting[number + 1 :]] == [False] * (3 - number)


def test_a_hint_reaches_the_one_who_can_use_it(board):
    """A freed limit may serve another kind than the first waiter wants: the hint is passed on."""
    board.submit_many([Task("h", limit="l", kind="b"), Task("t", limit="l", kind="b")])
    held = board.claim("other")
    first = Background(board.claim, "a", kinds=["a"])
    waits(board, 1)
    second = Background(board.claim, "b", kinds=["b"])
    waits(board, 2)
    board.complete(held)
    assert second.get().task == "t"
    board.submit(Task("x", kind="a"))
    assert first.get().task == "x"


def test_a_waiter_that_leaves_passes_its_hint_on(board, clock):
    """Two wait, one task comes, the one that hears of it times out at that instant: the other gets the task."""
    engine = board._engine
    board.statistics()
    from ants_coord.commands.shared import Claim
    from ants_coord.engine.lobby import Waiter

    woken = []
    waiters = {name: Waiter(lambda name=name: woken.append(name), ready=True) for name in "ab"}
    for name, waiter in waiters.items():
        assert engine.try_or_enter(Claim(name), waiter) is None
    waits(board, 2)  # a hub hears of them a little later, and the second may then be faster
    board.submit(Task("t"))
    until(lambda: woken)
    assert woken == ["a"]
    engine.leave(waiters["a"])
    until(lambda: "b" in woken)
    assert engine.try_or_enter(Claim("b"), waiters["b"]).task == "t"


def test_a_particular_task_can_be_waited_for(board, clock):
    """claim(task=...) waits until that one may run, and says at once if it never will."""
    board.submit_many([Task("a"), Task("b", delay=10)])
    waiting = Background(board.claim, "w", task="b")
    waits(board)
    clock.advance(10)
    assert waiting.get().task == "b"
    assert board.claim_nowait("w", task="b") is None
    with pytest.raises(TaskNotFoundError):
        board.claim("w", task="nobody")


def test_closing_wakes_every_waiter(board):
    """Claims, results, drains and locks raise ClosedError; iterators end quietly."""
    board.submit(Task("t"))
    board.claim("holder")
    board.lock_nowait("f", agent="holder")

    def enter_lock():
        with board.lock("f", agent="w"):
            raise AssertionError("it is held")

    waiting = [
        Background(board.claim, "w"),
        Background(board.result, "t"),
        Background(board.drain),
        Background(enter_lock),
    ]
    looping = Background(lambda: list(board.claims("w")))
    following = Background(lambda: len(list(board.events(follow=True))))
    waits(board, 6)
    board.close()
    for each in waiting:
        with pytest.raises(ClosedError):
            each.get()
    assert looping.get() == []
    assert following.get() >= 3
    with pytest.raises(ClosedError):
        board.submit(Task())


def test_claims_end_when_they_should(board, clock):
    """until="idle" ends when nothing may run; "drained" waits for what others hold."""
    board.submit_many([Task("a"), Task("b")])
    held = board.claim("other")
    assert [lease.task for lease in board.claims("w", until="idle")] == ["b"]
    board.complete(board.leases("w")[0])
    waiting = Background(lambda: [board.complete(lease).task for lease in board.claims("w", until="drained")])
    waits(board)
    board.release(held)
    assert waiting.get() == ["a"]
    with pytest.raises(ValueError, match="until"):
        board.claims("w", until="tomorrow").__next__()


def test_results_come_from_other_threads(board):
    """result, results, as_finished and drain wake when tasks end."""
    board.submit_many([Task("a"), Task("b"), Task("c")])
    result = Background(board.result, "b")
    every = Background(board.results, ["c", "a"])
    drained = Background(board.drain)
    finished = Background(lambda: [one.task for one in board.as_finished(["a", "b", "c"])])
    waits(board, 4)
    for number, lease in enumerate(board.claims("w", until="idle")):
        board.complete(lease, number)
    assert (result.get(), every.get(), drained.get()) == (1, [2, 0], None)
    assert sorted(finished.get()) == ["a", "b", "c"]


def test_a_lock_is_waited_for(board, clock):
    """A scope on a held name waits until it is freed, or until the holder's lease runs out."""
    board.lock_nowait("f", agent="silent")

    def enter():
        with board.lock("f", "g", agent="w") as held:
            return held.lease.names

    waiting = Background(enter)
    waits(board)
    clock.advance(30)
    assert waiting.get() == ("f", "g")


def test_an_idle_board_does_nothing(board, clock):
    """Claims that find nothing, queries and waiters append nothing."""
    board.submit(Task("t"))
    board.complete(board.claim("w"))
    journal = getattr(board._engine, "_journal", None)
    if journal is None:
        return
    before = board.statistics().position
    for _ in range(10):
        assert board.claim_nowait("w") is None
        board.tasks()
    waiting = Background(board.claim, "w", timeout=100)
    waits(board)
    clock.advance(100)
    with pytest.raises(TimeoutError):
        waiting.get()
    assert board.statistics().position == before == journal.read(0)[-1].position


class Forgetful(MemoryJournal):
    """What is appended is written; once, the one who asked is not told. It tells nobody of its own writing."""

    forgets = False

    def watch(self, changed):
        return lambda: None

    def append(self, after, bodies):
        entries = super().append(after, bodies)
        if self.forgets:
            self.forgets = False
            raise JournalError("forgetful", "the reply was lost")
        return entries


@pytest.mark.parametrize("way", ["expiry", "the end of a delay", "the end of a backoff"])
def test_a_waiter_is_woken_although_its_alarm_heard_no_reply(way):
    """What time has made claimable was written by our own alarm, which then never learnt of it."""
    clock = ManualClock()
    journal = Forgetful(clock)
    prepare, act = WAYS[way]
    with ClaimQueue(journal, lease_ttl=30) as board:
        prepare(board)
        waiting = Background(board.claim, "waiter")
        waits(board)
        journal.forgets = True
        act(board, clock)
        assert not journal.forgets
        clock.advance(0.2)
        assert waiting.get().task == "t"


def test_who_has_left_neither_claims_nor_enters_again(board):
    """A cancelled task's last try may come after it has left: out of a thread that had to wait for the lock."""
    engine = board._engine
    waiter = Waiter(lambda: None, ready=True, agent="ann")
    assert engine.try_or_enter(Claim("ann"), waiter) is None
    engine.leave(waiter)
    with pytest.raises(TimeoutError):
        engine.try_or_enter(Claim("ann"), waiter)
    with pytest.raises(TimeoutError):
        engine.look_or_enter(StatisticsOf(), lambda answer: False, waiter)
    assert len(engine._lobby) == 0
    board.submit(Task("t"))
    with pytest.raises(TimeoutError):
        engine.try_or_enter(Claim("ann"), waiter)
    assert board.claim("bob", timeout=0).task == "t"


def test_as_finished_with_no_time_gives_what_has_ended_first(board):
    """What is there is yielded before the time-out is told; twice asked for is twice told."""
    tickets = board.submit_many([Task("a"), Task("b")])
    board.complete(board.claim_nowait("ann"), 1)
    ends = board.as_finished([*tickets, tickets[0]], timeout=0)
    assert [next(ends).result, next(ends).result] == [1, 1]
    with pytest.raises(TimeoutError, match="'b' is ready"):
        next(ends)
    assert not len(board._engine._lobby)


def test_as_finished_in_the_order_of_ends_and_nobody_stays_behind(board):
    """The reader hears each end once, whenever it comes; an abandoned reader is in no line."""
    tickets = board.submit_many([Task(f"t{n}") for n in range(6)])
    reading = Background(lambda: [ended.task for ended in board.as_finished(tickets)])
    waits(board)
    order = ["t4", "t0", "t5", "t2", "t1", "t3"]
    for task in order:
        board.complete(board.claim_nowait("ann", task=task))
    assert reading.get() == order
    assert not len(board._engine._lobby)
    ends = board.as_finished(board.submit_many([Task("x"), Task("y")]))
    board.complete(board.claim_nowait("ann", task="x"))
    assert next(ends).task == "x"
    ends.close()
    assert not len(board._engine._lobby)

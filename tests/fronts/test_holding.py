"""Scopes: the one right way to hold a lease."""

from __future__ import annotations

import asyncio

import pytest

from ants_coord import GiveUp, HeldError, LeaseLostError, NotNow, RetryAfter, Task
from ants_coord.commands.shared import Renew

from .conftest import LIMIT_S, Background, waits


@pytest.fixture
def lease(board):
    board.submit(Task("t", payload={"n": [1]}))
    return board.claim("w")


def test_a_scope_completes_with_its_result(board, lease):
    """Leaving completes; payload and result are copies that nobody shares."""
    with board.work(lease) as job:
        job.payload["n"].append(2)
        job.result = mine = {"list": [1]}
    mine["list"].append(2)
    first = board.result("t")
    first["list"].append(3)
    assert board.result("t") == {"list": [1]}
    assert board.find("t").task.payload == {"n": [1]}


@pytest.mark.parametrize(
    ("error", "state", "attempts", "swallowed"),
    [
        (ValueError("boom"), "delayed", 1, False),
        (GiveUp("cannot"), "failed", 1, True),
        (RetryAfter(5), "delayed", 1, True),
        (RetryAfter(0), "ready", 1, True),
        (NotNow(5, "429"), "ready", 0, True),
        (NotNow(5, "429", all=True), "ready", 0, True),
        (KeyboardInterrupt(), "ready", 0, False),
        (SystemExit(2), "delayed", 1, False),
        (asyncio.CancelledError(), "delayed", 1, False),
    ],
)
def test_an_exception_decides_how_the_attempt_ends(board, lease, error, state, attempts, swallowed):
    """Errors fail the attempt and are re-raised; messages end with the scope; interrupts give back."""
    try:
        with board.work(lease):
            raise error
    except BaseException as raised:
        assert raised is error
        assert not swallowed
    else:
        assert swallowed
    record = board.find("t")
    assert (record.state, record.attempts) == (state, attempts)


def test_a_scope_says_what_it_holds(board, lease):
    """The words that a handler logs and decides by."""
    with board.work(lease) as job:
        assert (job.task, job.kind, job.agent, job.attempt) == ("t", "default", "w", 1)


def test_a_failure_leaves_its_reason(board, lease):
    """The history tells type, message and place of the error."""
    with pytest.raises(ZeroDivisionError), board.work(lease):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError: division by zero at test_holding.py" in board.find("t").history[0]


def test_a_scope_renews_for_as_long_as_it_is_open(board, lease, clock):
    """An hour passes; the lease of 30 s is still held."""
    with board.work(lease) as job:
        clock.advance(3600)
        job.check()
        assert board.find("t").lease.token == lease.token
    assert board.outcome("t").state == "done"


def test_a_scope_that_hangs_loses_its_lease_where_stall_after_is_set(make_board, clock):
    """Its renewals go on and count no more; progress is what keeps a lease."""
    board = make_board(lease_ttl=30, stall_after=120)
    board.submit_many([Task("hangs"), Task("works")])
    hangs, works = board.claim_many("w", 2)
    with pytest.raises(LeaseLostError), board.work(hangs) as hanging, board.work(works) as working:
        for _ in range(10):
            clock.advance(60)
            working.progress("on it")
        assert hanging.lost.is_set()
        assert "no sign" not in str(board.explain("works"))
    assert board.outcome("works").state == "done"
    assert [event.task for event in board.events() if event.type == "stalled"] == ["hangs"]


def test_a_scope_that_has_split_its_task_ends_quietly(board, lease):
    """Neither a result nor an error of the body is anybody's business any more."""
    with board.work(lease) as job:
        with pytest.raises(TypeError, match="list of Tasks"):
            job.split(Task("p"))
        job.split([Task("p")])
        assert job.is_split
        job.check()
    assert board.find("t").state == "waiting"
    board.complete(board.claim("w"), 5)
    with pytest.raises(KeyError), board.work(board.claim("w")) as job:
        assert job.inputs == {"p": 5}
        job.split([Task("q")])
        raise KeyError("after the split")
    assert board.find("t").attempts == 0
    board.complete(board.claim("w"), 6)
    assert board.claim("other").inputs == {"p": 5, "q": 6}


def test_all_leases_are_renewed_in_one_command(board, clock, monkeypatch):
    """Ten scopes cost one Renew each time, not ten."""
    board.submit_many([Task(f"t{n}") for n in range(10)])
    scopes = [board.work(lease).__enter__() for lease in board.claim_many("w", 10)]
    sent = []
    original = board._engine._try
    monkeypatch.setattr(
        board._engine, "_try", lambda command, *how: sent.append(command) or original(command, *how)
    )
    clock.advance(10)
    renewals = [command for command in sent if isinstance(command, Renew)]
    assert [len(command.leases) for command in renewals] == [10]
    for scope in scopes:
        scope.__exit__(None, None, None)
    assert board.statistics().tasks["done"] == 10


def test_the_holder_is_told_at_once_when_its_task_is_cancelled(board, lease):
    """`lost` is set, check() raises, and the result is refused."""
    with pytest.raises(LeaseLostError) as refusal, board.work(lease) as job:
        board.cancel("t")
        assert job.lost.wait(LIMIT_S)  # time stands still meanwhile: no renewal tells it
        with pytest.raises(LeaseLostError):
            job.check()
    assert refusal.value.reason == "cancelled"
    assert board.find("t").state == "cancelled"


def test_the_holder_learns_of_a_takeover_at_the_next_renewal(board, lease, clock):
    """Adopted by another process of the same agent: the old scope is superseded."""
    with pytest.raises(LeaseLostError) as refusal, board.work(lease) as job:
        (fresh,) = board.adopt("w", force=True)
        clock.advance(10)
        assert job.lost.is_set()
    assert refusal.value.reason == "superseded"
    board.complete(fresh)


def test_a_scope_with_a_timeout_ends_the_attempt(board, lease, clock):
    """The thread cannot be stopped, but the task is failed, and the late result refused."""
    with pytest.raises(LeaseLostError), board.work(lease, timeout=5) as job:
        clock.advance(5)
        assert job.lost.is_set()
        job.result = "late"
    record = board.find("t")
    assert record.state == "delayed"
    assert "timeout" in record.history[0]


def test_keep_alive_only_renews(board, lease, clock):
    """It neither completes nor releases."""
    with board.keep_alive(lease) as kept:
        clock.advance(300)
        assert not kept.lost
    assert board.find("t").state == "leased"
    clock.advance(30)
    assert board.find("t").state == "ready"


def test_progress_is_kept_with_the_task(board, lease):
    """A note is a JSON value; without the lease it is refused."""
    with board.work(lease) as job:
        job.progress({"percent": 50})
        assert board.find("t").note == {"percent": 50}
    with pytest.raises(LeaseLostError):
        board.progress(lease, "more")


def test_locks_are_all_or_none_and_reentrant(board, clock):
    """A name that is held refuses all; only the same holder enters again; leaving frees."""
    with board.lock("b", "a", agent="w", holder="session-1") as held:
        assert held.lease.names == ("a", "b")
        with pytest.raises(HeldError) as refusal:
            board.lock_nowait("c", "b", agent="x")
        assert (refusal.value.name, refusal.value.holder) == ("b", "w")
        assert board.holder("c") is None
        with board.lock("a", agent="w", holder="session-1") as again:
            assert again.token == held.token
        with pytest.raises(HeldError):
            board.lock_nowait("a", agent="w")
        clock.advance(300)
        assert board.holder("a").agent == "w"
    assert board.holder("a") is None


def test_a_lock_is_freed_by_an_exception(board):
    """The error passes, the lock does not stay."""
    with pytest.raises(ValueError, match="boom"), board.lock("a", agent="w"):
        raise ValueError("boom")
    assert board.holder("a") is None


def test_a_lock_that_was_lost_is_told(board, clock):
    """Taken over by release_all while inside: leaving says so."""
    with pytest.raises(LeaseLostError), board.lock("a", agent="w"):
        board.release_all("w")


def test_handles_stand_for_leases(board, lease):
    """The printable form works wherever a lease does; nonsense is refused."""
    assert lease.handle == f"t#{lease.token}"
    board.renew(lease.handle, lease_ttl=99)
    board.complete(lease.handle, 5)
    assert board.result("t") == 5
    for bad in ("t", "t#", "t#x", "#", 5, None):
        with pytest.raises((ValueError, TypeError)):
            board.complete(bad)


def test_closing_gives_back_what_this_instance_holds(make_board, clock):
    """On a journal that outlives the instance, close() releases its leases and only its own."""
    one = make_board()
    journal = getattr(one, "_engine", None)
    one.submit_many([Task("a"), Task("b")])
    opener = getattr(journal, "_open_journal", None)
    if opener is None or opener().__class__.__name__ == "SQLiteJournal":
        return
    two = type(one)(opener())
    one.claim("w1")
    two.claim("w2")
    two.close()
    assert [record.state for record in one.tasks()] == ["leased", "ready"]


def test_waiting_and_holding_go_together(board, clock):
    """A waiter gets the task of a holder whose scope was left by an interrupt."""
    board.submit(Task("t"))
    held = board.claim("w")
    waiting = Background(board.claim, "next")
    waits(board)
    with pytest.raises(KeyboardInterrupt), board.work(held):
        raise KeyboardInterrupt
    assert waiting.get().attempt == 1

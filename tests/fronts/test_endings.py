"""How scopes end when the journal is in trouble, or when what stops the body is nobody's wish."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from ants_coord import Backoff, LeaseLostError, Task
from ants_coord.aio import worker as aio_worker
from ants_coord.commands.shared import Complete, Fail, Release
from ants_coord.errors import ClosedError, JournalConflictError, JournalError
from ants_coord.fronts import aio_hold, hold
from ants_coord.sync import worker as sync_worker

from .conftest import LIMIT_S, Background


@pytest.fixture
def trouble(board, clock, monkeypatch):
    """Let endings meet a journal in trouble: `trouble(n)` for the next n tries; pauses pass on the clock."""
    state = {"left": 0, "tries": 0, "after": False, "error": JournalError("b.db", "database is locked")}
    execute = board._engine.execute

    def troubled(command, request_id=None):
        if isinstance(command, (Complete, Fail, Release)):
            state["tries"] += 1
            if state["left"]:
                state["left"] -= 1
                if state["after"]:
                    execute(command, request_id)
                raise state["error"]
        return execute(command, request_id)

    async def asleep(seconds):
        clock.advance(seconds)

    monkeypatch.setattr(board._engine, "execute", troubled)
    monkeypatch.setattr(hold, "sleep", clock.advance)
    monkeypatch.setattr(aio_hold, "sleep", asleep)

    def begin(tries, *, after=False, error=None):
        state.update(left=tries, after=after)
        if error is not None:
            state["error"] = error
        return state

    return begin


def in_threads(board, handler, **options):
    return board.serve(handler, agent="w", **options)


def on_a_loop(board, handler, **options):
    async def job(job):
        return handler(job)

    return asyncio.run(board.aio.serve(job, agent="w", **options))


def plain_on_a_loop(board, handler, **options):
    return asyncio.run(board.aio.serve(handler, agent="w", **options))


def async_in_threads(board, handler, **options):
    async def job(job):
        return handler(job)

    return board.serve(job, agent="w", **options)


COLOURS = pytest.mark.parametrize("serve", [in_threads, on_a_loop, plain_on_a_loop, async_in_threads])


@COLOURS
def test_a_dear_result_survives_a_busy_moment(board, trouble, serve):
    """The ending is tried again, and nobody does the work twice."""
    state = trouble(3)
    runs = []
    board.submit(Task("a"))
    served = serve(board, lambda job: runs.append(1) or "dear", until="drained")
    assert (board.result("a"), len(runs), state["tries"]) == ("dear", 1, 4)
    assert (served.completed, served.failed, served.lost) == (1, 0, 0)


@COLOURS
@pytest.mark.parametrize("good", [True, False])
def test_trouble_beyond_the_lease_is_not_the_handlers_failure(board, trouble, clock, serve, good):
    """It is told as what it is, the worker goes on, and the lease runs out."""
    trouble(10_000)
    board.submit(Task("a"))

    def handler(job):
        if not good:
            raise ValueError("mine")
        return "dear"

    served = serve(board, handler, until="idle")
    assert (served.completed, served.lost, served.failed) == (0, 1, 0) if good else (0, 0, 1)
    clock.advance(30)
    assert board.statistics().expired == 1
    assert board.find("a").state == "ready"


@COLOURS
def test_an_ending_that_arrived_unheard_is_not_lost(board, trouble, serve):
    """Only the answer was lost: the second try finds the task as it left it."""
    board.submit_many([Task("a"), Task("b", max_attempts=1)])

    def handler(job):
        trouble(1, after=True)
        if job.lease.task == "b":
            raise ValueError
        return 1

    served = serve(board, handler, until="drained")
    assert (served.completed, served.failed, served.lost) == (1, 1, 0)


def test_final_trouble_is_not_tried_again(board, trouble):
    """A file that belongs to something else stays so."""
    state = trouble(9, error=JournalConflictError("b.db", "it was replaced"))
    board.submit(Task("a"))
    with pytest.raises(JournalConflictError), board.work(board.claim("w")):
        pass
    assert state["tries"] == 1


def test_the_bodys_own_error_matters_more(board, trouble):
    """What the journal says is a note to it."""
    trouble(9, error=JournalConflictError("b.db", "it was replaced"))
    board.submit(Task("a"))
    with pytest.raises(ValueError, match="mine") as raised, board.work(board.claim("w")):
        raise ValueError("mine")
    assert "the failure could not be recorded" in raised.value.__notes__[-1]


def test_a_lock_is_freed_after_a_busy_moment(board, trouble):
    """A lock that stays behind would keep everybody waiting for its ttl."""
    trouble(2)
    with board.lock("a", agent="w"):
        pass
    assert board.holder("a") is None


def test_a_timeout_is_told_in_time_and_written_when_the_journal_is_well_again(board, clock, monkeypatch):
    """The thread of alarms does not wait, and does not forget."""
    board.submit(Task("a"))
    try_, failures = board._engine._try, [JournalError("b.db", "busy")] * 2

    def trying(command):
        if failures:
            raise failures.pop()
        return try_(command)

    with pytest.raises(LeaseLostError), board.work(board.claim("w"), timeout=5) as job:
        monkeypatch.setattr(board._engine, "_try", trying)
        clock.advance(5)
        assert job.lost.is_set()
        assert failures  # told before it is written
        clock.advance(1)
        assert not failures
    assert "timeout" in board.find("a").history[0]


# -- stopping and failing ---------------------------------------------------------------------


@COLOURS
@pytest.mark.parametrize("error", [SystemExit(2), asyncio.CancelledError()])
def test_what_nobody_asked_for_fails_the_attempt(make_board, serve, error):
    """Given back at no cost, such a task would be tried for ever; and the worker goes on."""
    board = make_board(backoff=Backoff(first=0), max_attempts=2)
    board.submit_many([Task("bad", priority=1), Task("good")])

    def handler(job):
        if job.lease.task == "bad":
            raise error
        return 1

    served = serve(board, handler, until="drained")
    assert (served.completed, served.failed, served.released) == (1, 2, 0)
    record = board.find("bad")
    assert (record.state, record.attempts, record.releases) == ("failed", 2, 0)


@COLOURS
def test_an_interrupt_gives_back_and_ends_the_worker(board, serve):
    """Ctrl-C is a wish to stop."""
    board.submit(Task("a"))

    def handler(job):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(board, handler, until="drained")
    assert (board.find("a").state, board.find("a").attempts) == ("ready", 0)


@COLOURS
def test_an_error_of_another_board_is_a_failure(board, serve):
    """A closed board or a lost lease of somebody else is no news of this one."""
    board.submit_many([Task("a", max_attempts=1, priority=1), Task("b", max_attempts=1)])

    def handler(job):
        raise ClosedError if job.lease.task == "a" else LeaseLostError("other", 1, "expired")

    served = serve(board, handler, until="drained")
    assert (served.failed, served.lost) == (2, 0)


def test_a_stuck_plain_handler_gives_its_lease_back_when_cancelled(board):
    """And the loop does not wait for its thread, which is a daemon."""
    begun, go = threading.Event(), threading.Event()
    kinds = []

    def handler(job):
        kinds.append(threading.current_thread().daemon)
        begun.set()
        go.wait()

    async def main():
        worker = asyncio.ensure_future(board.aio.serve(handler, agent="w"))
        await asyncio.to_thread(begun.wait)
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker

    board.submit(Task("a"))
    asyncio.run(main())
    assert board.find("a").state == "ready"
    go.set()
    assert kinds == [True]


def test_a_drained_loop_does_not_end_as_if_it_were(board):
    """Closed under unfinished work, it says so; other loops end quietly."""
    board.submit(Task("a"))
    board.claim("other")
    ended = []

    def loop(until):
        try:
            for _ in board.claims("w", until=until):
                pass
            ended.append((until, None))
        except ClosedError as error:
            ended.append((until, type(error)))

    threads = [threading.Thread(target=loop, args=[until]) for until in ("drained", "closed")]
    for thread in threads:
        thread.start()
    board.close()
    for thread in threads:
        thread.join()
    assert sorted(ended) == [("closed", None), ("drained", ClosedError)]


@COLOURS
@pytest.mark.parametrize("until", ["closed", "drained"])
def test_a_board_that_is_closed_while_a_handler_works(board, serve, until):
    """A worker that was to go on until then ends quietly, as one that waits does; its task has been given back."""
    board.submit(Task("a"))
    begun, go = threading.Event(), threading.Event()

    def handler(job):
        begun.set()
        go.wait(LIMIT_S)

    worker = Background(serve, board, handler, until=until)
    assert begun.wait(LIMIT_S)
    board.close()
    go.set()
    if until == "closed":
        served = worker.get()
        assert (served.completed, served.failed, served.lost) == (0, 0, 1)
    else:
        with pytest.raises(ClosedError):
            worker.get()


@COLOURS
def test_an_ending_that_closing_overtakes(board, monkeypatch, serve):
    """The same, if the board is closed between the end of the handler and its report."""
    board.submit(Task("a"))

    def handler(job):
        monkeypatch.setattr(type(board._engine), "execute", closed)

    def closed(engine, command, request_id=None):
        monkeypatch.undo()
        board.close()
        return engine.execute(command, request_id)

    served = serve(board, handler)
    assert (served.completed, served.failed, served.lost) == (0, 0, 1)


# -- a loop that goes on ----------------------------------------------------------------------


def jobs(board):
    for lease in board.claims("w", until="idle"):
        with board.work(lease, on_error="log") as job:
            if lease.task == "gone":
                board.cancel("gone")
            job.result = {1} if lease.task == "set" else 1 / job.payload


async def jobs_on_a_loop(board):
    async for lease in board.claims("w", until="idle"):
        async with board.work(lease, on_error="log") as job:
            if lease.task == "gone":
                await board.cancel("gone")
                await asyncio.sleep(0)  # a cancelled body hears of it where it waits
            job.result = {1} if lease.task == "set" else 1 / job.payload


@pytest.mark.parametrize("run", [jobs, lambda board: asyncio.run(jobs_on_a_loop(board.aio))])
def test_a_loop_that_logs_goes_on(board, run, caplog):
    """After a failure, a lost lease and a result that cannot be kept, without a try."""
    board.submit_many(
        [Task("zero", payload=0), Task("gone", payload=1), Task("set"), Task("fine", payload=1)]
    )
    with caplog.at_level(logging.WARNING, "ants_coord"):
        run(board)
    states = {record.task.id: record.state for record in board.tasks()}
    assert states == {"zero": "delayed", "gone": "cancelled", "set": "failed", "fine": "done"}
    told = [record.getMessage() for record in caplog.records if record.name == "ants_coord"]
    assert [line.split()[1] for line in told] == ["zero", "gone", "set"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ClosedError])
def test_a_loop_that_logs_still_stops(board, error):
    """An interrupt is no failure of the task, and a closed board has no next one."""
    board.submit(Task("a"))
    with pytest.raises(error), board.work(board.claim("w"), on_error="log"):
        raise error


def test_on_error_is_checked(board):
    """By name, with what there is."""
    board.submit(Task("a"))
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'log', not 'ignore'"):
        board.work(board.claim("w"), on_error="ignore")


# -- a worker whose claims meet trouble -------------------------------------------------------


@pytest.fixture
def troubled_claims(board, clock, monkeypatch):
    """Let claims meet what they are told to meet: `troubled_claims(errors)`, one after the other."""
    left = []
    claim = board._engine.try_or_enter

    def troubled(command, waiter):
        if left:
            raise left.pop(0)
        return claim(command, waiter)

    async def asleep(seconds):
        clock.advance(seconds)

    monkeypatch.setattr(board._engine, "try_or_enter", troubled)
    monkeypatch.setattr(sync_worker, "sleep", clock.advance)
    monkeypatch.setattr(aio_worker, "sleep", asleep)
    return left.extend


LOCKED = JournalError("b.db", "database is locked")


@COLOURS
def test_a_worker_outlives_a_busy_moment(board, troubled_claims, serve):
    """Between two tasks, too; and it is not drained before it is."""
    board.submit_many([Task("a"), Task("b")])

    def handler(job):
        if job.task == "a":
            troubled_claims([LOCKED] * 5)
        return 1

    assert serve(board, handler, until="drained").completed == 2


@COLOURS
@pytest.mark.parametrize("problem", [LOCKED, JournalConflictError("b.db", "it was replaced")])
def test_a_worker_does_not_claim_for_ever_from_what_is_broken(board, troubled_claims, clock, serve, problem):
    """Half a minute, or at once what is final."""
    board.submit_many([Task("a"), Task("b")])

    def handler(job):
        troubled_claims([problem] * 10_000)

    began = clock.now_ns()
    with pytest.raises(type(problem)):
        serve(board, handler, until="drained")
    assert (clock.now_ns() - began) // 1_000_000_000 in ((30, 31) if problem is LOCKED else (0,))


@COLOURS
def test_a_worker_that_never_worked_is_told_at_once(board, troubled_claims, clock, serve):
    """A wrong path is nothing that time mends."""
    troubled_claims([LOCKED])
    began = clock.now_ns()
    with pytest.raises(JournalError):
        serve(board, lambda job: 1, until="drained")
    assert clock.now_ns() == began


def test_a_claim_that_somebody_else_cancelled_is_no_end(board, troubled_claims):
    """A group of tasks would swallow it, and serve would return as if the board were drained."""
    board.submit(Task("a"))
    troubled_claims([asyncio.CancelledError()])
    with pytest.raises(RuntimeError, match="nobody cancelled the worker"):
        on_a_loop(board, lambda job: 1, until="drained")

"""A caller that waits in vain is told why: texts of time-outs, boards that stand still, handlers that wait for themselves."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ants_coord import ClaimQueue, Matchmaker, Task, TaskFailedError
from ants_coord.errors import DeadlockError
from ants_coord.fronts.endless_waits import LOOK_NS
from ants_coord.testing import ManualClock

from .conftest import Background, awake, until, waits

LOOK = LOOK_NS / 1e9


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "ants_coord"]


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.WARNING, "ants_coord")
    return caplog


# -- what a TimeoutError says -----------------------------------------------------------------

IN_VAIN = {
    "a result": (
        lambda b: b.result("held", timeout=0),
        "nothing ended in time: task 'held' is leased (held by 'ann' (attempt 1, token ",
    ),
    "a result of nobody's": (
        lambda b: b.result("free", timeout=0),
        "task 'free' is ready (claimable by any agent that takes kind 'other'",
    ),
    "a lock": (
        lambda b: b.lock("app.py", "b.py", agent="bob", timeout=0).__enter__(),
        "the lock of 'app.py', 'b.py' did not come in time: 'app.py' is held by 'ann' for up to 30 s more",
    ),
    "a task of a kind": (
        lambda b: b.claim("bob", kinds=["x", "y"], timeout=0),
        "no task of kind x or y came in time for 'bob'; 0 waiting, 0 delayed, 1 ready, 1 leased",
    ),
    "a particular task": (
        lambda b: b.claim("bob", task="held", timeout=0),
        "no lease came in time: task 'held' is leased (held by 'ann'",
    ),
    "the end of all": (
        lambda b: b.drain(timeout=0),
        "not drained in time; 0 waiting, 0 delayed, 1 ready, 1 leased: task 'held' is leased",
    ),
}


@pytest.mark.parametrize("what", IN_VAIN)
def test_a_time_out_names_what_was_awaited_and_who_holds_it(board, what):
    """What a person asks first."""
    wait, text = IN_VAIN[what]
    board.submit_many([Task("held"), Task("free", kind="other")])
    board.claim("ann", task="held")
    board.lock_nowait("app.py", agent="ann")
    with pytest.raises(TimeoutError) as error:
        wait(board)
    assert text in str(error.value)


def test_a_claim_of_some_kinds_is_not_told_of_another(board):
    """What the agent would get if it took anything is no answer."""
    board.submit(Task("free", kind="other"))
    with pytest.raises(TimeoutError) as error:
        board.claim("bob", kinds=["x"], timeout=0)
    assert "1 task(s) are ready, none of them for this agent" in str(error.value)
    assert "free" not in str(error.value)


def test_a_task_that_has_failed_before_is_told_without_its_past(board):
    """A time-out is about now; the history is what `explain` is for."""
    board.submit(Task("a"))
    board.fail(board.claim("w"), "SECRET")
    with pytest.raises(TimeoutError) as error:
        board.result("a", timeout=0)
    assert "SECRET" not in str(error.value)
    assert "may run in" in str(error.value)


# -- what stands still ------------------------------------------------------------------------


def test_a_kind_without_a_handler_is_told_once(board, clock, log):
    """However many loops of however many threads wait for the board to drain."""
    board.submit_many([Task("a", kind="x"), Task("b", kind="other")])
    worker = Background(board.serve, {"x": lambda job: 1}, agent="w", until="drained", concurrency=2)
    waits(board, 2)
    board.result("a")
    waits(board, 2)
    for _ in range(4):
        clock.advance(LOOK)
        waits(board, 2)
    (line,) = told(log)
    assert line.startswith("waiting in vain: 1 task(s) are unfinished and nobody works: task 'b' is ready (")
    assert line.endswith("'w' takes only x, not other")
    board.complete(board.claim("other"))
    assert worker.get().completed == 1


def test_a_requirement_that_nobody_meets_is_told():
    """With the reason that `explain` gives."""
    clock = ManualClock()
    with Matchmaker(clock=clock) as board, board.join("w", {"cpu"}):
        board.submit(Task("a", requires="gpu"))
        waiting = Background(board.result, "a")
        waits(board)
        records = []
        handler = logging.Handler()
        handler.emit = records.append
        logging.getLogger("ants_coord").addHandler(handler)
        try:
            clock.advance(LOOK)
            waits(board)
        finally:
            logging.getLogger("ants_coord").removeHandler(handler)
        board.cancel("a")
        with pytest.raises(TaskFailedError):
            waiting.get()
    assert ["'gpu'" in record.getMessage() or "gpu" in record.getMessage() for record in records] == [True]


def test_somebody_who_works_may_finish(board, clock, log):
    """A lease, or a task that time makes ready, is no reason to speak."""
    board.submit_many([Task("a"), Task("b", delay=1000)])
    lease = board.claim("ann")
    with board.keep_alive(lease):
        waiting = Background(board.drain)
        waits(board)
        for _ in range(20):
            clock.advance(LOOK)
        board.complete(lease)
        clock.advance(1000 - 20 * LOOK)  # not more: "b" would stand there, ready, for the rest
    board.complete(board.claim("ann"))
    waiting.get()
    assert told(log) == []


def test_what_became_ready_a_moment_ago_is_not_standing_still(board, clock, log):
    """The look may come in the instant between a task's becoming ready and its being taken."""
    board.submit(Task("a", delay=2.5 * LOOK))
    waiting = Background(board.drain)
    waits(board)
    for _ in range(3):
        clock.advance(LOOK)
        waits(board)
    assert told(log) == []
    clock.advance(LOOK)
    waits(board)
    assert len(told(log)) == 1  # and now it is
    board.complete(board.claim("ann"))
    waiting.get()


# -- a handler that waits for itself ----------------------------------------------------------


def serve_in_threads(board, handler):
    return Background(board.serve, handler, agent="w", until="idle")


def serve_on_a_loop(board, handler):
    async def job(job):
        return await asyncio.to_thread(handler, job) if job.payload is None else handler(job)

    return Background(lambda: asyncio.run(board.aio.serve(job, agent="w", until="idle")))


@pytest.mark.parametrize("start", [serve_in_threads, serve_on_a_loop])
def test_a_worker_that_waits_for_its_own_child_is_told(make_board, clock, start):
    """After the length of its lease; the attempt fails with the way out, and the child is done."""
    board = make_board(lease_ttl=8, max_attempts=1)
    board.submit(Task("parent"))

    def handler(job):
        return board.result(board.submit(Task("child", payload=1))) if job.payload is None else 1

    worker = start(board, handler)
    waits(board)
    clock.advance(LOOK)
    waits(board)
    assert board.find("parent").state == "leased"
    clock.advance(LOOK)
    served = worker.get()
    assert (served.failed, served.completed) == (1, 1)
    reason = board.find("parent").outcome.reason
    assert reason.startswith("DeadlockError: the handler of task 'parent' waits for other tasks")
    assert "task 'child' is ready" in reason
    assert "needs=" in reason  # the way out is not what is cut off
    assert "TimeoutError" not in str(board.explain("parent"))  # with which we looked around


def test_an_async_handler_that_waits_for_its_own_child_is_told(make_board, clock):
    """On the loop itself, where the wait takes no thread."""
    board = make_board(lease_ttl=4, max_attempts=1)
    board.submit(Task("parent"))

    async def handler(job):
        if job.lease.task == "child":
            return 1
        return await board.aio.result(await board.aio.submit(Task("child")))

    worker = Background(lambda: asyncio.run(board.aio.serve(handler, agent="w", until="idle")))
    waits(board)
    clock.advance(LOOK)
    assert worker.get().failed == 1
    assert "DeadlockError" in board.find("parent").outcome.reason


def test_a_handler_may_wait_while_somebody_else_works(board, clock):
    """A second worker, busy for long, will come to the child."""
    board.submit_many([Task("parent", priority=1), Task("busy")])
    parent, busy = board.claim("w"), board.claim("other")

    def body():
        with board.work(parent) as job:
            job.result = board.result(board.submit(Task("child")))

    with board.keep_alive(busy):
        worker = Background(body)
        waits(board)
        for _ in range(20):
            clock.advance(LOOK)
            waits(board)
        board.complete(busy)
        board.complete(board.claim("other"), "late")
    worker.get()
    assert board.result("parent") == "late"


def test_two_handlers_that_wait_for_each_other_are_told(board, clock):
    """Both hold a lease, and neither works."""
    board.submit_many([Task("a"), Task("b")])
    first, second = board.claim_many("w", 2)

    def body(lease, other):
        with board.work(lease):
            board.result(other)

    calls = [Background(body, first, "b"), Background(body, second, "a")]
    waits(board, 2)
    for _ in range(10):
        clock.advance(LOOK)
        # one may go on waiting, if the other's failure made its task delayed before it looked
        until(lambda: any(call.done.is_set() for call in calls) or len(awake(board)) == 2)
        if any(call.done.is_set() for call in calls):
            break
    for task in ("a", "b"):
        board.cancel(task)
    errors = []
    for call in calls:
        try:
            call.get()
        except Exception as error:
            errors.append(type(error))
    assert DeadlockError in errors


def test_a_scope_that_was_left_elsewhere_is_nobodys_work(board, clock):
    """Entered in one thread, left in another: the first one waits as anybody does."""
    board.submit_many([Task("a", priority=1), Task("b")])
    scope = board.work(board.claim("w"))

    def body():
        scope.__enter__()
        Background(scope.__exit__, None, None, None).get()
        return board.result("b")

    waiting = Background(body)
    waits(board)
    for _ in range(20):
        clock.advance(LOOK)
        waits(board)
    board.complete(board.claim("w"), 5)
    assert waiting.get() == 5


def test_whoever_holds_a_lock_may_wait_for_results(board, clock):
    """A lock is no task: its holder is no worker that waits for itself."""
    board.submit(Task("a"))

    def body():
        with board.lock("x", agent="me"):
            return board.result("a")

    waiting = Background(body)
    waits(board)
    for _ in range(20):
        clock.advance(LOOK)
    board.complete(board.claim("w"), 5)
    assert waiting.get() == 5


# -- failures beside successes ----------------------------------------------------------------


@pytest.mark.parametrize("colour", ["threads", "loop"])
def test_results_can_hand_back_failures_beside_successes(colour):
    """As asyncio.gather names it."""
    with ClaimQueue() as board:
        board.submit_many([Task("a"), Task("b"), Task("c")])
        for lease in board.claim_many("w", 3):
            if lease.task == "b":
                board.fail(lease, "no", retry=False)
            else:
                board.complete(lease, lease.task)
        with pytest.raises(TaskFailedError):
            board.results(["a", "b", "c"])
        if colour == "threads":
            first, second, third = board.results(["a", "b", "c"], return_exceptions=True)
        else:
            first, second, third = asyncio.run(board.aio.results(["a", "b", "c"], return_exceptions=True))
        assert (first, third) == ("a", "c")
        assert isinstance(second, TaskFailedError)
        assert second.outcome.reason == "no"
        with pytest.raises(TimeoutError):
            board.results([board.submit(Task("d"))], timeout=0, return_exceptions=True)

"""The worker under threads, and how it stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ants_coord import Backoff, ClaimQueue, GiveUp, RetryAfter, Task
from ants_coord.engine.lobby import Waiter
from ants_coord.errors import ClosedError
from ants_coord.fronts.serving import Stop
from ants_coord.testing import SimulatedCrash

from .conftest import Background, waits

ROOT = Path(__file__).parent.parent.parent


def test_every_ending_is_counted_and_recorded(make_board):
    """Results, errors, GiveUp, RetryAfter, and results that are no JSON."""
    board = make_board(backoff=Backoff(first=0), max_attempts=2)

    def handler(job):
        match job.payload:
            case "ok":
                return {"token": job.token}
            case "error":
                raise ValueError("boom")
            case "give up":
                raise GiveUp("never")
            case "later" if job.lease.attempt == 1:
                raise RetryAfter(0)
            case "set":
                return {1, 2}
            case "awaitable":
                return handler.coroutine()  # type: ignore[attr-defined]

    async def coroutine():
        pass

    handler.coroutine = coroutine  # type: ignore[attr-defined]
    names = ["ok", "error", "give up", "later", "set", "awaitable"]
    board.submit_many([Task(name, payload=name) for name in names])
    served = board.serve(handler, agent="w", until="drained")
    states = {record.task.id: (str(record.state), record.outcome.reason) for record in board.tasks()}
    assert {name: state for name, (state, _) in states.items()} == {
        "ok": "done", "error": "failed", "give up": "failed", "later": "done", "set": "failed", "awaitable": "failed",
    }  # fmt: skip
    assert "boom" in states["error"][1]
    assert states["give up"][1] == "never"
    assert "result must be a JSON value" in states["set"][1]
    assert "async function" in states["awaitable"][1]
    assert (served.completed, served.failed) == (2, 7)  # a result that cannot be kept is not made again


def test_handlers_by_kind_leave_other_kinds_alone(board):
    """Only the kinds that have a handler are claimed; async handlers get a loop of their thread."""

    async def twice(job):
        return job.payload * 2

    board.submit_many([Task("a", kind="x", payload=2), Task("b", kind="y")])
    board.serve({"x": twice}, until="idle")
    assert board.result("a") == 4
    assert board.find("b").state == "ready"
    for bad in ({}, {"x": 5}, 5, {"not a name!": twice}):
        with pytest.raises((TypeError, ValueError)):
            board.serve(bad, until="idle")


def test_threads_share_the_work(board):
    """With concurrency, every task is done once."""
    tickets = board.submit_many([Task(payload=n) for n in range(200)])
    served = board.serve(lambda job: job.payload, concurrency=4, until="drained")
    assert served.completed == 200
    assert board.results(tickets) == list(range(200))


def test_a_lost_lease_is_counted_not_raised(board):
    """A task that is cancelled under its handler does not stop the worker."""

    def handler(job):
        if job.payload:
            board.cancel(job.lease.task)
        return 1

    board.submit_many([Task(payload=True), Task("fine")])
    served = board.serve(handler, until="drained")
    assert (served.lost, served.completed) == (1, 1)


WORKER = """
import os, signal, sys
from ants_coord import ClaimQueue

def handler(job):
    os.write(1, b"started\\n")  # one write: two threads may say it at once
    os.read(0, 1)
    return "finished"

with ClaimQueue(sys.argv[1]) as board:
    try:
        board.serve(handler, agent="w", signals=True, concurrency=int(sys.argv[2]))
        print("drained", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        os._exit(3)
"""


def start(path, concurrency):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path), str(concurrency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("concurrency", [1, 2])
def test_the_first_signal_drains(tmp_path, concurrency):
    """What runs is finished, nothing more is claimed, and serve returns."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit_many([Task("a"), Task("b"), Task("c")])
        with start(path, concurrency) as worker:
            for _ in range(concurrency):
                assert worker.stdout.readline().startswith("started")
            worker.send_signal(signal.SIGTERM)
            worker.stdin.write("\n" * 10)
            worker.stdin.flush()
            assert "drained\n" in list(worker.stdout)
        done, ready = (board.statistics().tasks[state] for state in ("done", "ready"))
    assert done + ready == 3
    # one handler runs in the main thread, where the signal comes first; other
    # threads may be quicker than the main thread and claim once more
    assert done == 1 if concurrency == 1 else done >= 2


@pytest.mark.parametrize("concurrency", [1, 2])
def test_the_second_signal_gives_back(tmp_path, concurrency):
    """A handler that does not end is interrupted; its task is ready again, the attempt refunded."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit_many([Task("a"), Task("b")][:concurrency])
        with start(path, concurrency) as worker:
            for _ in range(concurrency):
                assert worker.stdout.readline().startswith("started")
            worker.send_signal(signal.SIGTERM)
            worker.send_signal(signal.SIGINT)  # another one: two of the same may become one
            while worker.poll() is None:
                try:
                    worker.wait(1.0)
                except subprocess.TimeoutExpired:
                    # it came just before the handler began to read, which no
                    # signal handler in Python can see; people press the key again
                    worker.send_signal(signal.SIGINT)
            assert "interrupted\n" in list(worker.stdout)
        for record in board.tasks():
            assert (record.state, record.attempts, record.releases) == ("ready", 0, 1)


def test_an_error_that_ends_one_thread_ends_the_crowd(make_board):
    """An error that is nobody's result stops all threads of a worker, also those that wait for work."""
    board = make_board()
    board.submit(Task("a"))

    def handler(job):
        waits(board)  # the other thread waits for a task that never comes
        raise SimulatedCrash

    serving = Background(board.serve, handler, agent="w", concurrency=2, until="closed")
    with pytest.raises(SimulatedCrash):
        serving.get()


def test_a_wish_to_stop_that_comes_between_look_and_wait_is_heard():
    """The signal came before there was a waiter to wake: it may not lie down any more."""
    stop, waiter = Stop(), Waiter(lambda: None, ready=True, agent="w")
    stop.set()
    with pytest.raises(ClosedError, match="stopping"):
        stop.watch(waiter)

"""Verbs and close() from a signal handler, from __del__, at interpreter exit: never a deadlock."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from ants_coord import ClosedError, Task
from ants_coord.core.machine import Machine
from ants_coord.core.short_log import follow
from ants_coord.engine.board_lock import EXITING
from ants_coord.errors import ReentrantCallError

from .conftest import LIMIT_S, Background, waits


def in_the_middle(board, do):
    """Run something inside a verb, on its thread, as a signal handler or a collector does; return what it got."""
    got = []

    def interrupted(carry_out):
        def then(*args, **options):
            if not got:
                got.append(None)
                try:
                    got.append(do())
                except Exception as error:
                    got.append(error)
            return carry_out(*args, **options)

        return then

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Machine, "apply", interrupted(Machine.apply))
        patch.setattr("ants_coord.engine.replica.follow", interrupted(follow))
        board.submit(Task("outer"))
    return got[1]


@pytest.mark.parametrize(
    "verb",
    [
        lambda board: board.submit(Task("inner")),
        lambda board: board.find("outer"),
        lambda board: board.claim("w", timeout=1),
        lambda board: board.release_all("w"),
        lambda board: board.check(),
    ],
    ids=["submit", "find", "claim", "release_all", "check"],
)
def test_a_verb_inside_a_verb_of_the_same_thread_is_refused_by_name(make_board, verb):
    """And the outer one is not harmed."""
    board = make_board()
    board.statistics()
    assert isinstance(in_the_middle(board, lambda: verb(board)), ReentrantCallError)
    assert board.find("outer") is not None
    assert board.find("inner") is None
    board.check()


def test_close_inside_a_verb_closes_when_the_verb_ends(make_board):
    """The verb that was interrupted is answered, waiters hear it, and nothing waits for itself."""
    board = make_board()
    waiting = Background(board.claim, "ann", kinds=["never"])
    waits(board)
    assert in_the_middle(board, board.close) is None
    with pytest.raises(ClosedError):
        waiting.get()
    with pytest.raises(ClosedError):
        board.find("outer")


def test_a_signal_handler_that_closes_and_raises(make_board):
    """The usual `board.close(); sys.exit()`: the exception passes, and the board is closed."""
    board = make_board()
    board.statistics()

    def bye(number, frame):
        board.close()
        raise SystemExit(3)

    before = signal.signal(signal.SIGUSR1, bye)
    try:
        with pytest.raises(SystemExit):
            while True:
                signal.raise_signal(signal.SIGUSR1)
                board.submit(Task("a"))
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(ClosedError):
        board.statistics()


def test_a_thread_that_was_stopped_inside_keeps_no_interpreter_from_ending(make_board, monkeypatch):
    """At exit the lock is waited for with a time: verbs say so, close() goes."""
    for module in ("board_lock", "engine"):
        monkeypatch.setattr(f"ants_coord.engine.{module}.LAST_S", 0.05)
    board = make_board()
    board.statistics()
    engine, lock = board._engine, board._engine._lock
    holder = Background(lock.acquire)
    holder.get()  # that thread has ended, and will never give it back
    EXITING.append(True)
    try:
        with pytest.raises(ClosedError, match="interpreter"):
            board.submit(Task("a"))
        board.close()
    finally:
        EXITING.clear()
    engine._hang_new()


def test_a_script_that_ends_with_an_open_generator_ends():
    """The generator is closed while the interpreter is torn down."""
    code = (
        "from ants_coord import ClaimQueue, Task\n"
        "def session():\n"
        "    with ClaimQueue() as board:\n"
        "        board.submit(Task('a'))\n"
        "        with board.work(board.claim('w')) as job:\n"
        "            yield job\n"
        "g = session(); next(g)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=LIMIT_S * 3, check=False).returncode == 0

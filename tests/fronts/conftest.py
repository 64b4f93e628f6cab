"""Boards in every place that a board can be, with a clock that only moves when it is told to."""

from __future__ import annotations

import gc
import threading
import warnings

import pytest

import ants_coord
from ants_coord import ClaimQueue
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock

LIMIT_S = 30
"""a safety net for threads; no test waits for it"""


def sweep():
    """Collect garbage; what tests have left open in it, such as a socket whose maker was cut short, is no fault here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["memory", "log", "file", "match", "board", "hub"])
def make_board(request, clock, tmp_path):
    """Return a function that makes a board: without a log, with one in memory, in a file; other strategies; a hub's."""
    made = []
    if request.param == "hub" and request.module.__name__.endswith("test_reentry"):
        pytest.skip("through a hub no verb is inside another: each has a connection of its own")
    over_hub = request.getfixturevalue("over_hub") if request.param == "hub" else None

    def make(**settings):
        # rooms come with the boards that need them: the others are tried without (tests/test_rooms.py)
        if request.param == "memory":
            board = ClaimQueue(clock=clock, **settings)
        elif request.param == "match":
            board = ants_coord.Matchmaker(clock=clock, **settings)
        elif request.param == "board":
            board = ants_coord.Blackboard(clock=clock, **settings)
        elif request.param == "log":
            board = ClaimQueue(MemoryJournal(clock), **settings)
        else:
            from ants_coord.journals import SQLiteJournal

            journal = SQLiteJournal(tmp_path / f"{len(made)}.db", clock=clock)
            if request.param == "hub":
                board = over_hub(ClaimQueue, journal, clock, **settings)
            else:
                board = ClaimQueue(journal, **settings)
        made.append(board)
        return board

    yield make
    for board in made:
        finish(board)


@pytest.fixture
def board(make_board):
    return make_board(lease_ttl=30)


class Background:
    """A call in a thread of its own, and its answer."""

    def __init__(self, call, *arguments, **options):
        self.answer = self.error = None
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(call, arguments, options), daemon=True)
        self._thread.start()

    def _run(self, call, arguments, options):
        try:
            self.answer = call(*arguments, **options)
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()

    def get(self):
        """Return the answer, or raise what the call raised."""
        assert self.done.wait(LIMIT_S), "it is still waiting"
        self._thread.join(LIMIT_S)
        if self.error is not None:
            raise self.error
        return self.answer


def until(is_so) -> None:
    """Return when something is so, which other threads make so."""
    turn = threading.Event()
    for _ in range(LIMIT_S * 1000):
        if is_so():
            return
        turn.wait(0.001)
    raise AssertionError("it did not come about")


def waits(board, count: int = 1) -> None:
    """Return when `count` callers have entered the lobby."""
    until(lambda: len(awake(board)) >= count)


def awake(board):
    """Return who waits and has not been told that its time is over."""
    return [one for one in standing(board) if not one.timed_out]


def standing(board):
    """Return who waits, at the hub if there is one."""
    engine, hub = board._engine, getattr(board._engine, "hub", None)
    served = engine if hub is None else hub._engine
    with served._lock:  # another thread may be about to set the alarm of who has just entered
        inside = set(served._lobby.all())
    if hub is None:
        return list(inside)
    there = {n for peer in list(hub._peers) for n, wait in list(peer.waits.items()) if wait.waiter in inside}
    return [wait.waiter for number, wait in list(engine._by_number.items()) if number in there]


def finish(board) -> None:
    """Check and close what a fixture made."""
    if not board._engine.is_closed:
        board.check()
    board.close()

"""
An exception at any byte code of the journal leaves no lock held and no transaction open.

A trace function stands in for Ctrl-C and for signal handlers that raise: it raises at the k-th byte code
that runs in ants_coord/journals, for every k. Afterwards another process could write, the board goes on,
and the command has happened or has not.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pathlib
import sqlite3

import pytest

import ants_coord.journals
from ants_coord import ClaimQueue, CoordinationError, Task
from ants_coord.commands.shared import Claim
from ants_coord.engine.lobby import Waiter, mute
from ants_coord.journals.files import FileLock
from tests.scale import of

from .. import landing
from ..inside import inside

FOLDER = pathlib.Path(ants_coord.journals.__file__).parent
FILES = tuple(
    str(FOLDER / f"{name}.py") for name in ("sqlite", "board_file", "files", "identity", "trouble", "chain")
)
STRIDE = of(11, 1, 1)


def landing_at(step):
    """Raise at the step-th byte code of the journal."""
    return landing.landing_at(step, FILES, "opcode")


def assert_free(path):
    """The next caller may have the lock, the turn, and the database."""
    other = FileLock(str(path) + "-lock")
    try:
        assert other.take_now(), "the lock is held"
        other.give()
        kind = fcntl.F_OFD_SETLK
        fcntl.fcntl(other.file, kind, ants_coord.journals.files._TAKE_TURN)
        fcntl.fcntl(other.file, kind, ants_coord.journals.files._GIVE_TURN)
    finally:
        other.close()
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")


def every_step(do):
    """Call `do(step)` for one step after another until it says that nothing was hit any more."""
    for step in itertools.count(0, STRIDE):
        if not do(step):
            assert step > 50, "nothing was traced"
            return


def test_a_command_cut_short_holds_nothing(tmp_path):
    """An append: written or not, and the next verb works at once."""
    path = tmp_path / "b.db"
    with ClaimQueue(path, durability="process") as board:
        board.statistics()

        def cut(step):
            with landing_at(step) as came:
                board.submit(Task(f"t{step}"))
            assert_free(path)
            board.submit(Task(f"after {step}"))
            board.check()
            return came

        every_step(cut)
        assert board.submit(Task("t0")).created in (True, False)
        digest = board._engine.digest()
    with ClaimQueue(path) as again:
        assert again._engine.digest() == digest


def test_a_look_cut_short_holds_nothing(tmp_path):
    """A read of what another has written."""
    path = tmp_path / "b.db"
    with ClaimQueue(path, durability="process") as board, ClaimQueue(path, durability="process") as other:
        board.statistics()

        def cut(step):
            other.submit(Task(f"t{step}"))
            with landing_at(step) as came:
                board.find(f"t{step}")
            assert_free(path)
            assert board.find(f"t{step}") is not None
            return came

        every_step(cut)
        assert board._engine.digest() == other._engine.digest()


def test_a_snapshot_cut_short_holds_nothing(tmp_path):
    """Pieces and the seal; later ones are whole."""
    path = tmp_path / "b.db"
    with ClaimQueue(path, durability="process", retention_count=5) as board:
        inside(board)._snapshots.every = 4

        def cut(step):
            with landing_at(step) as came:
                for number in range(8):
                    board.submit(Task(f"t{step}-{number}"))
            assert_free(path)
            for lease in board.claim_many("w", 99):
                board.complete(lease)
            return came if step < of(1_500, 6_000, 1 << 30) else []

        every_step(cut)
        board.check()
        digest = board._engine.digest()
    with ClaimQueue(path) as again:
        assert again._engine.digest() == digest
        inside(again)._journal.verify()


# a socket that was made and not yet kept is closed by the collector, which says so
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_watch_cut_short_holds_nothing(tmp_path):
    """The first wait registers in the file and starts a thread; said again, it works."""
    number = itertools.count()

    def cut(step):
        path = tmp_path / f"{next(number)}.db"
        with ClaimQueue(path, durability="process") as board:
            board.statistics()
            with landing_at(step) as came, contextlib.suppress(TimeoutError):
                # in this thread, which is the one that is traced
                board._engine.try_or_enter(Claim("w"), Waiter(mute, ready=True, agent="w", until_ns=0))
            assert_free(path)
            with pytest.raises(TimeoutError):
                board.claim("w", timeout=0.001)
        return came

    every_step(cut)


def test_opening_and_closing_cut_short_hold_nothing(tmp_path):
    """Neither leaves anything behind that stops the next opener; close may be called again."""
    path, before = tmp_path / "b.db", len(os.listdir("/proc/self/fd"))
    with ClaimQueue(path) as board:
        board.submit(Task("kept"))

    def cut_opening(step):
        board = ClaimQueue(path, durability="process")
        with landing_at(step) as came:
            board.statistics()
        assert_free(path)
        assert board.find("kept") is not None
        board.close()
        return came

    def cut_closing(step):
        board = ClaimQueue(path, durability="process")
        board.statistics()
        with landing_at(step) as came:
            board.close()
        with contextlib.suppress(CoordinationError):
            inside(board)._journal.close()
        assert_free(path)
        return came

    every_step(cut_opening)
    every_step(cut_closing)
    with ClaimQueue(path) as again:
        assert again.find("kept") is not None
    assert len(os.listdir("/proc/self/fd")) - before < 150  # what is cut in the middle of a call may be left

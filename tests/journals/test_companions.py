"""One look at the directory tells that no file of a board has lost its name; any change there is looked into."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalConflictError
from ants_coord.journals import identity


@pytest.fixture
def settled(monkeypatch):
    """As if no directory had changed for ten seconds when its files are compared."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 10 * 10**9)


def tick(folder, beside):
    """Wait until the file system's clock is past the last change of a directory."""
    probe, before = beside / "probe", os.stat(folder).st_ctime_ns
    for _ in range(1_000_000):
        probe.touch()
        if os.stat(probe).st_ctime_ns > before:
            return
    raise AssertionError("the clock of the file system stands still")


def looks(monkeypatch, board):
    """Return what one command looks at."""
    seen, stat = [], os.stat

    def noted(path, **how):
        seen.append(path)
        return stat(path, **how)

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", noted)
        board.submit(Task())
    return seen


@pytest.mark.parametrize("suffix", ["", *identity.SUFFIXES])
@pytest.mark.parametrize("how", ["deleted", "moved away", "replaced", "moved and copied back"])
def test_a_change_in_a_quiet_directory_is_seen(tmp_path, settled, monkeypatch, suffix, how):
    home, beside = tmp_path / "home", tmp_path / "beside"
    home.mkdir()
    beside.mkdir()
    path = home / "board.db"
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
        assert looks(monkeypatch, board) == [str(home)]  # nothing has changed
        tick(home, beside)
        file = str(path) + suffix
        if how == "deleted":
            os.unlink(file)
        elif how == "moved away":
            os.rename(file, beside / "away")
        elif how == "replaced":
            shutil.copy(file, beside / "copy")
            os.rename(beside / "copy", file)
        else:
            os.rename(file, beside / "away")
            shutil.copy(beside / "away", file)
        with pytest.raises(JournalConflictError, match=r"is gone|is another file now"):
            board.submit(Task("b"))


def test_another_directory_in_the_place_of_the_boards(tmp_path, settled, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    with ClaimQueue(home / "board.db") as board:
        board.submit(Task("a"))
        assert looks(monkeypatch, board) == [str(home)]
        shutil.copytree(home, tmp_path / "copy")
        os.rename(home, tmp_path / "away")
        os.rename(tmp_path / "copy", home)
        with pytest.raises(JournalConflictError, match="is another file now"):
            board.submit(Task("b"))


@pytest.mark.parametrize("ago_ns", [0, identity._SETTLES_NS, -(10**18)])
def test_a_directory_that_has_just_changed_is_not_trusted(tmp_path, monkeypatch, ago_ns):
    """Another change in the same tick of its clock would not show; nor is a clock that was set back trusted."""
    with ClaimQueue(tmp_path / "board.db") as board:
        board.submit(Task("a"))
        (tmp_path / "other").touch()
        monkeypatch.setattr(time, "time_ns", lambda: os.stat(tmp_path).st_ctime_ns + ago_ns)
        for _ in range(2):
            assert {str(tmp_path / "board.db") + suffix for suffix in ("", *identity.SUFFIXES)} <= {
                *looks(monkeypatch, board)
            }


def test_a_change_of_something_else_costs_one_comparison(tmp_path, settled, monkeypatch):
    with ClaimQueue(tmp_path / "board.db") as board:
        board.submit(Task("a"))
        (tmp_path / "other").touch()
        assert [len(looks(monkeypatch, board)) for _ in range(3)] == [4, 1, 1]

"""Writers take turns where there is no fcntl, too: Windows' locks are simulated, a byte an owner."""

from __future__ import annotations

import os
import threading
import time

import pytest

from ants_coord.journals import files
from ants_coord.journals.files import FileLock


class Bytes:
    """A stand-in for msvcrt: one lock a byte, held by the descriptor that took it."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self):
        self.held, self.at, self.guard = {}, threading.local(), threading.Lock()

    def locking(self, file, mode, count):
        at = os.lseek(file, 0, os.SEEK_CUR)
        with self.guard:
            if mode == self.LK_NBLCK:
                if self.held.setdefault(at, file) != file:
                    raise OSError("locked")
            elif self.held.get(at) == file:
                del self.held[at]
            else:
                raise OSError("not locked")


@pytest.fixture
def windows(monkeypatch):
    found = Bytes()
    for name, value in (
        ("fcntl", None), ("msvcrt", found), ("SET_OWN", None), ("_AWAIT_OWN", None), ("_GET_OWN", None),
    ):  # fmt: skip
        monkeypatch.setattr(files, name, value)
    return found


def test_who_waits_comes_before_who_comes_again(windows, tmp_path, monkeypatch):
    """A writer that gives the lock and wants it again at once stands behind the one that waited."""
    first, second = (FileLock(str(tmp_path / "lock")) for _ in range(2))
    order, waits = [], threading.Event()

    def pause(seconds):
        waits.set()
        threading.Event().wait(0.001)

    monkeypatch.setattr(time, "sleep", pause)
    first.take()

    def other():
        second.take()
        order.append("second")
        second.give()

    thread = threading.Thread(target=other)
    thread.start()
    assert waits.wait(30)  # it holds the turn and looks at the lock
    first.give()
    first.take()  # cannot overtake: the turn is the other's until it has the lock
    order.append("first")
    first.give()
    thread.join(30)
    assert order == ["second", "first"]
    assert not windows.held
    first.close()
    second.close()


def test_a_python_without_any_locks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(files, "msvcrt", None)
    with pytest.warns(RuntimeWarning, match="take no turns"):
        FileLock(str(tmp_path / "lock")).close()

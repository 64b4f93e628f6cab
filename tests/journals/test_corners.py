"""Corners of the file that only a second look, a second writer or a second boot reaches."""

from __future__ import annotations

from ants_coord import ClaimQueue, Task
from ants_coord.journals import SQLiteJournal, board_file
from ants_coord.journals.clocks import BootClock
from ants_coord.journals.file_wakeups import Neighbours

from ..fronts.conftest import LIMIT_S, Background, waits

HOUR = 3_600 * 10**9


def test_without_any_datagram_the_slow_look_wakes_who_waits(tmp_path, monkeypatch):
    """Datagrams may be lost, all of them: another process's task is found all the same."""
    monkeypatch.setattr(Neighbours, "SLOW_LOOK_S", 0.02)
    monkeypatch.setattr(Neighbours, "wake", lambda self, ports: None)
    with ClaimQueue(tmp_path / "b.db") as one, ClaimQueue(tmp_path / "b.db") as other:
        waiting = Background(one.claim, "ann")  # without a time-out, at which it would look once more
        waits(one)
        other.submit(Task("a"))
        assert waiting.done.wait(LIMIT_S / 2), "nobody has looked"
        assert waiting.get().task == "a"


def test_two_writers_may_seal_snapshots_of_one_position(tmp_path):
    """The second finds that it is too late, which is no error; the snapshot is whole."""
    with ClaimQueue(tmp_path / "b.db") as board:
        board.submit_many([Task("a"), Task("b")])
    one, two = SQLiteJournal(tmp_path / "b.db"), SQLiteJournal(tmp_path / "b.db")
    try:
        one.append(len(one.read(0)), [])
        two.append(len(two.read(0)), [])
        position = one.read(0)[-1].position
        for journal in (one, two):
            journal.save(position, 0, b"piece")
        for journal in (one, two):
            journal.save(position, 1, None)
        assert [(at, list(pieces)) for at, pieces in (one.load(), two.load())] == [(position, [b"piece"])] * 2
    finally:
        one.close()
        two.close()


def test_a_wall_clock_that_was_set_back_between_two_boots_sets_no_stamp_back(tmp_path, monkeypatch):
    """The calendar goes on from the newest entry, however wrong the clock on the wall is."""
    path, wall_ns = tmp_path / "b.db", BootClock.wall_ns()
    for boot, at_ns in (("first", wall_ns), ("second", wall_ns - 2 * HOUR), ("third", wall_ns + HOUR)):
        monkeypatch.setattr(board_file, "boot_id", lambda boot=boot: boot)
        monkeypatch.setattr(BootClock, "wall_ns", staticmethod(lambda at_ns=at_ns: at_ns))
        with ClaimQueue(path) as board:
            board.submit(Task(boot))
    journal = SQLiteJournal(path)
    stamps = [entry.stamp_ns for entry in journal.read(0)]
    journal.close()
    assert stamps == sorted(stamps)
    assert stamps[-1] >= wall_ns + HOUR

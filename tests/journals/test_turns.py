"""Writers take turns: one that frees the lock cannot overtake the next in line, and nobody outruns a follower."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.engine import log
from ants_coord.journals.codec import decode_entry
from ants_coord.journals.files import FileLock
from tests.scale import of

ROOT = Path(__file__).parent.parent.parent

GREEDY = """
import sys
from ants_coord.journals.files import FileLock
lock = FileLock(sys.argv[1])
count = 0
print("up", flush=True)
while True:
    with lock:
        count += 1
        lock.file and __import__("os").pwrite(lock.file, count.to_bytes(8), 4096)
"""


def test_whoever_frees_the_lock_does_not_overtake_the_next_in_line(tmp_path, capsys):
    """A process takes the lock again and again; how often while we stand in line, is counted in the file."""
    path, rounds = tmp_path / "b.db-lock", of(200, 2_000, 20_000)
    process = subprocess.Popen(
        [sys.executable, "-c", GREEDY, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout.readline() == "up\n"
        lock, overtaken = FileLock(str(path)), []
        for _ in range(rounds):
            before = int.from_bytes(os.pread(lock.file, 8, 4096))
            with lock:
                overtaken.append(int.from_bytes(os.pread(lock.file, 8, 4096)) - before)
        lock.close()
    finally:
        process.kill()
        process.communicate()
    overtaken.sort()
    with capsys.disabled():
        print(f"\n  turns: overtaken {overtaken[rounds // 2]} times as a rule, {overtaken[-1]} at most")
    # it may go round some times between our look and our standing in line; without turns it was hundreds
    assert overtaken[rounds // 2] <= 3


def test_a_follower_is_not_outrun(tmp_path, monkeypatch, capsys):
    """
    Somebody writes one entry for each that we carry out, whenever the lock is free.

    So what we find never becomes less by itself; taking turns makes it less.
    """
    monkeypatch.setattr(log, "_FAR", 20)
    with ClaimQueue(tmp_path / "b.db", durability="process") as fast, ClaimQueue(tmp_path / "b.db") as slow:
        for _ in range(100):
            fast.submit(Task())
        engine = slow._engine
        lags, writing = [], []

        def decode_while_the_other_writes(body):
            # while it writes, the other decodes, too
            if not writing and not engine._journal._lock.is_held:  # type: ignore[attr-defined]
                writing.append(body)
                fast.submit(Task())
                writing.clear()
            return decode_entry(body)

        monkeypatch.setattr("ants_coord.engine.replica.decode_entry", decode_while_the_other_writes)
        absorb = engine._absorb  # type: ignore[attr-defined]

        def absorb_counting(entries, mine):
            lags.append(len(entries) - len(mine))
            absorb(entries, mine)

        monkeypatch.setattr(engine, "_absorb", absorb_counting)
        for number in range(6):
            slow.submit(Task(f"t{number}"))
        with capsys.disabled():
            print(f"\n  a follower that is written ahead of finds {lags}")
        assert max(lags[-3:]) <= 20
        monkeypatch.undo()
        assert slow._engine.digest() == fast._engine.digest()


def test_threads_of_two_boards_on_one_file_take_turns(tmp_path):
    """Locks belong to descriptors, so two coordinators of one process exclude each other too."""
    lock, other = FileLock(str(tmp_path / "l")), FileLock(str(tmp_path / "l"))
    with lock:
        assert not other.take_now()
        taken = threading.Event()

        def wait():
            with other:
                taken.set()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        assert not taken.is_set()
    assert taken.wait(10)
    thread.join()
    lock.close()
    other.close()


def test_nothing_slow_is_done_under_the_lock_when_a_wait_begins(tmp_path, monkeypatch):
    """A process may be stopped at any moment: while a thread of its begins, it must hold up nobody."""
    path = tmp_path / "b.db"
    free = []
    start = threading.Thread.start

    def seen(thread):
        if thread.name == "ants_coord listener":
            other = FileLock(f"{path}-lock")
            free.append(other.take_now())
            other.close()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", seen)
    with ClaimQueue(path) as board, pytest.raises(TimeoutError):
        board.claim("ann", timeout=0.01)
    assert free == [True]

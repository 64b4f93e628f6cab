"""
A day in the life of a board: what ordinary days do to a file, and what its users see.

Read it from top to bottom. After each hour the same two questions are asked: is everything there that was
acknowledged, and has nothing been given to two?
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ants_coord import Blackboard, ClaimQueue, ClosedError, LeaseLostError, Task
from ants_coord.errors import JournalConflictError, JournalError
from ants_coord.journals.backup import restore_board
from ants_coord.journals.clocks import BootClock
from ants_coord.testing import ManualClock

ROOT = Path(__file__).parent.parent
HOUR_NS = 3_600 * 10**9

WORKER = """
import sys
from ants_coord import ClaimQueue
with ClaimQueue(sys.argv[1]) as board:
    lease = board.claim("worker", timeout=30)
    print(lease.task, lease.token, flush=True)
    sys.stdin.readline()  # it works, until it is told to finish, or killed
    board.complete(lease, "by the worker")
    print("done", flush=True)
"""


def another_process(code: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def a_worker_is_killed(board, path):
    """9:00  A worker in another process takes a task, and is killed in the middle of it."""
    worker = another_process(WORKER, str(path))
    assert worker.stdout.readline().split()[0] == "breakfast"
    assert board.claim_nowait("ann", task="breakfast") is None  # it is the worker's
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    # nobody has waited for it yet: a caller that does, or the lease's own time, ends it
    assert board.find("breakfast").state == "leased"


def the_laptop_sleeps(board, monkeypatch):
    """10:00  The laptop sleeps for an hour. The machine's time has gone on; nobody has been at work."""
    letters = board.claim("ann", task="letters", timeout=0)
    awake = BootClock.since_boot_ns
    monkeypatch.setattr(BootClock, "since_boot_ns", staticmethod(lambda: awake() + HOUR_NS))
    with pytest.raises(LeaseLostError):
        board.complete(letters, "late")  # her half minute is over, and she is told
    for task in ("breakfast", "letters"):  # anybody who is there may do both
        lease = board.claim("bob", task=task, timeout=30)
        board.complete(lease, "by bob")
    assert board.find("breakfast").attempts == 2


def a_program_forks(board):
    """11:00  A program forks. The child finds the board open, and may not use it; the parent goes on."""
    lunch = board.claim("ann", task="lunch", timeout=0)
    child = os.fork()
    if not child:
        code = 1
        try:
            try:
                board.submit(Task("from the child"))
            except ClosedError as refusal:
                code = 0 if "fork" in str(refusal) else 2
            board.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    board.complete(lunch, "eaten")
    return lunch


def a_backup_is_made(board, backup):
    """12:00  A backup is made, as it should be, while everybody works."""
    board.backup(backup)
    board.submit(Task("after the backup"))


def somebody_copies_the_file(board, path, tmp_path):
    """13:00  Somebody copies the file by hand, and reads it in the process that has it open. No harm comes."""
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(f"{path}{suffix}", tmp_path / f"by hand.db{suffix}")
    with ClaimQueue(path) as other:
        assert other.find("after the backup") is not None
        other.submit(Task("seen by all"))
    assert board.find("seen by all") is not None


def the_disk_is_full(board, path):
    """14:00  The disk is full. What cannot be written is refused; what was acknowledged is still there."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    largest = max(os.stat(f"{path}{suffix}").st_size for suffix in ("", "-wal"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
    try:
        with pytest.raises(JournalError):
            for number in range(10_000):
                board.submit(Task(f"filler-{number}", payload="x" * 10_000))
        assert number < 9_999
        assert board.find("seen by all") is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    board.submit(Task("there is room again"))
    kept = {record.task.id for record in board.tasks(count=10_000)}
    assert {"seen by all", "there is room again"} <= kept


def an_older_file_is_put_in_its_place(board, path, backup):
    """15:00  Somebody moves the backup of noon over the live file. Nobody goes on upon a dead file."""
    tea = board.claim("ann", task="tea", timeout=0)
    shutil.copy(backup, f"{backup}.moved")
    os.replace(f"{backup}.moved", path)
    for verb in (lambda: board.complete(tea), lambda: board.submit(Task("lost")), lambda: board.find("tea")):
        with pytest.raises(JournalConflictError, match="replaced"):
            verb()
    board.close()
    # and anybody who opens the path is refused, too, or finds everything in the log that lies beside it: an older
    # history under the same name is what nobody sees
    try:
        with ClaimQueue(path) as newcomer:
            assert newcomer.find("there is room again") is not None
    except JournalError as refusal:
        assert str(path) in str(refusal)


def it_was_meant(path, backup, lunch):
    """16:00  It was meant. `restore` makes a board of it that has a name of its own."""
    for suffix in ("", "-wal", "-shm", "-lock"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    restore_board(backup, path)
    with ClaimQueue(path, lease_ttl=30) as restored:
        done = {record.task.id for record in restored.tasks() if record.state == "done"}
        assert done == {"breakfast", "letters", "lunch"}
        assert restored.find("after the backup") is None  # it was acknowledged after noon
        worker = another_process(WORKER, str(path))
        task, token = worker.stdout.readline().split()
        assert (task, int(token) > lunch.token) == ("tea", True)
        worker.communicate("\n")
        assert restored.result("tea", timeout=0) == "by the worker"
        restored.check()


def an_old_board_is_found(tmp_path):
    """17:00  An old board, of the release before, is found and opened with this one."""
    old = tmp_path / "old.db"
    shutil.copy(ROOT / "tests" / "journals" / "format_1.db", old)
    then = ManualClock()  # a year in which its results are not forgotten yet
    with Blackboard(old, clock=then) as upgraded:
        assert upgraded.outcome("done").result == {"r": 1}
        assert upgraded.find("held").state == "ready"  # leases of the release before are revoked
        upgraded.submit(Task("new"))
    with Blackboard(old, clock=then) as again:
        assert again.find("new") is not None
        again.check()


def test_a_day_in_the_life_of_a_board(tmp_path, monkeypatch):
    """8:00  The board is opened, and work is put on it."""
    path, backup = tmp_path / "board.db", tmp_path / "noon.db"
    board = ClaimQueue(path, lease_ttl=30)
    board.submit_many([Task("breakfast"), Task("letters"), Task("lunch"), Task("tea"), Task("accounts")])
    a_worker_is_killed(board, path)
    the_laptop_sleeps(board, monkeypatch)
    lunch = a_program_forks(board)
    a_backup_is_made(board, backup)
    somebody_copies_the_file(board, path, tmp_path)
    the_disk_is_full(board, path)
    an_older_file_is_put_in_its_place(board, path, backup)
    it_was_meant(path, backup, lunch)
    an_old_board_is_found(tmp_path)

"""
A lock per opening: the dead are noticed at once, and no living one is ever taken for dead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ants_coord import Blackboard, Board, ClaimQueue, HeldError, Matchmaker, Task, aio
from ants_coord.journals import board_file, files
from ants_coord.values.checks import is_told

ROOT = Path(__file__).parent.parent.parent
GONE = "its process has ended or dropped the board"
LIMIT_S = 60

pytestmark = pytest.mark.skipif(not files.CAN_TELL, reason="this system cannot tell")

HOLDER = """
import os, signal, sys
from ants_coord import ClaimQueue
board = ClaimQueue(sys.argv[1])
for word in sys.argv[2:]:
    what, _, name = word.partition(":")
    if what == "claim":
        print(board.claim_nowait(name).handle, flush=True)
    elif what == "lock":
        print(board.lock_nowait(name, agent="holder").handle, flush=True)
    elif what == "named":
        print(board.claim_nowait(name, request_id="mine").handle, flush=True)
    elif what == "keep":
        board.close(keep=True)
        print("kept", flush=True)
    elif what == "leave":
        os._exit(0)
    elif what == "fork":
        if os.fork() == 0:
            signal.pause()
        print("forked", flush=True)
sys.stdin.readline()
"""


class Process:
    """Another process that has the board open, and holds what it was told to take."""

    def __init__(self, path, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        self.said = [self.process.stdout.readline().strip() for word in words if word != "leave"]
        assert all(self.said), self.said

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def a_board(path, *tasks, **settings):
    with ClaimQueue(path, **{"lease_ttl": 600, **settings}) as board:
        board.submit_many([Task(task) for task in tasks or ("t",)])
    return path


def engine_of(board: Any) -> Any:
    """Return what a board on a file stands on."""
    return board._engine


def look_again(board):
    """Have a board ask the system at its next verb, however short a time ago it has asked."""
    engine_of(board)._look_at_ns = -1


# -- the dead ---------------------------------------------------------------------------------


def test_whoever_waits_gets_the_task_of_the_dead(tmp_path):
    """Killed, not closed: the next one has the task though its lease lasts ten minutes."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann", "lock:x") as holder, ClaimQueue(path) as board:
        assert board.claim_nowait("bob") is None
        found = []

        def wait():
            found.append(board.claim("bob", timeout=LIMIT_S))
            found.append(time.monotonic())

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not len(board._engine._lobby):
            pass
        begin = time.monotonic()
        holder.kill()
        waiting.join()
        assert found[0].attempt == 2
        assert found[1] - begin < LIMIT_S / 2, "it came with the slow look, not with the ttl"
        assert board.find("t").history == (f"attempt 1 by ann: {GONE}",)
        (event,) = [event for event in board.events() if event.type == "expired"]
        assert event.detail == {"attempt": 1, "reason": GONE}
        assert board.standing("ann").expired == 1
        assert board.lock_nowait("x", agent="bob").names == ("x",)


def test_a_lock_of_the_dead_is_had_at_the_first_try(tmp_path):
    path = a_board(tmp_path / "b.db")
    with Process(path, "lock:src/") as holder, ClaimQueue(path) as board:
        with pytest.raises(HeldError):
            board.lock_nowait("src/app.py", agent="bob")
        holder.kill()
        assert board.lock_nowait("src/app.py", agent="bob").names == ("src/app.py",)


def test_whoever_waits_for_a_lock_of_the_dead_gets_it(tmp_path):
    path = a_board(tmp_path / "b.db")
    with Process(path, "lock:x") as holder, ClaimQueue(path) as board:
        threading.Timer(0.05, holder.kill).start()
        with board.lock("x", agent="bob", timeout=LIMIT_S) as held:
            assert not held.lost.is_set()


def test_a_result_of_the_dead_comes_from_somebody_else(tmp_path):
    """A caller that waits for results waits for the next holder, not for ten minutes."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder, ClaimQueue(path) as board:
        holder.kill()
        with ClaimQueue(path) as other:
            worker = threading.Thread(
                target=other.serve, args=({"default": lambda job: 7},), kwargs={"until": "drained"}
            )
            worker.start()
            assert board.result("t", timeout=LIMIT_S) == 7
            worker.join()


async def test_an_event_loop_notices_too(tmp_path):
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder:
        async with aio.ClaimQueue(path) as board:
            threading.Timer(0.05, holder.kill).start()
            lease = await board.claim("bob", timeout=LIMIT_S)
            assert lease.attempt == 2


@pytest.mark.parametrize("kind", [Matchmaker, Blackboard])
def test_every_strategy_notices(tmp_path, kind):
    path = tmp_path / "b.db"
    with kind(path, lease_ttl=600) as board:
        board.submit(Task("t"))
        one = kind(path)
        lease = one.claim_nowait("ann")
        assert board.claim_nowait("bob") is None
        engine_of(one)._journal._lock.close()  # as the kernel does it for the dead
        assert board.claim("bob", timeout=LIMIT_S).token > lease.token
        one.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda board: board.explain("t").state,
        lambda board: board.find("t").state,
        lambda board: next(iter(board.tasks())).state,
        lambda board: "ready" if board.leases() == [] else "leased",
    ],
    ids=["explain", "find", "tasks", "leases"],
)
def test_whoever_asks_is_not_told_of_the_dead_as_holders(tmp_path, ask):
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder, ClaimQueue(path) as board:
        assert ask(board) == "leased"
        holder.kill()
        look_again(board)
        assert ask(board) == "ready"


def test_the_shell_sees_it(tmp_path):
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder:
        holder.kill()
        command = [sys.executable, "-m", "ants_coord", "explain", str(path), "t"]
        told = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    assert "its process has ended" in " ".join(told.stdout.split())


def test_adopt_takes_from_the_dead_at_once(tmp_path):
    """The same attempt, its lease under a new token; nothing of what the living hold."""
    path = a_board(tmp_path / "b.db", "t", "u")
    with Process(path, "claim:claude") as holder, ClaimQueue(path) as alive, ClaimQueue(path) as board:
        mine = alive.claim_nowait("claude")
        assert board.adopt("claude") == []
        holder.kill()
        (taken,) = board.adopt("claude")
        assert (taken.task, taken.attempt) == ("t", 1)
        assert f"t#{taken.token}" > holder.said[0]
        board.complete(taken)
        alive.complete(mine)


def test_a_board_that_is_left_without_closing_is_as_good_as_dead(tmp_path):
    """os._exit, or a script that simply ends: the system tells, whatever the end was."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann", "leave") as holder, ClaimQueue(path) as board:
        holder.process.wait()
        assert board.claim_nowait("bob").task == "t"


def test_the_hub_finds_a_lock_free_whose_holder_is_dead(tmp_path):
    """Batches of others' requests are carried out on another way; it ends the dead as well."""
    from ants_coord.commands.shared import LockNames

    path = a_board(tmp_path / "b.db")
    with Process(path, "lock:x") as holder, Board(path) as board:
        board.statistics()
        holder.kill()
        (reply,) = board._engine.carry_out([(None, LockNames(("x",), "bob"))])
        assert reply.names == ("x",)
        (again,) = board._engine.carry_out([("named", LockNames(("x",), "ann"))])
        assert isinstance(again.error, HeldError)


# -- the living -------------------------------------------------------------------------------


def held(board, handle):
    """Whether a lease is still live, asked by somebody who would end it if its holder seemed gone."""
    look_again(board)
    return int(handle.rpartition("#")[2]) in [lease.token for lease in board.leases()]


def test_a_stopped_process_lives(tmp_path):
    """SIGSTOP: it may go on at any moment, so only its time ends what it holds."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder, ClaimQueue(path) as board:
        holder.process.send_signal(signal.SIGSTOP)
        assert board.claim_nowait("bob") is None
        assert held(board, holder.said[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_changes_nothing_for_the_parent(tmp_path):
    """The child lets go of what it inherited; that ends nothing. When the parent dies, its child does not stand in."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann", "fork") as holder, ClaimQueue(path) as board:
        assert board.claim_nowait("bob") is None
        assert held(board, holder.said[0])
        holder.kill()  # the child may not have begun to run yet
        assert board.claim("bob", timeout=LIMIT_S).attempt == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_that_ends_takes_nothing_of_its_parent_along(tmp_path):
    path = a_board(tmp_path / "b.db")
    with ClaimQueue(path) as parent, ClaimQueue(path) as board:
        lease = parent.claim_nowait("ann")
        for _ in range(3):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
            subprocess.run(["true"], check=True)
            look_again(board)
            assert board.claim_nowait("bob") is None
        parent.complete(lease)


def test_threads_share_their_process_life(tmp_path):
    """A thread that ends without a word is not seen; its process goes on, and may go on with the lease."""
    path = a_board(tmp_path / "b.db")
    with ClaimQueue(path) as one, ClaimQueue(path) as board:
        leases = []
        thread = threading.Thread(target=lambda: leases.append(one.claim_nowait("ann")))
        thread.start()
        thread.join()
        assert board.claim_nowait("bob") is None
        one.complete(leases[0])


def test_two_openings_of_one_process_are_two(tmp_path):
    """The end of one, however it ends, says nothing of the other: no lock of a process, one of a descriptor."""
    path = a_board(tmp_path / "b.db", "t", "u")
    with ClaimQueue(path) as board, ClaimQueue(path) as one:
        lease = one.claim_nowait("ann")
        with ClaimQueue(path) as two:
            two.claim_nowait("ann")
        for end in (lambda three: three.close(), lambda three: engine_of(three)._journal._lock.close()):
            three = ClaimQueue(path)
            three.statistics()
            end(three)
            with open(f"{path}-lock", "rb") as looked_at:
                looked_at.read()
            assert held(board, lease.handle)
            three.close()
        one.complete(lease)


def test_closed_and_opened_again_it_is_another_opening(tmp_path):
    """Closing gives back; what was kept stays, although others open and close the file after that."""
    path = a_board(tmp_path / "b.db", "t", "u")
    board = ClaimQueue(path)
    first = engine_of(board)
    lease = board.claim_nowait("ann")
    board.close(keep=True)
    with ClaimQueue(path) as again, ClaimQueue(path) as other:
        assert again.settings().strategy == "claim"
        assert engine_of(again)._session != first._session
        assert held(other, lease.handle)
        mine = again.claim_nowait("ann")
    with ClaimQueue(path) as other:
        assert held(other, lease.handle)
        assert not held(other, mine.handle)
        other.complete(lease)


def test_what_is_kept_by_a_process_that_ends_is_kept(tmp_path):
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann", "keep") as holder, ClaimQueue(path) as board:
        holder.kill()
        assert held(board, holder.said[0])
        board.complete(holder.said[0])


def test_a_callers_own_request_may_be_asked_again_from_another_process(tmp_path):
    """It gets the first reply there, the lease with it; so the end of the first process ends nothing."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "named:ann") as holder, ClaimQueue(path) as board:
        holder.kill()
        assert held(board, holder.said[0])
        again = board.claim_nowait("ann", request_id="mine")
        assert again.handle == holder.said[0]
        assert held(board, again.handle)
        board.complete(again)


def test_a_handle_that_is_renewed_elsewhere_does_not_end_with_either(tmp_path):
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder, ClaimQueue(path) as board:
        board.renew(holder.said[0])
        holder.kill()
        assert held(board, holder.said[0])
        with ClaimQueue(path) as other:
            assert held(other, holder.said[0])
            other.complete(holder.said[0])


# -- where it cannot be told ------------------------------------------------------------------


def test_a_copy_of_the_board_knows_nothing_of_the_openings_of_the_original(tmp_path):
    """It has a lock file of its own, in which nobody holds anything: that says nothing."""
    path = a_board(tmp_path / "b.db")
    with ClaimQueue(path) as board:
        lease = board.claim_nowait("ann")
        (tmp_path / "copy").mkdir()
        for suffix in ("", "-wal", "-shm", "-lock"):
            shutil.copy(f"{path}{suffix}", tmp_path / "copy" / f"b.db{suffix}")
        board.backup(tmp_path / "backup.db")
        for other in (tmp_path / "copy" / "b.db", tmp_path / "backup.db"):
            with ClaimQueue(other) as copy:
                assert copy.claim_nowait("bob") is None
                assert held(copy, lease.handle)
        board.complete(lease)


def test_without_the_lock_file_nobody_is_declared_dead(tmp_path):
    """A process that opens it now makes another lock file, and cannot judge those that have the old one."""
    path = a_board(tmp_path / "b.db")
    with ClaimQueue(path) as board:
        lease = board.claim_nowait("ann")
        os.unlink(f"{path}-lock")
        with ClaimQueue(path) as other:
            assert other.claim_nowait("bob") is None
            assert held(other, lease.handle)
        board.complete(lease)


def test_another_boot_is_not_judged(tmp_path, monkeypatch):
    """What the log says of a machine that was switched off, or of another one, cannot be asked of this kernel."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder:
        holder.kill()
        monkeypatch.setattr(board_file, "boot_id", lambda: "another boot")
        with ClaimQueue(path) as board:
            assert held(board, holder.said[0])
        monkeypatch.setattr(board_file, "boot_id", lambda: "unknown")
        with ClaimQueue(path) as board:
            assert held(board, holder.said[0])
        monkeypatch.undo()
        with ClaimQueue(path) as board:
            assert not held(board, holder.said[0])


def test_where_only_the_user_vouches_for_the_file_system_nobody_is_judged(tmp_path, monkeypatch):
    """Another machine may have the file open, and its locks may not be seen here."""
    path = a_board(tmp_path / "b.db")
    with Process(path, "claim:ann") as holder:
        holder.kill()
        monkeypatch.setattr(files, "kind_of_mount", lambda *_: "nfs4")
        monkeypatch.setenv("ANTS_COORD_FILE_SYSTEMS", "nfs4")
        with ClaimQueue(path) as board:
            assert board.claim_nowait("bob") is None
            assert not is_told(engine_of(board)._session)
            assert held(board, holder.said[0])


@pytest.mark.parametrize("gone", ["CAN_TELL", "locks"])
def test_where_the_system_cannot_tell_only_the_time_ends_a_lease(tmp_path, monkeypatch, gone):
    """No locks that belong to a descriptor, or a sandbox that knows their name and not the thing."""
    path = a_board(tmp_path / "b.db")
    if gone == "CAN_TELL":
        monkeypatch.setattr(board_file, "CAN_TELL", False)
    else:
        monkeypatch.setattr(files, "SET_OWN", -1)
        monkeypatch.setattr(files, "_GET_OWN", -1)
    with ClaimQueue(path) as board:
        lease = board.claim_nowait("ann")
        assert not is_told(engine_of(board)._session)
        with ClaimQueue(path) as other:
            assert other.claim_nowait("bob") is None
            assert held(other, lease.handle)
        board.complete(lease)


def test_a_name_whose_lock_is_taken_is_not_used(tmp_path, monkeypatch):
    """Two names may fall on one byte: the second opening would seem to die with the first."""
    path, drawn = a_board(tmp_path / "b.db"), iter([bytes(9), bytes(9), b"123456789", b"987654321"])
    real = os.urandom
    monkeypatch.setattr(os, "urandom", lambda size: next(drawn) if size == 9 else real(size))
    with ClaimQueue(path) as one, ClaimQueue(path) as two:
        lease = two.claim_nowait("ann")
        assert engine_of(one)._session != engine_of(two)._session
        one.close()
        with ClaimQueue(path) as board:
            assert held(board, lease.handle)
        two.complete(lease)


def test_another_namespace_sees_the_same_lock(tmp_path):
    """A container with process ids of its own: a lock is of the file, and the same for every process."""
    unshare = shutil.which("unshare")
    enter = [unshare, "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if unshare is None or subprocess.run([*enter, "true"], capture_output=True).returncode:
        pytest.skip("no namespaces may be made here")
    path = a_board(tmp_path / "b.db")
    code = (
        "import sys; from ants_coord import ClaimQueue\n"
        "with ClaimQueue(sys.argv[1]) as board: print(board.claim_nowait('bob'))"
    )
    look = [*enter, sys.executable, "-c", code, str(path)]
    with Process(path, "claim:ann") as holder:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        there = subprocess.run(look, capture_output=True, text=True, env=env, check=True)
        assert there.stdout.strip() == "None"
        holder.kill()
        there = subprocess.run(look, capture_output=True, text=True, env=env, check=True)
        assert "task='t'" in there.stdout

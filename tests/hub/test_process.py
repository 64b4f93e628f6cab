"""`ants-coord hub` as a process: signals, kills, restarts."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys

import pytest

from ants_coord import Board, ClaimQueue, Task
from ants_coord.hub.loop import Hub
from ants_coord.hub.thin import Client, ask
from tests.cli.command import ENVIRONMENT, LIMIT_S, ROOT, ants, start

CLAIM = {"verb": "claim", "agent": "ann", "lease_ttl": 600, "id": "r1"}


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "board.db"
    with ClaimQueue(path) as made:
        made.submit_many([Task("a"), Task("b"), Task("c")])
    return path


def served(board, *options):
    process = start("hub", board, *options)
    assert process.stdout.readline() == f"serving {board} at {board}.hub\n", process.stderr.read()
    return process


def ended(process, number):
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert errors == ""
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_hub_that_is_told_to_end_leaves_what_is_held(board, number):
    """Exit code 0, no socket left, no lease given back; who opens the board beside it sees the same."""
    process = served(board)
    lease = ask(f"{board}.hub", CLAIM)["lease"]
    with Board(board) as beside:
        assert [each.handle for each in beside.leases()] == [lease]
    assert ended(process, number) == 0
    assert not os.path.exists(f"{board}.hub")
    with Board(board) as after:
        assert [each.handle for each in after.leases()] == [lease]
        after.complete(lease)


def test_a_killed_hub_costs_a_new_connection(board):
    """The next one takes the address; a repeat is answered as the first time; nothing is held twice."""
    process = served(board)
    first = ask(f"{board}.hub", CLAIM)
    assert ended(process, signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(ConnectionRefusedError):
        ask(f"{board}.hub", CLAIM)
    process = served(board)
    with Client(f"{board}.hub") as hub:
        assert hub.ask(CLAIM)["lease"] == first["lease"]
        assert hub.ask({"verb": "complete", "lease": first["lease"], "id": "r2"})["ok"]
    assert ended(process, signal.SIGTERM) == 0
    with Board(board) as after:
        assert after.find("a").attempts == 1
        assert after.find("a").state == "done"


def test_two_hubs_on_one_board(board, tmp_path):
    """At one address the second is refused; at another one both serve the same board."""
    process = served(board)
    refused = ants("hub", board)
    assert refused.returncode == 3
    assert "another hub listens here" in one_line(refused)
    with ClaimQueue(board) as opened:
        from .running import running

        with running(opened, tmp_path / "second"):
            assert ask(tmp_path / "second", CLAIM)["lease"] == ask(f"{board}.hub", CLAIM)["lease"]
        opened.close(keep=True)
    assert ended(process, signal.SIGTERM) == 0


def one_line(done):
    """Return what a command has said, which is wrapped where a path is long."""
    return " ".join(done.stderr.split())


def test_bad_input_is_said_and_makes_nothing(board, tmp_path):
    for arguments, code, told in (
        ((tmp_path / "none.db",), 3, "there is no such board"),
        (("postgresql://u@127.0.0.1/db#x",), 2, "--listen"),
        ((board, "--listen", tmp_path / "no" / "hub"), 3, "there is no folder"),
        ((board, "--keys", tmp_path / "none"), 2, "cannot be read"),
    ):
        done = ants("hub", *arguments)
        assert (done.returncode, told in one_line(done)) == (code, True), done
    (tmp_path / "secret").write_bytes(b"0123456789\n")
    os.chmod(tmp_path / "secret", 0o644)
    assert "chmod 600" in one_line(ants("hub", board, "--keys", tmp_path / "secret"))
    os.chmod(tmp_path / "secret", 0o600)
    (tmp_path / "short").write_bytes(b"x")
    os.chmod(tmp_path / "short", 0o600)
    assert "at least 8 bytes" in one_line(ants("hub", board, "--keys", tmp_path / "short"))
    assert sorted(os.listdir(tmp_path)) == sorted({*os.listdir(tmp_path)} - {"none.db", "board.db.hub"})


def test_keys_and_a_port_from_the_command_line(board, tmp_path):
    """The keys are those that every coordinator with the same secret makes."""
    (tmp_path / "secret").write_bytes(b"0123456789\n")
    os.chmod(tmp_path / "secret", 0o600)
    process = served(board, "--keys", tmp_path / "secret", "--tcp")
    assert "port" in json.loads((tmp_path / "board.db.hub").read_text())["ants_coord hub"]
    with Client(f"{board}.hub") as hub:
        assert hub.ask(CLAIM)["error"] == "WrongKeyError"
        key = ClaimQueue(secret=b"0123456789").key_of("ann")
        assert hub.ask({"verb": "hello", "agent": "ann", "key": key})["ok"]
        assert hub.ask(CLAIM)["task"] == "a"
    assert ended(process, signal.SIGTERM) == 0


def test_a_hub_of_its_own_process_seldom_collects_garbage(board, monkeypatch):
    """Only while it serves: in a user's process the setting is not ours to change."""
    before, during = gc.get_threshold(), []
    monkeypatch.setattr(Hub, "serve", lambda hub: (during.append(gc.get_threshold()), hub._address.close()))
    assert ants("hub", board).returncode == 0
    assert during[0][0] >= 50 * before[0]
    assert gc.get_threshold() == before


WORK = """
import gc, sys, threading
from ants_coord import ClaimQueue, Task
from ants_coord.hub.loop import Hub

def work():
    queue.submit_many([Task(payload={"n": 1}) for _ in range(20)])
    queue.complete_many([(lease, {"n": 1}) for lease in queue.claim_many("ann", 20)])
    queue.submit(Task())
    queue.complete(queue.claim_nowait("ann"))
    queue.renew(queue.claim_nowait("ann"))

board = ClaimQueue(sys.argv[1])
hub = Hub(board, sys.argv[2])
thread = threading.Thread(target=hub.serve)
thread.start()
with ClaimQueue(f"hub:{sys.argv[2]}") as queue:
    queue.submit_many([Task() for _ in range(10)])
    work()
    gc.collect()
    gc.disable()
    for _ in range(5):
        work()
    print(gc.collect())
hub.stop()
thread.join()
board.close()
"""


def test_a_hub_makes_no_garbage_in_circles(board, tmp_path):
    """Otherwise its memory would grow until the next collection, which is far away."""
    command = [sys.executable, "-c", WORK, str(board), str(tmp_path / "hub")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, check=False, timeout=LIMIT_S
    )
    assert (done.stdout, done.stderr) == ("0\n", "")

"""Coordinators over `hub:PATH`: the same verbs and promises, and nothing of the board in the client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading

import pytest

from ants_coord import Blackboard, Board, ClaimQueue, ClosedError, LeaseLostError, Matchmaker, Task, aio
from ants_coord.errors import JournalError, SettingsError
from ants_coord.hub import loop
from ants_coord.hub.loop import Hub
from ants_coord.journals import SQLiteJournal
from ants_coord.testing import ManualClock
from tests.cli.command import ENVIRONMENT, ROOT
from tests.fronts.conftest import LIMIT_S, Background, until

from .running import lines, plug, running


@pytest.fixture
def address(tmp_path):
    return tmp_path / "hub"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "board.db"


@contextlib.contextmanager
def served(board, address):
    """Serve a board as `ants-coord hub` does, which closes it at the end."""
    try:
        with running(board, address) as hub:
            yield hub
    finally:
        board.close(keep=True)


def enter(scope):
    """Enter a scope that another thread leaves."""
    scope.__enter__()
    return scope


def waiting(hub, count=1):
    """Return when so many calls stand in the hub's lines."""
    until(lambda: sum(len(peer.waits) for peer in list(hub._peers)) >= count)


def test_a_day_at_a_hub(path, address):
    """Submit, claim, hold, lock, fail, wait; and the board is as if it had been opened."""
    with ClaimQueue(path) as board, running(board, address), ClaimQueue(f"hub:{address}") as queue:
        a, b = queue.submit_many([Task("a", payload={"n": [1, None]}), Task("b", needs=("a",))])
        with queue.work(queue.claim("ann", timeout=LIMIT_S)) as job:
            assert job.payload == {"n": [1, None]}
            job.result = {"seen": job.payload["n"]}
        with queue.work(queue.claim("bob")) as job:
            assert job.inputs == {"a": {"seen": [1, None]}}
        assert queue.results([a, b]) == [{"seen": [1, None]}, None]
        with queue.lock("file.py", agent="ann"):
            assert board.holder("file.py").agent == "ann"
        assert board.holder("file.py") is None
        assert [task.state for task in queue.tasks()] == ["done", "done"]
        queue.check()
        assert queue._engine.digest() == board._engine.digest()


def test_both_colours_are_one_coordinator(path, address):
    """One opens, the other waits; closing either closes both."""

    async def main():
        async with aio.ClaimQueue(f"hub:{address}") as queue:
            waits = asyncio.ensure_future(queue.claim("ann"))
            await asyncio.to_thread(queue.sync.submit, Task("a"))
            async with queue.work(await waits) as job:
                job.result = 1
            assert await queue.result("a") == 1
            return queue.sync

    with ClaimQueue(path) as board, running(board, address):
        queue = asyncio.run(main())
        with pytest.raises(ClosedError):
            queue.submit(Task("b"))


def test_users_of_the_hub_and_of_the_file_wake_each_other(path, address):
    """The hub is a replica beside theirs: what one waits for may come from the other."""
    with (
        ClaimQueue(path) as board,
        running(board, address) as hub,
        ClaimQueue(path) as direct,
        ClaimQueue(f"hub:{address}") as queue,
    ):
        call = Background(queue.claim, "ann", timeout=LIMIT_S)
        waiting(hub)
        direct.submit(Task("a"))
        assert call.get().task == "a"
        result = Background(direct.claim, "bob", timeout=LIMIT_S)
        queue.submit(Task("b"))
        lease = result.get()
        ended = Background(queue.result, "b", timeout=LIMIT_S)
        waiting(hub)
        direct.complete(lease, 5)
        assert ended.get() == 5
        assert queue._engine.digest() == direct._engine.digest() == board._engine.digest()


def test_closing_gives_back_what_was_granted_here_and_nothing_else(path, address):
    with ClaimQueue(path) as board, running(board, address):
        board.submit_many([Task(f"t{n}") for n in range(4)])
        other = ClaimQueue(f"hub:{address}")
        other.claim("other")
        with ClaimQueue(f"hub:{address}") as queue:
            queue.claim("ann")
            queue.complete(queue.claim("ann"))
            queue.lock_nowait("x", agent="ann")
        assert [lease.agent for lease in board.leases()] == ["other"]
        other.close(keep=True)
        assert [lease.agent for lease in board.leases()] == ["other"]


def test_a_hub_that_ends_harms_no_holder(path, address):
    """Neither is what its clients hold given back, nor are they told that it is lost; the next hub goes on."""
    with contextlib.closing(ClaimQueue(f"hub:{address}")) as queue:
        with served(ClaimQueue(path), address):
            queue.submit(Task("a"))
            scope = queue.work(queue.claim("ann"))
            job = scope.__enter__()
        with served(ClaimQueue(path), address):
            assert not job.lost.is_set()
            scope.__exit__(None, None, None)
            assert queue.outcome("a").by == "ann"


def test_who_waits_is_served_by_the_next_hub(path, address):
    """Standing waits are said again: a claim, a lock, an end, many ends, changes."""
    with Blackboard(path) as direct:
        direct.submit_many([Task("end"), Task("far", kind="other"), Task("near", kind="other")])
        end = direct.claim("direct", kinds=["default"])
        both = [direct.claim("direct", kinds=["other"]) for _ in range(2)]
        held = direct.lock_nowait("x", agent="direct")
        with contextlib.closing(Blackboard(f"hub:{address}")) as queue:
            seen = []
            with served(Blackboard(path), address) as hub:
                calls = [
                    Background(queue.claim, "ann", timeout=LIMIT_S),
                    Background(enter, queue.lock("x", agent="ann", timeout=LIMIT_S)),
                    Background(queue.result, "end", timeout=LIMIT_S),
                    Background(lambda: [seen.append(one.task) for one in queue.as_finished(["far", "near"])]),
                    Background(lambda: next(queue.watch("notes/", follow=True, since=0))),
                ]
                waiting(hub, 5)
                direct.complete(both[0])
                until(lambda: seen == ["far"])
            with served(Blackboard(path), address) as hub:
                waiting(hub, 5)
                direct.complete(end, 7)
                direct.complete(both[1])
                direct.release(held)
                direct.write("notes/a", 1, agent="direct")
                direct.submit(Task("new"))
                lease, lock, result, _, change = [call.get() for call in calls]
                assert (lease.task, result, change.path) == ("new", 7, "notes/a")
                assert direct.holder("x").agent == "ann"
                lock.__exit__(None, None, None)
            assert seen == ["far", "near"]


def test_a_loss_is_told_at_once(path, address):
    """Brought about by another client of the hub, with the board's own reason; time stands still."""
    clock = ManualClock()
    with (
        ClaimQueue(SQLiteJournal(path, clock=clock)) as board,
        running(board, address),
        ClaimQueue(f"hub:{address}", clock=clock) as other,
        ClaimQueue(f"hub:{address}", clock=clock) as queue,
    ):
        queue.submit(Task("a"))
        with pytest.raises(LeaseLostError), queue.work(queue.claim("ann")) as job:
            other.cancel("a")
            assert job.lost.wait(LIMIT_S)
            assert job.lost_reason == "cancelled"


@pytest.mark.parametrize("kind", [ClaimQueue, Matchmaker, Blackboard, Board])
def test_without_a_hub_it_is_said_where_none_answers(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("ants_coord.hub.client.engine._OPENING_S", 0.05)
    queue = kind(f"hub:{tmp_path}/none")
    with pytest.raises(JournalError, match=r"no hub answers.*nothing was done.*ants-coord hub"):
        queue.find("a")
    queue.close()


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n", b"7\n", b"[1]\n", b'{"v": 1}\n', b"\xff\n"]
)
def test_a_program_that_is_no_hub_is_named(address, said):
    """Such as another program's socket whose path was given by mistake."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        os.chmod(address, 0o600)
        server.listen()

        def answer():
            with server.accept()[0] as peer:
                peer.recv(1 << 16)
                peer.sendall(said)
                peer.recv(1)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(JournalError, match="is no hub"), ClaimQueue(f"hub:{address}") as queue:
            queue.statistics()
        thread.join(LIMIT_S)


def test_a_board_of_another_strategy_or_setting_is_refused(path, address):
    with ClaimQueue(path, lease_ttl=30) as board, running(board, address):
        for make in (lambda: Matchmaker(f"hub:{address}"), lambda: ClaimQueue(f"hub:{address}", lease_ttl=5)):
            with contextlib.closing(make()) as queue, pytest.raises(SettingsError):
                queue.find("a")
        with Board(f"hub:{address}") as queue:
            assert queue.settings().strategy == "claim"


def test_a_hub_of_a_hub_is_refused(path, address):
    with (
        ClaimQueue(path) as board,
        running(board, address),
        ClaimQueue(f"hub:{address}") as queue,
        pytest.raises(ValueError, match="serve the board itself"),
    ):
        Hub(queue, f"{address}2")


def test_a_hub_that_stands_still_keeps_nobody_beyond_its_time(path, address):
    """A wait ends at its own time, and a holder hears of its lease's end, while no line is answered."""
    with (
        ClaimQueue(path, lease_ttl=1.5) as board,
        running(board, address) as hub,
        ClaimQueue(f"hub:{address}") as queue,
    ):
        queue.submit(Task("a"))
        with pytest.raises(LeaseLostError) as refusal, queue.work(queue.claim("ann")) as job:
            until(lambda: any(peer.kept for peer in list(hub._peers)))
            with hub._engine._lock:
                with pytest.raises(TimeoutError):
                    queue.claim("bob", timeout=0.2)
                assert job.lost.wait(LIMIT_S)
        assert refusal.value.reason == "expired"


FORKING = """
import os, sys
from ants_coord import ClaimQueue, ClosedError, Task

queue = ClaimQueue(sys.argv[1])
queue.submit(Task("a"))
lease = queue.claim("parent")
scope = queue.keep_alive(lease)
scope.__enter__()
read, write = os.pipe()
if os.fork() == 0:
    try:
        queue.find("a")
    except ClosedError:
        os.write(write, b"closed")
    os.read(0, 1)  # lives on after its parent
    os._exit(0)
print(os.read(read, 6).decode(), flush=True)
print(queue.find("a").state, flush=True)
sys.stdin.read(1)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_is_no_client(path, address):
    """The child's copy is closed, the parent goes on, and the parent's end is heard although the child lives."""
    with ClaimQueue(path) as board, running(board, address) as hub:
        script = [sys.executable, "-W", "ignore", "-c", FORKING, f"hub:{address}"]
        with subprocess.Popen(
            script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, cwd=ROOT, text=True
        ) as parent:
            assert parent.stdout.readline() == "closed\n"
            assert parent.stdout.readline() == "leased\n"
            assert len(hub._peers) == 2
            parent.kill()
            parent.wait(60)
            until(lambda: not hub._peers)
            assert board.find("a").state == "leased"


def test_a_client_imports_no_database_and_no_codec(path, address):
    """Neither sqlite3 nor cattrs: what the log is written with is the hub's."""
    script = """
import sys
from ants_coord import ClaimQueue, Task
with ClaimQueue(sys.argv[1]) as queue:
    queue.submit(Task("a"))
    with queue.work(queue.claim("ann", timeout=30)) as job:
        job.result = 1
    queue.result("a")
print(sorted({"sqlite3", "cattrs", "ants_coord.journals.codec", "ants_coord.engine.replica"} & set(sys.modules)))
"""
    with ClaimQueue(path) as board, running(board, address):
        told = subprocess.run(
            [sys.executable, "-c", script, f"hub:{address}"],
            capture_output=True,
            env=ENVIRONMENT,
            cwd=ROOT,
            text=True,
            check=True,
            timeout=120,
        )
    assert told.stdout == "[]\n"


def test_a_coordinator_that_reads_nothing_holds_up_nobody(path, address):
    """What it is owed is bounded by what it has asked for; others go on."""
    with ClaimQueue(path) as board, running(board, address) as hub, ClaimQueue(f"hub:{address}") as queue:
        queue.submit(Task("big", payload="x" * 500_000))
        with plug(hub.path) as slow:
            slow.sendall(b'["?","Find",{"task":"big"}]\n' * 60)
            for _ in range(30):
                queue.statistics()
            unsent = [len(peer.unsent) for peer in list(hub._peers)]
            assert 500_000 < max(unsent) < loop._UNSENT + 600_000
            assert len(lines(slow, 60)) == 60


def test_a_retry_through_another_hub_of_the_board_is_the_first_reply(path, address):
    """The line was written by one hub, which did not come to answer; the other one knows what it answered."""
    with ClaimQueue(path) as one, ClaimQueue(path) as other:
        one.submit_many([Task("a"), Task("b")])
        claim = b'["some-session",1,"Claim",{"agent":"ann"}]\n'
        wait = b'["wait",1,false,["some-session",1,"Claim",{"agent":"ann"}],{"ready":true,"agent":"ann"}]\n'
        answers = []
        for board, line in ((one, claim), (other, claim), (other, wait)):
            with running(board, address), plug(address) as sock:
                sock.sendall(line)
                answers += lines(sock, 1)
        assert answers[0] == answers[1] == answers[2][1]
        assert [lease.task for lease in one.leases()] == ["a"]

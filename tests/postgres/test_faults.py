"""What happens to servers and wires: nothing acknowledged is lost, nothing is done twice, nobody hears of it in vain."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ants_coord import ClaimQueue, LeaseLostError, Task
from ants_coord.errors import JournalConflictError, JournalError, JournalRewoundError
from tests import scale

from .load import LIMIT_S, under_load
from .proxy import Proxy

pytest.importorskip("psycopg")

FAULTS, CYCLES = scale.of(2, 10, 60), scale.of(12, 60, 400)


def backends(server, kind="ants_coord log") -> list[int]:
    return [
        pid
        for (pid,) in server.execute(
            f"SELECT pid FROM pg_stat_activity WHERE application_name = '{kind}' AND pid <> pg_backend_pid()"
        )
    ]


def harmless(crowd) -> bool:
    """Whether every cycle of everybody went well."""
    assert [problem for one in crowd for problem in one.errors] == []
    return all(len(one.acked) == one.cycles for one in crowd)


def test_all_sessions_are_terminated_again_and_again(server, dsn):
    def terminate():
        for pid in backends(server):
            server.execute(f"SELECT pg_terminate_backend({pid})")

    crowd = under_load(dsn, terminate, faults=FAULTS, cycles=CYCLES)
    assert harmless(crowd)
    assert sum(len(one.done) for one in crowd) == sum(len(one.acked) for one in crowd)


def test_the_server_crashes_and_comes_back(server, dsn):
    assert harmless(under_load(dsn, server.restart, faults=scale.of(1, 4, 20), cycles=CYCLES))


def test_a_backend_is_killed_and_the_server_recovers_as_a_whole(server, dsn):
    def kill():
        for pid in backends(server):
            with contextlib.suppress(ProcessLookupError):  # that agent has just finished
                os.kill(pid, signal.SIGKILL)
                return

    assert harmless(under_load(dsn, kill, faults=scale.of(1, 3, 20), cycles=CYCLES))


def test_replies_are_lost_after_the_commit(server, dsn):
    proxy, faults = Proxy(server.port), scale.of(6, 30, 200)
    address = server.dsn(dsn.partition("#")[2], port=proxy.port)
    try:
        crowd = under_load(address, proxy.lose_replies, faults=faults, cycles=CYCLES, direct=dsn)
    finally:
        proxy.close()
    assert harmless(crowd)
    # one that comes before the last was met, or when the agents are through, cuts nothing
    assert proxy.cuts >= faults // 2


def test_an_end_that_no_server_spoke_of_is_a_lost_connection():
    """libpq tells some losses by a result of its own, without a state: the call is repeated all the same."""
    from ants_coord.journals.postgres.server import _error_of, _may_pass

    class Lost:
        error_message = b"server closed the connection unexpectedly"

        def error_field(self, field):
            return None

    assert _may_pass(_error_of(Lost()), "")


def test_without_repeats_a_lost_reply_would_be_a_lost_answer(server, dsn, monkeypatch):
    """The control: the same cut, and a journal that does not repeat."""
    from ants_coord.journals.postgres.server import Server

    monkeypatch.setattr(Server, "_bear", lambda self, problem, state, spent_s: (_ for _ in ()).throw(problem))
    proxy = Proxy(server.port)
    try:
        with ClaimQueue(server.dsn(dsn.partition("#")[2], port=proxy.port)) as board:
            board.statistics()
            proxy.lose_replies()
            with pytest.raises(JournalError):
                board.submit(Task("a"))
            with ClaimQueue(dsn) as other:
                assert other.find("a") is not None, "it was cut before it was written: no test of repeats"
    finally:
        proxy.close()


def test_a_backend_that_stands_still_is_left_behind(server, dsn):
    """SIGSTOP of our own session, for good: claims keep their time, and the lease is renewed over a new one."""
    with ClaimQueue(dsn, lease_ttl=1.5) as board:
        board.submit(Task("a"))
        with board.work(board.claim("ann", timeout=0)) as job:
            (pid,) = backends(server)
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(TimeoutError):
                    board.claim("bob", timeout=2)
                assert job.lost_reason is None
                assert backends(server) != [pid]
            finally:
                os.kill(pid, signal.SIGCONT)
        assert board.result("a", timeout=0) is None


def test_a_server_that_stands_still_keeps_nobody_longer_than_its_own_time(server, dsn):
    """SIGSTOP of the whole server: a claim with a time ends, a lost lease is told, then all goes on."""
    with ClaimQueue(dsn, lease_ttl=15) as board, ClaimQueue(dsn) as short:
        board.submit_many([Task("a"), Task("b")])
        lease = short.claim("ann", timeout=0, lease_ttl=1.5)
        with pytest.raises(LeaseLostError), short.work(lease) as job:
            pids = [server.pid, *backends(server), *backends(server, "ants_coord listener")]
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                with pytest.raises((TimeoutError, JournalError)):
                    board.claim("bob", kinds=["none"], timeout=1)
                waited = time.monotonic() - began
                assert job.lost.wait(LIMIT_S)
                told = time.monotonic() - began
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
        print(
            f"claim(timeout=1) ended after {waited:.2f} s, the end of a lease of 1.5 s was told after {told:.2f} s"
        )
        # a loaded machine makes both later; the journals' own patience of 5 and 10 s would make it more than this
        assert (waited < 4, told < 4) == (True, True)
        assert board.claim("cid", timeout=LIMIT_S).task in {"a", "b"}


def test_what_does_not_fit_into_a_socket_is_written_all_the_same(dsn):
    from ants_coord.journals.postgres.journal import PostgresJournal

    body = bytes(range(256)) * 100_000
    journal, other = PostgresJournal(dsn, patience=20), PostgresJournal(dsn, patience=20)
    try:
        journal.append(0, [body, b"x"])
        assert [entry.body == body for entry in other.read(0)] == [True, False]
    finally:
        journal.close()
        other.close()


def test_a_backend_stops_for_a_while_under_load(server, dsn):
    def go_on(pid):
        with contextlib.suppress(ProcessLookupError):  # two stops were one, and all is done
            os.kill(pid, signal.SIGCONT)

    def stop():
        for pid in backends(server)[:1]:  # none, if all agents are through by now
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                threading.Timer(0.3, go_on, (pid,)).start()

    assert harmless(under_load(dsn, stop, faults=FAULTS, cycles=CYCLES))


def test_a_board_that_was_dropped_or_made_again_is_a_conflict(server, dsn):
    with ClaimQueue(dsn) as board:
        board.submit(Task("a"))
        (number,) = {
            row[0]
            for row in server.execute(
                f"SELECT id FROM ants_coord.board WHERE name = '{dsn.partition('#')[2]}'"
            )
        }
        server.execute(f"DELETE FROM ants_coord.entry WHERE board = {number}")
        server.execute(f"DELETE FROM ants_coord.board WHERE id = {number}")
        with pytest.raises(JournalConflictError, match="was dropped"):
            board.submit(Task("b"))


FORKED = """
import os, sys
from ants_coord import ClaimQueue, Task
from ants_coord.errors import CoordinationError
with ClaimQueue(sys.argv[1]) as board:
    board.submit_many([Task(f"t{n}") for n in range(3)])
    lease = board.claim("ann")
    pid = os.fork()
    if not pid:
        try:
            board.claim("bob", timeout=1)
        except CoordinationError as problem:
            os._exit(7 if type(problem).__name__ == "ClosedError" else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    board.complete(lease)
    assert board.claim("ann").task == "t1"
    print("parent lives", len(board.leases()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_is_refused_and_its_parent_lives_on(dsn):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, dsn], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "parent lives 1"), done.stderr


def test_a_failover_to_a_standby_that_missed_something_is_told_once(server, standby, dsn):
    """What an asynchronous standby had not heard of is gone; a process that read it is told, and tokens still rise."""
    name = dsn.partition("#")[2]
    wire = Proxy(server.port)  # what a virtual address does: the same address, another server
    address = server.dsn(name, port=wire.port)
    with ClaimQueue(address) as board, ClaimQueue(address) as idle:
        board.submit(Task("kept"))
        standby.follow()
        with pytest.raises(JournalError, match="is a standby"):
            from ants_coord.journals.postgres.journal import PostgresJournal

            PostgresJournal(standby.dsn(name), patience=0.2)
        standby.lose_touch()
        board.submit(Task("lost"))
        lease = board.claim("ann", task="lost")
        assert idle.find("lost") is not None
        standby.promote()
        wire.turn(standby.port)
        for one in (board, idle):
            with pytest.raises(JournalRewoundError):
                one.find("lost")
            assert one.find("lost") is None
            assert one.find("kept") is not None
        later = board.claim("bob", timeout=LIMIT_S)
        assert (later.task, later.token > lease.token) == ("kept", True)
        board.check()
        assert idle._engine.digest() == board._engine.digest()
    wire.close()

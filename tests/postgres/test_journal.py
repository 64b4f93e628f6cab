"""The log in PostgreSQL keeps what every log promises, and every coordinator keeps its own on it."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import queue

import pytest

from ants_coord import Blackboard, ClaimQueue, Matchmaker, Task, aio
from ants_coord.journals import SQLiteJournal
from ants_coord.sync import Board
from ants_coord.testing import JournalFaults, ManualClock, check_coordinator, check_journal
from ants_coord.testing.conformance.coordinator import STORIES
from tests import scale

from .proxy import Proxy

pytest.importorskip("psycopg")


def test_it_keeps_what_every_journal_promises_and_what_is_promised_of_faults(server, dsn):
    """Directly, and behind a wire that cuts, breaks and stalls."""
    from ants_coord.journals.postgres.journal import PostgresJournal

    proxy = Proxy(server.port)
    base = dsn.partition("#")[2]

    def board_of(name):
        return f"{base}.{name[:60]}"

    def rewind(name, position):
        server.execute(
            "DELETE FROM ants_coord.entry e USING ants_coord.board b "
            f"WHERE e.board = b.id AND b.name = '{board_of(name)}' AND e.position > {position}"
        )

    faults = JournalFaults(
        disconnect=lambda name: proxy.disconnect(),
        cut=lambda name: proxy.lose_replies(),
        rewind=rewind,
        stall=lambda name: proxy.stall(),
    )
    try:
        kept = check_journal(
            lambda name: PostgresJournal(server.dsn(board_of(name), port=proxy.port)), faults=faults
        )
    finally:
        proxy.close()
    assert len(kept) == 17
    assert proxy.cuts >= 9


CLASSES = (ClaimQueue, Matchmaker, Blackboard, aio.ClaimQueue, aio.Matchmaker, aio.Blackboard)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__.split('.')[-1]}.{cls.__name__}")
def test_every_strategy_in_both_colours(cls, timed):
    """All stories of the kit on the first and the last class, a fifth of them on the others in the quick profile."""
    numbers = itertools.count()
    step = 1 if cls in (CLASSES[0], CLASSES[-1]) else scale.of(5, 1, 1)
    kept = check_coordinator(
        lambda clock, **settings: cls(timed(clock), **settings), only=lambda name: next(numbers) % step == 0
    )
    assert len(kept) == -(-len(STORIES) // step)


def test_a_board_lives_there(dsn):
    """Submit, claim, complete in one coordinator; the next one finds it, with one digest."""
    with ClaimQueue(dsn, lease_ttl=60) as one, ClaimQueue(dsn) as two:
        one.submit_many([Task("a"), Task("b", needs=("a",))])
        lease = two.claim("ann")
        assert (lease.task, one.claim_nowait("bob")) == ("a", None)
        two.complete(lease, {"x": 1})
        assert one.claim("bob").inputs == {"a": {"x": 1}}
        assert one._engine.digest() == two._engine.digest()
        assert one.path == dsn
    with Board(dsn) as again:
        assert again.result("a") == {"x": 1}


def test_a_cycle_is_three_trips_and_a_claim_in_vain_is_one(dsn, monkeypatch):
    """No look before what has work, also while another process works; a reply brings what was missed."""
    from ants_coord.journals.postgres.server import Server

    trips = []
    for name in ("ask", "ask_and_then"):
        call = getattr(Server, name)
        monkeypatch.setattr(
            Server, name, lambda *args, name=name, call=call: (trips.append(name), call(*args))[1]
        )
    with ClaimQueue(dsn) as one, ClaimQueue(dsn) as two:
        one.statistics()
        two.statistics()
        trips.clear()
        for board in (one, two) * 20:
            board.submit(Task())
            lease = board.claim_nowait("ann")
            assert lease is not None
            board.complete(lease)
        assert len(trips) == 3 * 40
        assert trips.count("ask_and_then") > 60, "each knows that the other writes"
        trips.clear()
        assert one.claim_nowait("ann") is None
        assert trips == ["ask", "ask"], "it reads what the other wrote early, and waits for the disk itself"
        trips.clear()
        assert one.claim_nowait("ann") is None
        assert trips == ["ask"]


class _Played(ManualClock):
    """A clock that gives the stamps of a log that was recorded."""

    def __init__(self, stamps):
        super().__init__()
        self._stamps = iter(stamps)

    def next_stamp(self):
        self._now_ns = next(self._stamps)


def test_one_history_has_one_digest_in_postgresql_and_in_sqlite(dsn, tmp_path):
    """Entries of a board that worked on the server, in a file with the stamps they have: the same state."""
    from ants_coord.journals.postgres.journal import PostgresJournal

    with Matchmaker(dsn) as board:
        board.submit_many(
            [Task(f"t{n}", needs=(f"t{n - 1}",) if n else (), payload={"n": n}) for n in range(9)]
        )
        with board.lock("the door", agent="ann"):
            for _ in range(4):
                board.complete(board.claim("ann"), {"by": "ann"})
        lease = board.claim("bob")
        board.fail(lease, "no")
        board.cancel("t8")
        digest = board._engine.digest()
    journal = PostgresJournal(dsn)
    entries = journal.read(0)
    journal.close()
    clock = _Played([entry.stamp_ns for entry in entries])
    copy = SQLiteJournal(tmp_path / "b.db", clock=clock)
    for entry in entries:
        clock.next_stamp()
        (written,) = copy.append(entry.position - 1, [entry.body])
        assert written == entry
    with Matchmaker(copy) as again:
        # closing gave back what this opening held, after the digest was taken: compare with the server's now
        now = again._engine.digest()
    with Matchmaker(dsn) as board:
        assert board._engine.digest() == now
    assert digest


def _race(dsn, name, start, out):
    won = []
    with ClaimQueue(dsn) as board:
        board.statistics()
        start.wait()
        while (lease := board.claim_nowait(name)) is not None:
            board.complete(lease, name)
            won.append((lease.task, lease.token))
        out.put((name, won, board._engine.digest()))


def test_processes_race_for_tasks_and_each_has_one_winner(dsn):
    """0 double grants, one digest."""
    tasks, processes = scale.of(60, 2_000, 20_000), scale.of(3, 8, 8)
    with ClaimQueue(dsn) as board:
        board.submit_many([Task(f"t{n}") for n in range(tasks)])
    spawn = multiprocessing.get_context("spawn")
    start, out = spawn.Barrier(processes), spawn.Queue()
    runners = [spawn.Process(target=_race, args=(dsn, f"w{n}", start, out)) for n in range(processes)]
    for runner in runners:
        runner.start()
    found = []
    for _ in range(120):
        with contextlib.suppress(queue.Empty):
            while len(found) < processes:
                found.append(out.get(timeout=1))
        assert not any(runner.exitcode for runner in runners), "one of them has failed"
    for runner in runners:
        runner.join(60)
    won = [pair for _, pairs, _ in found for pair in pairs]
    assert sorted(task for task, _ in won) == sorted(f"t{n}" for n in range(tasks))
    assert len({token for _, token in won}) == tasks
    with ClaimQueue(dsn) as board:
        winners = {name: {task for task, _ in pairs} for name, pairs, _ in found}
        assert all(
            board.result(task, timeout=0) == name for name, tasks_ in winners.items() for task in tasks_
        )
        board.check()

"""Announcements bring the entries themselves; whatever happens to one, what it told of is found all the same."""

from __future__ import annotations

import base64
import struct
import threading

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalRewoundError
from tests import scale

pytest.importorskip("psycopg")

LIMIT_S = 60


class Ear:
    """A journal that only listens, and what an engine would have learnt through it."""

    def __init__(self, dsn, monkeypatch=None):
        from ants_coord.journals.postgres.journal import PostgresJournal

        self.journal = PostgresJournal(dsn)
        self.bodies = [entry.body for entry in self.journal.read(0)]
        self.reads = self.told = 0
        self._more = threading.Condition()
        self.stop = self.journal.watch(self._changed)

    def _changed(self):
        with self._more:
            position = len(self.bodies)
            entries = self.journal.heard(position)
            if entries is None:
                self.reads += 1
                entries = self.journal.read(position)
            elif entries:
                self.told += 1
            assert [entry.position for entry in entries] == list(
                range(position + 1, position + 1 + len(entries))
            )
            self.bodies += [entry.body for entry in entries]
            self._more.notify_all()

    def wait(self, count):
        with self._more:
            assert self._more.wait_for(lambda: len(self.bodies) >= count, LIMIT_S), "it was never told"

    def close(self):
        self.stop()
        self.journal.close()


@pytest.fixture
def ear(dsn):
    made = Ear(dsn)
    yield made
    made.close()


@pytest.fixture
def writer(dsn):
    from ants_coord.journals.postgres.journal import PostgresJournal

    made = PostgresJournal(dsn, durability="process")
    yield made
    made.close()


@pytest.fixture
def never_looks(monkeypatch):
    without_looks(monkeypatch)


def without_looks(monkeypatch):
    """Have listeners look at nothing, so that only what is announced arrives."""
    from ants_coord.journals.postgres import journal, listener

    monkeypatch.setattr(listener, "_LOOKS_S", ())
    monkeypatch.setattr(journal.PostgresJournal, "SLOW_LOOK_S", 3_600.0)


def spans(writer, *groups):
    """Append each group within one span, the next one in another."""
    from ants_coord.journals.postgres.schema import GAP_NS

    for group in groups:
        last = writer.clock.now_ns() // GAP_NS
        while writer.clock.now_ns() // GAP_NS <= last:
            threading.Event().wait(0.001)
        for bodies in group:
            writer.append(writer._known[0], bodies)


def test_an_entry_after_a_pause_arrives_without_a_question(never_looks, dsn, writer):
    ear = Ear(dsn)
    reads = ear.reads
    for number in range(5):
        spans(writer, [[b"%d" % number, bytes(range(256))]])
        ear.wait(2 * number + 2)
    assert ear.bodies == [body for n in range(5) for body in (b"%d" % n, bytes(range(256)))]
    assert (ear.reads, ear.told) == (reads, 5)
    ear.close()


def test_what_is_not_announced_comes_with_the_next_announcement(never_looks, dsn, writer):
    """Entries of one span and the first of the next: none is left out, and some need no announcement."""
    ear = Ear(dsn)
    reads, many = ear.reads, scale.of(40, 200, 1_000)
    bodies = [b"entry %d" % number for number in range(many)]
    for start in range(0, many, 20):
        spans(writer, [[body] for body in bodies[start : start + 20]])
    spans(writer, [[b"end"]])
    ear.wait(many + 1)
    assert ear.bodies == [*bodies, b"end"]
    assert ear.reads == reads
    assert ear.told < many / 2
    ear.close()


def test_the_last_of_a_span_is_found_although_nobody_writes_any_more(ear, writer):
    for start in range(0, 30, 3):
        spans(writer, [[b"%d" % n] for n in range(start, start + 3)])
        ear.wait(start + 3)
    assert ear.bodies == [b"%d" % n for n in range(30)]


@pytest.mark.parametrize(
    "count, size", [(1, 5_700), (1, 5_900), (3, 5_000), (30, 700), (40, 700), (3, 100_000), (500, 1)]
)
def test_entries_of_any_size_arrive(never_looks, dsn, writer, count, size):
    """In one announcement, in several, or by a question if they are too many."""
    ear = Ear(dsn)
    bodies = [bytes([n % 256]) * size for n in range(count)]
    spans(writer, [bodies])
    ear.wait(count)
    assert ear.bodies == bodies
    ear.close()


def test_an_announcement_that_does_not_fit_is_asked_about(never_looks, dsn, server, writer):
    """Lost before it, cut, forged, or no announcement at all: the log itself is read, and nothing else believed."""
    ear = Ear(dsn)
    spans(writer, [[b"a"]])
    ear.wait(1)
    (channel,) = server.execute(
        f"SELECT channel FROM ants_coord.board WHERE name = '{dsn.partition('#')[2]}'"
    )[0]
    entry = struct.pack("!qi", 1, 6) + b"forged"
    for ahead in (0, 1, 7, -6):  # 1: it would continue what is known, but for its link
        run = struct.pack("!q", writer._known[0] + ahead) + bytes(16) + entry
        server.execute(f"SELECT pg_notify('{channel}', '{base64.b64encode(run).decode()}')")
        spans(writer, [[b"b"]])
        ear.wait(writer._known[0])
    backwards = run[:24] + struct.pack("!qi", 1, -12)
    odd = [base64.b64encode(one).decode() for one in (bytes(5), run[:-3], run + b"x", backwards)]
    for one in ("", "no letters of ours", "a", *odd):
        server.execute(f"SELECT pg_notify('{channel}', '{one}')")
        spans(writer, [[b"b"]])
        ear.wait(writer._known[0])
    assert ear.bodies == [b"a"] + 11 * [b"b"]
    ear.close()


def test_a_forged_entry_that_continues_the_chain_is_noticed_by_the_next_question(
    never_looks, dsn, server, writer
):
    """Every reader of the log can compute its chain; the log itself has the last word."""
    from ants_coord.journals.postgres.journal import _link

    ear = Ear(dsn)
    writer.append(0, [b"a"])
    ear.wait(1)
    position, link = ear.journal._known
    (channel,) = server.execute(
        f"SELECT channel FROM ants_coord.board WHERE name = '{dsn.partition('#')[2]}'"
    )[0]
    run = struct.pack("!q", position + 1) + _link(link, position + 1, 7, b"forged")
    run += struct.pack("!qi", 7, 6) + b"forged"
    server.execute(f"SELECT pg_notify('{channel}', '{base64.b64encode(run).decode()}')")
    ear.wait(2)
    assert ear.bodies == [b"a", b"forged"]
    with pytest.raises(JournalRewoundError):
        ear.journal.read(2)
    ear.close()


def test_a_new_channel_is_found_by_the_next_session(never_looks, dsn, server, writer):
    """What the owner does when a role that knew the name must not hear any more."""
    ear = Ear(dsn)
    writer.append(0, [b"a"])
    ear.wait(1)
    server.execute(
        "UPDATE ants_coord.board SET channel = 'ants_coord_' || replace(gen_random_uuid()::text, '-', '')"
    )
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ants_coord listener'"
    )
    turn = threading.Event()
    for _ in range(100 * LIMIT_S):
        if server.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ants_coord listener' AND query LIKE 'LISTEN%'"
        ):
            break
        turn.wait(0.01)
    spans(writer, [[b"b"]])
    ear.wait(2)
    ear.close()


def test_a_lost_listening_session_is_made_again_and_nothing_is_missed(server, ear, writer):
    for number in range(scale.of(2, 6, 30)):
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ants_coord listener'"
        )
        spans(writer, [[b"%d" % number], [b"and"]])
        ear.wait(2 * number + 2)
    assert ear.bodies[::2] == [b"%d" % n for n in range(scale.of(2, 6, 30))]


def test_who_may_not_read_cannot_listen(server, dsn, writer):
    """Anybody may listen to any channel: the name is known to readers only."""
    server.execute("DROP ROLE IF EXISTS nobody_yet; CREATE ROLE nobody_yet LOGIN")
    import psycopg

    address = dsn.partition("#")[0].replace("//ants@", "//nobody_yet@")
    assert "nobody_yet" in address
    with psycopg.connect(address, autocommit=True) as stranger:
        for question in (
            "SELECT channel FROM ants_coord.board",
            "SELECT * FROM ants_coord.open('x', 'y', 2, false)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                stranger.execute(question)
        seen = stranger.execute(
            "SELECT query FROM pg_stat_activity WHERE query LIKE '%ants_coord_%'"
        ).fetchall()
        assert [query for (query,) in seen if "pg_stat_activity" not in query] == []
    names = server.execute("SELECT channel FROM ants_coord.board")
    assert len(set(names)) == len(names)
    assert all(len(name) == len("ants_coord_") + 32 for (name,) in names)


def test_a_waiting_board_asks_for_nothing_while_another_works(dsn):
    """What is announced wakes it; the entries are those of the log."""
    from ants_coord.journals.postgres.journal import PostgresJournal

    asked = []

    class Counting(PostgresJournal):
        def read(self, after):
            asked.append(after)
            return super().read(after)

    got = []
    with ClaimQueue(Counting(dsn)) as idle, ClaimQueue(dsn, durability="process") as busy:
        waiting = threading.Thread(
            target=lambda: got.append(idle.claim("idle", kinds=["other"], timeout=LIMIT_S))
        )
        waiting.start()
        turn = threading.Event()
        while not len(idle._engine._lobby):
            turn.wait(0.001)
        before, cycles = len(asked), scale.of(200, 500, 5_000)
        for number in range(cycles):
            busy.submit(Task(f"t{number}"))
            busy.complete(busy.claim_nowait("busy"))
        while_busy = len(asked) - before
        busy.submit(Task("for you", kind="other"))
        waiting.join(LIMIT_S)
        assert got[0].task == "for you"
        assert while_busy < cycles / 2
        idle.statistics()
        assert idle._engine.digest() == busy._engine.digest()

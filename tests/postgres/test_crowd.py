"""Several processes that write at once: the lock is let go of before the disk has it, and yet nobody acts on what may be lost."""

from __future__ import annotations

import pytest

from ants_coord.errors import JournalRewoundError
from tests import scale

pytest.importorskip("psycopg")


@pytest.fixture
def lazy(server):
    """A server that writes to its disk only when somebody waits for it."""
    server.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
    server.execute("SELECT pg_reload_conf()")
    server.restart()
    yield server
    server.execute("ALTER SYSTEM RESET wal_writer_delay")
    server.execute("SELECT pg_reload_conf()")


def crowd(dsn, **settings):
    """Two journals that know of each other, so that both let go early."""
    from ants_coord.journals.postgres.journal import PostgresJournal

    one, two = PostgresJournal(dsn, **settings), PostgresJournal(dsn, **settings)
    tail = 0
    for number in range(2):
        for journal in (one, two):
            known = journal._known[0]
            tail = journal.append(known, [b"%d" % number])[-1].position
    assert one._crowded
    assert two._crowded
    return one, two, tail


def early(server, dsn):
    rows = server.execute(
        "SELECT e.early FROM ants_coord.entry e JOIN ants_coord.board b ON b.id = e.board "
        f"WHERE b.name = '{dsn.partition('#')[2]}' ORDER BY e.position"
    )
    return [is_early for (is_early,) in rows]


def test_what_was_acknowledged_outlives_a_crash(lazy, dsn):
    for _ in range(scale.of(1, 4, 20)):
        one, two, tail = crowd(dsn)
        tail = two.append(tail, [b"last"])[-1].position
        assert early(lazy, dsn)[-1], "it did not let go early: no test of that"
        lazy.restart()
        assert [entry.position for entry in one.read(tail - 1)] == [tail]
        one.close()
        two.close()


def forget_to_settle(journal, monkeypatch):
    """Let a journal leave its entries as they are committed, without waiting for the disk."""
    from ants_coord.journals.postgres import journal as module
    from ants_coord.journals.postgres.server import Statement

    monkeypatch.setattr(module, "_SETTLE", Statement("nothing", "SELECT 1", []))
    journal._server._prepared = [*journal._server._prepared, module._SETTLE]
    journal._server.drop()


def test_without_the_second_half_it_would_be_lost(lazy, dsn, monkeypatch):
    """The control: the same crash, and a journal that does not wait for the disk."""
    one, two, tail = crowd(dsn)
    forget_to_settle(two, monkeypatch)
    two.append(tail, [b"last"])
    lazy.restart()
    with pytest.raises(JournalRewoundError):
        two.read(tail + 1)
    one.close()
    two.close()


def test_what_a_reader_was_told_outlives_a_crash_too(lazy, dsn, monkeypatch):
    """It waits for the disk itself, if the writer has not done so yet."""
    one, two, tail = crowd(dsn)
    forget_to_settle(two, monkeypatch)
    two.append(tail, [b"last"])
    assert [entry.body for entry in one.read(one._known[0])][-1] == b"last"
    lazy.restart()
    assert [entry.body for entry in one.read(tail)] == [b"last"]
    one.close()
    two.close()


def test_who_writes_alone_commits_once(server, dsn):
    one, two, tail = crowd(dsn)
    for _ in range(20):
        tail = two.append(tail, [b"alone"])[-1].position
    assert early(server, dsn)[-2:] == [False, False]
    one.close()
    two.close()

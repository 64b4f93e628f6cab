"""An outbox: tasks and endings that commit or vanish with the user's own rows, whenever somebody dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3

import pytest

from ants_coord import ClaimQueue, LeaseLostError, Task, aio

PLACES = ("sqlite", "postgres")
STEPS = 12
"""more than there are: each step of both flows, and one run in which nobody dies"""


class Killed(BaseException):
    """Raised when somebody is gone, with all that was not committed."""


class Life:
    """Dies at the given step."""

    def __init__(self, last: int) -> None:
        self.left = last

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    """A path for a board, and what opens a user's database."""
    if request.param == "sqlite":
        yield tmp_path / "b.db", lambda: sqlite3.connect(tmp_path / "shop.db")
        return
    psycopg = pytest.importorskip("psycopg")
    server = request.getfixturevalue("server")
    name = f"outbox-{request.node.name}"[:100].replace("[", ".").replace("]", "")
    database = f"shop{abs(hash(name))}"
    server.execute(f"CREATE DATABASE {database}")
    yield (
        server.dsn("board", database=database),
        lambda: psycopg.connect(server.dsn(database=database).partition("#")[0]),
    )


def rows(connection, text):
    cursor = connection.cursor()
    cursor.execute(text)
    found = [row[0] for row in cursor.fetchall()]
    connection.commit()
    return found


def shop(connect):
    connection = connect()
    connection.cursor().execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")
    connection.cursor().execute("CREATE TABLE IF NOT EXISTS parcels (id TEXT PRIMARY KEY)")
    connection.commit()
    return connection


def order(board, connection, life):
    """An order row and its task."""
    outbox = board.outbox(connection)
    life.step()
    connection.cursor().execute("INSERT INTO orders VALUES ('o1')")
    life.step()
    outbox.submit(Task("pack o1"))
    life.step()
    connection.commit()
    life.step()
    outbox.relay()
    life.step()


def pack(board, connection, life):
    """A result row and its completion."""
    outbox = board.outbox(connection)
    outbox.relay()
    lease = board.claim_nowait("ann")
    if lease is None:
        return
    life.step()
    with board.keep_alive(lease):
        connection.cursor().execute("INSERT INTO parcels VALUES ('o1')")
        life.step()
        outbox.complete(lease, {"parcel": "o1"})
        life.step()
        connection.commit()
        life.step()
        outbox.relay()
        life.step()


@pytest.mark.parametrize(
    "dies", ["and its lease is given back", "and its lease goes on", "after each answer"]
)
def test_whenever_somebody_dies_rows_and_board_agree(place, dies):
    """At every step: an order has a task and a parcel its ending, or neither is there; nothing is there twice."""
    path, connect = place
    told = {"order": 0, "parcel": 0}
    for step in range(STEPS):
        where = f"{path}{step}"
        life, connection = Life(step), shop(connect)
        cursor = connection.cursor()
        cursor.execute("DELETE FROM orders")
        cursor.execute("DELETE FROM parcels")
        connection.commit()
        board = ClaimQueue(where, lease_ttl=30)
        if dies == "after each answer":
            execute = board.execute

            def dying(command, *, request_id=None, execute=execute, life=life):
                execute(command, request_id=request_id)
                life.step()

            board.execute = dying
        with contextlib.suppress(Killed):
            order(board, connection, life)
            pack(board, connection, life)
        board.close(keep=dies == "and its lease goes on")
        connection.close()  # what was not committed is rolled back
        again = shop(connect)
        with ClaimQueue(where) as board:
            outbox = board.outbox(again)
            outbox.relay()
            outbox.relay()
            assert outbox.backlog().waiting == 0
            ordered, packed = rows(again, "SELECT id FROM orders"), rows(again, "SELECT id FROM parcels")
            record = board.find("pack o1")
            assert (record is not None) == bool(ordered)
            if record is not None:
                assert (record.state.value == "done") == bool(packed), (step, record)
            board.check()
            told["order"] += bool(ordered)
            told["parcel"] += bool(packed)
        again.close()
    assert 0 < told["parcel"] < told["order"] < STEPS


def test_a_rolled_back_task_is_not_there(place):
    path, connect = place
    connection = shop(connect)
    with ClaimQueue(path) as board:
        outbox = board.outbox(connection)
        outbox.submit(Task("a"))
        connection.rollback()
        named = outbox.submit(Task(payload=1))
        assert board.find(named) is None
        with pytest.raises(ValueError, match="commit it first"):
            outbox.relay()
        connection.commit()
        assert outbox.backlog().waiting == 1
        assert (outbox.relay(), outbox.relay()) == (1, 0)
        assert board.find("a") is None
        assert board.find(named).task.payload == 1
    connection.close()


def test_a_holder_that_was_replaced_writes_nothing(place):
    """Its token is old: the ending is refused within its transaction, so its rows go, too."""
    path, connect = place
    one, two = shop(connect), shop(connect)
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
        first, second = board.outbox(one), board.outbox(two)
        stale = board.claim("ann")
        one.cursor().execute("INSERT INTO parcels VALUES ('by ann')")
        one.commit()
        board.release(stale)
        lease = board.claim("bob")
        with pytest.raises(LeaseLostError):
            first.complete(stale, 1)
        one.rollback()
        second.complete(lease, 2)
        two.commit()
        assert second.relay() == 1
        with pytest.raises(LeaseLostError):
            first.complete(stale, 1)
        one.rollback()
        assert board.result("a") == 2
    one.close()
    two.close()


def test_what_is_committed_is_decided_also_after_its_lease(place):
    """Committed and not relayed, the lease given to somebody else: that one is refused, and the first is told."""
    path, connect = place
    one, two = shop(connect), shop(connect)
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
        first, second = board.outbox(one), board.outbox(two)
        lease = board.claim("ann")
        first.complete(lease, "ann's")
        one.commit()
        board.release(lease)
        other = board.claim("bob")
        with pytest.raises(LeaseLostError):
            second.complete(other, "bob's")
        two.rollback()
        assert (first.relay(), first.backlog().waiting) == (0, 1)
        board.release(other)
        assert (second.relay(), second.backlog().waiting) == (1, 0)
        assert (board.result("a"), board.find("a").state.value) == ("ann's", "done")
        assert [event.agent for event in board.events() if event.type == "completed"] == ["ann"]
    one.close()
    two.close()


def test_a_look_that_is_older_than_anothers_commit_does_not_help(place, monkeypatch):
    """Rows of one database decide, whatever the board said before."""
    path, connect = place
    one, two = shop(connect), shop(connect)
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
        first, second = board.outbox(one), board.outbox(two)
        stale = board.claim("ann")
        looked = board.find("a")
        board.release(stale)
        second.complete(board.claim("bob"), 2)
        two.commit()
        for waiting in (1, 0):
            assert first.backlog().waiting == waiting
            with monkeypatch.context() as patched, pytest.raises(LeaseLostError):
                patched.setattr(board, "find", lambda task: looked)
                first.complete(stale, 1)
            one.rollback()
            second.relay()
        assert board.result("a") == 2
    one.close()
    two.close()


def test_what_the_board_refuses_is_kept_with_its_reason(place):
    path, connect = place
    connection = shop(connect)
    with ClaimQueue(path) as board:
        outbox = board.outbox(connection)
        outbox.submit(Task("a", needs=("nothing",)))
        outbox.submit(Task("b"))
        connection.commit()
        assert outbox.relay() == 1
        assert board.find("b") is not None
        backlog = outbox.backlog()
        assert (backlog.waiting, len(backlog.refused)) == (0, 1)
        assert "nothing" in backlog.refused[0]
    connection.close()


def test_an_outbox_that_nobody_relays_says_so(place, caplog, monkeypatch):
    path, connect = place
    connection = shop(connect)
    with ClaimQueue(path) as board:
        outbox = board.outbox(connection)
        outbox.submit(Task("a"))
        connection.commit()
        assert not caplog.records
        cursor = connection.cursor()
        cursor.execute("UPDATE ants_coord_outbox SET at = at - 3600")
        connection.commit()
        assert outbox.backlog().oldest_s >= 3600
        with caplog.at_level(logging.WARNING, "ants_coord"):
            board.outbox(connection)
        assert "call relay() after each commit" in caplog.text
    connection.close()


def test_bad_input(tmp_path):
    with ClaimQueue() as board, pytest.raises(ValueError, match="in memory"):
        board.outbox(sqlite3.connect(":memory:"))
    with ClaimQueue(tmp_path / "b.db") as board:
        with pytest.raises(TypeError, match="sqlite3 or psycopg"):
            board.outbox(object())
        connection = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
        outbox = board.outbox(connection)
        with pytest.raises(ValueError, match="begin one"):
            outbox.submit(Task("a"))
        connection.execute("BEGIN")
        outbox.submit(Task("a"))
        with pytest.raises(ValueError, match="under way"):
            board.outbox(connection)
        connection.execute("COMMIT")
        assert outbox.relay() == 1
        connection.close()


def test_for_event_loops(place):
    """The same verbs, awaited; a connection for event loops or a plain one."""
    path, connect = place

    async def main():
        connection = shop(connect)
        if not isinstance(connection, sqlite3.Connection):
            import psycopg

            text = connection.info.dsn
            connection.close()
            connection = await psycopg.AsyncConnection.connect(text)
        async with aio.ClaimQueue(path) as board:
            outbox = await board.outbox(connection)
            await outbox.submit(Task("a"))
            await _settled(connection.commit())
            assert await outbox.relay() == 1
            lease = await board.claim("ann")
            await outbox.complete(lease, 7)
            await _settled(connection.commit())
            assert await outbox.relay() == 1
            assert await board.result("a") == 7
        await _settled(connection.close())

    asyncio.run(main())


async def _settled(answer):
    return await answer if asyncio.iscoroutine(answer) else answer

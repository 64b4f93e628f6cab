"""The rights in a database: what each role may do, what it is told otherwise, and what nobody is ever shown."""

from __future__ import annotations

import contextlib
import threading

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalError, JournalVersionError
from ants_coord.sync import Board

from ..inside import inside
from .server import bouncer, free_port

psycopg = pytest.importorskip("psycopg")
SECRET = "gehe1m"


@pytest.fixture(scope="session")  # a module's tests may be run in two parts, see `worksteal` of pytest-xdist
def database(server):
    """A database of which we know everything, with a role that may use boards and one that may not."""
    from ants_coord.journals.postgres.schema import grants, statements

    server.execute("CREATE DATABASE rights")
    for role in ("agent", "stranger"):
        server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
    server.execute(";".join([*statements(), *grants("agent")]), database="rights")
    return "rights"


def test_a_plain_role_works_and_writes_no_table(server, database):
    """It appends through the function only: history can be neither forged nor taken away."""
    address = server.dsn("mine", user="agent", database=database)
    with ClaimQueue(address) as board:
        board.submit(Task("a"))
        board.complete(board.claim("ann"), 1)
    with psycopg.connect(address.partition("#")[0], autocommit=True) as connection:
        assert connection.execute("SELECT DISTINCT author FROM ants_coord.entry").fetchall() == [("agent",)]
        for table in ("board", "entry", "snapshot", "piece", "installed"):
            for statement in (
                f"DELETE FROM ants_coord.{table}",
                f"INSERT INTO ants_coord.{table} SELECT * FROM ants_coord.{table}",
                f"TRUNCATE ants_coord.{table} CASCADE",
                f"DROP TABLE ants_coord.{table} CASCADE",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
        for column, value in (("body", "'x'"), ("author", "'postgres'"), ("stamp", "0")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"UPDATE ants_coord.entry SET {column} = {value}".encode())


def test_a_role_cannot_smuggle_functions_of_its_own_into_ours(server, database):
    """The functions run as their owner: what they call is not looked up where a caller can put something."""
    rows = server.execute(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'ants_coord'::regnamespace",
        database=database,
    )
    assert len(rows) == 6
    assert all("search_path=pg_catalog, pg_temp" in config for _, config in rows)


def told(address, error=JournalError, board=ClaimQueue, **settings) -> str:
    with pytest.raises(error) as caught, board(address, **settings) as opened:
        opened.statistics()
    text = str(caught.value)
    chain, problem = [], caught.value
    while problem is not None:
        chain.append(str(problem))
        problem = problem.__cause__ or problem.__context__
    assert SECRET not in " ".join(chain), chain
    assert text.startswith("postgresql://") and "\n" not in text and text.count(": ") <= 4, text
    return text


def test_each_wrong_address_is_told_in_a_sentence(server, database):
    with_secret = f"postgresql://agent:{SECRET}@127.0.0.1:{server.port}"
    assert 'database "nowhere" does not exist' in told(f"{with_secret}/nowhere")
    assert 'role "nobody" does not exist' in told(server.dsn(user="nobody"))
    assert "cannot be reached" in told(f"postgresql://agent:{SECRET}@127.0.0.1:{free_port()}/x")
    assert "resolve host" in told(f"postgresql://agent:{SECRET}@no.such.host.invalid/x")
    assert "invalid" in told(f"{with_secret}/x?bogus=1")
    assert "invalid" in told(f"postgresql://agent:{SECRET}@127.0.0.1:99999/x")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (f"postgresql://a:{SECRET}@127.0.0.1", "names no database"),
        (f"postgresql://a:{SECRET}@127.0.0.1/x#no good", "the board's name, after '#'"),
        (f"postgresql://a:{SECRET}%zz@127.0.0.1/x", "two hexadecimal digits"),
        (f"postgresql://a:{SECRET}@[::1/x", "cannot be taken apart"),
        (f"postgresql://a:{SECRET}\u2100@h/x", "cannot be taken apart"),
        ("postgresql:///", "names no database"),
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_asked(address, words):
    with pytest.raises(ValueError, match=words) as caught:
        ClaimQueue(address)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_those_who_may_not_are_told_whom_to_ask(server, database):
    """No rights on boards, and no right to make their tables: the same way out."""
    for name in (database, "template1"):
        assert "ants-coord init DSN --role ROLE" in told(server.dsn(user="stranger", database=name))
    assert server.execute("SELECT to_regclass('ants_coord.board')", database="template1") == [(None,)]


def test_a_reader_makes_nothing(server, database):
    """Neither a board nor tables."""
    before = server.execute("SELECT count(*) FROM ants_coord.board", database=database)
    assert "there is no such board" in told(server.dsn("missing", database=database), board=Board)
    assert server.execute("SELECT count(*) FROM ants_coord.board", database=database) == before
    assert "there is no such board" in told(server.dsn("missing", database="template1"), board=Board)
    assert server.execute("SELECT to_regclass('ants_coord.board')", database="template1") == [(None,)]


def test_servers_that_will_not_do_are_told_why(server, database, monkeypatch):
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert "ENCODING 'UTF8'" in told(server.dsn(database="latin"))
    address = server.dsn("fine", database=database)
    with ClaimQueue(address) as board:
        board.submit(Task("a"))
    for what, undo, words in (
        ("UPDATE ants_coord.board SET format = 99", "UPDATE ants_coord.board SET format = 2", "format 99"),
        (
            "UPDATE ants_coord.installed SET version = 99",
            "UPDATE ants_coord.installed SET version = 1",
            "version 99",
        ),
    ):
        server.execute(what, database=database)
        try:
            assert words in told(address, JournalVersionError)
        finally:
            server.execute(undo, database=database)
    with setting(server, "fsync", "off"):
        assert "durability='power'" in told(address)
        with ClaimQueue(address, durability="process") as board:
            assert board.find("a") is not None


@contextlib.contextmanager
def setting(server, name, value):
    def turn(statement):
        server.execute(statement)
        server.execute("SELECT pg_reload_conf()")

    turn(f"ALTER SYSTEM SET {name} = {value}")
    try:
        _until(lambda: server.execute(f"SHOW {name}") == [(value,)])
        yield
    finally:
        turn(f"ALTER SYSTEM RESET {name}")
        _until(lambda: server.execute(f"SHOW {name}") != [(value,)])


def _until(what):
    turn = threading.Event()
    for _ in range(1_000):
        if what():
            return
        turn.wait(0.01)
    raise AssertionError("it never came")


def test_an_old_server_is_named(server, database, monkeypatch):
    from ants_coord.journals.postgres import install

    monkeypatch.setattr(install, "OLDEST", 990_000)
    assert "99 or newer is needed" in told(server.dsn(database=database))


def test_too_many_clients_are_told_so(server, database):
    """A role with one connection: the second one waits its patience, then says what to change."""
    server.execute("CREATE ROLE narrow LOGIN CONNECTION LIMIT 1")
    server.execute("GRANT agent TO narrow")
    address = server.dsn("narrow", user="narrow", database=database)
    with ClaimQueue(address) as board:
        board.statistics()
        assert "max_connections" in told(address, lease_ttl=1.0)


@pytest.mark.skipif(
    bouncer() is None, reason="no pgbouncer on this machine: install the distribution's package"
)
def test_a_pooler_in_transaction_mode_stands_between(server, database, tmp_path):
    """No session is ours: no prepared statements, no settings, no notifications; the board works all the same."""
    from ants_coord.journals.postgres.journal import PostgresJournal
    from ants_coord.testing import check_journal

    with server.pooled(bouncer(), database) as port:
        kept = check_journal(
            lambda name: PostgresJournal(server.dsn(f"pooled.{name[:60]}", port=port, database=database))
        )
        assert len(kept) == 11
        address = server.dsn("pooled", port=port, database=database)
        with ClaimQueue(address) as one, ClaimQueue(address) as two:
            for number in range(10):
                one.submit(Task(f"t{number}"))
                lease = two.claim("ann")
                one.complete(lease, number)
            assert one._engine.digest() == two._engine.digest()
            assert inside(one)._journal._server.is_pooled

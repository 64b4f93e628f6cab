import itertools
import os
import threading

import pytest

from ants_coord.testing import ManualClock

from .server import Server, binaries


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server of this test run."""
    required = os.environ.get("ANTS_COORD_PG") == "required"
    if not required:
        pytest.importorskip("psycopg")
    folder = binaries()
    if folder is None:
        if required:
            pytest.fail(
                "ANTS_COORD_PG=required, and there is no initdb: install the distribution's postgresql"
            )
        pytest.skip("no PostgreSQL on this machine: install the distribution's package postgresql")
    made = Server(folder)
    yield made
    made.close()


_numbers = itertools.count()


@pytest.fixture
def dsn(server):
    """The address of a board that nobody has used."""
    return server.dsn(f"board-{next(_numbers)}")


class Standby(Server):
    """An asynchronous copy of a server."""

    def __init__(self, folder, primary):
        super().__init__(folder, copy_of=primary)
        self._primary = primary

    def follow(self):
        """Wait until it has heard of everything."""
        (place,) = self._primary.execute("SELECT pg_current_wal_lsn()")[0]
        turn = threading.Event()
        for _ in range(1_000):
            if self.execute(f"SELECT pg_last_wal_replay_lsn() >= '{place}'")[0][0]:
                return
            turn.wait(0.01)
        raise AssertionError("the standby does not follow")

    def lose_touch(self):
        """Hear of nothing any more."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        turn = threading.Event()
        for _ in range(1_000):
            if not self._primary.execute("SELECT 1 FROM pg_stat_replication"):
                return
            turn.wait(0.01)
        raise AssertionError("the standby still listens")


@pytest.fixture
def standby(server):
    made = Standby(binaries(), server)
    yield made
    made.close()


class _Told(ManualClock):
    def note(self, sent_ns, stamp_ns, got_ns):
        """The server's stamps are ours."""


@pytest.fixture(scope="session")
def timed(server):
    """A database whose stamps are what a test says, and the journal for it."""
    from ants_coord.journals.postgres.journal import PostgresJournal
    from ants_coord.journals.postgres.schema import statements

    server.execute("CREATE DATABASE timed")
    server.execute("CREATE TABLE manual (now bigint)", database="timed")
    server.execute("INSERT INTO manual VALUES (0)", database="timed")
    real = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"
    texts = [text.replace(real, "(SELECT now FROM public.manual)") for text in statements()]
    assert sum("public.manual" in text for text in texts) == 1
    server.execute(";".join(texts), database="timed")
    numbers = itertools.count()

    class TimedJournal(PostgresJournal):
        def __init__(self, clock):
            super().__init__(server.dsn(f"b{next(numbers)}", database="timed"), durability="process")
            self.clock = _Told()
            self.clock.__dict__ = clock.__dict__  # one time, also for those who hold the other

        def append(self, after, bodies):
            now = self.clock.now_ns()
            self._server.repeat(lambda c: c.execute(f"UPDATE public.manual SET now = {now}".encode()))
            return super().append(after, bodies)

    return TimedJournal

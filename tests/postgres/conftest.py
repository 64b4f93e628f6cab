import itertools
import os

import pytest

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

"""An interrupt in the middle of a question leaves no answer behind that the next question would take for its own."""

from __future__ import annotations

import contextlib

import pytest

pytest.importorskip("psycopg")


@pytest.fixture
def journals(dsn):
    """Two journals of one board."""
    from ants_coord.journals.postgres.journal import PostgresJournal

    with contextlib.closing(PostgresJournal(dsn)) as one, contextlib.closing(PostgresJournal(dsn)) as two:
        yield one, two


@pytest.mark.parametrize("is_crowded", [True, False], ids=["two requests in one trip", "one request"])
@pytest.mark.parametrize("at", range(1, 4))
@pytest.mark.parametrize("then", ["append", "read"])
def test_an_interrupted_append_is_followed_by_right_answers(journals, monkeypatch, is_crowded, at, then):
    """Ctrl-C while the answer is awaited: what was written meanwhile is read as what it is."""
    from ants_coord.journals.postgres.server import Server

    one, two = journals
    if is_crowded:
        two.append(0, [b"other"])
    seen = one.append(0, [b"first"])
    assert bool(one._crowded) == is_crowded
    looks, look = [], Server._next

    def interrupted(server, pg):
        looks.append(pg)
        if server is one._server and len(looks) == at:
            raise KeyboardInterrupt
        return look(server, pg)

    with monkeypatch.context() as patch:
        patch.setattr(Server, "_next", interrupted)
        with contextlib.suppress(KeyboardInterrupt):
            one.append(seen[-1].position, [b"lost"])
    assert len(looks) >= at or not is_crowded
    if then == "read":
        seen += one.read(seen[-1].position)
    for number in range(3):
        seen += one.append(seen[-1].position, [b"%d" % number])
    seen += one.read(seen[-1].position)
    assert seen == two.read(0)

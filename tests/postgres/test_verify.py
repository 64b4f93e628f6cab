"""Walking the chain changes nothing for who walks it, and is not misled by who trims the log meanwhile."""

from __future__ import annotations

import contextlib

import pytest

from ants_coord.errors import JournalRewoundError

pytest.importorskip("psycopg")


@pytest.fixture
def journals(dsn):
    """Two journals of one board."""
    from ants_coord.journals.postgres.journal import PostgresJournal

    with contextlib.closing(PostgresJournal(dsn)) as one, contextlib.closing(PostgresJournal(dsn)) as two:
        yield one, two


@pytest.mark.parametrize("look", ["verify", "load"])
def test_a_look_forgets_nothing_of_what_was_read(server, dsn, journals, look):
    """A log that was rewound, and has grown past our position since, is told after a walk, or a look for snapshots."""
    one, two = journals
    one.append(0, [b"a", b"b"])
    if look == "verify":
        first, last, head = one.verify()
        assert (first, last) == (1, 2)
        assert one.verify(head) == (1, 2, head)
    else:
        two.save(1, 0, b"state")
        two.save(1, 1, None)
        position, pieces = one.load()  # as the engine does before each snapshot that is due
        assert (position, list(pieces)) == (1, [b"state"])
    server.execute(
        "DELETE FROM ants_coord.entry e USING ants_coord.board b "
        f"WHERE e.board = b.id AND b.name = '{dsn.partition('#')[2]}' AND e.position > 1"
    )
    from ants_coord.journals.postgres.journal import PostgresJournal

    with contextlib.closing(PostgresJournal(dsn)) as other:
        other.append(1, [b"x", b"y"])
    with pytest.raises(JournalRewoundError):
        one.read(2)


def test_a_log_that_is_trimmed_during_a_walk_is_sound(journals, monkeypatch):
    """What left the log between two of its questions is not taken for what is missing."""
    one, two = journals
    one.append(0, [b"a", b"b", b"c", b"d"])
    repeat, asked = one._server.repeat, []

    def repeated(do):
        found = repeat(do)
        asked.append(do)
        if len(asked) == 1:
            two.save(3, 0, b"state")
            two.save(3, 1, None)
        return found

    monkeypatch.setattr(one._server, "repeat", repeated)
    assert one.verify()[:2] == (4, 4)
    assert len(asked) == 2
    assert two.verify()[:2] == (4, 4)

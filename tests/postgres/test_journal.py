"""The log in PostgreSQL keeps what every log promises, and every coordinator keeps its own on it."""

from __future__ import annotations

from ants_coord import ClaimQueue, Task
from ants_coord.sync import Board
from ants_coord.testing import check_journal


def test_it_keeps_what_every_journal_promises(server, dsn):
    from ants_coord.journals.postgres.journal import PostgresJournal

    assert len(check_journal(lambda name: PostgresJournal(f"{dsn}.{name[:40]}"))) >= 9


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

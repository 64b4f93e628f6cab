"""A hub over a board in PostgreSQL: the same lines, the same board."""

from __future__ import annotations

from ants_coord import Board, ClaimQueue, Task
from ants_coord.hub.thin import Client
from tests.hub.running import running


def test_a_hub_serves_a_board_on_a_server(dsn, tmp_path):
    """What is claimed through the hub is held on the server, and stays so when the hub has ended."""
    with ClaimQueue(dsn) as board:
        board.submit(Task("a", payload=1))
        served = Board(dsn)
        with running(served, tmp_path / "hub"), Client(tmp_path / "hub", timeout=30) as hub:
            got = hub.ask({"verb": "claim", "agent": "ann", "id": "r1"})
            assert (got["task"], got["payload"]) == ("a", 1)
            assert hub.ask({"verb": "claim", "agent": "ann", "id": "r1"})["lease"] == got["lease"]
        served.close(keep=True)
        assert [lease.handle for lease in board.leases()] == [got["lease"]]
        board.complete(got["lease"])

"""A hub over a board in PostgreSQL: the same lines, the same board."""

from __future__ import annotations

import itertools

import pytest

from ants_coord import Blackboard, Board, ClaimQueue, Matchmaker, Task, aio
from ants_coord.hub.thin import Client
from ants_coord.testing import check_coordinator
from ants_coord.testing.conformance.coordinator import STORIES
from tests import scale
from tests.hub.running import running
from tests.hub.test_remote_deaths import outlive

CLASSES = (ClaimQueue, aio.Matchmaker, Blackboard, aio.ClaimQueue, Matchmaker, aio.Blackboard)


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


@pytest.mark.parametrize("cls", CLASSES[: scale.of(2, 6, 6)])
def test_coordinators_over_a_hub_keep_their_promises_there(cls, timed, over_hub):
    """All stories of the kit; some of them in the quick profile."""
    numbers, step = itertools.count(), scale.of(6, 1, 1)
    kept = check_coordinator(
        lambda clock, **settings: over_hub(cls, timed(clock), clock, **settings),
        only=lambda name: next(numbers) % step == 0,
    )
    assert len(kept) == -(-len(STORIES) // step)


def test_coordinators_outlive_hubs_that_die_between_write_and_answer(dsn, tmp_path):
    """As over a file: nothing is lost, nothing is done twice, no verb raises."""
    outlive(dsn, tmp_path / "hub", scale.of(1, 6, 20))

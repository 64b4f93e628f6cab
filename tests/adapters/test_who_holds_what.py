"""Events say who holds what: all readers that fold them agree with the board after every command."""

from __future__ import annotations

import pytest

from ants_coord import Advert, Blackboard, ClaimQueue, Matchmaker, Task, TrustPolicy, Verify
from ants_coord.adapters.spans import Spans
from ants_coord.commands.reading import Events
from ants_coord.commands.shared import Upgrade
from ants_coord.core.state.rule_versions import OLD_RULES
from ants_coord.lab.account import Account
from ants_coord.testing import ManualClock, check_coordinator
from ants_coord.testing.simulation.story import double_grants
from ants_coord.values.tasks import TaskState
from tests.inside import inside

STRATEGIES = [ClaimQueue, Matchmaker, Blackboard]


class Witness:
    """A reader of the events after every command, which compares what they tell with the state."""

    def __init__(self, board):
        self.board, self.spans, self.events, self.looks = board, Spans(), [], 0
        self.ended, self.account = [], Account()
        engine = inside(board)
        self.machine, execute = engine._machine, engine.execute

        def watched(command, *request):
            reply = execute(command, *request)
            self.look()
            return reply

        engine.execute = watched

    def look(self):
        self.looks += 1
        ledger = self.machine.ledger
        fresh = self.machine.ask(Events(len(self.events)))
        self.events += fresh
        for event in fresh:
            self.ended += self.spans.take(event)
            if event.task is not None:
                self.account.take(event, event.task, event.at_ns / 1e9)
        rows = {row.token: row for row in ledger.tasks.values() if row.state is TaskState.LEASED}
        tasks = {span.token: span for span in self.spans.open if not span.is_lock}
        assert set(tasks) == set(rows)
        for token, span in tasks.items():
            assert (span.agent, span.name) == (rows[token].agent, rows[token].spec.id)
            assert span.is_check or span.attempt == rows[token].attempts
        assert {lease.token for lease in self.account.held.values()} == set(rows)
        locks = {span.token for span in self.spans.open if span.is_lock}
        assert locks == {lock.token for lock in ledger.locks.values()}
        assert double_grants(self.events) == []

    def ways(self):
        """Return how the leases of tasks have ended, in that order."""
        return [(span.agent, span.how) for span in self.ended if not span.is_lock]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_whatever_a_coordinator_promises_can_be_read(strategy):
    """The conformance suite has a story for nearly every verb."""
    seen = []

    def make(**settings):
        seen.append(Witness(strategy(**settings)))
        return seen[-1].board

    check_coordinator(make)
    assert sum(one.looks for one in seen) > 200


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def trusting(clock):
    with ClaimQueue(clock=clock, lease_ttl=30, trust=TrustPolicy(), secret=b"12345678") as board:
        yield Witness(board)


def test_a_result_that_is_examined(trusting, clock):
    """A verdict ends the lease of the agent that gives it, also if it had to be taken over."""
    board = trusting.board
    board.submit(Task("a", verify=Verify.by_check()))
    board.complete(board.claim("ann"), 1)
    clock.advance(3)
    board.claim("bob")
    clock.advance(2)
    (check,) = board.adopt("bob", force=True)
    board.complete(check, False)
    clock.advance(4)
    board.complete(board.claim("cid"), 1)
    board.complete(board.claim("dan"), True)
    assert trusting.ways() == [
        ("ann", "handed in"), ("bob", "superseded"), ("bob", "judged"), ("cid", "handed in"), ("dan", "completed"),
    ]  # fmt: skip
    assert [span.is_check for span in trusting.ended] == [False, True, True, False, True]
    assert [span.waited_ns for span in trusting.ended] == [0, 3 * 10**9, None, 4 * 10**9, 0]


def test_a_result_that_is_known_or_outvoted(trusting):
    """A wrong answer is no result; the last one ends the task as well."""
    board = trusting.board
    board.submit(Task("a", verify=Verify.by_canary(42), max_attempts=2))
    for agent in ("ann", "bob"):
        board.complete(board.claim(agent), 41)
    board.submit(Task("b", verify=Verify.by_quorum(2), max_attempts=1))
    for number, agent in enumerate(("ann", "bob", "cid")):
        board.complete(board.claim(agent), number)
    assert trusting.ways() == [
        ("ann", "rejected"), ("bob", "rejected"), ("ann", "handed in"), ("bob", "handed in"), ("cid", "failed"),
    ]  # fmt: skip


def test_a_team_that_is_given_up(clock):
    """Seats that were taken go back when somebody does not come."""
    with Matchmaker(clock=clock, lease_ttl=500) as board:
        witness = Witness(board)
        for agent, skill in (("a", "x"), ("b", "y")):
            board.advertise(Advert(agent, {skill}, ttl=1_000))
        board.submit(Task("t", team=("x", "y")))
        assert board.claim_nowait("a") is not None
        clock.advance(10)
        board.check()
        board.pause()
        assert "disbanded" in {event.type for event in witness.events}
        assert witness.ways() == [("a", "released")]


def test_new_rules_and_new_content(clock):
    """An upgrade revokes everything; a task that is replaced may be of another kind, which no event tells."""
    with ClaimQueue(clock=clock) as board:
        witness = Witness(board)
        board.submit(Task("a", kind="code"))
        board.lock_nowait("x", agent="ann")
        board.claim("ann")
        inside(board).execute(Upgrade(OLD_RULES))
        board.submit(Task("a", kind="text"), if_exists="replace")
        board.claim("bob")
        witness.look()
        assert witness.ways() == [("ann", "released")]
        assert [(span.agent, span.kind) for span in witness.spans.open] == [("bob", "")]

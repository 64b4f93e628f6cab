"""Every type of event happens, and means what its line in the reference says."""

from __future__ import annotations

from pathlib import Path

from ants_coord import Backoff, Blackboard, ClaimQueue, Task, TrustPolicy
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine
from ants_coord.testing import ManualClock
from ants_coord.values.events import EVENT_TYPES
from ants_coord.values.marks import Mark
from ants_coord.values.settings import Settings

from ..board.test_model import Walk as BoardWalk
from ..match.test_model import Walk as MatchWalk
from ..trust.threats import Market
from .stage import Stage
from .test_proofs import Walk as ProofWalk

SCENARIOS = Path(__file__).with_name("scenarios")


def types_of(machine):
    return {event[1] for event in machine.ledger.events()}


def stories():
    """Yield the types of event of one story after another, those of short stories first."""
    yield seen_in_an_outage() | seen_on_a_board() | seen_in_an_upgrade()
    for path in sorted(SCENARIOS.glob("*.txt")):
        stage = Stage()
        stage.play(path.read_text())
        yield types_of(stage.machine)
    market = Market("ghost", trust=True, seed=1, ticks=600)
    market.run()
    yield types_of(market.machine)
    for proving in [ProofWalk("match", n) for n in range(3)]:
        for _ in range(200):
            proving.step()
        yield types_of(proving.machine)
    walks: list[MatchWalk | BoardWalk] = [MatchWalk(n) for n in range(4)]
    walks += [BoardWalk(n) for n in range(8)]
    for walk in walks:
        for _ in range(200):
            walk.step()
            yield types_of(walk.model.machine)


def test_every_type_of_event_is_emitted_by_some_story():
    told_elsewhere = {
        "disbanded",
        "unreacted",
    }  # a team of which one does not come; a reaction that is refused
    wanted, seen = set(EVENT_TYPES) - told_elsewhere, set()
    for types in stories():
        seen |= types
        if wanted <= seen:
            break
    assert wanted <= seen, wanted - seen
    assert seen <= set(EVENT_TYPES)


def seen_in_an_upgrade():
    """A board goes on under other rules."""
    machine = Machine()
    machine.apply(c.Configure(Settings()), now_ns=1)
    assert machine.apply(c.Upgrade((("core", 2),)), now_ns=2)
    assert not machine.apply(c.Upgrade((("core", 2),)), now_ns=3)
    return types_of(machine)


def seen_in_an_outage():
    """All that were trusted fail at once, and come back."""
    clock = ManualClock()
    with ClaimQueue(
        clock=clock, trust=TrustPolicy(), lease_ttl=10, max_attempts=100, event_count=1 << 20
    ) as board:
        agents = [f"a{n}" for n in range(8)]
        board.submit_many([Task() for _ in range(400)])
        for _ in range(6):
            for agent in agents:
                board.complete(board.claim_nowait(agent))
        for _ in range(8):
            for agent in agents:
                lease = board.claim_nowait(agent)
                if lease is not None:
                    board.fail(lease, "the network is down")  # without retry=, which is no evidence
            clock.advance(20)
        clock.advance(2_000)
        board.submit(Task("last"))
        for _ in range(30):
            for agent in agents:
                lease = board.claim_nowait(agent)
                if lease is not None:
                    board.complete(lease)
        board.vouch("a1", "north", by="host")
        board.limit("db", 2)
        board.pause()
        board.resume()
        return types_of(board._engine._machine)


def seen_on_a_board():
    with Blackboard(clock=ManualClock(), trust=TrustPolicy(), event_count=1 << 20) as board:
        board.write("plan/a", 1, agent="ann")
        board.write("plan/a", 2, agent="mal")
        board.deposit(Mark("food", "here", 5.0), agent="ann")
        board.roll_back("mal", by="host")
        return types_of(board._engine._machine)


def test_what_agents_did_is_counted_when_they_are_no_longer_remembered():
    """Beyond ten thousand agents the longest known are folded into one, and nothing is lost of the sums."""
    machine, count = Machine(), 10_050
    machine.apply(c.submission((Task("a", max_attempts=10**6, backoff=Backoff(0)),)), now_ns=1)
    for number in range(count):
        lease = machine.apply(c.Claim(f"a{number}"), now_ns=1)
        if number % 2:
            machine.apply(c.Fail(lease.task, lease.token, "no"), now_ns=1)
        else:
            machine.apply(c.Release(lease.task, lease.token), now_ns=1)
    told = machine.ask(reading.StatisticsOf())
    assert (told.claimed, told.failed, told.released) == (count, count // 2, count // 2)
    assert len(machine.ledger.agents) == 10_000


def test_how_an_attempt_failed_is_told_once():
    """What is tried again is "retried", the last attempt "failed", each with the reason that was given."""
    machine = Machine()
    machine.apply(c.submission((Task("a", max_attempts=2, backoff=Backoff(0)),)), now_ns=1)
    for reason in ("first", "second"):
        lease = machine.apply(c.Claim("ann"), now_ns=1)
        machine.apply(c.Fail("a", lease.token, reason), now_ns=1)
    events = machine.ask(reading.Events(since=0))
    told = [
        (event.type, event.agent, event.detail) for event in events if event.type in ("retried", "failed")
    ]
    assert told == [("retried", "ann", "first"), ("failed", "ann", "second")]


def test_events_are_read_in_pages_whatever_was_dropped():
    """Read as they come, and from anywhere: each event once, by the number that it always has."""
    machine, heard = Machine(), []
    machine.apply(c.Configure(Settings(event_count=50)), now_ns=1)
    for number in range(600):
        machine.apply(c.submission((Task(f"t{number}"),)), now_ns=number + 2)
        heard += machine.ask(reading.Events(len(heard), 3))
    assert [event.cursor for event in heard] == list(range(1, 602))
    assert [event.task for event in heard] == [None, *(f"t{n}" for n in range(600))]
    dropped = machine.ledger.ring[0]
    assert 400 < dropped < 550
    for since in range(dropped, 602):
        assert list(machine.ask(reading.Events(since, 4))) == heard[since : since + 4]
    assert list(machine.ask(reading.Events(0, 2))) == heard[dropped : dropped + 2]
    assert machine.ledger.cursor == 601

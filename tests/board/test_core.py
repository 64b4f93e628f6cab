"""The trails of a blackboard, and who is served: beside its model, by examples and by interrupts."""

from __future__ import annotations

import json
import math
import random

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.board import Deposit, Sense, Strongest, Thresholds, Write
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.values.marks import Mark, MarkKind
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Task

from ..landing import cut_short_everywhere
from ..scale import of
from .stage import Board
from .test_model import SECOND, START, Walk

EVERY = of(13, 3, 1)


@pytest.fixture
def board():
    return Board(half_life=60.0)


# -- taking back, restarting ------------------------------------------------------------------


@pytest.mark.parametrize("seed", [3, 4])
def test_a_command_cut_short_has_happened_or_has_not(seed):
    """An exception at every few lines of every command of a walk: the digest of before or of after."""
    walk = Walk(seed)
    for _ in range(35):
        walk.step()
    log, kinds = walk.model.log, set()
    for number in range(1, len(log)):
        kinds.add(type(log[number][1]))
        cut_short_everywhere(play, log, number, EVERY)
    assert {Deposit, Write, c.Claim} <= kinds


def play(log):
    machine = Machine()
    for now, command in log:
        machine.apply(command, now_ns=now)
    return machine


@pytest.mark.parametrize("seed", range(4))
def test_a_restored_board_goes_on_as_if_nothing_had_been(seed):
    """From a snapshot at any step, the rest of the log gives the same replies and the same digest."""
    walk = Walk(100 + seed)
    for _ in range(60):
        walk.step()
    log, machine = walk.model.log, Machine()
    twins = []
    for number, (now, command) in enumerate(log):
        if number % 17 == 5:
            twin = Machine()
            restore(twin, json.loads(json.dumps(list(records(machine)))))
            twins.append(twin)
        reply = repr(machine.apply(command, now_ns=now))
        for twin in twins:
            assert repr(twin.apply(command, now_ns=now)) == reply
    for twin in twins:
        assert digest(twin) == digest(machine)


# -- trails -----------------------------------------------------------------------------------


def test_evaporation_is_an_event_at_its_instant_and_gives_memory_back(board):
    """Half a trail is left after a half-life; below faint it is gone, whether or not anybody looks."""
    board.mark("food", "a", 8.0)
    board.do(c.Wakeup(), after=120)
    assert board.strength("a") == pytest.approx(2.0)
    wait_s = board.machine.next_wakeup_in_ns / SECOND
    board.do(c.Wakeup(), after=60 * 20)
    (gone,) = board.events("evaporated")
    kind, place, when = gone.detail
    assert (kind, place) == ("food", "a")
    turns = 9.643856189774724  # log2(8 / 0.01)
    assert (when - START) / SECOND == pytest.approx(60 * turns, abs=1e-6)
    assert wait_s <= 60 * turns - 120
    assert not board.machine.ledger.tables["trails"]
    assert board.machine.next_wakeup_in_ns is None


def test_what_has_evaporated_is_not_weakened(board):
    """A lease that ran out long after the trail at its place was gone leaves the trail's instant alone."""
    board.submit(Task("t", place="a", lease_ttl=1_000))
    board.mark("food", "a", 1.0)
    board.claim()
    board.do(c.Wakeup(), after=3_600)
    (gone,) = board.events("evaporated")
    assert (gone.detail[2] - START) / SECOND == pytest.approx(60 * math.log2(100), abs=1e-6)
    assert board.events("weakened") == []


def test_many_evaporate_in_bounded_portions(board):
    """A backlog of thousands is worked off a thousand a command; none of them is seen in between."""
    for number in range(2_500):
        board.machine.apply(Deposit(Mark("food", f"p{number}"), "scout"), now_ns=board.now)
    board.now += 3_600 * SECOND
    board.do(c.Wakeup())
    assert len(board.machine.ledger.tables["trails"]) == 1_500
    assert board.machine.ask(Strongest("food")) == ()
    assert board.strength("p2000") == board.strength("p2499") == 0.0
    reborn = board.mark("food", "p2400", 2.0)
    assert (reborn.marks, reborn.strength) == (1, 2.0)
    board.do(c.Wakeup())
    board.do(c.Wakeup())
    assert list(board.machine.ledger.tables["trails"]) == [("food", "p2400")]
    assert len(board.events("evaporated")) == 2_500


def test_bounds_of_max_min_ants():
    """A ceiling clips and says so; a floor lifts, until nobody has come for long enough."""
    board = Board(half_life=60.0, kinds=[MarkKind("edge", ceiling=5.0, floor=1.0, forget_after=300.0)])
    assert board.mark("edge", "a", 4.0).laid == 4.0
    clipped = board.mark("edge", "a", 4.0)
    assert (clipped.strength, clipped.laid) == (5.0, 1.0)
    board.do(c.Wakeup(), after=250)
    assert board.strength("a") == 1.0
    lifted = board.mark("edge", "a", 0.5)
    assert lifted.strength == pytest.approx(1.5)
    board.do(c.Wakeup(), after=299)
    assert board.strength("a") == 1.0
    board.do(c.Wakeup(), after=1)
    assert board.strength("a") == 0.0


def test_repellents_are_kinds_and_net_ranking_subtracts_them():
    """The strongest places are those whose marks that draw exceed the ones that repel."""
    board = Board(
        kinds=[MarkKind("food"), MarkKind("danger", repels=True, weight=2.0), MarkKind("old", half_life=30)]
    )
    board.mark("food", "near", 5.0)
    board.mark("old", "near", 1.0)
    board.mark("food", "far", 4.0)
    board.mark("danger", "near", 1.5)
    board.mark("danger", "pit", 9.0)
    ranked = board.machine.ask(Strongest(None))
    assert [(trail.place, trail.strength) for trail in ranked] == [("far", 4.0), ("near", 3.0)]
    assert [trail.kind for trail in ranked] == [None, None]
    assert [trail.kind for trail in board.machine.ask(Sense("near"))] == ["danger", "food", "old"]


def test_net_ranking_finds_the_best_without_looking_at_all(board):
    """Against a look at everything: many kinds, half-lives and places, with dice."""
    dice = random.Random(5)
    kinds = [MarkKind(f"k{n}", half_life=30.0 * (n + 1), repels=n == 3, weight=1.0 + n) for n in range(4)]
    board = Board(kinds=kinds)
    for _ in range(600):
        board.now += dice.randrange(SECOND)
        mark = Mark(f"k{dice.randrange(4)}", f"p{dice.randrange(150)}", dice.uniform(0.1, 9.0))
        board.machine.apply(Deposit(mark, "scout"), now_ns=board.now)
    net = {}
    for number in range(150):
        for trail in board.machine.ask(Sense(f"p{number}")):
            rule = kinds[int(trail.kind[1])]
            net[trail.place] = (
                net.get(trail.place, 0.0) + (-1 if rule.repels else 1) * rule.weight * trail.strength
            )
    wanted = sorted(((value, place) for place, value in net.items() if value > 0), reverse=True)[:20]
    assert [(t.strength, t.place) for t in board.machine.ask(Strongest(None, 20))] == wanted


def test_another_half_life_keeps_what_is_there(board):
    """Settings that change a half-life carry every strength of that instant over."""
    board.mark("food", "a", 8.0)
    board.mark("food", "b", 3.0)
    board.do(c.Wakeup(), after=60)
    board.do(c.Configure(Settings(strategy="board", half_life=10.0)))
    assert board.strength("a") == pytest.approx(4.0)
    board.do(c.Wakeup(), after=10)
    assert [trail.strength for trail in board.machine.ask(Strongest("food"))] == pytest.approx([2.0, 0.75])


def test_diffusion_conserves_and_prunes(board):
    """A share goes evenly to the neighbours; what is faint afterwards is gone, nothing else is lost."""
    board.mark("smell", "a", 8.0)
    ring = {"a": ["b", "c"], "b": ["a"], "c": ["a"]}
    assert board.diffuse("smell", ring, 0.5) == 3
    assert [board.strength(place) for place in "abc"] == pytest.approx([4.0, 2.0, 2.0])
    board.do(c.Wakeup(), after=60)
    board.diffuse("smell", ring, 1.0)
    assert [board.strength(place) for place in "abc"] == pytest.approx([2.0, 1.0, 1.0])
    total = sum(board.strength(place) for place in "abc")
    for _ in range(5):
        board.diffuse("smell", ring, 0.3)
        assert sum(board.strength(place) for place in "abc") == pytest.approx(total)
    assert board.diffuse("smell", {"x": ["y"]}, 0.5) == 0
    board.mark("dust", "a", 0.02)
    board.diffuse("dust", {"a": ["b", "c", "d"]}, 0.9)
    assert not board.machine.ask(Strongest("dust"))


# -- who is served ----------------------------------------------------------------------------


def test_claims_follow_trails_then_patience(board):
    """The strongest trail first; a task that waits long enough comes before it; priority before both."""
    board.submit(Task("plain"), Task("a", place="a"), Task("b", place="b"))
    board.mark("food", "b", 3.0)
    assert board.claim() == "b"
    board.do(c.Wakeup(), after=20 * 60)
    board.submit(Task("late", place="c"))
    board.mark("food", "c", 3.0)
    assert board.claim() == "plain"  # after twenty minutes waiting weighs more than the mark
    board.submit(Task("urgent", priority=1))
    assert board.claim() == "urgent"


def test_success_and_failure_teach_the_trail():
    """Completing consumes or doubles, failing and silence weaken; giving back politely changes nothing."""
    board = Board(
        kinds=[MarkKind("food", half_life=0, success=2.0), MarkKind("once", half_life=0, success=0.0)]
    )
    board.submit(*[Task(f"t{number}", place="a", max_attempts=9) for number in range(3)])
    board.mark("food", "a", 4.0)
    board.mark("once", "a", 1.0)
    lease = board.do(c.Claim("w"))
    board.do(c.Release(lease.task, lease.token))
    assert board.strength("a", "food") == 4.0
    lease = board.do(c.Claim("w"))
    board.do(c.Fail(lease.task, lease.token, "no"))
    assert board.strength("a", "food") == 2.0
    lease = board.do(c.Claim("w"))
    board.do(c.Complete(lease.task, lease.token))
    assert board.strength("a", "food") == 4.0
    assert board.strength("a", "once") == 0.0
    board.do(c.Claim("w"))
    board.do(c.Wakeup(), after=31)
    assert board.strength("a", "food") == 2.0
    assert [event.type for event in board.events("reinforced", "weakened")] == [
        "weakened", "weakened", "reinforced", "weakened",
    ]  # fmt: skip


def test_waiting_can_beat_the_strongest_trail():
    """The strongest trail, the oldest task and the best of both are three places: the last is claimed."""
    board = Board(half_life=1e6, stimulus=0.02)
    board.submit(Task("oldest", place="a"))
    board.do(c.Wakeup(), after=10)
    board.submit(Task("both", place="b"))
    board.do(c.Wakeup(), after=100)
    board.submit(Task("strongest", place="c"))
    board.mark("food", "b", 4.5)
    board.mark("food", "c", 5.0)
    assert [board.claim(), board.claim(), board.claim()] == ["both", "strongest", "oldest"]


def test_thresholds_stay_within_their_bounds(board):
    """However often an agent succeeds, it is ten times as easily drawn at most, and others ten times as hardly."""
    for number in range(40):
        board.submit(
            Task(f"dig{number}", kind="dig"), Task(f"other{number}", kind="nurse" if number < 1 else "dig")
        )
        for lease in board.do(c.ClaimMany("w", 2)):
            board.do(c.Complete(lease.task, lease.token))
    assert [t.threshold for t in board.machine.ask(Thresholds("w"))] == [0.1, 10.0]


def test_specialists_emerge_and_explain_themselves(board):
    """Success lowers the threshold for that kind and raises it for others; equal pulls then go by it."""
    for number in range(6):
        board.submit(Task(f"dig{number}", kind="dig"))
        board.do(c.Claim("w", kinds=("dig",)))
        lease = next(lease for lease in board.machine.ask(reading.Leases("w")))
        board.do(c.Complete(lease.task, lease.token))
    (learnt,) = board.machine.ask(Thresholds("w"))
    assert (learnt.kind, learnt.threshold) == ("dig", pytest.approx(0.9**6))
    board.submit(Task("nurse", kind="nurse"), Task("dig", kind="dig"))
    assert board.claim("novice") == "nurse"
    board.submit(Task("nurse2", kind="nurse"))
    assert board.claim("w") == "dig"


def test_exploring_draws_by_attraction_squared_and_replicas_agree():
    """With explore=1 places are drawn as (k + s)^2; the same log draws the same."""
    board = Board(explore=1.0, indifference=1.0, stimulus=0.0, kinds=[MarkKind("food", half_life=0)])
    board.submit(Task("strong", place="a", max_attempts=10_000), Task("weak", place="b", max_attempts=10_000))
    board.mark("food", "a", 2.0)
    drawn, twin = {"strong": 0, "weak": 0}, Machine()
    restore(twin, json.loads(json.dumps(list(records(board.machine)))))
    for _ in range(4_000):
        lease = board.machine.apply(c.Claim("w"), now_ns=board.now)
        assert twin.apply(c.Claim("w"), now_ns=board.now) == lease
        drawn[lease.task] += 1
        for machine in (board.machine, twin):
            machine.apply(c.Release(lease.task, lease.token), now_ns=board.now)
    assert drawn["strong"] / 4_000 == pytest.approx(0.9, abs=0.02)  # 3^2 / (3^2 + 1^2)


def test_full_limits_and_able_agents_block_nobody(board):
    """Three hundred places of a full limit, all stronger, delay no other; nor does what one cannot do."""
    board.submit(*[Task(f"full{n}", place=f"f{n}", limit="one") for n in range(300)])
    board.submit(*[Task(f"gpu{n}", place=f"g{n}", requires="gpu") for n in range(300)])
    board.submit(Task("open", place="weak"))
    for number in range(300):
        board.machine.apply(Deposit(Mark("food", f"f{number}", 9.0), "scout"), now_ns=board.now)
        board.machine.apply(Deposit(Mark("food", f"g{number}", 9.0), "scout"), now_ns=board.now)
    first = board.claim()
    assert first.startswith("full")
    assert board.claim() == "open"
    assert board.claim() is None
    lease = next(lease for lease in board.machine.ask(reading.Leases("w")) if lease.task == first)
    board.do(c.Complete(lease.task, lease.token))
    assert board.claim().startswith("full")

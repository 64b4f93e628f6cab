"""Teams: all seats at once or none, by matching, without deadlock, with the reason when it cannot be."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from ants_coord import Matchmaker, Task, errors
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Withdraw
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.requirements import evaluate, facts_of, parse
from ants_coord.testing import ManualClock
from ants_coord.values.adverts import Advert
from ants_coord.values.tasks import Lease

from ..fronts.conftest import Background, waits
from ..landing import landing_at
from ..scale import of
from .test_core import Board, play

EVERY = of(3, 1, 1)

SKILLS = ("x", "y", "z")


def advertise(board, **skills):
    for agent, held in skills.items():
        board.do(Advertise(Advert(agent, set(held.split()))))


def reserved(board):
    return {agent: seat for agent, (seat, _, _) in board.machine.ledger.tables["reserved"].items()}


def state(board, task):
    return str(board.machine.ask(reading.Find(task)).state)


@pytest.fixture
def board():
    return Board()


def test_greedy_is_not_enough(board):
    """A can do x and y, B only x: no matter which asks first, both seats are filled."""
    advertise(board, a="x y", b="x")
    board.submit(Task("t", team=("x", "y")))
    assert board.claim("a") == "t/seat-2"
    assert reserved(board) == {"b": "t/seat-1"}
    assert board.claim("b") == "t/seat-1"


def test_the_results_of_all_seats_come_back_in_order(board):
    """The task itself is the join: anybody may take it once every seat is done."""
    advertise(board, a="x", b="y", c="z")
    board.submit(Task("t", team=("z", "x", "y"), payload={"n": 1}))
    for agent in "bca":
        board.claim(agent)
    for lease in board.machine.ask(reading.Leases()):
        assert lease.payload == {"n": 1}
        board.do(c.Complete(lease.task, lease.token, lease.agent))
    assert list(board.do(c.Claim("a")).inputs.values()) == ["c", "a", "b"]


def test_nobody_gets_a_seat_before_all_can_be_filled(board):
    """An agent that could take a seat does other work until the team is there."""
    advertise(board, a="x", b="x")
    board.submit(Task("t", team=("x", "y"), priority=9), Task("other"))
    assert board.claim("a") == "other"
    assert board.claim("b") is None
    assert "only 0 fit: nobody (t/seat-2: y)" in board.why("t/seat-2")
    advertise(board, c="y")
    assert board.claim("b") == "t/seat-1"
    assert board.claim("c") == "t/seat-2"


def test_the_deficient_seats_are_named(board):
    """Three seats for two agents: Hall's condition, in words."""
    advertise(board, a="x", b="x", c="y")
    board.submit(Task("t", team=("x", "x", "x", "y")))
    assert "3 seat(s) want 3 different free agents and only 2 fit: a, b" in board.why("t/seat-1")


def test_one_agent_does_not_sit_twice(board):
    """Even with free slots: a team is of different agents."""
    board.do(Advertise(Advert("a", {"x"}, slots=5)))
    board.submit(Task("t", team=("x", "x")))
    assert board.claim("a") is None


def test_who_is_reserved_gets_its_seat_and_nothing_else(board):
    """Higher priorities elsewhere do not break a team that has begun."""
    advertise(board, a="x", b="y")
    board.submit(Task("t", team=("x", "y")))
    assert board.claim("a") == "t/seat-1"
    board.submit(Task("urgent", priority=99))
    assert board.claim("b", task="urgent") is None
    assert board.claim("b") == "t/seat-2"


@pytest.mark.parametrize(
    ("settings", "seconds"), [({}, 10), ({"team_hold": 3}, 3), ({"team_hold": 0.5}, 0.5)]
)
def test_who_does_not_come_loses_the_team_its_seats_and_is_left_out(settings, seconds):
    """After `team_hold` the taken seat goes back, uncounted; the absent one is passed over for longer."""
    board = Board(**settings)
    for agent, skill in (("a", "x"), ("b", "y"), ("c", "y")):
        board.do(Advertise(Advert(agent, {skill}, ttl=1000)))
    board.submit(Task("t", team=("x", "y"), lease_ttl=500))
    assert board.claim("a") == "t/seat-1"
    assert reserved(board) == {"b": "t/seat-2"}
    board.do(c.Wakeup(), after=seconds - 0.001)
    assert reserved(board) == {"b": "t/seat-2"}
    board.do(c.Wakeup(), after=0.001)
    assert (state(board, "t/seat-1"), reserved(board)) == ("ready", {})
    assert board.machine.ask(reading.Find("t/seat-1")).attempts == 0
    assert [event.agent for event in board.machine.ask(reading.Events()) if event.type == "disbanded"] == [
        "b"
    ]
    assert board.claim("a") == "t/seat-1"
    assert reserved(board) == {"c": "t/seat-2"}
    assert board.claim("c") == "t/seat-2"
    assert board.claim("b") is None


def test_a_seat_that_is_lost_is_filled_again(board):
    """A member falls silent: its seat alone is open, for somebody who does not sit in this team."""
    for agent in "abc":
        board.do(Advertise(Advert(agent, {"x"}, ttl=1000)))
    board.submit(Task("t", team=("x", "x")))
    assert [board.claim("a"), board.claim("b")] == ["t/seat-1", "t/seat-2"]
    lease = board.machine.ask(reading.Leases("a"))[0]
    board.do(c.Renew(((lease.task, lease.token),), 500 * 10**9))
    board.do(c.Wakeup(), after=31)
    assert board.claim("a") is None
    assert board.claim("c") == "t/seat-2"


@pytest.mark.parametrize("end", ["seat fails", "parent cancelled", "member leaves"])
def test_a_team_that_cannot_be_completed_is_given_up(board, end):
    """What is left of it is cancelled with the reason, or seated again if only a reservation was lost."""
    advertise(board, a="x", b="y")
    board.submit(Task("t", team=("x", "y"), max_attempts=1))
    assert board.claim("a") == "t/seat-1"
    if end == "member leaves":
        board.do(Withdraw("b"))
        assert (state(board, "t/seat-1"), reserved(board)) == ("ready", {})
        return
    if end == "seat fails":
        board.do(c.Fail("t/seat-1", board.machine.ledger.tasks["t/seat-1"].token, "no", retry=False))
        assert "cannot be completed" in board.machine.ask(reading.Find("t/seat-2")).outcome.reason
        assert state(board, "t/seat-2") == "cancelled"
    else:
        board.do(c.Cancel("t"))
        assert [state(board, f"t/seat-{n}") for n in (1, 2)] == ["cancelled", "cancelled"]
    assert (state(board, "t"), reserved(board)) == ("cancelled", {})


def test_two_teams_do_not_wait_for_each_other(board):
    """Both want x and y, there is one of each: one team is seated, the other holds nothing meanwhile."""
    advertise(board, a="x", b="y")
    board.submit(Task("s", team=("x", "y")), Task("t", team=("y", "x")))
    assert board.claim("b") == "s/seat-2"
    assert board.claim("a") == "s/seat-1"
    for lease in board.machine.ask(reading.Leases()):
        board.do(c.Complete(lease.task, lease.token))
    assert board.claim("a") == "s"
    board.do(c.Complete("s", board.machine.ledger.tasks["s"].token))
    assert {board.claim("a"), board.claim("b")} == {"t/seat-2", "t/seat-1"}


def feasible(seats, agents):
    """Try every choice of different agents for the seats."""
    fits = {
        (seat, name): evaluate(parse(seat).root, facts_of(skills, {})) is True
        for seat in seats
        for name, skills in agents.items()
    }
    return any(
        all(fits[seat, name] for seat, name in zip(seats, chosen, strict=True))
        for chosen in itertools.permutations(agents, len(seats))
    )


@pytest.mark.parametrize("seed", range(150))
def test_a_team_is_seated_exactly_when_some_choice_of_agents_fills_it(seed):
    """Against trying every permutation; a restored twin has the same digest."""
    dice, board = random.Random(seed), Board()
    agents = {f"a{n}": dice.sample(SKILLS, dice.randrange(1, 3)) for n in range(dice.randrange(2, 6))}
    seats = [dice.choice(("x", "y", "z", "x or y", "not z")) for _ in range(dice.randrange(2, 5))]
    for name, skills in agents.items():
        board.do(Advertise(Advert(name, skills)))
    board.submit(Task("t", team=tuple(seats)))
    order = sorted(agents, key=lambda _: dice.random())
    got = {}
    for name in order:
        lease = board.do(c.Claim(name))
        if isinstance(lease, Lease):
            got[lease.task] = name
    for name in reserved(board):  # reserved after it had asked: it asks again
        lease = board.do(c.Claim(name))
        got[lease.task] = name
    assert (len(got) == len(seats)) is feasible(seats, agents)
    assert got == {} or len(got) == len(seats)
    assert len(set(got.values())) == len(got)
    twin = Machine()
    restore(twin, json.loads(json.dumps(list(records(board.machine)))))
    twin.check()
    assert digest(twin) == digest(board.machine)


def test_seating_cut_short_has_happened_or_has_not():
    """An exception at every line (quick: every third) of the claim that seats a team, and of the wake-up that disbands it."""
    settings = c.Configure(Board().machine.ledger.settings)
    now = 1_700_000_000 * 10**9
    log = [(now, settings)]
    log += [(now, Advertise(Advert(name, {"x"}, ttl=1000))) for name in "abc"]
    log += [(now, c.submission((Task("u"),))), (now, c.Claim("c", task="u"))]
    tasks, payloads = (Task("t", team=("x", "x"), lease_ttl=500),), (None,)
    log += [(now, c.Submit(tasks, payloads)), (now, c.Claim("a")), (now + 10 * 10**9, c.Wakeup())]
    for number in range(len(log) - 3, len(log)):
        at, command = log[number]
        old, new = digest(play(log[:number])), digest(play(log[: number + 1]))
        step, came = number % EVERY, [0]
        while came:
            machine = play(log[:number])
            with landing_at(step) as came:
                machine.apply(command, now_ns=at)
            machine.check()
            assert digest(machine) in (old, new), (command, step, came)
            machine.apply(command, now_ns=at) if digest(machine) == old else None
            step += EVERY


def test_waiting_agents_are_woken_for_their_seats():
    """Both wait; the task comes; one gets a seat, the other is woken for the seat reserved for it."""
    clock = ManualClock()
    with Matchmaker(clock=clock) as market:
        market.advertise(Advert("a", {"x"}))
        market.advertise(Advert("b", {"y"}))
        first = Background(market.claim, "a")
        waits(market)
        second = Background(market.claim, "b")
        waits(market, 2)
        market.submit(Task("t", team=("x", "y")))
        assert {first.get().task, second.get().task} == {"t/seat-1", "t/seat-2"}
        market.check()


BAD = [
    ({"team": ("x",)}, ValueError, "2 to 64 seats"),
    ({"team": "xy"}, TypeError, "one a seat"),
    ({"team": ("x", "y and")}, errors.RequirementError, "column"),
    ({"team": ("x", 3)}, TypeError, "requirement"),
]


@pytest.mark.parametrize(("fields", "kind", "words"), BAD)
def test_bad_teams_are_refused_by_name(fields, kind, words):
    """At the line that wrote them."""
    with pytest.raises(kind, match=words):
        Task("t", **fields)


def test_a_seat_that_nobody_could_ever_fill_is_refused_at_submit(board):
    """What the task requires and what its seat requires contradict each other."""
    reply = board.submit(Task("t", requires="not x", team=("x", "y")))
    assert isinstance(reply.error, errors.RequirementError)
    assert board.machine.ask(reading.Find("t")) is None

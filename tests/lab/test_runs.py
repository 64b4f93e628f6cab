"""The experiment itself: laws of conservation, bounds, sameness, and what each failure looks like."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import attrs
import pytest

from ants_coord.lab import WORLDS, Costs, Job, OnBoard, Solo, Talk, World, experiment, sensitivity
from ants_coord.lab.talk import _Conversation
from ants_coord.lab.worlds import foraging, independent
from ants_coord.testing import Colony
from ants_coord.values.tasks import Task

from ..scale import of

COSTS = Costs()
FREE = Costs(silent=0.0, late=0.0, call_by_harness=True)
BOARDS = [OnBoard("claim"), OnBoard("match"), OnBoard("board")]
SMALL = {name: make for name, make in WORLDS.items() if name != "foraging"}


def near(value):
    return pytest.approx(value, abs=1e-6 * max(1.0, abs(value)))


@pytest.mark.parametrize("name", SMALL)
def test_time_and_work_are_conserved(name):
    """What agents worked was useful, slowed or wasted; where they were, they worked, called, rested or waited."""
    for seed in range(1, of(2, 6, 21)):
        for way in (Solo(), Talk(), *BOARDS):
            for agents in (1, 5, 20):
                run = way.run(SMALL[name](seed), agents, seed, COSTS)  # type: ignore[attr-defined]
                assert run.is_finished
                assert run.useful == near(SMALL[name](seed).work)
                assert run.useful + run.slowed + run.wasted == near(run.worked)
                assert run.worked + run.inside + run.down + run.idle == near(run.present)
                assert min(run.wasted, run.idle, run.inside, run.down) > -1e-6
                if not SMALL[name](seed).skills:
                    assert run.slowed == near(0.0)


@pytest.mark.parametrize("name", SMALL)
def test_free_coordination_is_within_the_bounds_of_graham(name):
    """One agent on a board takes as long as one alone; more lie between the path and greedy work's bound."""
    for seed in range(1, of(2, 3, 4)):
        world = SMALL[name](seed)
        alone = Solo().run(world, 1, seed, FREE)
        assert alone.seconds == near(world.work)
        for way in BOARDS:
            assert way.run(world, 1, seed, FREE).seconds == pytest.approx(alone.seconds, abs=1e-3)
            for agents in (2, 20):
                run = way.run(world, agents, seed, FREE)
                assert run.seconds >= max(world.path, world.work / agents) - 1e-3
                if not world.skills:  # greedy: nobody is idle while something could be done
                    assert run.seconds <= world.path + (world.work - world.path) / agents + 1e-3


def test_talk_is_never_faster_than_the_path():
    for name, make in SMALL.items():
        world = make(1)
        run = Talk().run(world, 5, 1, Costs(silent=0.0, late=0.0, message=0, turn=0.0, patience=0.0))
        assert run.seconds >= max(world.path, world.work / 5) - 1e-3, name


def test_boards_never_start_a_job_twice():
    """A hundred seeds, a thousand in the full profile, with silence, short leases and late agents."""
    costs = attrs.evolve(COSTS, silent=0.15, lease=20.0)
    for seed in range(1, of(101, 1_001, 1_001)):
        world = independent(seed, count=20)
        way = BOARDS[seed % 3]
        run = way.run(world, 2 + seed % 5, seed, costs)
        assert run.is_finished
        assert run.duplicates.all == 0


def digest() -> str:
    """Everything of some runs, as text."""
    told = []
    for way in (Talk(), *BOARDS):
        for name, make in WORLDS.items():
            world = make(3) if name != "foraging" else foraging(3, each=20)
            told.append(repr(way.run(world, 4, 3, COSTS)))  # type: ignore[attr-defined]
    return "\n".join(told)


def test_a_seed_shows_the_same_under_every_hash_seed():
    code = "import hashlib; from tests.lab.test_runs import digest; print(hashlib.sha256(digest().encode()).hexdigest())"
    seen = set()
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1


def test_a_colony_takes_as_long():
    """The same jobs, no faults: the kit's colony of real fronts over a log ends at the same second."""
    world = independent(5, count=12)

    def agent(me):
        while (lease := me.claim_nowait()) is not None:
            time.sleep(world.jobs[lease.task].seconds)
            me.complete(lease)

    colony = Colony(seed=1, lease_ttl=1_000.0)
    colony.submit([Task(job) for job in world.jobs])
    colony.add(agent, count=3)
    report = colony.run(limit=10_000.0)
    assert report.problems == []
    run = OnBoard("claim").run(world, 3, 5, attrs.evolve(FREE, lease=1_000.0))
    assert report.seconds == pytest.approx(run.seconds, abs=1.0)


# -- arithmetic, by hand ----------------------------------------------------------------------------

THREE = World("three", [Job("a", 60.0), Job("b", 30.0), Job("c", 10.0)])
CALM = Costs(silent=0.0, late=0.0)


def test_what_one_talker_spends_by_hand():
    """Three promises of 2 + 1 s with 2 s for objections, two reports of 2 + 1 s: the last one ends the run."""
    run = Talk().run(THREE, 1, 1, CALM)
    assert (run.messages, run.heard, run.tokens_out, run.tokens_in) == (5, 0, 300, 0)
    assert run.inside == near(3 * (2 + 1 + 2) + 2 * (2 + 1))
    assert run.seconds == near(100 + 21)
    assert run.tokens_per_job == near(100)
    assert run.token_share == near(300 / (300 + 100 * 60))


def test_what_two_talkers_read_by_hand():
    """Every message is read by the other; each reading of an inbox costs a turn and its tokens."""
    run = Talk().run(THREE, 2, 1, attrs.evolve(CALM, loss=0.0, latency=1e-9, choice="random"))
    assert run.is_finished
    assert run.tokens_in == 60 * run.heard
    assert run.heard <= run.messages
    assert run.inside >= run.messages * 1.0 + run.heard * 60 / 2_000


def test_what_one_agent_on_a_board_spends_by_hand():
    """Two calls of 2 s, 50 tokens written and 100 read a job; the harness makes them for nothing."""
    run = OnBoard("claim").run(THREE, 1, 1, CALM)
    a_call = 2 + 50 / 60 + 100 / 2_000
    assert (run.calls, run.tokens_out, run.tokens_in) == (6, 300, 600)
    assert CALM.call_seconds == near(a_call)
    assert run.seconds == near(100 + 6 * a_call)
    free = OnBoard("claim").run(THREE, 1, 1, attrs.evolve(CALM, call_by_harness=True))
    assert (free.calls, free.tokens_out, free.seconds) == (6, 0, near(100))


def test_a_silent_agent_on_a_board_costs_its_lease_by_hand():
    """The job comes back when the lease of 90 s has run out, or when the agent is back after 120 s of silence."""
    costs = attrs.evolve(CALM, silent=1.0, call_by_harness=True)
    run = OnBoard("claim").run(World("one", [Job("a", 60.0)]), 2, 1, costs, limit=1_000.0)
    assert run.broken >= 8
    assert run.done == 0
    assert all(after <= 90 + 1e-3 for after in run.noticed_after)
    assert run.wasted == near(run.worked)


# -- failures, each by a story of its own -----------------------------------------------------------

TWO = World("two", [Job("a", 60.0), Job("b", 60.0)])
PLAIN = Costs(silent=0.0, late=0.0, loss=0.0, choice="first")


def test_two_who_choose_the_same_at_the_same_time_race():
    """Both take the first job; messages are slower than their patience."""
    run = Talk().run(TWO, 2, 1, attrs.evolve(PLAIN, latency=1e4, patience=0.0))
    assert run.duplicates.raced > 0
    assert run.duplicates.no_context == run.duplicates.unheard == 0


def test_objections_in_time_prevent_a_race():
    run = Talk().run(TWO, 2, 1, attrs.evolve(PLAIN, latency=1e-6, patience=10.0))
    assert run.duplicates.all == 0


def test_a_newcomer_without_context_does_what_is_done():
    """The second agent joins when the first is at it, and was told nothing."""
    world = World("long", [Job("a", 600.0), Job("b", 600.0)])
    conversation = _Conversation(world, 2, 1, PLAIN)
    conversation.joined[1] = 100.0
    run = conversation.live(1e5)
    assert run.duplicates.no_context == 1


def test_a_promise_that_is_not_heard_is_made_twice():
    world = World("one", [Job("a", 600.0), Job("b", 10.0)])
    run = Talk().run(world, 2, 1, attrs.evolve(PLAIN, loss=1.0))
    assert run.duplicates.unheard > 0


def test_a_promise_that_takes_too_long_is_given_up_though_it_is_kept():
    world = World("one", [Job("a", 2_000.0), Job("b", 10.0)])
    run = Talk().run(world, 2, 1, attrs.evolve(PLAIN, deadline=300.0, latency=1e-3))
    assert run.duplicates.given_up == 1


def test_silence_is_noticed_after_the_deadline_the_lease_or_never():
    """With a deadline talk finishes late, without one never; a board notices when the lease has run out."""
    costs = attrs.evolve(COSTS, silent=0.3, down=50_000.0)
    world = independent(1, count=10)
    late = Talk().run(world, 5, 1, attrs.evolve(costs, down=1.0), 50_000.0)
    never = Talk().run(world, 5, 1, attrs.evolve(costs, down=1.0, deadline=None), 50_000.0)
    board = OnBoard("claim").run(world, 5, 1, attrs.evolve(costs, down=1.0))
    assert late.is_finished
    assert never.broken > 0
    assert never.lost > 0
    assert min(late.noticed_after) > 300
    assert max(board.noticed_after) < costs.lease + 2 * 60 + 10


def test_worth_that_moves_is_learnt_only_by_doing():
    """One agent with a memory earns more than two that claim blindly; marks make up for it."""
    world = foraging(1, each=60)
    alone = Solo().run(world, 1, 1, COSTS).rate
    blind = OnBoard("claim").run(world, 2, 1, COSTS).rate
    marks = OnBoard("board", repels=True).run(world, 2, 1, COSTS).rate
    assert blind < alone < marks


def test_one_agent_alone_also_does_what_must_wait_where_worth_moves():
    """Needs, and jobs that are found on the way: it would otherwise stop when it has done what was free at first."""
    jobs = [
        Job("a", 10.0, place="p", children=("c",)),
        Job("b", 10.0, ("a",), place="q"),
        Job("c", 10.0, place="r"),
    ]
    run = Solo().run(World("w", jobs, worth=lambda job, at: 2.0), 1, 1, FREE)
    assert (run.is_finished, run.seconds) == (True, near(30.0))


def test_limits_hold_and_talk_knows_none():
    world = World("limited", [Job(f"j{i}", 60.0, limit="api") for i in range(10)])
    run = OnBoard("claim").run(world, 5, 1, FREE)
    assert run.seconds == near(600.0)
    two = World("limited", world.jobs, slots={"api": 2})
    assert OnBoard("claim").run(two, 5, 1, FREE).seconds == near(300.0)
    with pytest.raises(ValueError, match="has limits, which talkers know nothing of; use a board"):
        Talk().run(world, 2, 1, FREE)


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: World("w", [Job("a", 1, ("b",)), Job("b", 1, ("a",))]),
            "jobs in a circle: a needs b needs a",
        ),
        (lambda: World("w", [Job("a", 1, children=("b",)), Job("b", 1, children=("a",))]), "in a circle"),
        (lambda: World("w", [Job("a", 1, ("c",))]), "job 'a': there is no job 'c' in world 'w'"),
        (lambda: World("w", [Job("a", 1), Job("a", 2)]), "job 'a' is there twice"),
        (lambda: World("w", []), "a world needs at least one job"),
        (lambda: Job("a", None), "job 'a': seconds must be a number above 0, not None"),
        (lambda: Job("a", float("nan")), "seconds must be a number above 0, not nan"),
        (lambda: Job("a", -1), "seconds must be a number above 0, not -1"),
        (lambda: Costs(turn=-1), "turn must be a number of at least 0, not -1"),
        (lambda: Costs(silent=1.5), "silent must be a share from 0 to 1, not 1.5"),
        (lambda: Costs(lease=0), "lease must be a number above 0, not 0"),
        (lambda: Costs(choice="best"), "choice must be 'random' or 'first', not 'best'"),
        (lambda: Costs.read({"turns": 3}), "turns: no such cost; there are turn, "),
        (lambda: experiment(agents=(0,)), "agents: must be whole numbers from 1 to 1,000, not 0"),
        (lambda: experiment(seeds=0), "seeds must be a whole number of at least 1, not 0"),
        (
            lambda: experiment({"chain": WORLDS["chain"]}, agents=(1,), seeds=1, costs=Costs(silent=1.0)),
            "world 'chain': one agent alone finishes nothing in 200,000 s, so there is nothing to compare with",
        ),
        (lambda: sensitivity(2, 1, Costs(silent=1.0)), "one agent alone finishes nothing"),
        (
            lambda: Solo().run(World("w", [Job("a", 1)], speed=lambda agent: 0.0), 1, 1, COSTS),
            "world 'w': the speed of agent 0 must be a number above 0, not 0.0",
        ),
        (
            lambda: experiment({"mine": lambda seed: [seed]}),  # type: ignore[dict-item, return-value]
            "worlds: 'mine' gave [1] for seed 1; a function from a seed to a World is needed",
        ),
    ],
)
def test_bad_input_is_told_in_one_sentence(make, words):
    with pytest.raises(ValueError) as problem:
        make()
    assert words in str(problem.value)


def test_an_experiment_of_a_world_of_ones_own():
    """Rows beside one agent, JSON, text, and a fit that says why there is none."""

    def mine(seed):
        return World("mine", [Job(f"j{i}", 60.0) for i in range(30)])

    calls = []
    found = experiment(
        {"mine": mine}, agents=(1, 3), seeds=2, progress=lambda done, total, what: calls.append((done, total))
    )
    assert calls[0] == (0, 8)
    row = found.row("mine", "claim", 3)
    assert 2.0 < row.beside_solo.median < 3.0
    assert row.beside_solo_by_harness.median > row.beside_solo.median
    assert found.row("mine", "talk", 3).beside_solo_by_harness is None
    plain = found.to_json()
    assert len(plain["rows"]) == 8
    assert plain["costs"]["turn"] == 2.0
    text = str(found)
    assert "mine: 30 jobs, 30.0 min of work, longest path 1.0 min." in text
    assert str(Costs()) in text
    with pytest.raises(
        ValueError, match=r"mine/claim: points: a fit needs 4 different numbers .*10 jobs an agent"
    ):
        found.fit("mine", "claim")
    with pytest.raises(ValueError, match="there is no mine/claim/7; there are mine/talk/1"):
        found.row("mine", "claim", 7)


def test_the_same_experiment_draws_the_same_picture(tmp_path):
    """Byte for byte; without the extra it says how to get it."""
    from ants_coord.lab.tables import curve_svg

    found = experiment({"mine": lambda seed: independent(seed, count=12)}, agents=(1, 2), seeds=1)
    curves = {"known": [(1, 20), (4, 78), (8, 130), (12, 170)], "refused": [(1, 1.0), (2, 2.0)]}
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'ants-coord\[plots\]'"):
            found.figure(str(tmp_path / "a.svg"))
        return
    for name in ("a", "b"):
        found.figure(str(tmp_path / f"{name}.svg"))
        curve_svg(curves, tmp_path / f"{name}-curves.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a-curves.svg").read_bytes() == (tmp_path / "b-curves.svg").read_bytes()

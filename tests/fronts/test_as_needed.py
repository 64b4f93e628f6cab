"""One agent first: more only where they pay, fewer where they did not."""

from __future__ import annotations

import itertools
import logging
from asyncio import Semaphore, sleep
from random import Random

import pytest

from ants_coord import ClaimQueue, Task, aio
from ants_coord.fronts.as_needed import AsNeeded
from ants_coord.testing import ManualClock, run

S = 1_000_000_000


def crew_of(rate, *, most=20, tasks=2_000, wait=100.0):
    """Feed attempts of `rate(agents)` a second to the rule; return what it decided."""
    crew, now = AsNeeded(most), 0
    for _ in range(tasks):
        agents = crew.agents
        now += round(S / rate(agents))
        crew.ended(now, agents / rate(agents), wait(now) if callable(wait) else wait, completed=True)
    return crew


def test_it_grows_while_each_addition_pays():
    crew = crew_of(lambda n: n, most=6)
    assert crew.agents == 6
    assert [one.agents for one in crew.decisions] == [2, 3, 4, 5, 6]
    assert "work waits 100 s and a task takes 1 s, at 1 completions a second" in str(crew.decisions[0])


def test_it_takes_back_what_did_not_pay_and_tries_more_and_more_seldom():
    """Three agents do no more than two: the third goes; the pauses between tries double."""
    crew = crew_of(lambda n: min(n, 2))
    assert crew.agents in (2, 3)
    tries = [one for one in crew.decisions if one.agents == 3]
    assert 2 <= len(tries) <= 9
    gaps = [b.at_ns - a.at_ns for a, b in itertools.pairwise(tries)]
    assert gaps == sorted(gaps)
    lost = next(one for one in crew.decisions[1:] if one.agents == 2)
    assert "2 agents from now on: one more took completions from 2 to 2 a second: does not pay" in str(lost)


def test_an_addition_that_harms_is_taken_back_at_once():
    crew = crew_of(lambda n: 1 / n, tasks=60)
    assert [one.agents for one in crew.decisions][:2] == [2, 1]


def test_it_stays_alone_while_no_work_waits():
    crew = crew_of(lambda n: n, wait=0.5)
    assert crew.agents == 1
    assert crew.decisions == []
    assert crew_of(lambda n: n, wait=None).agents == 1


def test_an_agent_that_has_nothing_to_do_goes():
    """Work comes slowly: of three only one is busy, so first one goes, then another."""
    crew = AsNeeded(20)
    crew.agents = 3
    for n in range(1, 60):
        crew.ended(n * S, 1.0, 0.0, completed=True)
    assert [one.agents for one in crew.decisions] == [2, 1] or [one.agents for one in crew.decisions] == [2]
    assert "of 3 only 1 were busy" in str(crew.decisions[0])


def test_luck_with_sizes_is_not_taken_for_a_gain_or_a_loss():
    """Sizes differ by a factor of ten; agents share one thing, or do not: seeds do not change the answer."""
    for seed in range(20):
        dice, alike = Random(seed), AsNeeded(4)
        now = 0.0
        for _ in range(400):  # independent: the more agents, the sooner the next is done
            size = dice.choice((0.2, 1.0, 2.0))
            now += size / alike.agents
            alike.ended(round(now * S), size, 100.0, completed=True)
        assert alike.agents == 4, seed
        dice, shared = Random(seed), AsNeeded(4)
        now = 0.0
        for _ in range(400):  # one thing for all: attempts take as many times longer
            size = dice.choice((0.9, 1.0, 1.1))
            now += size
            shared.ended(round(now * S), size * shared.agents, 100.0, completed=True)
        assert shared.agents <= 2, seed


def test_failures_are_no_completions():
    crew = AsNeeded(20)
    for n in range(100):
        assert crew.ended(n * S, 1.0, 50.0, completed=False) == "stay"
    assert crew.decisions == []


def serve(work, tasks, **options):
    """Serve tasks on an event loop in virtual time; return (what was served, virtual seconds)."""
    clock = ManualClock()

    async def main():
        async with aio.ClaimQueue(clock=clock) as board:
            await board.submit_many([Task() for _ in range(tasks)])
            began = clock.now_ns()
            served = await board.serve(work, agents="as needed", until="drained", **options)
            return served, (clock.now_ns() - began) / S

    return run(main(), clock=clock)


def test_on_a_loop_independent_work_gets_more_agents_and_is_done_sooner(caplog):
    async def work(job):
        await sleep(1)

    with caplog.at_level(logging.INFO, "ants_coord"):
        served, seconds = serve(work, 200, most=5)
    assert served.completed == 200
    assert [one.agents for one in served.decisions] == [2, 3, 4, 5]
    assert seconds < 90
    assert caplog.messages[0].startswith("as needed: 2 agents from now on: work waits ")


def test_on_a_loop_work_that_shares_one_thing_stays_with_one():
    gate = Semaphore(1)

    async def work(job):
        async with gate:
            await sleep(1)

    served, seconds = serve(work, 60)
    assert served.completed == 60
    assert [one.agents for one in served.decisions][:2] == [2, 1]
    assert seconds == pytest.approx(60, abs=2)


def test_under_threads_nothing_is_lost_and_one_that_does_not_pay_goes():
    """The clock moves one second a task, no matter which agent does it: a second agent adds nothing."""
    clock = ManualClock()
    with ClaimQueue(clock=clock, lease_ttl=1e6) as board:
        board.submit_many([Task() for _ in range(80)])
        served = board.serve(lambda job: clock.advance(1), agents="as needed", most=3, until="drained")
        assert board.statistics().tasks["done"] == 80
    assert served.completed == 80
    assert served.decisions[0].agents == 2
    assert min(one.agents for one in served.decisions) == 1


def test_a_board_that_closes_meanwhile_ends_the_worker_and_no_more():
    with ClaimQueue() as board:
        board.submit_many([Task() for _ in range(3)])

        def handler(job):
            board.close()

        served = board.serve(handler, agents="as needed", until="closed")
    assert served.completed == 0
    assert served.lost + served.released + served.failed >= 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"agents": "many"}, ValueError, "agents must be 'as needed' or None, not 'many'"),
        ({"agents": "as needed", "concurrency": 4}, ValueError, "so concurrency=4 has no meaning"),
        ({"agents": "as needed", "most": 0}, ValueError, "most"),
    ],
)
def test_what_is_refused(options, error, words):
    with ClaimQueue() as board, pytest.raises(error) as problem:
        board.serve(lambda job: None, until="drained", **options)
    assert words in str(problem.value)

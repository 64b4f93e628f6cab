"""Agents with planted bugs, each caught by a test that a user would write; and agents that are right pass it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import time

import pytest

from ants_coord import Blackboard, ClaimQueue, LeaseLostError, Matchmaker, Task
from ants_coord.guard import StaleTokenError
from ants_coord.testing import Colony, Faults

from ..scale import of

PAUSED = Faults(pause_every=40)


def trial(agent, *, seed=1, faults=None, count=2, tasks=30, strategy=ClaimQueue, **options):
    """Run what the how-to shows: some agents, some tasks, and `run`."""
    colony = Colony(strategy, seed=seed, faults=faults)
    colony.submit(Task(f"t{n}", max_attempts=100) for n in range(tasks))
    colony.add(agent, count=count)
    return colony.run(**options)


async def right(me):
    async for lease in me.claims(until="drained"):
        try:
            async with me.work(lease) as job:
                await asyncio.sleep(5)
                job.result = lease.task
        except LeaseLostError:
            continue


def right_in_a_thread(me):
    for lease in me.claims(until="drained"):
        try:
            with me.work(lease) as job:
                time.sleep(5)
                job.result = lease.task
        except LeaseLostError:
            continue


@pytest.mark.parametrize("strategy", [ClaimQueue, Matchmaker, Blackboard])
@pytest.mark.parametrize("agent", [right, right_in_a_thread])
def test_agents_that_are_right_pass(strategy, agent):
    """In both colours, under all strategies, whatever is done to them."""
    pauses = 0
    for seed in range(of(2, 8, 50)):
        faults = Faults(crash_every=60, pause_every=40)
        report = trial(agent, seed=seed, faults=faults, strategy=strategy)
        pauses += report.faults["pauses"]
        assert (report.done, report.deaths) == (30, [])
        assert 0 <= report.faults["crashes"] - report.restarts <= 2  # at the end some are still away
    assert pauses, "no seed had one"


def test_both_colours_of_one_loop_come_to_the_same_state():
    """A thread in lockstep does what a task of the loop does, at the same virtual instants."""
    one, two = trial(right, seed=5), trial(right_in_a_thread, seed=5)
    assert one.results == two.results
    assert abs(one.seconds - two.seconds) <= 1  # the colony is looked at once a second
    assert trial(right_in_a_thread, seed=5).digest == two.digest


def test_an_agent_that_dies_of_a_lost_lease_is_told():
    """A loop without a `try` ends at its first lost lease, as any program does."""

    async def fragile(me):
        async for lease in me.claims(until="drained"):
            async with me.work(lease):
                await asyncio.sleep(5)

    with pytest.raises(AssertionError, match=r"fragile-\d died at \d+ s of LeaseLostError"):
        trial(fragile, faults=PAUSED)
    report = trial(fragile, faults=PAUSED, expect=["deaths"])
    assert report.deaths
    assert report.restarts >= len(report.deaths)


@pytest.mark.parametrize("agent_of", ["async", "thread"])
def test_a_lease_that_nobody_renews_is_told(agent_of):
    """45 s of work under a lease of 30 s, and no scope around it."""

    async def hasty(me):
        async for lease in me.claims(until="drained"):
            await asyncio.sleep(45)
            try:
                await me.complete(lease)
            except LeaseLostError:
                continue

    def hasty_in_a_thread(me):
        for lease in me.claims(until="drained"):
            time.sleep(45)
            try:
                me.complete(lease)
            except LeaseLostError:
                continue

    with pytest.raises(AssertionError, match="neither renewed nor ended the lease"):
        trial(hasty if agent_of == "async" else hasty_in_a_thread, tasks=6)


def test_a_lease_that_is_forgotten_is_told():
    """Every second lease leaks."""
    turn = itertools.count()

    async def leaky(me):
        async for lease in me.claims(until="drained"):
            if next(turn) % 2:
                continue
            await me.complete(lease)

    with pytest.raises(AssertionError, match="neither renewed nor ended the lease"):
        trial(leaky, tasks=6)


def test_a_lock_that_is_forgotten_is_told():
    """It is a lease like others: it blocks everybody until it runs out."""

    async def forgetting(me):
        await me.lock_nowait("desk", "lamp")
        await asyncio.sleep(45)

    with pytest.raises(AssertionError, match="forgetting held 'desk, lamp' from 0 s until the lease ran out"):
        trial(forgetting, count=1, tasks=0, until="limit")
    trial(forgetting, count=1, tasks=0, until="limit", expect=["expiries"])


def test_a_lock_that_is_renewed_passes():
    """In a scope, under pauses that cost it the lock now and then."""

    async def locking(me):
        for _ in range(20):
            with contextlib.suppress(LeaseLostError):
                async with me.lock("desk", "lamp"):
                    await asyncio.sleep(45)

    colony = Colony(seed=1, faults=PAUSED)
    colony.add(locking, count=2)
    report = colony.run(until="limit")
    assert report.faults["pauses"] > 0
    assert "'why': 'expired'" in report.story


def test_agents_that_do_nothing_are_told():
    """No work is no success."""

    async def idle(me):
        return

    with pytest.raises(AssertionError, match="6 tasks are unfinished: 't0' is ready"):
        trial(idle, tasks=6)


def test_agents_that_leave_too_early_are_told():
    """An agent that leaves when nothing is READY leaves what comes back later."""

    async def hurried(me):
        while (lease := await me.claim_nowait()) is not None:
            async with me.work(lease):
                await asyncio.sleep(5)

    colony = Colony(seed=1)
    colony.submit([Task("a"), Task("b", delay=60)])
    colony.add(hurried)
    with pytest.raises(AssertionError, match="1 tasks are unfinished: 'b' is delayed"):
        colony.run()


def mailing(**options):
    """Thirty mails, agents that may be paused or die between sending and completing."""
    colony = Colony(seed=options.pop("seed", 1), faults=Faults(crash_every=60, pause_every=40))
    mail = colony.resource("mail", **options)

    async def sender(me):
        async for lease in me.claims(until="drained"):
            try:
                async with me.work(lease) as job:
                    await asyncio.sleep(5)
                    mail.write(lease.task, "hello", token=job.token)
                    await asyncio.sleep(5)
            except (LeaseLostError, StaleTokenError):
                continue

    colony.submit(Task(f"t{n}", max_attempts=100) for n in range(30))
    colony.add(sender, count=3)
    return colony, mail


def test_a_write_that_is_done_twice_is_told():
    """Sending is not idempotent: an heir sends again what the dead had sent."""
    colony, mail = mailing()
    with pytest.raises(AssertionError, match=r"mail: 't\d+' was written twice: at \d+ s under token"):
        colony.run()
    assert len(mail.writes) > 30


def test_a_store_with_fencing_is_right_in_the_end():
    """One value a key, from the newest lease that wrote; what comes too late is refused and does no harm."""
    for seed in range(of(2, 8, 50)):
        colony, store = mailing(fenced=True, seed=seed)
        assert colony.run(limit=7_200).done == 30
        assert all(f"t{n}" in store for n in range(30))
        assert store["t3"] == "hello"


def test_a_late_write_is_told():
    """A pause between the look at the clock and the write: the lease is another's by then."""
    colony = Colony(seed=3, faults=Faults(pause_every=15, pause_for=(40, 90)))
    disk = colony.resource("disk")

    def writer(me):
        for lease in me.claims(until="drained"):
            try:
                with me.work(lease) as job:
                    time.sleep(8)
                    disk.write(lease.task, token=job.token)
            except LeaseLostError:
                continue

    colony.submit(Task(f"t{n}", max_attempts=100) for n in range(20))
    colony.add(writer, count=2)
    report = colony.run(check=False, limit=7_200)
    assert any("was written late" in problem for problem in report.problems)
    assert report.done == 20


def test_an_error_of_the_agent_ends_the_run_at_once():
    """A programming error is raised as it is, from either colour."""

    def broken(me):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trial(broken)


class Office:
    """Agents in other forms than functions."""

    async def __call__(self, me):
        await right(me)

    async def work(self, me):
        await right(me)


async def pausing(me, pause):
    await asyncio.sleep(pause)
    await right(me)


def pausing_in_a_thread(me, pause):
    time.sleep(pause)
    right_in_a_thread(me)


@pytest.mark.parametrize(
    "agent",
    [
        Office(), Office().work, functools.partial(pausing, pause=1),
        functools.partial(pausing_in_a_thread, pause=1),
    ],
    ids=["object", "method", "partial", "partial in a thread"],
)  # fmt: skip
def test_whatever_is_called_like_an_agent_is_one(agent):
    assert trial(agent, tasks=3).done == 3


@pytest.mark.parametrize("agent", [lambda me: right(me), lambda me: (name for name in me.name)])
def test_what_only_returns_an_agent_is_refused(agent):
    """It would have done nothing, and the tasks would be unfinished."""
    with pytest.raises(
        TypeError, match=r"an async function or a plain one; this one returned a (corou|gener)"
    ):
        trial(agent)
    with pytest.raises(TypeError, match="is a generator function"):
        trial(functools.partial(lambda me, n: (yield n), n=1))


def test_serve_says_that_it_has_no_place_here():
    """Threads that a worker starts by itself cannot be kept in step."""

    def server(me):
        me.serve(lambda job: None, until="drained")

    with pytest.raises(NotImplementedError, match="make the agent an async function"):
        trial(server)

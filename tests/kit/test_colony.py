"""A colony in virtual time: promises hold whatever goes wrong, and a broken core is caught."""

import asyncio
import contextlib
import gc
import itertools
import math
import os
from datetime import timedelta

import attrs
import pytest
from hypothesis import example, given, settings

from ants_coord import Blackboard, ClaimQueue, LeaseLostError, Matchmaker, Task, TrustPolicy, Verify
from ants_coord.core.work import leases as claiming
from ants_coord.core.work import lifecycle
from ants_coord.engine.waking import Lines
from ants_coord.testing import Colony, Faults, ManualClock, strategies
from ants_coord.testing.simulation import characters
from ants_coord.testing.simulation.log import LogView

from ..scale import of

STRATEGIES = (ClaimQueue, Matchmaker, Blackboard)
ROUGH = Faults(
    crash_every=60, pause_every=60, clock_off=5, lost_reply=0.03, refused=0.02, duplicate=0.05
)  # fmt: skip


async def worker(me):
    async for lease in me.claims(until="drained"):
        try:
            async with me.work(lease) as job:
                await asyncio.sleep(5)
                job.result = lease.task
        except LeaseLostError:
            continue  # paused for too long: another agent has the task


def rough(seed, strategy=None, **options):
    colony = Colony(strategy or STRATEGIES[seed % 3], seed=seed, faults=ROUGH, **options)
    colony.submit(Task(f"t{n}", max_attempts=1_000) for n in range(30))
    colony.submit((Task(f"u{n}", max_attempts=1_000, needs=("t1",)) for n in range(10)), after=20)
    colony.add(worker, count=4)
    return colony


async def patient(me):
    async for lease in me.claims():
        try:
            async with me.work(lease) as job:
                await asyncio.sleep(5)
                job.result = lease.task
        except LeaseLostError:
            continue


async def reader(me):
    """Wait for results, one after the other, and for a lock that others want too."""
    for number in range(20):
        while await me.find(f"t{number}") is None:
            await asyncio.sleep(3)
        await me.outcome(f"t{number}")
        try:
            async with me.lock("desk"):
                await asyncio.sleep(1)
        except LeaseLostError:
            continue


def sparse(seed, strategy=None, **options):
    """Now and then a task: the agents wait most of the time."""
    colony = Colony(strategy or STRATEGIES[seed % 3], seed=seed, faults=ROUGH, **options)
    for number in range(20):
        colony.submit(Task(f"t{number}", max_attempts=1_000), after=17 * number)
    colony.add(patient, count=3)
    colony.add(reader, count=2)
    return colony


def test_nothing_is_lost_and_nothing_is_done_twice(capsys):
    """ANTS_COORD_SEEDS=... plays more seeds."""
    count, total, passed = int(os.environ.get("ANTS_COORD_SEEDS") or of(13, 40, 1_000)), {}, 0.0
    for seed in range(count):
        colony, number = (sparse(seed), 20) if seed % 4 == 3 else (rough(seed), 40)
        report = colony.run(limit=7_200)
        assert report.done == number, str(report)
        assert report.results["t3"] == "t3"
        passed += report.seconds
        for what, number in report.faults.items():
            total[what] = total.get(what, 0) + number
    with capsys.disabled():
        told = ", ".join(f"{number} {what}" for what, number in total.items())
        print(f"\n  simulation: {count} seeds, {passed / 3600:.1f} virtual hours, {told}; 0 broken promises")
    assert all(total.values())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_when_the_faults_end_the_work_ends(strategy):
    """Within a crash's absence, a pause, a lease and the work itself: nothing is stuck."""
    for seed in range(of(3, 8, 100)):
        colony = rough(seed, strategy)
        colony.faults = attrs.evolve(ROUGH, until=60, crash_every=15, lost_reply=0.2, refused=0.2)
        report = colony.run(limit=7_200)
        assert report.done == 40, str(report)
        assert report.seconds < 60 + 30 + 90 + 40 + 40 * 5 / 4 + 2 * 30, str(report)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_repeats(strategy):
    one, two, other = (rough(seed, strategy).run(limit=7_200) for seed in (7, 7, 8))
    assert (one.digest, str(one), one.story) == (two.digest, str(two), two.story)
    assert one.digest != other.digest


async def drawing(me):
    """Add a task and take a lock, both under names that the library draws."""
    await me.submit(Task(kind="drawn"))
    async with me.lock("desk"):
        await asyncio.sleep(100)


def test_names_that_are_drawn_repeat_too():
    def once():
        colony = Colony(seed=7)
        colony.add(drawing)
        return colony.run(until="limit", limit=20, expect=["unfinished"])

    drawn, one, two = Task().id, once(), once()
    assert (one.digest, one.story) == (two.digest, two.story)
    first, mark, number = drawn.rpartition("-")
    assert Task().id == f"{first}{mark}{int(number) + 1}"  # outside, names go on where they were


def test_tasks_without_ids_repeat_too():
    """Pauses after a failure depend on the task's id; the report has the ids that the tasks had outside."""

    async def failing(me):
        async for lease in me.claims(until="drained"):
            with contextlib.suppress(LeaseLostError):
                if lease.attempt % 3:
                    await me.fail(lease, "no")
                else:
                    await me.complete(lease, [lease.payload, lease.inputs and list(lease.inputs.values())])

    def once():
        colony, first = Colony(seed=7, faults=Faults(crash_every=60)), Task(payload="first", max_attempts=99)
        last = Task(payload="last", needs=(first.id,), max_attempts=99)
        colony.submit(first)
        colony.submit([*[Task(max_attempts=99) for _ in range(20)], last], after=1)
        colony.add(failing, count=2)
        report = colony.run()
        assert report.results[first.id] == ["first", {}]
        assert report.results[last.id] == ["last", [["first", {}]]]
        return report

    one, two = once(), once()
    assert (one.digest, one.seconds, one.story) == (two.digest, two.seconds, two.story)


@settings(max_examples=of(5, 15, 500), deadline=None)
@given(faults=strategies.faults())
@example(faults=Faults(crash_every=30, pause_every=30, lost_reply=0.05, duplicate=0.01))
def test_any_mixture_of_faults(faults):
    colony = Colony(seed=1, faults=faults)
    colony.submit(Task(f"t{n}", max_attempts=1_000) for n in range(15))
    colony.add(worker, count=3)
    assert colony.run(limit=7_200).problems == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_characters(strategy):
    """The diligent finish what the others leave."""
    colony = Colony(strategy, seed=5, trust=TrustPolicy())
    colony.submit(Task(f"t{n}", max_attempts=1_000, verify=Verify.by_quorum(2, of=5)) for n in range(40))
    colony.add(characters.diligent(), count=3)
    for odd in (
        characters.crasher(), characters.sleeper(), characters.greedy(), characters.liar(), characters.ghost(),
        characters.decliner(),
    ):  # fmt: skip
        colony.add(odd)
    report = colony.run(limit=36_000, expect=["expiries", "deaths"])  # of the ghost, and of those who suffer
    assert report.done == 40
    assert all(result == {"done": task} for task, result in report.results.items())  # no lie was believed
    assert report.faults["crashes"] > 0


def test_a_colony_says_what_it_cannot_do():
    with pytest.raises(ValueError, match="until must be"):
        Colony().run(until="tuesday")
    colony = Colony(seed=1)
    colony.submit(Task("a"))
    report = colony.run(limit=20, expect=["unfinished"])  # nobody works
    assert (report.unfinished, report.done) == (1, 0)
    with pytest.raises(ValueError, match="expect knows unfinished, expiries, deaths, writes, not 'luck'"):
        colony.run(expect=["luck"])
    with pytest.raises(RuntimeError, match="has run already; make another one with the same seed"):
        colony.run()
    with pytest.raises(TypeError, match="script is a generator function"):
        colony.add(script)

    async def broken(me):
        raise ZeroDivisionError

    colony = Colony()
    colony.submit(Task("a"))
    colony.add(broken)
    with pytest.raises(ZeroDivisionError):
        colony.run()


@pytest.mark.parametrize(
    ("wrong", "kind", "told"),
    [
        (lambda: Faults(crash_every=-5), ValueError, "crash_every must be finite, >= 0"),
        (lambda: Faults(pause_every=timedelta(seconds=9)), TypeError, "pause_every must be a number"),
        (lambda: Faults(clock_off=math.nan), ValueError, "clock_off must be finite"),
        (lambda: Faults(lost_reply=1.5), ValueError, "lost_reply must be finite, >= 0 and <= 1, not 1.5"),
        (lambda: Faults(refused=True), TypeError, "refused must be a number"),
        (lambda: Faults(duplicate=-1), ValueError, "duplicate must be"),
        (lambda: Faults(until=-1), ValueError, "until must be"),
        (lambda: Faults(down_for=(30, 1)), ValueError, r"down_for must be \(least, most\)"),
        (lambda: Faults(pause_for=5), TypeError, r"pause_for must be \(least, most\)"),
        (lambda: Faults(pause_for=(-5, 1)), ValueError, "pause_for must be finite, >= 0"),
        (lambda: Colony(faults={"crash_every": 3}), TypeError, "faults must be Faults"),
        (lambda: Colony().submit(Task("a"), after=-1), ValueError, "after must be"),
        (lambda: Colony().add(3), TypeError, "behaviour must be a function of an agent's handle, not 3"),
        (lambda: Colony().add(worker, "two words"), ValueError, "name must be 1 to 128 characters"),
        (lambda: Colony().add(worker, count=0), ValueError, "count must be 1 to"),
        (lambda: Colony().resource("mail").write("a", token="a#7"), TypeError, "token must be an int"),
        (lambda: ManualClock(1.75e9), TypeError, "start_ns must be an int, not 1750000000.0"),
        (lambda: ManualClock().set(-1), ValueError, "now_ns must be 0 to"),
        (lambda: Colony().run(limit=-1), ValueError, "limit must be"),
        (lambda: Colony().run(expect="deaths"), TypeError, r"expect must be a list such as \['deaths'\]"),
    ],
)
def test_what_could_not_be_meant_is_refused_by_name(wrong, kind, told):
    """A fault that cannot happen would make a test pass that tries nothing."""
    with pytest.raises(kind, match=told):
        wrong()


def script(me):
    yield 1.0


# -- the tests are tested: a broken core is caught within a few seeds ---------------------------


def never_expire(monkeypatch):
    monkeypatch.setattr(
        lifecycle, "expire", lambda ledger, row: setattr(row, "deadline_ns", row.deadline_ns + 10**12)
    )


def forget_requests(monkeypatch):
    monkeypatch.setattr("ants_coord.core.machine._answer_again", lambda ledger, request, command: None)


def reuse_tokens(monkeypatch):
    monkeypatch.setattr(claiming, "next_token", lambda ledger: 7)


def depend_on_the_process(monkeypatch):
    """Replay differs from what happened: something outside the log decides."""
    counts = iter(range(1_000_000))
    token = claiming.next_token

    monkeypatch.setattr(claiming, "next_token", lambda ledger: token(ledger) + next(counts))


def lose_wakeups(monkeypatch):
    """A process that is told of a change does not always look."""
    hear, heard = LogView._hear, itertools.count()

    def deaf(self):
        self._told = False
        if next(heard) % 3:
            hear(self)

    monkeypatch.setattr(LogView, "_hear", deaf)


def wake_nobody(monkeypatch):
    """A hint is taken as delivered that was not."""
    wake, woken = Lines._wake_ready, itertools.count()
    monkeypatch.setattr(
        Lines, "_wake_ready", lambda self, hint, after: next(woken) % 3 == 0 or wake(self, hint, after)
    )


def keep_the_end_secret(monkeypatch):
    """Tasks end and locks are freed, and who waits for that is not told."""
    spread = Lines.spread

    def mute(self, news, unfinished, cursor):
        news.ended.clear()
        news.freed.clear()
        spread(self, news, unfinished, cursor)

    monkeypatch.setattr(Lines, "spread", mute)


@pytest.mark.parametrize(
    "break_it", [lose_wakeups, wake_nobody, keep_the_end_secret, never_expire], ids=lambda one: one.__name__
)
def test_a_colony_that_makes_no_progress_is_noticed(monkeypatch, break_it):
    break_it(monkeypatch)
    report = None
    for seed in range(12):
        report = sparse(seed).run(limit=600, check=False)
        if any("could have gone on" in one or "is dead" in one for one in report.problems):
            return
    raise AssertionError(f"{break_it.__name__} was not noticed: {report}")


@pytest.mark.parametrize(
    "break_it",
    [never_expire, forget_requests, reuse_tokens, depend_on_the_process],
    ids=lambda one: one.__name__,
)
def test_a_broken_core_is_caught(monkeypatch, break_it, caplog):
    break_it(monkeypatch)
    caught = None
    for seed in range(12):
        colony = rough(seed, ClaimQueue)
        if break_it is forget_requests:  # without lost replies every lease has been heard of
            colony.faults = Faults(duplicate=0.1)
        try:
            report = colony.run(limit=3_600)
            if report.done != 40:
                caught = f"seed {seed}: {report}"
        except Exception as problem:
            caught = f"seed {seed}: {problem!r:.200}"
        if caught:
            break
    else:
        raise AssertionError(f"{break_it.__name__} was not caught by 12 seeds")
    gc.collect()  # what agents died of is reported once, by the run, and not by the loop once more
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_the_library_is_what_it_was():
    """What is broken above is broken there only."""
    assert rough(1).run(limit=7_200).done == 40

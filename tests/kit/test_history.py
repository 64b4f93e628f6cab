"""Histories of real threads are linearisable; broken ones are recognised."""

import asyncio
import itertools
import os
import random
import sys
import threading

import pytest

from ants_coord import Backoff, Blackboard, ClaimQueue, Lease, LeaseLostError, Matchmaker, Task, aio
from ants_coord.engine.waking import draw_lines
from ants_coord.testing import AsyncRecorder, Operation, Recorder, check_history
from ants_coord.testing.history import _after

from ..scale import of

HISTORIES = int(os.environ.get("ANTS_COORD_HISTORIES") or of(6, 12, 1_000))


def load(board, *, threads, rounds, tasks, seed):
    """Several threads claim, complete, fail, release and renew, and some try with leases that are gone."""
    recorder = Recorder(board)
    board.submit_many([Task(f"t{n}", max_attempts=1_000_000) for n in range(tasks)])
    begin = threading.Barrier(threads)
    errors = []

    def live(number):
        dice, mine = random.Random(seed * 100 + number), []
        begin.wait()
        try:
            for _ in range(rounds):
                lease = recorder.claim_nowait(f"agent{number}")
                if lease is not None:
                    mine.append(lease)
                if not mine:
                    continue
                chosen = dice.choice(mine[-3:])
                act = dice.choice(("complete", "fail", "fail", "release", "release", "renew"))
                try:
                    getattr(recorder, act)(chosen)
                except LeaseLostError:
                    continue
        except Exception as error:
            errors.append(error)

    crowd = [threading.Thread(target=live, args=(number,)) for number in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    assert not errors, errors
    return recorder.operations


@pytest.mark.parametrize("where", ["ClaimQueue", "Matchmaker", "Blackboard", "file"])
def test_real_threads_leave_linearisable_histories(where, tmp_path, capsys):
    count, operations = HISTORIES, 0
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for seed in range(count):
            settings = {"backoff": Backoff(0), "max_attempts": 1_000_000}
            if where == "file":
                board = ClaimQueue(tmp_path / f"{seed}.db", durability="process", **settings)
            else:
                cls = {"ClaimQueue": ClaimQueue, "Matchmaker": Matchmaker, "Blackboard": Blackboard}[where]
                board = cls(**settings, **({} if cls is ClaimQueue else {"bench_after": 0}))
            with board:
                history = load(board, threads=4, rounds=40, tasks=10, seed=seed)
            operations += len(history)
            assert check_history(history) == []
    finally:
        sys.setswitchinterval(interval)
    with capsys.disabled():
        print(f"\n  histories of threads, {where}: {count}, {operations} operations, violations 0")
    assert operations > 40 * count


async def crowd(recorder, agents, rounds, seed):
    """Tasks of one loop that claim, end and renew; some of their calls are cancelled on the way."""

    async def live(number):
        dice, mine = random.Random(seed * 100 + number), []
        for _ in range(rounds):
            patience = 0
            if mine and dice.random() < 0.6:
                verb = dice.choice(("complete", "fail", "fail", "release", "release", "renew"))
                call = getattr(recorder, verb)(dice.choice(mine[-3:]))
            elif dice.random() < 0.4:
                call, patience = recorder.claim(f"agent{number}"), dice.randrange(1, 60)
            else:
                call = recorder.claim_nowait(f"agent{number}")
            calling = asyncio.ensure_future(call)
            if patience:
                while patience and not calling.done():
                    patience -= 1
                    await asyncio.sleep(0)
                calling.cancel()
            elif dice.random() < 0.2:
                asyncio.get_running_loop().call_soon(calling.cancel)
            elif dice.random() < 0.5:
                await asyncio.sleep(0)
            try:
                lease = await calling
            except (LeaseLostError, asyncio.CancelledError):
                continue
            if isinstance(lease, Lease):
                mine.append(lease)

    await asyncio.gather(*[live(number) for number in range(agents)])


def watch_the_door(lobby):
    """Note who is woken for a task after it has left for good: nobody would be behind it."""
    lines, noted = draw_lines(lobby), []
    wake = lines._wake

    def watched(waiter, hint=None):
        if waiter.has_left and hint is not None:
            noted.append(waiter)
        wake(waiter, hint)

    lines._wake = watched
    return noted


@pytest.mark.parametrize("where", ["ClaimQueue", "Matchmaker", "Blackboard", "file"])
def test_event_loops_leave_linearisable_histories(where, tmp_path, capsys):
    """Two loops in two threads on one board, with calls that are cancelled at any await."""
    count, operations, unknown = HISTORIES // 2, 0, 0
    for seed in range(count):
        settings = {"backoff": Backoff(0), "max_attempts": 1_000_000}
        if where == "file":
            board = aio.ClaimQueue(tmp_path / f"{seed}.db", durability="process", **settings)
        else:
            board = getattr(aio, where)(**settings, **({} if where == "ClaimQueue" else {"bench_after": 0}))
        with board.sync:
            board.sync.submit_many([Task(f"t{n}") for n in range(10)])
            recorder, too_late = AsyncRecorder(board), watch_the_door(board.sync._engine._lobby)
            programs = [crowd(recorder, 4, 20, 2 * seed + number) for number in range(2)]
            loops = [threading.Thread(target=asyncio.run, args=(program,)) for program in programs]
            for thread in loops:
                thread.start()
            for thread in loops:
                thread.join(60)
            engine = board.sync._engine
            for _ in range(1_000):  # who was cancelled has left the line, as soon as its thread is through
                if not len(engine._lobby):
                    break
                engine.threads().submit(int).result(60)
                threading.Event().wait(0.001)
            assert not len(engine._lobby)
            assert too_late == []
            # what was granted to a call that was cancelled is known to nobody; the log knows. The front
            # gives such a lease back, or it stays held: both explain what others saw
            known = {one.token for one in recorder.operations if one.verb == "claim"}
            for event in board.sync.events():
                if event.type == "claimed" and event.token not in known:
                    for verb in ("claim", "release"):
                        recorder.operations.append(op(verb, event.token, "unknown", 0, 1 << 62, event.task))
        operations += len(recorder.operations)
        unknown += sum(one.answer == "unknown" for one in recorder.operations)
        assert check_history(recorder.operations) == []
    with capsys.disabled():
        print(
            f"\n  histories of event loops, {where}: {count}, {operations} operations, "
            f"{unknown} of them cancelled, violations 0"
        )
    assert operations > 15 * count


def op(verb, token, answer, called, returned, task="a", client="x"):
    return Operation(client, verb, task, token, answer, called, returned)


GOOD = [
    [op("claim", 1, "ok", 0, 1), op("complete", 1, "ok", 2, 3)],
    [op("claim", 1, "ok", 0, 9), op("release", 1, "ok", 3, 4), op("claim", 2, "ok", 1, 8)],
    [op("claim", 1, "ok", 0, 1), op("release", 1, "unknown", 2, 1 << 62), op("claim", 2, "ok", 5, 6)],
    [op("claim", 1, "ok", 0, 1), op("complete", 1, "ok", 2, 3), op("complete", 1, "ok", 4, 5)],
]
BAD = [
    [op("claim", 1, "ok", 0, 1), op("claim", 2, "ok", 2, 3)],  # granted twice
    [op("claim", 2, "ok", 0, 1), op("release", 2, "ok", 2, 3), op("claim", 1, "ok", 4, 5)],  # an older token
    [op("claim", 1, "ok", 0, 1), op("complete", 1, "ok", 2, 3), op("claim", 2, "ok", 4, 5)],  # after the end
    [op("claim", 1, "ok", 0, 1), op("complete", 1, "lost", 2, 3)],  # refused although it is held
    [op("claim", 1, "ok", 0, 1), op("release", 1, "ok", 2, 3), op("renew", 1, "ok", 4, 5)],  # a stale holder
]


@pytest.mark.parametrize("history", GOOD)
def test_what_could_have_been_passes(history):
    assert check_history(history) == []


@pytest.mark.parametrize("history", BAD)
def test_what_could_not_have_been_is_told(history):
    (told,) = check_history(history)
    assert told.startswith("no order explains what happened to 'a'")


def test_leases_may_run_out_if_that_is_said():
    twice = BAD[0]
    assert check_history(twice, expiry=True) == []
    assert check_history(BAD[2], expiry=True) != []


def test_a_search_that_is_too_long_gives_up():
    history = [op("renew", 1, "unknown", 0, 1 << 62) for _ in range(30)] + [op("complete", 9, "ok", 0, 50)]
    with pytest.raises(TimeoutError):
        check_history(history, patience=100)


def brute(history):
    """Try every order."""
    for order in itertools.permutations(history):
        if any(a.returned < b.called for b, a in itertools.combinations(order, 2)):
            continue
        states = {("ready", 0)}
        for one in order:
            states = {after for state in states for after in _after(state, one, False)}
        if states:
            return True
    return False


def test_the_search_agrees_with_trying_every_order():
    dice, verdicts = random.Random(5), []
    for _ in range(400):
        history = []
        for _ in range(dice.randrange(1, 6)):
            called = dice.randrange(10)
            verb = dice.choice(("claim", "claim", "complete", "fail", "release", "renew"))
            answer = "ok" if verb == "claim" else dice.choice(("ok", "ok", "lost"))
            history.append(op(verb, dice.randrange(1, 3), answer, called, called + dice.randrange(1, 6)))
        expected = brute(history)
        assert (check_history(history) == []) is expected, history
        verdicts.append(expected)
    assert 50 < sum(verdicts) < 350

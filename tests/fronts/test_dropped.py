"""
A board that nobody names any more goes at once, whatever went wrong on it before; no garbage collector needed.

An error that is kept in a variable of a function in its own traceback makes a cycle: it, and the board in its
frames, would live until the collector comes by, which may be never in a program that only waits. Here the collector
is off, and each mistake that users make is made once, in both colours, in memory and on a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ants_coord import Blackboard, GiveUp, Mark, Task, aio
from tests.inside import inside

from .conftest import sweep

LIMIT_S = 1.0
Mistake = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def uncollected(caplog) -> Iterator[None]:
    caplog.set_level(logging.CRITICAL, logger="ants_coord")  # pytest keeps what is logged, with its traceback
    sweep()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


def boom(job: Any) -> None:
    raise ValueError("boom")


async def aboom(job: Any) -> None:
    raise ValueError("boom")


def leave(job: Any) -> None:
    raise SystemExit(3)


CALLS: dict[str, Mistake] = {
    "claim in vain": lambda board: board.claim("w", timeout=0.001, kinds=["none"]),
    "claim a task in vain": lambda board: board.claim("w", timeout=0.001, task="held"),
    "result in vain": lambda board: board.result("t", timeout=0.001),
    "results in vain": lambda board: board.results(["t", "held"], timeout=0.001),
    "drain in vain": lambda board: board.drain(timeout=0.001),
    "take in vain": lambda board: board.take("p/**", agent="w", timeout=0.001),
    "wait in vain": lambda board: board.wait_for("p", timeout=0.001),
    "unknown task": lambda board: board.cancel("nothing"),
    "not held": lambda board: board.complete("t#1", 1),
    "no task": lambda board: board.submit("t"),
    "batch refused": lambda board: board.submit_many([Task("a"), Task("a")]),
    "stale entry": lambda board: board.write("p", 1, agent="w", expect=7),
    "too much": lambda board: board.submit(Task(payload="x" * (1 << 21))),
    "faint mark": lambda board: board.deposit(Mark("k", "p", 1e-9), agent="w"),
    "served": lambda board: board.serve({"task": boom}, agent="w", until="idle"),
}


def scope(board: Any) -> None:
    with board.work(board.claim("w", timeout=1)):
        raise ValueError("boom")


async def ascope(board: Any) -> None:
    async with board.work(await board.claim("w", timeout=1)):
        raise ValueError("boom")


def lost(board: Any) -> None:
    with board.work(board.claim("w", timeout=1)) as job:
        board.release(job.lease)


async def alost(board: Any) -> None:
    async with board.work(await board.claim("w", timeout=1)) as job:
        await board.release(job.lease)


def unstorable(board: Any) -> None:
    with board.work(board.claim("w", timeout=1)) as job:
        job.result = object()


async def aunstorable(board: Any) -> None:
    async with board.work(await board.claim("w", timeout=1)) as job:
        job.result = object()


def unlocked(board: Any) -> None:
    with board.lock("a", "b", agent="w", timeout=0.001):
        pass


async def aunlocked(board: Any) -> None:
    async with board.lock("a", "b", agent="w", timeout=0.001):
        pass


def ended(board: Any) -> None:
    for outcome in board.as_finished(["t", "held"], timeout=0.001):
        raise AssertionError(outcome)


async def aended(board: Any) -> None:
    async for outcome in board.as_finished(["t", "held"], timeout=0.001):
        raise AssertionError(outcome)


SCOPES: dict[str, tuple[Mistake, Mistake]] = {
    "scope": (scope, ascope),
    "lost in a scope": (lost, alost),
    "a result that cannot be stored": (unstorable, aunstorable),
    "lock in vain": (unlocked, aunlocked),
    "as finished in vain": (ended, aended),
    "serve with exit": (
        lambda board: board.serve({"task": leave}, agent="w", until="idle"),
        lambda board: board.serve({"task": leave}, agent="w", until="idle"),
    ),
    "a handler of the other colour": (
        lambda board: board.serve({"task": boom}, agent="w", until="idle", timeout=9),
        lambda board: board.serve({"task": aboom}, agent="w", until="idle", timeout=9),
    ),
}
MISTAKES = {name: (call, call) for name, call in CALLS.items()} | SCOPES


def gone(board: Any) -> threading.Event:
    """Return what is set when the engine behind a board is gone."""
    told = threading.Event()
    weakref.finalize(inside(board), told.set)
    return told


@pytest.mark.filterwarnings("ignore:the board .* was dropped:ResourceWarning")
@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("enter", ["work", "keep_alive", "lock"])
def test_a_board_goes_with_its_last_name_though_a_scope_was_never_left(enter, where, tmp_path):
    def use() -> threading.Event:
        board = Blackboard(None if where == "memory" else tmp_path / "b.db", durability="process")
        board.submit(Task("t"))
        lease = board.claim("w")
        scope = board.lock("a", agent="w") if enter == "lock" else getattr(board, enter)(lease)
        scope.__enter__()
        return gone(board)

    assert use().wait(LIMIT_S)


def prepared() -> list[Task]:
    return [Task("held", kind="slow", priority=9), Task("t", max_attempts=1)]


@pytest.mark.filterwarnings("ignore:the board .* was dropped:ResourceWarning")
@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_board_goes_with_its_last_name_after_a_mistake(name, where, tmp_path):
    def use() -> threading.Event:
        board = Blackboard(None if where == "memory" else tmp_path / "b.db", durability="process")
        board.submit_many(prepared())
        board.claim("other", kinds=["slow"])
        board.lock_nowait("a", agent="other")
        with contextlib.suppress(Exception, SystemExit):
            MISTAKES[name][0](board)
        return gone(board)

    assert use().wait(LIMIT_S)


@pytest.mark.filterwarnings("ignore:the board .* was dropped:ResourceWarning")
@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_board_of_an_event_loop_goes_with_its_last_name_after_a_mistake(name, where, tmp_path):
    async def use() -> threading.Event:
        board = aio.Blackboard(None if where == "memory" else tmp_path / "b.db", durability="process")
        await board.submit_many(prepared())
        await board.claim("other", kinds=["slow"])
        await board.lock_nowait("a", agent="other")
        with contextlib.suppress(Exception, SystemExit):
            await MISTAKES[name][1](board)
        return gone(board)

    assert asyncio.run(use()).wait(LIMIT_S)


class Big:
    """Something large in a variable of a handler."""


def failing(
    bigs: list[weakref.ref[Big]], error: type[Exception]
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    def plain(job: Any) -> None:
        big = Big()
        bigs.append(weakref.ref(big))
        raise error(f"without {big.__class__.__name__}")

    async def waiting(job: Any) -> None:
        plain(job)

    return plain, waiting


def seen_by(bigs: list[weakref.ref[Big]]) -> Callable[[Any], Any]:
    """Return a handler for the task after the one that failed."""
    return lambda job: [big() is None for big in bigs]


def served() -> tuple[Task, Task]:
    return Task("fails", kind="fails", max_attempts=1, priority=1), Task(
        "sees", kind="sees", needs=["fails"], if_need_fails="run"
    )


@pytest.mark.parametrize("error", [ValueError, GiveUp], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("nth", [0, 1], ids=["plain", "async"])
def test_what_a_failed_handler_had_is_gone_when_the_next_task_begins(nth, error):
    bigs: list[weakref.ref[Big]] = []
    with Blackboard() as board:
        board.submit_many(served())
        board.serve({"fails": failing(bigs, error)[nth], "sees": seen_by(bigs)}, agent="w", until="drained")
        assert board.result("sees") == [True]


@pytest.mark.parametrize("error", [ValueError, GiveUp], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("nth", [0, 1], ids=["plain", "async"])
def test_what_a_failed_handler_had_is_gone_from_an_event_loop_when_the_next_task_begins(nth, error):
    bigs: list[weakref.ref[Big]] = []

    async def use() -> None:
        async with aio.Blackboard() as board:
            await board.submit_many(served())
            handlers = {"fails": failing(bigs, error)[nth], "sees": seen_by(bigs)}
            await board.serve(handlers, agent="w", until="drained")
            assert await board.result("sees") == [True]

    asyncio.run(use())

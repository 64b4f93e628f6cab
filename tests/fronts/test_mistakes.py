"""Typical mistakes of a first hour: each gets a sentence that names the value and the way out."""

from __future__ import annotations

import asyncio
import functools

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.requirements import parse


@pytest.fixture
def board():
    with ClaimQueue() as board:
        board.submit_many([Task("a"), Task("b")])
        yield board


def two(job, more):
    raise AssertionError("it is never called")


def none():
    raise AssertionError("it is never called")


class Handler:
    def method(self, job, more):
        raise AssertionError("it is never called")


MISTAKES = {
    "work(None)": (lambda b: b.work(None), "work needs a lease, not None: nothing was claimed"),
    "work(handle)": (
        lambda b: b.work(b.claim("w").handle),
        "work needs the lease that a claim returned, not its handle 'a#",
    ),
    "work(ticket)": (
        lambda b: b.work(b.submit(Task("c"))),
        r"not a Ticket: claim\(agent, task=...\) gives one",
    ),
    "work(5)": (lambda b: b.work(5), "work needs the lease that a claim returned, not 5"),
    "keep_alive(None)": (lambda b: b.keep_alive(None), "keep_alive needs a lease, not None"),
    "no await": (lambda b: b.aio.work(b.aio.claim("w")), "not a coroutine: await the claim first"),
    "a handler of two": (
        lambda b: b.serve(two),
        r"handlers is called with one argument, the job: two\(job, more\) cannot be \(missing a required argument",
    ),
    "a handler of none": (lambda b: b.serve({"x": none}), r"handlers\['x'\] is called with one argument"),
    "a method of two": (lambda b: b.serve(Handler().method), r"Handler.method\(job, more\) cannot be"),
    "an async handler of two": (
        lambda b: asyncio.run(b.aio.serve(functools.partial(two))),
        "bind the others with functools.partial or a lambda",
    ),
    "submit(dict)": (
        lambda b: b.submit({"id": "a"}),
        r"write Task\(\*\*\{'id': 'a'\}\) if these are the fields",
    ),
    "submit(list)": (lambda b: b.submit([Task("c")]), "submit_many takes several"),
    "submit(number)": (lambda b: b.submit(5), r"write Task\(payload=5\) if this is what to do"),
    "lock(list)": (
        lambda b: b.lock(["a", "b"], agent="w"),
        r"each lock name must be a string, not \['a', 'b'\]; write lock\(\*names\) for many",
    ),
    "lease=": (lambda b: ClaimQueue(lease=5), "no such setting: lease; did you mean lease_ttl?"),  # type: ignore[call-arg]
    "max_attemps=": (lambda b: ClaimQueue(max_attemps=5), "did you mean max_attempts?"),  # type: ignore[call-arg]
    "colour=": (lambda b: ClaimQueue(colour=5), "no such setting: colour; there are aging, "),  # type: ignore[call-arg]
    "Task(max_attemps=)": (
        lambda b: Task(max_attemps=3),  # type: ignore[call-arg]
        r"Task has no field max_attemps; did you mean max_attempts\?",
    ),
    "Task(colour=)": (lambda b: Task(colour=3), "Task has no field colour; there are id, kind, payload, "),  # type: ignore[call-arg]
    "needs of a dict": (lambda b: Task("c", needs=[{}]), "each of needs must be a string, not {}"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_sentence(board, mistake):
    """At the call, before anything is changed."""
    call, text = MISTAKES[mistake]
    with pytest.raises(TypeError, match=text):
        call(board)


def test_a_unit_gets_a_sentence():
    """Numbers in requirements have none."""
    with pytest.raises(ValueError, match="column 8: a number stands alone, without a unit"):
        parse("mem >= 16gb")


async def plain_with(board):
    with board:
        pass


async def plain_work(board):
    with board.work(await board.claim("w")):
        pass


async def plain_lock(board):
    with board.lock("x", agent="w"):
        pass


async def async_with(board):
    async with board:
        pass


async def async_work(board):
    async with board.work(board.claim("w")):
        pass


async def async_lock(board):
    async with board.lock("x", agent="w"):
        pass


@pytest.mark.parametrize("wrong", [plain_with, plain_work, plain_lock])
def test_the_with_of_threads_under_a_loop(board, wrong):
    """It says which one is meant, and where the other colour is."""
    with pytest.raises(TypeError, match="this board is for event loops: write `async with board"):
        asyncio.run(wrong(board.aio))


@pytest.mark.parametrize("wrong", [async_with, async_work, async_lock])
def test_the_with_of_loops_under_threads(board, wrong):
    """It says which one is meant, and where the other colour is."""
    with pytest.raises(TypeError, match="this board is for threads: write `with board"):
        asyncio.run(wrong(board))


def test_needs_takes_whatever_stands_for_a_task(board):
    """A Task, its Ticket, its Lease or its id."""
    ticket, task, lease = board.submit(Task("c")), Task("d"), board.claim("w")
    needy = Task("e", needs=[ticket, task, lease, "b"])
    assert needy.needs == ("c", "d", "a", "b")
    board.submit_many([task, needy])
    assert board.find("e").waits_for == ("c", "d", "a", "b")

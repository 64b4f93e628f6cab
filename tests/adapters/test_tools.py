"""What an agent holds through its tools: kept while it lives, never stolen, given back."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import Blackboard, ClaimQueue, Mark, Matchmaker, Task
from ants_coord.adapters.tools import Toolbox
from ants_coord.testing import ManualClock, assert_no_double_grant

from ..fronts.conftest import board, clock, make_board  # noqa: F401 - fixtures
from ..fronts.loops import waits
from .callers import ALL, IDLE, Caller, agent, colour  # noqa: F401 - fixtures

# -- leases while the model thinks ------------------------------------------------------------------


def test_a_lease_outlives_the_thinking(board, clock, agent):  # noqa: F811
    """Three lease lengths of silence between two calls, and the task is still the agent's own."""
    board.submit(Task("t1", payload={"n": 1}))
    ann = agent()
    got = ann.claim_task()
    assert (got["task"], got["payload"], got["attempt"]) == ("t1", {"n": 1}, 1)
    clock.advance(100)
    assert ann.complete_task("t1", '{"lines": 3}')["state"] == "done"
    outcome = board.find("t1").outcome
    assert (outcome.result, outcome.by, outcome.attempts) == ({"lines": 3}, "ann", 1)


def test_a_lease_does_not_outlive_the_agent(board, clock, agent):  # noqa: F811
    """Without a call for `idle` seconds renewing stops: the next agent has the task one lease length later."""
    board.submit(Task("t1"))
    ann = agent()
    ann.claim_task()
    ann.lock_files(["a.py"])
    clock.advance(IDLE + 31)
    assert board.claim_nowait("bob").task == "t1"
    assert board.holder("a.py") is None
    for _ in range(2):
        said = ann.complete_task("t1", "mine")
        assert (said["ok"], "claim_task" in said["say"]) == (False, True)
    assert ann.box.held == [] or [lease.names for lease in ann.box.held] == [("a.py",)]
    assert not ann.unlock("a.py")["ok"] or board.holder("a.py") is None
    assert board.find("t1").lease.agent == "bob"


def test_who_comes_back_in_time_goes_on(board, clock, agent):  # noqa: F811
    """A call after `idle`, within the lease's last length, keeps what is held."""
    board.submit(Task("t1"))
    ann = agent()
    ann.claim_task()
    clock.advance(IDLE + 5)
    assert ann.why("t1")["state"] == "leased"
    clock.advance(IDLE - 5)
    assert ann.complete_task()["state"] == "done"


def test_calls_are_signs_of_work(make_board, clock, colour):  # noqa: F811
    """With stall_after an agent that calls keeps its lease, however long the work takes; a silent one does not."""
    board = make_board(lease_ttl=30, stall_after=60)  # noqa: F811
    board.submit_many([Task("busy"), Task("still")])
    busy, still = (Caller(Toolbox(board, name, idle=IDLE), colour) for name in ("busy", "still"))
    busy.claim_task(task="busy")
    still.claim_task(task="still")
    for _ in range(12):
        clock.advance(25)
        busy.list_tasks()
    assert board.find("busy").lease.agent == "busy"
    assert board.find("still").lease is None
    assert board.find("busy").notes[-1].note == {"calls": "list_tasks"}


async def test_a_call_that_waits_longer_than_idle_is_life(make_board, clock):  # noqa: F811
    """What a long wait brings is kept for an agent that lives, and not for ever if it then dies."""
    board = make_board(lease_ttl=30)  # noqa: F811
    async with Toolbox(board, "ann", idle=10) as box:
        waiting = asyncio.create_task(box.async_functions()[0](wait_s=40))
        await waits(board)
        clock.advance(15)
        await board.aio.submit(Task("t1"))
        assert (await waiting)["task"] == "t1"
        clock.advance(9)
        assert board.find("t1").lease.agent == "ann"
        clock.advance(32)
        assert board.find("t1").lease is None


# -- names, theft, repeats --------------------------------------------------------------------------


def test_a_lease_has_three_names(board, agent):  # noqa: F811
    """By handle, by the task's id, or not at all when one is held; several must be told apart."""
    board.submit_many([Task(name) for name in "abc"])
    ann = agent()
    handle = ann.claim_task()["lease"]
    assert ann.complete_task(handle)["task"] == "a"
    ann.claim_task()
    ann.lock_files(["x"])  # a lock is no task: one is held
    assert ann.complete_task()["task"] == "b"
    ann.claim_task()
    board.submit(Task("d"))
    ann.claim_task()
    said = ann.complete_task()
    assert not said["ok"]
    assert "c, d" in said["say"]
    assert ann.complete_task("d")["ok"]


def test_anothers_lease_is_refused_by_any_name(board, agent):  # noqa: F811
    """Neither the handle nor the task's id of another agent is good for anything."""
    board.submit(Task("t1"))
    ann, bob = agent("ann"), agent("bob")
    handle = ann.claim_task()["lease"]
    ann.lock_files(["src/a.py"])
    for name in (handle, "t1"):
        for outcome in ("done", "failed", "give_up", "handed_back"):
            said = bob.complete_task(name, "stolen", outcome)
            assert said == {
                "ok": False,
                "say": "t1 is held by ann, not by you. Call claim_task for a task of your own.",
            }
    assert not bob.unlock("src/a.py")["ok"]
    assert "held by ann" in bob.lock_files(["./src//a.py"])["say"]
    assert bob.claim_task(task="t1")["task"] is None
    assert ann.complete_task("t1", "mine")["ok"]
    assert board.find("t1").outcome.by == "ann"


@pytest.mark.parametrize("outcome", ["done", "failed", "give_up", "handed_back"])
def test_a_repeat_answers_the_same(board, agent, outcome):  # noqa: F811
    """Hosts send a call again when its answer was lost; nothing happens twice."""
    board.submit(Task("t1", max_attempts=5))
    ann = agent()
    handle = ann.claim_task()["lease"]
    assert ann.claim_task(task="t1")["lease"] == handle
    first = ann.complete_task("t1", "x", outcome)
    after = board.find("t1")
    assert first["ok"]
    for name in ("t1", handle):
        assert ann.complete_task(name, "x", outcome) == first
    other = "failed" if outcome == "done" else "done"
    assert not ann.complete_task("t1", "x", other)["ok"]
    assert board.find("t1") == after


def test_a_repeat_without_a_name_answers_the_same(board, agent):  # noqa: F811
    """A call that names nothing gets the same answer again, too."""
    board.submit(Task("t1"))
    ann = agent()
    ann.claim_task()
    assert ann.complete_task(result="x") == ann.complete_task(result="x")
    ann.lock_files(["a", "b"])
    assert ann.unlock() == ann.unlock()


def test_a_completion_whose_answer_was_lost_is_known(board, agent):  # noqa: F811
    """A new session of the agent that completes again what the old one has completed hears that it is done."""
    board.submit(Task("t1"))
    agent().claim_task()
    board.complete(board.leases("ann")[0], "x")
    assert agent().complete_task("t1", "x")["state"] == "done"


def test_handing_back_costs_nothing_and_is_not_offered_again(board, agent):  # noqa: F811
    """An agent that hands a task back does not get it with its next claim; others do."""
    board.submit(Task("t1"))
    ann = agent()
    ann.claim_task()
    assert ann.complete_task(outcome="handed_back")["ok"]
    assert ann.claim_task()["task"] is None
    assert board.find("t1").attempts == 0
    assert agent("bob").claim_task()["task"] == "t1"


def test_a_restarted_agent_takes_over_its_own_task(board, clock, agent):  # noqa: F811
    """A second session of one name gets the first one's task when that has fallen silent, not before."""
    board.submit(Task("t1"))
    lease = board.claim("ann")  # a process that has died since
    ann = agent()
    said = ann.claim_task(task="t1")
    assert not said["ok"]
    assert "another session" in said["say"]
    assert "another session" in ann.complete_task("t1")["say"]
    clock.advance(25)
    assert ann.claim_task(task="t1")["task"] == "t1"
    clock.advance(100)
    assert ann.complete_task("t1")["ok"]
    assert lease.token != board.find("t1").outcome


def test_parallel_calls_get_different_tasks(board, agent):  # noqa: F811
    """Frameworks call tools at the same time."""
    board.submit_many([Task(f"t{number}") for number in range(6)])
    ann = agent()
    with ThreadPoolExecutor(6) as pool:
        got = [one["task"] for one in pool.map(lambda _: ann.claim_task(), range(6))]
        assert sorted(got) == [f"t{number}" for number in range(6)]
        assert all(one["ok"] for one in pool.map(ann.complete_task, got))


# -- files ------------------------------------------------------------------------------------------


def test_files_are_reserved_whatever_their_spelling(board, clock, agent, tmp_path, monkeypatch):  # noqa: F811
    """Locks are kept while the agent thinks, entered again by it alone, and freed by any name."""
    monkeypatch.chdir(tmp_path)
    ann, twin = agent("ann"), agent("ann")
    first = ann.lock_files(["./src//a.py", "b.py"])
    assert first["paths"] == ["b.py", "src/a.py"]
    clock.advance(100)
    assert ann.lock_files(["src/a.py"])["lease"] == first["lease"]
    assert "another session under your name" in twin.lock_files(["src/"])["say"]
    assert "outside" in ann.lock_files(["../x"])["say"]
    assert ann.unlock("./src/a.py")["paths"] == ["b.py", "src/a.py"]
    assert board.holder("src/a.py") is None
    assert twin.lock_files(["src/"])["ok"]


# -- giving back ------------------------------------------------------------------------------------


def test_closing_gives_back_its_own_and_no_more(board, agent):  # noqa: F811
    """Another session of the same agent keeps what it holds."""
    board.submit_many([Task("a"), Task("b")])
    ann, twin = agent(), agent()
    ann.claim_task(task="a")
    ann.lock_files(["x", "y"])
    ann.lock_files(["x"])
    twin.claim_task(task="b")
    with ann.box:
        assert [lease.task for lease in ann.box.held] == ["a", "lock:x,y"]
    assert [lease.task for lease in board.leases()] == ["b"]
    assert board.find("a").attempts == 0
    ann.box.close()
    asyncio.run(twin.box.aclose())
    assert board.leases() == []


async def test_a_cancelled_claim_gives_back(make_board, colour):  # noqa: F811
    """A run that is cancelled while its claim waits holds nothing, whatever comes afterwards."""
    board = make_board(lease_ttl=30)  # noqa: F811
    async with Toolbox(board, "ann") as box:
        claim = box.async_functions()[0]
        for number in range(6):
            waiting = asyncio.create_task(claim(wait_s=40))
            await waits(board)
            ready = asyncio.create_task(board.aio.submit(Task(f"t{number}")))
            for _ in range(number):
                await asyncio.sleep(0)
            waiting.cancel()
            await ready
            answer = (await asyncio.gather(waiting, return_exceptions=True))[0]
            if isinstance(answer, asyncio.CancelledError):
                lease = await board.aio.claim("bob", task=f"t{number}")
                await board.aio.complete(lease)
            else:
                assert (await box.async_functions()[1](answer["task"]))["ok"]
        assert box.held == []


async def test_closing_a_box_that_is_cancelled_gives_back(board):  # noqa: F811
    """A framework that cancels a run cancels its `async with` too."""
    await board.aio.submit(Task("t"))
    inside = asyncio.Event()

    async def run():
        async with Toolbox(board, "ann") as box:
            await box.async_functions()[0]()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await board.aio.claim("bob")).task == "t"


CALLS = [
    *[("claim_task", {"task": task}) for task in ("", "t0", "t1", "t2")],
    *[
        ("complete_task", {"lease": lease, "outcome": outcome})
        for lease in ("", "t0", "t1", "t2")
        for outcome in ("done", "failed", "handed_back")
    ],
    *[("lock_files", {"paths": paths}) for paths in (["a"], ["a/b"], ["a", "c"])],
    *[("unlock", {"lease": lease}) for lease in ("", "a", "a/b", "c")],
]
PAUSES = [0, 0, 5, 31, 100]
STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(CALLS), st.sampled_from(PAUSES)), max_size=25)


@given(STEPS)
def test_whatever_agents_call_nobody_has_what_is_anothers(steps):
    """Three sessions of two agents, any calls, any pauses: what an answer says is held is held, by one."""
    act(steps)


def act(steps):
    clock = ManualClock()  # noqa: F811
    with ClaimQueue(clock=clock, lease_ttl=30) as board:  # noqa: F811
        board.submit_many([Task(f"t{number}", max_attempts=99) for number in range(3)])
        boxes = [Toolbox(board, name, idle=60) for name in ("ann", "bob", "bob")]
        callers = [Caller(box) for box in boxes]
        for who, (name, options), pause in steps:
            answer = getattr(callers[who], name)(**options)
            live = {lease.handle: lease.agent for lease in board.leases()}
            if answer["ok"] and answer.get("lease"):
                assert live[answer["lease"]] == boxes[who].agent
                assert sum(answer["lease"] in [one.handle for one in box.held] for box in boxes) == 1
            clock.advance(pause) if pause else None
        for box in boxes:
            box.close()
        assert board.leases() == []
        board.check()
        assert_no_double_grant(board)


async def test_closing_goes_on_when_it_is_cancelled(make_board):  # noqa: F811
    """A second cancellation, while the box closes, leaves nothing behind."""
    board = make_board(lease_ttl=30)  # noqa: F811
    board.submit_many([Task(f"t{number}") for number in range(3)])
    for turns in range(4):
        async with Toolbox(board, "ann") as box:
            for _ in range(3):
                await box.async_functions()[0]()
            closing = asyncio.create_task(box.__aexit__(None, None, None))
            for _ in range(turns):
                await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            assert turns == 0 or board.leases() == []


# -- strategies -------------------------------------------------------------------------------------


def test_an_advert_lives_as_long_as_its_agent(clock, colour):  # noqa: F811
    """An advert is refreshed while calls come, fades with the agent, and comes back with it."""
    with Matchmaker(clock=clock, lease_ttl=30) as board:  # noqa: F811
        ann = Caller(Toolbox(board, "ann", idle=IDLE), colour)
        board.submit(Task("snake", requires="python"))
        assert ann.claim_task()["task"] is None
        assert ann.advertise(["python"])["offers"] == 1
        clock.advance(500)
        assert [one.agent for one in board.agents()] == ["ann"]
        clock.advance(IDLE)
        assert board.claim_nowait("ann") is None
        assert ann.claim_task()["task"] == "snake"
        assert ann.advertise("java", slots=2)["offers"] == 0
        assert board.agents()[0].advert.capabilities == ("java",)
        ann.box.close()
        assert [one.state for one in board.agents()] in ([], ["withdrawn"], ["gone"])


def test_a_blackboard_has_marks_and_notes(colour):  # noqa: F811
    """Marks, notes, and reading them."""
    with Blackboard(half_life=60, clock=ManualClock()) as board:  # noqa: F811
        ann = Caller(Toolbox(board, "ann"), colour)
        assert list(ann.tools) == ALL
        board.deposit(Mark("heat", "src/b", 3.0), agent="bob")
        assert ann.leave_mark("heat", "src/a", "2")["strength"] == 2.0
        assert ann.post_note("notes/a", '{"x": 1}')["ok"]
        seen = ann.read_board()
        assert seen["notes"] == [{"path": "notes/a", "by": "ann", "value": {"x": 1}}]
        assert [mark["place"] for mark in seen["marks"]] == ["src/b", "src/a"]
        assert ann.read_board("src/a")["marks"][0]["place"] == "src/a"

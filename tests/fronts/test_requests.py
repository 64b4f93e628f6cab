"""Every verb twice under one request id, in memory and on a file: carried out once, answered as the first time."""

from __future__ import annotations

import inspect

import pytest

from ants_coord import Blackboard, Task
from ants_coord.errors import RequestReusedError
from ants_coord.testing import ManualClock
from ants_coord.values.adverts import Advert
from ants_coord.values.marks import Mark

AGAIN = "again"


def _leased(board, name="only"):
    board.submit(Task(name))
    return board.claim_nowait("ann", task=name)


def _failed(board):
    board.fail(_leased(board), "no", retry=False)
    return "only"


# verb -> (what must be there, the call); each call finds nothing to do the second time, if it can
CALLS = {
    "submit": (lambda b: None, lambda b, _: b.submit(Task(payload=1), request_id=AGAIN)),
    "submit_many": (
        lambda b: None,
        lambda b, _: b.submit_many(
            [Task(parts=(Task(payload=1), Task("named"))), Task(payload=2)], request_id=AGAIN
        ),
    ),
    "claim_nowait": (
        lambda b: b.submit(Task("only", payload={"n": 1})),
        lambda b, _: b.claim_nowait("ann", request_id=AGAIN),
    ),
    "claim_many": (lambda b: b.submit(Task("only")), lambda b, _: b.claim_many("ann", 3, request_id=AGAIN)),
    "complete": (_leased, lambda b, lease: b.complete(lease, {"r": 1}, request_id=AGAIN)),
    "complete_many": (_leased, lambda b, lease: b.complete_many([(lease, 1)], request_id=AGAIN)),
    "fail": (_leased, lambda b, lease: b.fail(lease, "no", request_id=AGAIN)),
    "release": (_leased, lambda b, lease: b.release(lease, request_id=AGAIN)),
    "progress": (_leased, lambda b, lease: b.progress(lease, "half", request_id=AGAIN)),
    "renew": (_leased, lambda b, lease: b.renew(lease, request_id=AGAIN)),
    "adopt": (_leased, lambda b, lease: b.adopt("ann", force=True, request_id=AGAIN)),
    "release_all": (_leased, lambda b, lease: b.release_all("ann", request_id=AGAIN)),
    "lock_nowait": (lambda b: None, lambda b, _: b.lock_nowait("x", "y", agent="ann", request_id=AGAIN)),
    "cancel": (lambda b: b.submit(Task("only")), lambda b, _: b.cancel("only", request_id=AGAIN)),
    "requeue": (_failed, lambda b, task: b.requeue(task, request_id=AGAIN)),
    "limit": (lambda b: None, lambda b, _: b.limit("gpu", 2, request_id=AGAIN)),
    "purse": (lambda b: None, lambda b, _: b.purse("tokens", 100, request_id=AGAIN)),
    "spent": (
        lambda b: (b.purse("tokens", 100), _leased(b))[1],
        lambda b, lease: b.spent(lease, "tokens", 7, request_id=AGAIN),  # a repeat is no second charge
    ),
    "pause": (lambda b: None, lambda b, _: b.pause(request_id=AGAIN)),
    "resume": (lambda b: b.pause(), lambda b, _: b.resume(request_id=AGAIN)),
    "configure": (lambda b: None, lambda b, _: b.configure(max_attempts=5, request_id=AGAIN)),
    "extend": (lambda b: None, lambda b, _: b.extend("blackboard", request_id=AGAIN)),
    "advertise": (lambda b: None, lambda b, _: b.advertise(Advert("ann", ["gpu"]), request_id=AGAIN)),
    "withdraw": (lambda b: b.advertise(Advert("ann", ["gpu"])), lambda b, _: b.withdraw("ann", request_id=AGAIN)),
    "split": (_leased, lambda b, lease: b.split(lease, [Task("part")], request_id=AGAIN)),
    "decline": (lambda b: b.submit(Task("only")), lambda b, _: b.decline("only", agent="ann", request_id=AGAIN)),
    "retire": (
        lambda b: b.advertise(Advert("ann", ["gpu"])),
        lambda b, _: b.retire("ann", request_id=AGAIN),
    ),
    "deposit": (lambda b: None, lambda b, _: b.deposit(Mark("good", "here"), agent="ann", request_id=AGAIN)),
    "diffuse": (
        lambda b: b.deposit(Mark("good", "here"), agent="ann"),
        lambda b, _: b.diffuse("good", {"here": ["there"]}, agent="ann", request_id=AGAIN),
    ),
    "write": (lambda b: None, lambda b, _: b.write("box/1", 1, agent="ann", request_id=AGAIN)),
    "take_nowait": (
        lambda b: b.write("box/1", 1, agent="bob"),
        lambda b, _: b.take_nowait("box/*", agent="ann", request_id=AGAIN),
    ),
    "erase": (
        lambda b: b.write("box/1", 1, agent="bob"),
        lambda b, _: b.erase("box/1", agent="ann", request_id=AGAIN),
    ),
    "roll_back": (
        lambda b: b.write("box/1", 1, agent="bob"),
        lambda b, _: b.roll_back("bob", by="host", quarantine=False, request_id=AGAIN),
    ),
    "react": (lambda b: None, lambda b, _: b.react("r", "box/*", Task("t"), request_id=AGAIN)),
    "unreact": (lambda b: b.react("r", "box/*", Task("t")), lambda b, _: b.unreact("r", request_id=AGAIN)),
}  # fmt: skip


def test_no_verb_is_left_out():
    verbs = {
        name
        for name, verb in inspect.getmembers(Blackboard, inspect.isfunction)
        if not name.startswith("_") and "request_id" in inspect.signature(verb).parameters
    }
    assert verbs - {"execute"} == set(CALLS)


@pytest.fixture(params=["memory", "file"])
def where(request, tmp_path):
    return None if request.param == "memory" else str(tmp_path / "b.db")


@pytest.mark.parametrize("verb", CALLS)
def test_a_repeat_gets_the_first_reply(verb, where):
    """Also from another process, and when the second call alone would find nothing."""
    clock = ManualClock()
    prepare, call = CALLS[verb]
    with Blackboard(where, clock=clock) as board:
        given = prepare(board)
        first = call(board, given)
        at_once = list(board.events())
        assert call(board, given) == first
        assert list(board.events()) == at_once
        if where is not None:
            with Blackboard(where, clock=clock) as other:
                assert call(other, given) == first
                assert list(board.events()) == at_once
        board.check()


@pytest.mark.parametrize("verb", CALLS)
def test_anything_else_under_a_used_id_is_refused(verb, where):
    """By name, and nothing of it is carried out."""
    with Blackboard(where, clock=ManualClock()) as board:
        prepare, call = CALLS[verb]
        call(board, prepare(board))
        with pytest.raises(RequestReusedError, match="'again' has been used for"):
            board.submit(Task("another"), request_id=AGAIN)
        assert board.find("another") is None


def test_another_agent_is_refused_the_id(where):
    """A counter or the name of a step is soon used twice: nobody is handed another's lease for it."""
    with Blackboard(where, clock=ManualClock()) as board:
        board.submit_many([Task("t1"), Task("t2")])
        mine = board.claim_nowait("ann", request_id="step-1")
        with pytest.raises(RequestReusedError) as refusal:
            board.claim_nowait("bob", request_id="step-1")
        assert refusal.value.request == "step-1"
        assert "ann" in refusal.value.used_for
        assert board.leases() == [mine]


def test_nothing_found_is_not_remembered(where):
    """A caller that asks again wants to know whether there is something by now."""
    with Blackboard(where, clock=ManualClock()) as board:
        assert board.claim_nowait("ann", request_id="r") is None
        assert board.claim_many("ann", 2, request_id="s") == []
        assert board.take_nowait("box/*", agent="ann", request_id="t") is None
        board.submit_many([Task("a"), Task("b")])
        board.write("box/1", 1, agent="bob")
        assert board.claim_nowait("ann", request_id="r").task == "a"
        assert board.claim_many("ann", 2, request_id="s")[0].task == "b"
        assert board.take_nowait("box/*", agent="ann", request_id="t").value == 1


@pytest.mark.parametrize("change", [{"payload": 2}, {"priority": 1}, {"needs": ("other",)}])
def test_a_task_that_differs_is_no_repeat(change, where):
    with Blackboard(where, clock=ManualClock()) as board:
        board.submit(Task("other"))
        board.submit(Task(payload=1), request_id="r")
        with pytest.raises(RequestReusedError):
            board.submit(Task(**{"payload": 1, **change}), request_id="r")


def test_who_repeats_a_batch_gets_the_ids_that_were_drawn_first(where):
    """The tasks are built once more, with other ids; needs among them are told apart by place."""

    def batch():
        first = Task(payload="a")
        return [first, Task(payload="b", needs=[first.id])]

    with Blackboard(where, clock=ManualClock()) as board:
        tickets = board.submit_many(batch(), request_id="r")
        assert board.submit_many(batch(), request_id="r") == tickets
        with pytest.raises(RequestReusedError):
            board.submit_many([Task(payload="a"), Task(payload="b")], request_id="r")
        assert len(board.tasks()) == 2

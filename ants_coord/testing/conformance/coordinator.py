"""
The stories of the conformance suite: verbs in, answers out, on a clock that is moved by hand.

A story gets the coordinator and its clock. `told` gives it a name, which is the promise, and the settings
that it needs. Verbs are called as on a coordinator for threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...commands.shared import Wakeup
from ...errors import (
    ClosedError,
    CoordinationError,
    DependencyError,
    HeldError,
    IllegalTransitionError,
    LeaseLostError,
    LimitError,
    TaskDroppedError,
    TaskExistsError,
    TaskFailedError,
    TaskNotFoundError,
)
from ...values.tasks import Backoff, Task, TaskState
from ..simulation.clock import ManualClock

__all__ = ["STORIES"]

_TICK = 1e-9
"""the smallest step of a clock: a nanosecond"""

Story = Callable[[Any, ManualClock], None]
STORIES: dict[str, tuple[Story, dict[str, Any]]] = {}
"""promise -> (story, settings)"""


def told(**settings: Any) -> Callable[[Story], Story]:
    """Register a story under its function's name."""

    def enter(play: Story) -> Story:
        STORIES[play.__name__] = (play, settings)
        return play

    return enter


def refused(
    kind: type[Exception] | tuple[type[Exception], ...], call: Callable[..., Any], *args: Any, **options: Any
) -> Exception:
    """Return the refusal, or fail if there is none."""
    try:
        answer = call(*args, **options)
    except kind as problem:
        return problem
    raise AssertionError(f"{kind} expected, and the answer was {answer!r}")


@told()
def a_task_has_one_holder(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    assert board.claim_nowait("ann").task == "a"
    assert board.claim_nowait("bob") is None
    assert board.claim_nowait("ann", task="a") is None
    assert [lease.agent for lease in board.leases()] == ["ann"]


@told()
def a_lease_ends_at_its_deadline(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    first = board.claim_nowait("ann")
    clock.advance(30 - _TICK)
    assert board.claim_nowait("bob") is None
    clock.advance(_TICK)
    second = board.claim_nowait("bob")
    assert second.task == "a"
    assert second.attempt == 2
    assert second.token > first.token


@told()
def a_stale_holder_changes_nothing(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    first = board.claim_nowait("ann")
    clock.advance(30)
    second = board.claim_nowait("bob")
    for verb, args in (
        ("complete", (1,)),
        ("fail", ("no",)),
        ("release", ()),
        ("renew", ()),
        ("progress", (1,)),
    ):
        refused(LeaseLostError, getattr(board, verb), first, *args)
    assert board.find("a").lease.token == second.token
    assert board.complete(second, "bob's").state is TaskState.DONE
    assert board.result("a", timeout=0) == "bob's"


@told()
def renewing_moves_the_deadline(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    lease = board.claim_nowait("ann")
    for _ in range(5):
        clock.advance(20)
        assert board.renew(lease) > clock.now_ns()
    assert board.claim_nowait("bob") is None
    clock.advance(30)
    refused(LeaseLostError, board.renew, lease)


@told(backoff=Backoff(0), max_attempts=99)
def tokens_only_grow(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task(f"t{n}") for n in range(5)])
    tokens = []
    for turn in range(6):
        for lease in board.claim_many("ann", 5):
            tokens.append(lease.token)
            if turn % 3 == 0:
                board.release(lease)
        clock.advance(30)  # the others expire
    tokens.append(board.lock_nowait("x", agent="ann").token)
    assert len(tokens) == 31
    assert tokens == sorted(set(tokens))


@told()
def what_is_done_stays_done(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    lease = board.claim_nowait("ann")
    first = board.complete(lease, {"n": 1})
    assert board.complete(lease, {"n": 1}).state == first.state
    refused(LeaseLostError, board.fail, lease, "after all")
    refused(IllegalTransitionError, board.requeue, "a")
    refused(IllegalTransitionError, board.cancel, "a")
    assert board.result("a", timeout=0) == {"n": 1}


@told()
def more_urgent_comes_first_then_older(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("low", priority=-1), Task("b"), Task("c"), Task("high", priority=2)])
    assert [lease.task for lease in board.claim_many("ann", 9)] == ["high", "b", "c", "low"]


@told(backoff=Backoff(first=2, factor=3, jitter=0), max_attempts=3)
def failures_are_retried_with_growing_pauses_then_given_up(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    for pause in (2, 6):
        assert board.fail(board.claim_nowait("ann"), "no") is TaskState.DELAYED
        clock.advance(pause - 0.001)
        assert board.claim_nowait("ann") is None
        clock.advance(0.001)
    assert board.fail(board.claim_nowait("ann"), "still no") is TaskState.FAILED
    problem = refused(TaskFailedError, board.result, "a", timeout=0)
    assert "still no" in str(problem)
    assert board.requeue("a").state is TaskState.READY
    assert board.claim_nowait("ann").attempt == 1


@told(backoff=Backoff(0), max_attempts=2)
def silence_counts_as_an_attempt_and_release_does_not(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    for _ in range(5):
        board.release(board.claim_nowait("polite"))
    assert board.find("a").releases == 5
    for attempt in (1, 2):
        assert board.claim_nowait("ann").attempt == attempt
        clock.advance(30)
    board.execute(Wakeup())
    assert board.find("a").state is TaskState.FAILED


@told()
def needs_come_first_and_bring_their_results(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("join", needs=("a", "b"), priority=9), Task("a"), Task("b")])
    assert board.find("join").state is TaskState.WAITING
    for name in ("a", "b"):
        lease = board.claim_nowait("ann")
        assert lease.task == name
        board.complete(lease, name.upper())
    assert board.claim_nowait("ann").inputs == {"a": "A", "b": "B"}


@told(max_attempts=1)
def what_needs_a_failure_is_cancelled_or_runs_all_the_same(board: Any, clock: ManualClock) -> None:
    board.submit_many(
        [
            Task("a"),
            Task("b", needs=("a",)),
            Task("c", needs=("b",)),
            Task("d", needs=("a",), if_need_fails="run"),
        ]
    )
    board.fail(board.claim_nowait("ann"), "broken")
    assert "broken" in str(refused(TaskDroppedError, board.result, "c", timeout=0))
    assert board.claim_nowait("ann").task == "d"


@told()
def bad_needs_are_refused_as_a_whole(board: Any, clock: ManualClock) -> None:
    refused(DependencyError, board.submit_many, [Task("x"), Task("a", needs=("b",)), Task("b", needs=("a",))])
    refused(DependencyError, board.submit_many, [Task("x"), Task("a", needs=("nowhere",))])
    assert board.find("x") is None
    assert board.claim_nowait("ann") is None


@told()
def the_same_task_twice_is_one_and_another_is_refused(board: Any, clock: ManualClock) -> None:
    assert board.submit(Task("a", payload=[1])).created
    assert not board.submit(Task("a", payload=[1])).created
    refused(TaskExistsError, board.submit, Task("a", payload=[2]))
    assert not board.submit(Task("a", payload=[2]), if_exists="keep").created
    board.submit(Task("a", payload=[3]), if_exists="replace")
    assert board.claim_nowait("ann").payload == [3]


@told()
def a_key_belongs_to_one_unfinished_task(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a", key="k"))
    refused(TaskExistsError, board.submit, Task("b", key="k"))
    board.complete(board.claim_nowait("ann"))
    assert board.submit(Task("b", key="k")).created


@told()
def a_limit_counts_live_leases(board: Any, clock: ManualClock) -> None:
    board.limit("db", 2)
    board.submit_many([Task(f"t{n}", limit="db") for n in range(4)])
    held = board.claim_many("ann", 4)
    assert len(held) == 2
    board.complete(held[0])
    assert board.claim_nowait("bob") is not None
    assert board.claim_nowait("bob") is None
    clock.advance(30)
    assert len(board.claim_many("cy", 4)) == 2


@told()
def locks_are_taken_all_or_none(board: Any, clock: ManualClock) -> None:
    held = board.lock_nowait("a", "b", agent="ann")
    problem = refused(HeldError, board.lock_nowait, "c", "b", agent="bob")
    assert problem.holder == "ann"  # type: ignore[attr-defined]
    assert board.holder("c") is None
    board.release(held)
    assert set(board.lock_nowait("c", "b", agent="bob").names) == {"b", "c"}
    clock.advance(30)
    assert board.holder("b") is None


@told()
def a_lock_looks_at_each_of_its_names(board: Any, clock: ManualClock) -> None:
    board.lock_nowait("m", agent="ann")
    for names in (("m", "a"), ("a", "m"), ("a", "m", "z"), ("z", "a", "m")):
        refused(HeldError, board.lock_nowait, *names, agent="bob")
        assert board.holder("a") is board.holder("z") is None
    assert board.holder("m").agent == "ann"
    clock.advance(30 - _TICK)
    refused(HeldError, board.lock_nowait, "a", "m", agent="bob")
    clock.advance(_TICK)
    assert board.lock_nowait("a", "m", agent="bob").agent == "bob"


@told()
def entering_a_lock_again_never_makes_it_shorter(board: Any, clock: ManualClock) -> None:
    first = board.lock_nowait("x", agent="ann", holder="session")
    again = board.lock_nowait("x", agent="ann", holder="session", lease_ttl=5)
    assert again.expires_ns >= first.expires_ns
    clock.advance(30 - _TICK)
    refused(HeldError, board.lock_nowait, "x", agent="bob")


@told()
def a_lock_is_free_when_it_has_been_left_as_often_as_entered(board: Any, clock: ManualClock) -> None:
    board.lock_nowait("x", agent="ann", holder="session")
    held = board.lock_nowait("x", agent="ann", holder="session")
    refused(HeldError, board.lock_nowait, "x", agent="ann")  # another scope is another holder
    board.release(held)
    refused(HeldError, board.lock_nowait, "x", agent="bob")
    board.release(held)
    refused(LeaseLostError, board.release, held)
    assert board.lock_nowait("x", agent="bob").agent == "bob"


@told()
def a_pause_stops_claims_and_nothing_else(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a"), Task("b")])
    lease = board.claim_nowait("ann")
    board.pause()
    assert board.claim_nowait("bob") is None
    board.renew(lease)
    board.complete(lease, 1)
    board.resume()
    assert board.claim_nowait("bob").task == "b"


@told()
def a_repeated_request_is_carried_out_once(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a"), Task("b")])
    first = board.claim_nowait("ann", request_id="r1")
    again = board.claim_nowait("ann", request_id="r1")
    assert (first.task, first.token) == (again.task, again.token)
    assert board.claim_nowait("ann", request_id="r2").task == "b"


@told()
def a_batch_is_all_or_nothing(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a"), Task("b")])
    one, two = board.claim_many("ann", 2)
    board.release(two)
    refused(LeaseLostError, board.complete_many, [(one, 1), (two, 2)])
    assert board.find("a").state is TaskState.LEASED
    refused(TaskExistsError, board.submit_many, [Task("c"), Task("a", payload="other")])
    assert board.find("c") is None


@told()
def delays_and_deadlines_are_kept(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("later", delay=10), Task("soon", finish_by=5)])
    assert board.claim_nowait("ann").task == "soon"
    clock.advance(5)
    assert "finish_by" in str(refused(TaskFailedError, board.result, "soon", timeout=0))
    assert board.claim_nowait("ann") is None
    clock.advance(5)
    assert board.claim_nowait("ann").task == "later"


@told()
def a_late_result_lands_only_while_nobody_else_has_the_task(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a"), Task("b")])
    one, two = board.claim_many("ann", 2)
    clock.advance(30)
    assert board.complete(one, "late", late="accept").late
    assert board.claim_nowait("bob").task == "b"
    refused(LeaseLostError, board.complete, two, "too late", late="accept")


@told()
def payloads_and_results_are_copies(board: Any, clock: ManualClock) -> None:
    payload = {"list": [1]}
    board.submit(Task("a", payload=payload))
    payload["list"].append(2)
    lease = board.claim_nowait("ann")
    assert lease.payload == {"list": [1]}
    lease.payload["list"].append(3)
    assert board.find("a").lease.payload == {"list": [1]}
    result = [1]
    board.complete(lease, result)
    result.append(2)
    assert board.result("a", timeout=0) == [1]


@told()
def events_are_told_once_in_order_without_a_gap(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    board.complete(board.claim_nowait("ann"))
    events = list(board.events())
    assert [event.cursor for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events][-3:] == ["submitted", "claimed", "completed"]
    assert list(board.events(since=events[-1].cursor)) == []


@told()
def a_refusal_changes_nothing(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a", payload=1))
    lease = board.claim_nowait("ann")
    before = (board.statistics().cursor, board.leases(), board.find("a"))
    for call in (
        lambda: board.submit(Task("a", payload=2)),
        lambda: board.requeue("a"),
        lambda: board.cancel("nowhere"),
        lambda: board.complete(f"a#{lease.token + 1}", 1),
        lambda: board.claim_nowait("bob", task="nowhere"),
        lambda: board.result("nowhere", timeout=0),
    ):
        refused(CoordinationError, call)
    assert (board.statistics().cursor, board.leases(), board.find("a")) == before


@told()
def unknown_things_are_named(board: Any, clock: ManualClock) -> None:
    assert "nowhere" in str(refused(TaskNotFoundError, board.explain, "nowhere"))
    assert "nowhere" in str(refused(TaskNotFoundError, board.outcome, "nowhere", timeout=0))


@told()
def waiting_gives_up_in_time(board: Any, clock: ManualClock) -> None:
    refused(TimeoutError, board.claim, "ann", timeout=0)
    board.submit(Task("a"))
    refused(TimeoutError, board.result, "a", timeout=0)
    assert board.claim("ann", timeout=0).task == "a"


@told()
def adopting_fences_the_old_process_off(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    old = board.claim_nowait("ann")
    (new,) = board.adopt("ann", force=True)
    assert new.token > old.token
    refused(LeaseLostError, board.complete, old, 1)
    assert board.complete(new, 2).state is TaskState.DONE


@told(stall_after=60, lease_ttl=30)
def a_renewal_is_no_sign_of_work(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    lease = board.claim_nowait("ann")
    for _ in range(3):
        clock.advance(20)
        board.renew(lease)
    assert "no sign of work for 60 s" in str(board.explain("a"))
    board.progress(lease, {"pages": 7})
    for _ in range(4):
        board.renew(lease)
        clock.advance(20)
    clock.advance(5)  # the last renewal, if it counted, would last for five more
    refused(LeaseLostError, board.complete, lease, 1)
    stalled = [event for event in board.events() if event.type == "stalled"]
    assert [event.agent for event in stalled] == ["ann", "ann"]
    assert board.claim_nowait("bob").attempt == 2


@told()
def notes_come_with_the_next_lease(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    lease = board.claim_nowait("ann")
    board.progress(lease, {"pages": 7})
    refused(LimitError, board.progress, lease, "x" * 20_000)
    assert [held.notes for held in board.leases()] == [()]
    clock.advance(30)
    (note,) = board.claim_nowait("bob").notes
    assert (note.agent, note.attempt, note.note) == ("ann", 1, {"pages": 7})
    assert board.find("a").notes == (note,)


@told()
def a_decline_concerns_the_agent(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a", max_attempts=1), Task("b", priority=-1)])
    board.decline(board.claim_nowait("ann"), 60, "429")
    assert board.find("a").attempts == 0
    assert board.claim_nowait("ann").task == "b"
    assert "declined by ann (429)" in str(board.explain("a"))
    clock.advance(60)
    lease = board.claim_nowait("ann", task="a")
    board.decline(lease, 60, "429")
    clock.advance(60)
    assert board.claim_nowait("ann", kinds=["default"]).task == "b"  # the second decline lasts twice as long
    refused(LeaseLostError, board.decline, lease, 60)
    board.decline(board.claim_nowait("cy", task="a"), 60)
    assert board.claim_nowait("bob").task == "a"
    assert board.standing("cy").delivery == board.standing("nobody").delivery


@told()
def an_agent_may_want_nothing_for_a_while(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a"), Task("b")])
    board.decline(board.claim_nowait("ann"), 20, "429", all=True)
    assert board.claim_nowait("ann") is None
    assert "is limited for 20 s more, by its own word: 429" in str(board.explain_agent("ann"))
    assert board.claim_nowait("bob").task == "a"
    refused(ValueError, board.decline, "b", all=True, agent="ann")
    clock.advance(20)
    assert board.claim_nowait("ann").task == "b"


@told(max_attempts=2)
def to_be_tried_later_is_no_fault_of_the_holder(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    for state in (TaskState.DELAYED, TaskState.FAILED):
        assert board.fail(board.claim_nowait("ann"), "the server is down", retry=5) is state
        clock.advance(5)
    assert board.standing("ann").delivery == board.standing("nobody").delivery


@told()
def what_is_held_can_be_split(board: Any, clock: ManualClock) -> None:
    board.submit(Task("big", max_attempts=1))
    lease = board.claim_nowait("ann")
    refused(TaskExistsError, board.split, lease, [Task("big")])
    tickets = board.split(lease, [Task("p"), Task("q", needs=["p"])])
    assert [ticket.id for ticket in tickets] == ["p", "q"]
    assert (board.find("big").state, board.find("big").attempts) == (TaskState.WAITING, 0)
    refused(LeaseLostError, board.complete, lease, 1)
    for result in (1, 2):
        board.complete(board.claim_nowait("bob"), result)
    heir = board.claim_nowait("cy")
    assert (heir.task, heir.inputs) == ("big", {"p": 1, "q": 2})
    assert board.submit(Task("big", max_attempts=1)).created is False


@told()
def everything_of_an_agent_can_be_given_back(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a"), Task("b")])
    board.claim_many("ann", 2)
    board.lock_nowait("x", agent="ann")
    assert board.release_all("ann") == 3
    assert board.holder("x") is None
    assert len(board.claim_many("bob", 2)) == 2


@told()
def standing_is_what_the_board_has_seen(board: Any, clock: ManualClock) -> None:
    board.submit_many([Task("a"), Task("b"), Task("c")])
    board.complete(board.claim_nowait("ann"))
    board.fail(board.claim_nowait("ann"), "no", retry=False)
    board.claim_nowait("ann")
    clock.advance(30)
    seen = board.standing("ann")
    assert (seen.claimed, seen.completed, seen.failed) == (3, 1, 1)
    assert board.claim_nowait("bob").task == "c"
    assert board.standing("ann").expired == 1


@told()
def a_closed_coordinator_says_so(board: Any, clock: ManualClock) -> None:
    board.submit(Task("a"))
    board.close()
    refused(ClosedError, board.claim_nowait, "ann")
    refused(ClosedError, board.submit, Task("b"))
    board.close()
    board.check = lambda: None

"""Commands of several threads on their way into one log: none is overtaken, lost, or done twice."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.commands.shared import Claim
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock


def board_of(tasks: int) -> ClaimQueue:
    board = ClaimQueue(MemoryJournal(ManualClock()), lease_ttl=30)
    board.submit_many([Task(f"t{n}") for n in range(tasks)])
    return board


def pending_or_dead(engine: Any, thread: threading.Thread) -> None:
    while not engine._pending:
        assert thread.is_alive(), "it should be waiting for the lock"


def test_each_coordinator_of_a_log_sees_at_once_what_another_has_written() -> None:
    """A claim with nothing to do is not written; but whether it has is decided by the log, not by memory."""
    journal = MemoryJournal(ManualClock())
    with ClaimQueue(journal, lease_ttl=30) as one, ClaimQueue(journal, lease_ttl=30) as other:
        assert other.claim_nowait("bob") is None
        one.submit(Task("a"))
        lease = other.claim_nowait("bob")
        assert lease is not None
        assert one.claim_nowait("ann") is None
        other.release(lease)
        assert one.claim_many("ann", 2)[0].task == "a"
        entries = len(journal.entries)
        assert other.claim_many("bob", 2) == []
        assert other.claim_nowait("bob") is None
        assert len(journal.entries) == entries  # nothing to do, nothing written


class Slow(deque[Any]):
    """The line of pending commands, before which one thread stands still while others go by."""

    def __init__(self, others: Any) -> None:
        super().__init__()
        self.others: Any = others

    def append(self, slot: Any) -> None:
        others, self.others = self.others, None
        if others is not None:
            others()
        super().append(slot)


@pytest.mark.parametrize("waiting", [False, True], ids=["claim_nowait", "claim"])
def test_a_command_that_is_overtaken_by_many_is_still_carried_out(waiting: bool) -> None:
    with board_of(200) as board:
        lease = board.claim("slow", timeout=0)

        def overtake() -> None:
            for _ in range(150):
                one = board.claim("fast", timeout=0) if waiting else board.claim_nowait("fast")
                assert one is not None

        board._engine._pending = Slow(overtake)  # type: ignore[attr-defined]
        assert board.complete(lease, "at last").state.value == "done"


def test_a_command_that_waits_for_the_lock_goes_with_the_next_batch() -> None:
    """A lock is no queue: one thread may take it many times before another does."""
    with board_of(200) as board:
        lease = board.claim("slow", timeout=0)
        engine: Any = board._engine
        engine._lock.acquire()
        thread = threading.Thread(target=lambda: board.complete(lease, 1), daemon=True)
        thread.start()
        try:
            pending_or_dead(engine, thread)
            before = len(board_log(board))
            engine._try(Claim("fast"))
            assert len(board_log(board)) == before + 2
        finally:
            engine._lock.release()
        thread.join(30)
        assert board.result("t0") == 1


def board_log(board: ClaimQueue) -> list[Any]:
    return board._engine._journal.entries  # type: ignore[attr-defined,no-any-return]


def test_an_idle_claim_behind_another_thread_s_submit_sees_its_task() -> None:
    """Answering it before the batch is applied would lose the wake-up: it waits only afterwards."""
    with board_of(0) as board:
        board.claim_nowait("nobody")
        engine: Any = board._engine
        engine._lock.acquire()
        thread = threading.Thread(target=lambda: board.submit(Task("late")), daemon=True)
        thread.start()
        try:
            pending_or_dead(engine, thread)
            lease = engine._try(Claim("fast"))
        finally:
            engine._lock.release()
        thread.join(30)
        assert lease.task == "late"


def test_a_taken_command_that_got_lost_is_written_by_its_own_thread() -> None:
    with board_of(1) as board:
        lease = board.claim("w", timeout=0)

        class Lossy(deque[Any]):
            def append(self, slot: Any) -> None:
                """Somebody took it, and was interrupted before it was written."""

        board._engine._pending = Lossy()  # type: ignore[attr-defined]
        assert board.complete(lease, 1).state.value == "done"


def test_threads_share_a_log_without_losing_a_lease() -> None:
    for _ in range(20):
        with board_of(200) as board:
            served = board.serve(lambda job: job.lease.task, concurrency=4, until="drained")
            assert (served.completed, served.failed, served.lost) == (200, 0, 0)

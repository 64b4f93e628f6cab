"""
Faults around a journal, as stories of `check_journal(make, faults=...)`.

A journal over a network loses connections and replies, may get no answer, and may be restored from a backup.
The hooks say how a test can cause this.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from ...errors import ClosedError, JournalError, JournalRewoundError, LeaseLostError
from ...journals.ports import Journal
from ...sync import ClaimQueue
from ...values.tasks import Task

_LIMIT_S = 20.0
_SHORT_S = 0.3
_SOON_S = 5.0
"""much more than a claim of 0.3 s and a lease of 1 s need, and less than a journal's own patience"""
_WRITERS, _EACH = 3, 20


@attrs.frozen
class JournalFaults:
    """
    Faults to cause for the log of a given name while it is open; leave out those that cannot happen.

    Args:
        disconnect: break every connection to it.
        cut: let the next append be written, and lose its reply.
        rewind: remove every entry after a position, as a restored copy would.
        stall: stop all its answers until the returned function is called.
        fork: make a child of this process, as `lambda name: os.fork()` does.

    Example:
        >>> from ants_coord.journals import MemoryJournal
        >>> from ants_coord.testing import JournalFaults, check_journal
        >>> logs = {}
        >>> faults = JournalFaults(disconnect=lambda name: None)  # nothing to break in memory
        >>> "lost connections are mended" in check_journal(
        ...     lambda name: logs.setdefault(name, MemoryJournal()), faults=faults
        ... )
        True

    """

    disconnect: Callable[[str], object] | None = None
    cut: Callable[[str], object] | None = None
    rewind: Callable[[str, int], object] | None = None
    stall: Callable[[str], Callable[[], object]] | None = None
    fork: Callable[[str], int] | None = None


def _lost_connections_are_mended(open_: Callable[[], Journal], disconnect: Callable[[], object]) -> None:
    with ClaimQueue(open_()) as board:
        for number in range(3):
            disconnect()
            board.submit(Task(f"t{number}"))
            disconnect()
            assert board.claim("ann", timeout=_LIMIT_S).task == f"t{number}"
        assert len(board.leases()) == 3


def _a_lost_reply_doubles_nothing(open_: Callable[[], Journal], cut: Callable[[], object]) -> None:
    with ClaimQueue(open_()) as board:
        board.statistics()
        for number in range(3):
            cut()
            _insist(partial(board.submit, Task(f"t{number}"), request_id=f"r{number}"))
            cut()
            lease = _insist(partial(board.claim_nowait, "ann", request_id=f"l{number}"))
            assert lease.task == f"t{number}", "what was claimed is lost together with its reply"
            cut()
            _insist(partial(board.complete, lease, number, request_id=f"c{number}"))
        assert [record.attempts for record in board.tasks()] == [1, 1, 1]
        assert len([event for event in board.events() if event.task]) == 9
        digest = board._engine.digest()  # noqa: SLF001 - the kit's own
    with ClaimQueue(open_()) as again:
        assert again._engine.digest() == digest  # noqa: SLF001


def _insist(ask: Callable[[], Any]) -> Any:
    """Ask, and repeat under the same request id if the outcome is unknown."""
    try:
        return ask()
    except JournalError:
        return ask()


def _a_log_that_is_shorter_than_what_was_read_is_told(
    open_: Callable[[], Journal], rewind: Callable[[int], object]
) -> None:
    journal = open_()
    journal.append(0, [b"1", b"2", b"3", b"4"])
    rewind(2)
    _is_told(journal, 4)
    assert [entry.body for entry in journal.read(0)] == [b"1", b"2"], "a refused append was written"


def _a_log_that_has_grown_past_what_was_read_is_told(
    open_: Callable[[], Journal], rewind: Callable[[int], object]
) -> None:
    journal = open_()
    journal.append(0, [b"1", b"2", b"3", b"4"])
    rewind(2)
    other = open_()
    other.append(2, [b"other 3", b"other 4", b"other 5"])
    _is_told(journal, 4)
    assert len(list(journal.read(0))) == 5, "a refused append was written"


def _is_told(journal: Journal, after: int) -> None:
    for bodies in ([], [b"lost"]):
        try:
            journal.append(after, bodies) if bodies else journal.read(after)
        except JournalRewoundError:
            continue
        raise AssertionError(f"it lacks what was read before, and went on after {after}")


def _a_board_whose_log_was_rewound_goes_on(
    open_: Callable[[], Journal], rewind: Callable[[int], object]
) -> None:
    journal = open_()
    with ClaimQueue(journal) as board:
        board.submit(Task("a"))
        kept = len(list(journal.read(0)))
        lease = board.claim("ann", timeout=0)
        rewind(kept)
        try:
            board.statistics()
        except JournalRewoundError:
            pass
        else:
            raise AssertionError("nobody was told that the log was rewound")
        assert not board.leases()
        again = board.claim("bob", timeout=_LIMIT_S)
        assert (again.task, again.token > lease.token) == ("a", True)


def _nobody_waits_longer_than_asked_for_a_log_that_stalls(
    open_: Callable[[], Journal], stall: Callable[[], Callable[[], object]]
) -> None:
    with ClaimQueue(open_(), lease_ttl=1.0) as board:
        board.submit(Task("a"))
        ended = threading.Event()

        def wait() -> None:
            with contextlib.suppress(TimeoutError, JournalError):
                board.claim("bob", timeout=_SHORT_S)
            ended.set()

        waiter = threading.Thread(target=wait, daemon=True)
        with contextlib.suppress(LeaseLostError), board.work(board.claim("ann", timeout=0)) as job:
            go_on = stall()
            try:
                waiter.start()
                assert ended.wait(_SOON_S), "a claim with a time went on waiting"
                assert job.lost.wait(_SOON_S), "the end of a lease was told to nobody"
            finally:
                go_on()
                waiter.join(_LIMIT_S)


def _a_forked_child_harms_nobody(open_: Callable[[], Journal], fork: Callable[[], int]) -> None:
    with ClaimQueue(open_()) as board:
        board.submit(Task("a"))
        lease = board.claim("ann", timeout=_LIMIT_S)
        child = fork()
        if not child:
            _be_the_child(board)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "the child was not refused what its parent has open"
        board.complete(lease, "done")
    with ClaimQueue(open_()) as again:
        assert again.result("a", timeout=0) == "done"


def _be_the_child(board: ClaimQueue) -> None:
    code = 1
    try:
        try:
            board.submit(Task("from the child"))
        except ClosedError:
            board.close()
            code = 0
    finally:
        os._exit(code)


def _writers_at_once_make_one_order(open_: Callable[[], Journal]) -> None:
    journals, troubles = [open_() for _ in range(_WRITERS)], []
    together = threading.Barrier(_WRITERS)

    def write(number: int) -> None:
        try:
            at = 0
            for turn in range(_EACH):
                together.wait()
                seen = journals[number].append(at, [f"{number}/{turn}".encode()])
                assert [entry.position for entry in seen] == list(range(at + 1, at + len(seen) + 1))
                at = seen[-1].position
        except BaseException as trouble:  # noqa: BLE001 - told below
            troubles.append(trouble)
            together.abort()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles, troubles
    orders = {tuple((entry.position, entry.body) for entry in journal.read(0)) for journal in journals}
    (order,) = orders
    assert [position for position, _ in order] == list(range(1, _WRITERS * _EACH + 1))
    assert len({body for _, body in order}) == _WRITERS * _EACH


def _the_clock_is_not_ahead_of_the_stamps(open_: Callable[[], Journal]) -> None:
    journal, at = open_(), 0
    for _ in range(20):
        before = journal.clock.now_ns()
        (entry,) = journal.append(at, [b"x"])
        assert entry.stamp_ns >= before - 1_000_000, "a clock that is ahead writes wake-ups in vain"
        at = entry.position


STORIES: tuple[tuple[str | None, Callable[..., None]], ...] = (
    (None, _writers_at_once_make_one_order),
    (None, _the_clock_is_not_ahead_of_the_stamps),
    ("disconnect", _lost_connections_are_mended),
    ("cut", _a_lost_reply_doubles_nothing),
    ("rewind", _a_log_that_is_shorter_than_what_was_read_is_told),
    ("rewind", _a_log_that_has_grown_past_what_was_read_is_told),
    ("rewind", _a_board_whose_log_was_rewound_goes_on),
    ("stall", _nobody_waits_longer_than_asked_for_a_log_that_stalls),
    ("fork", _a_forked_child_harms_nobody),
)
"""(the hook that a story needs, or None; the story)"""

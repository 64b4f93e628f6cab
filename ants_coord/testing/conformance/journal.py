"""
What every journal must do, as a suite without a test framework: `check_journal(make)`.

A journal is a dumb ordered log, so the promises are few: positions without gaps, one order for everybody,
nothing acknowledged is lost, snapshots are complete or absent. At the end a coordinator runs on it. Faults
around a journal are in journal_faults.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from functools import partial

from ...commands.shared import Wakeup
from ...journals.ports import Journal
from ...sync import ClaimQueue
from ...values.checks import quoted
from ...values.tasks import Task
from . import ConformanceError
from .journal_faults import STORIES, JournalFaults

Open = Callable[[str], Journal]
"""opens the log of this name: a new one at the first call, the same one at each further call"""

_PATIENCE_S = 10.0


def check_journal(make: Open, *, faults: JournalFaults | None = None) -> list[str]:
    """
    Check your own journal.

    Args:
        make: opens the log with the given name; opening it again, while it is open or after it was
            closed, opens the same log.
        faults: how to cause faults; each given hook adds its promises.

    Returns:
        The names of the promises that were kept.

    Raises:
        ConformanceError: some were broken.

    Example:
        >>> from ants_coord.journals import MemoryJournal
        >>> from ants_coord.testing import check_journal
        >>> logs = {}
        >>> len(check_journal(lambda name: logs.setdefault(name, MemoryJournal())))
        11

    """
    hooks = JournalFaults() if faults is None else faults
    if not isinstance(hooks, JournalFaults):
        raise TypeError(f"faults must be JournalFaults(...), not {quoted(faults)}")
    passed: list[str] = []
    failures: dict[str, str] = {}
    for hook, check in (*((None, check) for check in _CHECKS), *STORIES):
        cause = None if hook is None else getattr(hooks, hook)
        if hook is not None and cause is None:
            continue
        name = check.__name__.strip("_")
        opened: list[Journal] = []

        def open_(name: str = name, opened: list[Journal] = opened) -> Journal:
            opened.append(make(name))
            return opened[-1]

        try:
            if cause is None:
                check(open_)
            else:
                check(open_, partial(cause, name))
        except Exception:  # noqa: BLE001 - whatever it is, the promise is broken
            failures[name] = traceback.format_exc(limit=-2)
        else:
            passed.append(name.replace("_", " "))
        finally:
            for journal in opened:
                journal.close()
    if failures:
        raise ConformanceError(failures, passed)
    return passed


def _a_new_log_is_empty(open_: Callable[[], Journal]) -> None:
    journal = open_()
    assert list(journal.read(0)) == []
    assert journal.load() is None


def _positions_have_no_gap(open_: Callable[[], Journal]) -> None:
    journal = open_()
    first = journal.append(0, [b"a", b"b"])
    second = journal.append(2, [b"c"])
    assert [(entry.position, entry.body) for entry in first] == [(1, b"a"), (2, b"b")]
    assert [(entry.position, entry.body) for entry in second] == [(3, b"c")]
    assert [entry.position for entry in journal.read(0)] == [1, 2, 3]
    assert journal.append(3, []) == [] or list(journal.append(3, [])) == []


def _bytes_come_back_as_they_were(open_: Callable[[], Journal]) -> None:
    bodies = [b"", bytes(range(256)), "žluťoučký".encode(), b"x" * 100_000]
    journal = open_()
    journal.append(0, bodies)
    assert [entry.body for entry in journal.read(0)] == bodies


def _an_append_returns_what_others_wrote_before(open_: Callable[[], Journal]) -> None:
    one, two = open_(), open_()
    one.append(0, [b"1"])
    seen = two.append(0, [b"2"])
    assert [entry.body for entry in seen] == [b"1", b"2"]
    assert [entry.body for entry in one.read(1)] == [b"2"]
    stamps = [entry.stamp_ns for entry in one.read(0)]
    assert all(isinstance(stamp, int) and abs(stamp - one.clock.now_ns()) < 3_600 * 10**9 for stamp in stamps)


def _what_was_written_is_there_after_closing(open_: Callable[[], Journal]) -> None:
    journal = open_()
    journal.append(0, [b"a", b"b"])
    journal.close()
    journal.close()
    again = open_()
    assert [(entry.position, entry.body) for entry in again.read(0)] == [(1, b"a"), (2, b"b")]


def _watchers_are_told(open_: Callable[[], Journal]) -> None:
    one, two = open_(), open_()
    told = threading.Event()
    stop = one.watch(told.set)
    try:
        two.append(0, [b"news"])
        assert told.wait(_PATIENCE_S), "the other process's append was never heard of"
    finally:
        stop()


def _a_snapshot_is_whole_or_not_there(open_: Callable[[], Journal]) -> None:
    journal = open_()
    journal.append(0, [b"a", b"b", b"c"])
    journal.save(2, 0, b"first piece")
    journal.save(2, 1, b"second piece")
    assert journal.load() is None
    journal.save(2, 2, None)
    loaded = journal.load()
    assert loaded is not None
    assert (loaded[0], list(loaded[1])) == (2, [b"first piece", b"second piece"])
    assert [entry.position for entry in journal.read(2)] == [3]
    assert [entry.position for entry in journal.append(3, [b"d"])] == [4]


def _a_reader_that_was_overtaken_is_told(open_: Callable[[], Journal]) -> None:
    journal = open_()
    journal.append(0, [b"a", b"b", b"c"])
    journal.save(2, 0, b"piece")
    journal.save(2, 1, None)
    entries = journal.read(0)
    assert [entry.position for entry in entries] in ([1, 2, 3], [3]), "trimmed, and not a gap in the middle"


def _a_coordinator_lives_on_it(open_: Callable[[], Journal]) -> None:
    with ClaimQueue(open_()) as one:
        one.submit_many([Task("a"), Task("b", needs=("a",))])
        lease = one.claim("ann", timeout=0)
        with ClaimQueue(open_()) as two:
            assert two.claim_nowait("bob") is None
            one.complete(lease, {"n": 1})
            other = two.claim("bob", timeout=_PATIENCE_S)
            assert other.inputs == {"a": {"n": 1}}
            assert other.token > lease.token
            two.complete(other)
            one.execute(Wakeup())
            digests = {board._engine.digest() for board in (one, two)}  # noqa: SLF001 - the kit's own
            assert len(digests) == 1
    with ClaimQueue(open_()) as again:
        assert again.result("a", timeout=0) == {"n": 1}
        assert again._engine.digest() in digests  # noqa: SLF001


_CHECKS: tuple[Callable[..., None], ...] = (
    _a_new_log_is_empty,
    _positions_have_no_gap,
    _bytes_come_back_as_they_were,
    _an_append_returns_what_others_wrote_before,
    _what_was_written_is_there_after_closing,
    _watchers_are_told,
    _a_snapshot_is_whole_or_not_there,
    _a_reader_that_was_overtaken_is_told,
    _a_coordinator_lives_on_it,
)

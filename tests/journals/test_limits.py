"""Limits are checked where an entry is made: what is written can be read, at every limit, by everybody."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ants_coord import Blackboard, ClaimQueue, CoordinationError, Mark, Task
from ants_coord.engine import snapshots
from ants_coord.errors import LimitError
from ants_coord.journals import MemoryJournal, codec
from ants_coord.testing import ManualClock
from ants_coord.values.payloads import MAX_DEPTH, MAX_INT, MAX_NOTE, MAX_SIZE

from ..inside import inside

SMALL = 2_000
"""bytes of an entry that are allowed in these tests"""


@pytest.fixture
def small_entries(monkeypatch):
    monkeypatch.setattr(codec, "MAX_ENTRY", SMALL)


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


AT_LIMITS = [
    *(Task("t" * n) for n in (1, 511, 512)),
    *(Task("ž" * n) for n in (255, 256)),
    *(Task("a", kind="k" * n, key="y" * n, limit="l" * n) for n in (1, 127, 128)),
    *(Task(payload="x" * n) for n in (MAX_SIZE - 3, MAX_SIZE - 2)),
    *(Task(payload=nested(n)) for n in (MAX_DEPTH - 1, MAX_DEPTH)),
    *(Task(payload=n) for n in (MAX_INT, -MAX_INT, 1.7e308, 5e-324, -0.0)),
    *(Task(priority=n) for n in (1 << 31, -(1 << 31))),
    Task(delay=1e8, finish_by=1e9, lease_ttl=1e6),
    Task(payload="\U0010ffff\u2028\x7f\x01"),
]


@pytest.mark.parametrize("number", range(len(AT_LIMITS)))
def test_every_verb_at_its_limits_is_refused_or_readable(tmp_path, number):
    """Nothing that a verb accepts stops another process, or a later one."""
    path = tmp_path / "b.db"
    with Blackboard(path) as board, Blackboard(path) as other:
        with contextlib.suppress(CoordinationError, ValueError, TypeError):
            board.submit(AT_LIMITS[number])
        lease = board.claim_nowait("w" * 128)
        if lease is not None:
            with contextlib.suppress(CoordinationError, ValueError):
                board.fail(lease, "x" * MAX_NOTE)
        with contextlib.suppress(CoordinationError, ValueError):
            board.deposit(Mark("k" * 128, "p" * 512, 1e12), agent="a" * 128)
        with contextlib.suppress(CoordinationError, ValueError):
            board.write("p" * 512, AT_LIMITS[number].payload, agent="a" * 128)
        assert other._engine.digest() == board._engine.digest()
    with Blackboard(path) as again:
        again.check()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2_400), min_size=1, max_size=6))
def test_whatever_encode_writes_decode_reads(sizes):
    """At a limit of some bytes, batches of any sizes: a refusal by name, or the same state for everybody."""
    before, codec.MAX_ENTRY = codec.MAX_ENTRY, SMALL
    try:
        journal = MemoryJournal(ManualClock())
        with ClaimQueue(journal) as board, ClaimQueue(journal) as other:
            accepted = 0
            for size in sizes:
                try:
                    board.submit(Task(payload="x" * size))
                    accepted += 1
                except LimitError as refusal:
                    assert refusal.allowed == SMALL
                    assert size > SMALL / 2
            assert sum(other.statistics().tasks.values()) == accepted
            assert other._engine.digest() == board._engine.digest()
        assert all(len(entry.body) <= SMALL for entry in journal.entries)
    finally:
        codec.MAX_ENTRY = before


def test_the_largest_entry_is_written_and_one_byte_more_is_refused(tmp_path, small_entries):
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        room = next(n for n in range(SMALL, 0, -1) if fits(board, n))
        assert room > SMALL / 2
        with pytest.raises(LimitError, match="at most 2000"):
            board.submit(Task("one more", payload="x" * (room + 100)))
        board.submit(Task("later"))
    with ClaimQueue(path) as again:
        assert again.find("one more") is None
        assert again.find("later") is not None


def fits(board, size):
    try:
        board.submit(Task(payload="x" * size))
    except LimitError:
        return False
    return True


def test_one_that_is_too_large_does_not_stop_its_batch(small_entries):
    """Several threads write together: whose command is refused hears it, the others' are carried out."""
    journal = MemoryJournal(ManualClock())
    with ClaimQueue(journal) as board:
        board.statistics()
        engine = board._engine
        slots = [engine._slot(replica_command(size), None) for size in (10, 5_000, 20)]  # type: ignore[attr-defined]
        engine._pending.extend(slots[:2])  # type: ignore[attr-defined]
        engine._carry_out(slots[2])  # type: ignore[attr-defined]
        assert [type(slot.reply).__name__ for slot in slots] == ["tuple", "Refused", "tuple"]
        assert all(slot.done for slot in slots)


def replica_command(size):
    from ants_coord.commands.shared import submission

    return submission((Task(payload="x" * size),))


def test_the_log_is_trimmed_by_bytes(tmp_path, monkeypatch):
    """Large payloads that come and go: the log keeps the weight of two windows, not ten thousand entries."""
    monkeypatch.setattr(snapshots, "_LOG_BYTES", 200_000)
    path = tmp_path / "b.db"
    with ClaimQueue(path, durability="process", retention_count=2, id_retention_count=2) as board:
        for _ in range(300):
            board.submit(Task(payload="x" * 10_000))
            board.complete(board.claim_nowait("w"))
        board.check()
    with contextlib.closing(sqlite3.connect(path)) as db:
        weight, entries = db.execute("SELECT sum(length(body)), count(*) FROM entry").fetchone()
    assert weight < 600_000
    assert entries < 200


def test_pieces_of_a_snapshot_are_bounded_by_bytes(tmp_path, monkeypatch):
    """A board of large payloads is not copied forty at a time."""
    monkeypatch.setattr(snapshots, "_PIECE_BYTES", 50_000)
    path = tmp_path / "b.db"
    with ClaimQueue(path, durability="process") as board:
        inside(board)._snapshots.every = 50
        board.submit_many([Task(payload="x" * 20_000) for _ in range(100)])
        for _ in range(500):
            board.submit(Task("the same"))
        digest = board._engine.digest()
    with contextlib.closing(sqlite3.connect(path)) as db:
        pieces = [size for (size,) in db.execute("SELECT length(body) FROM piece ORDER BY position, part")]
    assert len(pieces) > 20
    # the first ones after light records find out how heavy a record is
    assert sum(size > 100_000 for size in pieces) < len(pieces) / 5
    with ClaimQueue(path) as again:
        assert again._engine.digest() == digest

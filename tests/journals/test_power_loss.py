"""Power failures and failing disks: what was acknowledged is there, or the harness is worth nothing."""

from __future__ import annotations

import random
import shutil

import pytest

apsw = pytest.importorskip("apsw", reason="apsw is not installed: no recorded disk")

from ants_coord import ClaimQueue, Task  # noqa: E402
from ants_coord.errors import JournalError  # noqa: E402
from ants_coord.journals import sqlite as journal  # noqa: E402

from ..inside import inside  # noqa: E402
from ..scale import of  # noqa: E402
from .disk import Connection, Disk, image  # noqa: E402

IMAGES = of(60, 150, 2_000)


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()
    monkeypatch.setattr(journal.sqlite3, "connect", lambda path, **_: Connection(path))  # type: ignore[attr-defined]
    yield disk
    disk.unregister()


def live(disk, path, *, durability="power", tasks=60, seed=1):
    """Submit and complete, with a snapshot in between; note each answer the moment it comes."""
    dice = random.Random(seed)
    with ClaimQueue(path, durability=durability, lease_ttl=1_000, retention_count=1 << 30) as board:
        inside(board)._snapshots.every = 40
        for number in range(tasks):
            board.submit(Task(f"t{number}"))
            disk.ack(f"submitted t{number}")
            if dice.random() < 0.7:
                lease = board.claim_nowait("ann")
                board.complete(lease, number)
                disk.ack(f"completed {lease.task}")
    return disk.events


def found(folder):
    """Return (what the board says, or None if it is refused as damaged)."""
    try:
        with ClaimQueue(folder / "b.db") as board:
            board.check()
            records = board.tasks(count=1_000)
    except JournalError:
        return None
    words = {f"submitted {record.task.id}" for record in records}
    return words | {f"completed {record.task.id}" for record in records if record.state == "done"}


def judge(events, tmp_path, monkeypatch, seed=3):
    """Let the power fail at random moments; return (refused as damaged, images that lost something, most lost)."""
    monkeypatch.undo()  # the images are opened by the ordinary library
    dice, damaged, lossy, most = random.Random(seed), 0, 0, 0
    for number in range(IMAGES):
        folder = tmp_path / f"image{number}"
        folder.mkdir()
        acked = image(events, dice.randrange(1, len(events) + 1), folder, number)
        if not (folder / "b.db").exists() or not (folder / "b.db").stat().st_size:
            assert not acked
            continue
        words = found(folder)
        if words is None:
            damaged += 1
        else:
            lost = len(acked - words)
            lossy, most = lossy + (lost > 0), max(most, lost)
        shutil.rmtree(folder)
    return damaged, lossy, most


def test_full_durability_loses_nothing(disk, tmp_path, monkeypatch, capsys):
    events = live(disk, tmp_path / "b.db")
    syncs = sum(event[0] == "sync" for event in events)
    damaged, lossy, most = judge(events, tmp_path, monkeypatch)
    with capsys.disabled():
        print(f"\n  power loss, FULL: {IMAGES} images of {syncs} syncs, damaged {damaged}, lost {lossy}")
    assert (damaged, lossy, most) == (0, 0, 0)


def test_process_durability_loses_the_end_and_nothing_else(disk, tmp_path, monkeypatch, capsys):
    """Stated, and no more: a suffix may be lost, the board is whole."""
    events = live(disk, tmp_path / "b.db", durability="process")
    damaged, lossy, most = judge(events, tmp_path, monkeypatch)
    with capsys.disabled():
        print(
            f"\n  power loss, NORMAL: {IMAGES} images, damaged {damaged}, lost something {lossy}, at most {most}"
        )
    assert damaged == 0
    assert lossy > 0  # the harness sees a loss where there is one


def test_without_syncs_the_harness_catches_it(disk, tmp_path, monkeypatch):
    """The positive control."""
    connect = Connection.execute

    def without(self, sql, bindings=()):
        return connect(self, "PRAGMA synchronous=OFF" if "synchronous=" in sql else sql, bindings)

    monkeypatch.setattr(Connection, "execute", without)
    events = live(disk, tmp_path / "b.db")
    damaged, lossy, _ = judge(events, tmp_path, monkeypatch)
    assert damaged + lossy > IMAGES / 10


@pytest.mark.parametrize("what", ["sync", "write"])
def test_a_disk_that_fails_at_the_kth_call_loses_nothing(disk, tmp_path, what, capsys):
    """For every k: an error and no lie; when the disk is well again, all that was acknowledged is there."""
    faults = 0
    for k in range(0, 60, of(8, 4, 1)):
        folder = tmp_path / f"k{k}"
        folder.mkdir()
        disk.events.clear()
        setattr(disk, f"fail_{what}", None)
        with ClaimQueue(folder / "b.db", lease_ttl=1_000, retention_count=1 << 30) as board:
            board.statistics()
        setattr(disk, f"fail_{what}", k)
        before = disk.faults
        try:
            live(disk, folder / "b.db", tasks=20)
        except JournalError as problem:
            assert "b.db" in str(problem)
        setattr(disk, f"fail_{what}", None)
        faults += disk.faults > before
        acked = {event[1] for event in disk.events if event[0] == "ack"}
        assert acked <= found(folder)
    with capsys.disabled():
        print(f"\n  failing {what}s: {faults} boards met one, acknowledged and lost: 0")
    assert faults > 5

"""A reader of a log must have the code that it was written under: one that lacks some stops, by name, at once."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import pytest

from ants_coord import Blackboard, ClaimQueue, LeaseLostError, Task
from ants_coord.core import strategies
from ants_coord.core.state import rule_versions
from ants_coord.core.state.parts import Anyone, Strategy
from ants_coord.errors import JournalCorruptError, JournalVersionError, SettingsError
from ants_coord.journals.codec import FORMAT
from ants_coord.testing import ManualClock
from ants_coord.values.settings import Settings

from ..inside import inside

ROOT = Path(__file__).parent.parent.parent
FORMAT_1 = "16c919f"
"""the last commit that wrote format 1"""


class NotBob(Anyone):
    """Bob may take nothing."""

    def open_to(self, agent):
        return () if agent == "bob" else (None,)

    def may(self, agent, row):
        return agent != "bob"


class Mine(ClaimQueue):
    """A strategy that one process has and another has not."""

    _strategy = "mine"


@pytest.fixture
def mine(monkeypatch):
    monkeypatch.setitem(
        strategies.STRATEGIES, "mine", lambda: Strategy(NotBob(), strategies.by_priority, version=3)
    )


def last_position(path):
    with sqlite3.connect(path) as db:
        return db.execute("SELECT max(position) FROM entry").fetchone()[0]


def append(path, *entry):
    """Write an entry as another release might have: with a checksum that fits."""
    body = json.dumps(entry, separators=(",", ":")).encode()
    db = sqlite3.connect(path)
    position, stamp = db.execute("SELECT max(position) + 1, max(stamp) FROM entry").fetchone()
    crc = zlib.crc32(b"%d,%d," % (position, stamp)) ^ zlib.crc32(body)
    db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", (position, stamp, body, crc, b""))
    db.commit()
    db.close()
    return position


def test_a_strategy_that_is_missing_here_is_named(tmp_path, mine, monkeypatch):
    """Nothing is granted, nothing is written; a process that has the strategy goes on."""
    path = tmp_path / "b.db"
    with Mine(path) as board:
        board.submit(Task("a"))
        made = strategies.STRATEGIES.pop("mine")
        before = last_position(path)
        for kind in (ClaimQueue, Blackboard):
            with pytest.raises(JournalVersionError, match=r"strategy 'mine'"), kind(path) as other:
                other.claim_nowait("bob")
        assert last_position(path) == before
        monkeypatch.setitem(strategies.STRATEGIES, "mine", made)
        assert board.claim_nowait("bob") is None
        assert board.claim_nowait("ann").task == "a"


def test_a_snapshot_names_what_it_needs_too(tmp_path, mine, monkeypatch):
    path = tmp_path / "b.db"
    with Mine(path) as board:
        board.submit(Task("a"))
        inside(board)._snapshots.every = 1
        for _ in range(4):
            board.pause()
            board.resume()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM snapshot").fetchone() > (0,)
    strategies.STRATEGIES.pop("mine")
    with pytest.raises(JournalVersionError, match=r"strategy 'mine'"), ClaimQueue(path) as other:
        other.statistics()


def test_an_older_version_of_a_part_is_not_enough(tmp_path, mine, monkeypatch):
    path = tmp_path / "b.db"
    with Mine(path) as board:
        board.submit(Task("a"))
    monkeypatch.setitem(strategies.STRATEGIES, "mine", lambda: Strategy(NotBob(), strategies.by_priority))
    other = Mine(path)
    with pytest.raises(JournalVersionError, match=r"strategy mine, version 3 .here is 1."):
        other.statistics()


def test_newer_rules_are_named(tmp_path, monkeypatch):
    path = tmp_path / "b.db"
    with monkeypatch.context() as newer:
        newer.setattr(rule_versions, "CORE_RULES", 99)
        with ClaimQueue(path) as board:
            board.submit(Task("a"))
    with pytest.raises(JournalVersionError, match=r"core, version 99 .here is 2."), ClaimQueue(path) as other:
        other.claim_nowait("ann")


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        (("s", 1, "Haggle", {"task": "a"}), "the command Haggle"),
        (("s", 1, "Claim", {"agent": "ann", "mood": "good"}), "Claim with mood"),
        (("s", 1, "Upgrade", {"rules": [["core", 3]]}), "core, version 3"),
    ],
)
def test_what_a_newer_release_has_written_stops_a_live_board(tmp_path, entry, named):
    """It answers nothing from then on, not even from what it knows; and it is a version error, no damage."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
        lease = board.claim_nowait("ann")
        position = append(path, *entry)
        for verb in (board.statistics, lambda: board.complete(lease), lambda: board.claim_nowait("bob")):
            with pytest.raises(JournalVersionError, match=named) as refusal:
                verb()
            assert str(position) in str(refusal.value)
        assert last_position(path) == position


def test_who_has_refused_something_else_has_another_state(tmp_path):
    """A reader that comes to other refusals than the writer follows other rules: nothing it says holds."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board, ClaimQueue(path) as other:
        board.submit(Task("a"))
        lease = board.claim_nowait("ann")
        board.complete(lease)
        with pytest.raises(LeaseLostError):
            board.release(lease)
        seen = [last_position(path), 1]
        other.submit(Task("b"))  # has read it all and agrees
        append(path, "s", 1, "Pause", {}, seen)
        assert board.statistics().tasks == other.statistics().tasks
        position = append(path, "s", 2, "Resume", {}, [seen[0], 0])
        for one in (board, other):
            with pytest.raises(
                JournalCorruptError, match=r"had refused 0 commands up to position .*here it is 1"
            ) as found:
                one.statistics()
            assert found.value.position == position


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("LockNames", {"names": [], "agent": "ann"}),
        ("LockNames", {"names": ["x", "x"], "agent": "ann"}),
        ("SetLimit", {"name": "gpu", "n": 2**70}),
        ("Claim", {"agent": "ann", "ttl_ns": -(2**80)}),
    ],
)
def test_a_command_that_no_front_would_write_is_damage_or_nothing(tmp_path, command, fields):
    """Errors of ours, with the position; never Python's own."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
    position = append(path, "s", 1, command, fields)
    other = ClaimQueue(path)
    try:
        other.statistics()
        other.check()
    except JournalCorruptError as found:
        assert found.position == position
    other.close()


def test_deep_nesting_is_damage(tmp_path):
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
    db = sqlite3.connect(path)
    position, stamp = db.execute("SELECT max(position) + 1, max(stamp) FROM entry").fetchone()
    body = b"[" * 100_000
    crc = zlib.crc32(b"%d,%d," % (position, stamp)) ^ zlib.crc32(body)
    db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", (position, stamp, body, crc, b""))
    db.commit()
    db.close()
    other = ClaimQueue(path)
    with pytest.raises(JournalCorruptError) as found:
        other.statistics()
    assert found.value.position == position


def test_a_strategy_that_nobody_has_is_refused_before_it_is_written(tmp_path):
    from ants_coord.commands.shared import Configure

    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
        before = last_position(path)
        with pytest.raises(SettingsError, match="strategy 'nobody'"):
            board.execute(Configure(Settings(strategy="nobody")))
        assert last_position(path) == before
        assert board.find("a") is not None


# -- format 1 -------------------------------------------------------------------------------------

OLD = """
import sys
from ants_coord import Blackboard, CoordinationError, Task
board = Blackboard(sys.argv[1], durability="process")
for line in sys.stdin:
    try:
        print(repr(eval(line)), flush=True)
    except CoordinationError as error:
        print(type(error).__name__, error, flush=True)
"""


class Previous:
    """A process of the previous release, which does one verb at a time."""

    def __init__(self, release, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", OLD, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(release)}, cwd=release,
        )  # fmt: skip

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def release(tmp_path_factory):
    """Return a folder with the last release that wrote format 1, from the history of this repository."""
    git = shutil.which("git")
    found = git and subprocess.run(
        [git, "archive", FORMAT_1, "ants_coord"], cwd=ROOT, capture_output=True, check=False
    )
    if not found or found.returncode:
        pytest.skip("this checkout has no history to take the previous release from")
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def recorded(tmp_path):
    """Return a board that the previous release left behind: a finished task, a lease, a lock, an entry."""
    path = tmp_path / "old.db"
    shutil.copy(Path(__file__).with_name("format_1.db"), path)
    return path


def test_a_board_of_format_1_is_upgraded_once(tmp_path, caplog):
    """What was done stays done; leases and locks are revoked; a snapshot seals it; it is said, once."""
    path = recorded(tmp_path)
    with caplog.at_level(logging.WARNING, "ants_coord"), Blackboard(path, clock=ManualClock()) as board:
        assert board.outcome("done").result == {"r": 1}
        assert (board.find("held").state.value, board.find("held").attempts) == ("ready", 0)
        assert board.read("notes/1").value == "kept"
        assert board.holder("x") is None
        assert [event.type for event in board.events()][-3:] == ["released", "unlocked", "upgraded"]
        assert board._engine._machine.ledger.rules[0] == ("core", 2)
        board.check()
        told = board.digest() if hasattr(board, "digest") else board._engine.digest()
    assert [record.message for record in caplog.records if "upgraded to format" in record.message]
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        assert db.execute("SELECT count(*) FROM snapshot").fetchone() == (1,)
    caplog.clear()
    with Blackboard(path, clock=ManualClock()) as again:
        assert again._engine.digest() == told
    assert not caplog.records


def test_an_upgrade_that_was_interrupted_is_done_again(tmp_path, monkeypatch):
    """Between the entry and the snapshot: the next opener goes on from there, and revokes nothing twice."""
    from ants_coord.engine.snapshots import Snapshots

    path = recorded(tmp_path)
    with monkeypatch.context() as torn:
        torn.setattr(Snapshots, "_step", lambda self, log, count: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Blackboard(path, clock=ManualClock()).statistics()
    with Blackboard(path, clock=ManualClock()) as board:
        assert [event.type for event in board.events()].count("upgraded") == 1
        assert board.claim_nowait("ann").task == "held"


def test_the_previous_release_and_this_one_by_turns(tmp_path, release):
    """On one live board: the old process stops, by name, before it answers anything more."""
    path = tmp_path / "b.db"
    old = Previous(release, path)
    try:
        assert "Ticket(id='a'" in old("board.submit(Task('a'))")
        assert "task='a'" in old("board.claim_nowait('ann')")
        with Blackboard(path) as board:
            assert board.find("a").state.value == "ready"  # revoked, and ann will hear it
            mine = board.claim_nowait("bob")
            assert mine.task == "a"
            assert "Error" in old("board.claim_nowait('cy')")
            assert "Error" in old("board.submit(Task('b'))")
            assert "Error" in old("board.statistics()")
            assert board.complete(mine).state.value == "done"
        late = Previous(release, path)
        assert "JournalVersionError" in late("board.statistics()")
        late.close()
    finally:
        old.close()

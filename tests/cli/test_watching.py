"""mirror and react: a file appears, a command runs."""

from __future__ import annotations

import json
import signal

from ants_coord import Blackboard, ClaimQueue

from .command import ants, start


def test_a_file_appears_and_a_command_runs(tmp_path):
    """The command finds the file by the name that it is told."""
    board, folder = tmp_path / "ground.db", tmp_path / "docs"
    folder.mkdir()
    rule = ("react", board, "count", "files/*", "--run", 'wc -w < "$ANTS_COORD_FILE"', "--in", folder)
    assert "is set" in ants(*rule).stdout
    assert "was there" in ants(*rule).stdout
    (folder / "a.md").write_text("three little words")
    (folder / "sub").mkdir()
    (folder / "sub" / "c.md").write_text("no")
    assert json.loads(ants("mirror", board, folder, "--once", "--json").stdout)["changed"] == 2
    assert ants("work", board, "--agents", 1).returncode == 0
    with Blackboard(board) as opened:
        (record,) = opened.tasks()
        assert opened.result(record.task.id)["stdout"].strip() == "3"
    assert ants("react", board, "count", "--remove").returncode == 0
    assert ants("react", board, "count", "--remove").returncode == 1


def test_following_sees_what_changes_and_ends_quietly(tmp_path):
    """Ctrl-C is how it ends: exit code 130, no traceback."""
    board, folder = tmp_path / "ground.db", tmp_path / "docs"
    folder.mkdir()
    mirror = start("mirror", board, folder)
    assert "following" in mirror.stdout.readline()
    (folder / "new.txt").write_text("x")
    with Blackboard(board) as opened:
        assert opened.wait_for("files/new.txt", timeout=60)
    mirror.send_signal(signal.SIGINT)
    _, err = mirror.communicate()
    assert (mirror.returncode, err) == (130, "")


def test_what_cannot_be_is_said(tmp_path):
    board = tmp_path / "ground.db"
    assert ants("mirror", board, tmp_path / "nowhere").returncode == 2
    assert ants("mirror", board, tmp_path, "--prefix", "files").returncode == 2
    assert ants("react", board, "r", "x/*").returncode == 2
    assert ants("react", board, "r", "x/*", "--run", "true", "--kind", "k").returncode == 2
    assert ants("react", board, "r", "x/*", "--kind", "k", "--in", tmp_path).returncode == 2
    assert ants("react", board, "r", "x/*", "--run", "true", "--in", tmp_path / "nowhere").returncode == 2
    for empty in (("--run", ""), ("--run", " "), ("--kind", "")):
        refused = ants("react", board, "r", "x/*", *empty)
        assert (refused.returncode, "exactly one of --run" in refused.stderr) == (2, True), empty
    with ClaimQueue(tmp_path / "queue.db"):
        pass
    refused = ants("react", tmp_path / "queue.db", "r", "x/*", "--kind", "k")
    assert refused.returncode != 0
    assert "extend" in refused.stderr

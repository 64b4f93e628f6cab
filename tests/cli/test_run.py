"""`run`, `work`, `submit`: commands from a file, and what a kill -9 leaves behind."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import pytest

from ants_coord import ClaimQueue

from .command import ants, start


def lines(*tasks: dict) -> str:
    return "".join(json.dumps(task) + "\n" for task in tasks)


@pytest.fixture
def jobs(tmp_path) -> Path:
    path = tmp_path / "jobs.jsonl"
    path.write_text(
        lines(
            {"id": "a", "cmd": "echo out; echo err >&2"},
            {
                "id": "b",
                "argv": ["/bin/sh", "-c", 'echo "$ANTS_COORD_TASK $ANTS_COORD_TOKEN $X"'],
                "env": {"X": "y"},
            },
            {"id": "c", "cmd": "true", "needs": ["a", "b"], "priority": 5},
        )
    )
    return path


def test_results_keep_exit_code_and_output(jobs):
    """Every command is run in order of needs; its output and its token are recorded."""
    done = ants("run", jobs, "--json")
    assert done.returncode == 0, done.stderr
    a, b, c = json.loads(done.stdout)
    assert a["result"] == {"exit_code": 0, "stdout": "out\n", "stderr": "err\n"}
    name, token, x = b["result"]["stdout"].split()
    assert (name, x) == ("b", "y")
    assert int(token) > 1_000_000_000_000_000
    assert c["state"] == "done"


def test_failures_cascade_and_set_the_exit_code(tmp_path):
    """A failing command is retried as often as asked; what needs it is cancelled with the reason; exit 1."""
    path = tmp_path / "jobs.jsonl"
    path.write_text(
        lines(
            {"id": "bad", "cmd": "echo try >> log; exit 7", "max_attempts": 1, "cwd": str(tmp_path)},
            {"id": "next", "cmd": "true", "needs": ["bad"]},
            {"id": "anyway", "cmd": "true", "needs": ["bad"], "if_need_fails": "run"},
            {"id": "missing", "argv": ["/nowhere/program"]},
        )
    )
    done = ants("run", path, "--json")
    assert done.returncode == 1
    ended = {one["task"]: one for one in json.loads(done.stdout)}
    assert ended["bad"]["state"] == "failed"
    assert "exit code 7" in ended["bad"]["reason"]
    assert ended["next"]["state"] == "cancelled"
    assert "bad" in ended["next"]["reason"]
    assert ended["anyway"]["state"] == "done"
    assert ended["missing"]["state"] == "failed"
    assert (tmp_path / "log").read_text() == "try\n"


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path):
    """The timeout ends the whole process group."""
    path = tmp_path / "jobs.jsonl"
    path.write_text(lines({"id": "slow", "cmd": "sleep 600 & sleep 600", "timeout": 0.2}))
    done = ants("run", path, "--json")
    assert done.returncode == 1
    assert "timeout" in json.loads(done.stdout)[0]["reason"]


def test_every_malformed_line_is_reported_before_anything_is_submitted(tmp_path):
    """Line numbers and fields of all problems; exit 2; no board was made."""
    text = (
        '{"cmd": 1}\n{"what": 2}\nnope\n{"cmd": "a", "cmd": "b"}\n{"cmd": "x", "priority": "high"}\n'
        '{"cmd": "x", "requires": "gpu and"}\n{"cmd": "x", "argv": ["y"]}\n{"cmd": "x", "timeout": -1}\n'
        '{"cmd": "x", "max_attempts": 0}\n{"cmd": "x", "delay": NaN}\n[1]\n{"id": "t", "cmd": "x"}\n'
        '{"id": "t", "cmd": "x"}\n{"cmd": "x", "needs": ["nobody"]}\n{"cmd": "x", "finish_by": "soon"}\n'
        "\n" + "[" * 100_000 + "\n"
    )
    board = tmp_path / "board.db"
    done = ants("run", "-", "--board", board, stdin=text)
    assert done.returncode == 2
    for number, word in (
        (1, "cmd"), (2, "what"), (3, "JSON"), (4, "twice"), (5, "priority"), (6, "requirement"), (7, "argv"),
        (8, "timeout"), (9, "max_attempts"), (10, "NaN"), (11, "object"), (13, "line 12"), (14, "nobody"),
        (15, "finish_by"), (17, "nested"),
    ):  # fmt: skip
        assert any(f"line {number}:" in line and word in line for line in done.stderr.split("error:")), (
            number,
            word,
        )
    assert "line 12: " not in done.stderr.replace("by line 12", "")
    assert not board.exists()


def test_the_same_file_again_changes_nothing_and_other_content_is_refused(jobs, tmp_path):
    """With a board, a second run finds all done; a changed line is an error that names the task."""
    board = tmp_path / "board.db"
    assert ants("run", jobs, "--board", board).returncode == 0
    with ClaimQueue(board) as opened:
        position = opened.statistics().completed
    assert ants("run", jobs, "--board", board).returncode == 0
    with ClaimQueue(board) as opened:
        assert opened.statistics().completed == position == 3
    jobs.write_text(lines({"id": "a", "cmd": "other"}))
    changed = ants("run", jobs, "--board", board)
    assert changed.returncode == 2
    assert "'a'" in changed.stderr


def test_killed_at_any_moment_and_started_again_everything_completes_exactly_once(tmp_path):
    """kill -9 of `run` at random moments; the same command finishes; each task has one completion."""
    count, dice = 30, random.Random(20)
    path, board, log = tmp_path / "jobs.jsonl", tmp_path / "board.db", tmp_path / "log"
    path.write_text(
        lines(
            *[
                {"id": f"t{n}", "cmd": f"sleep 0.02; echo t{n} >> {log}", "max_attempts": 50}
                | ({"needs": [f"t{n - 7}"]} if n >= 7 else {})
                for n in range(count)
            ]
        )
    )
    command = ("run", path, "--board", board, "--agents", 3, "--lease-ttl", 0.5)
    for _ in range(5):
        runner = start(*command)
        try:
            runner.wait(timeout=dice.uniform(0.2, 0.9))
        except Exception:
            os.killpg(runner.pid, signal.SIGKILL)
        runner.communicate()
    done = ants(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    with ClaimQueue(board) as opened:
        completed = [event.task for event in opened.events() if event.type == "completed"]
        opened.check()
    assert sorted(completed) == sorted(f"t{n}" for n in range(count))
    assert set(log.read_text().split()) == {f"t{n}" for n in range(count)}


def test_children_die_with_a_killed_runner(tmp_path):
    """On Linux the kernel ends the commands of a runner that was killed."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    path = tmp_path / "jobs.jsonl"
    # the command opens the pipe for writing and keeps it open: when it dies,
    # and only then, the reader sees the end of the file
    path.write_text(lines({"id": "t", "argv": ["/bin/sh", "-c", f"exec sleep 600 > {fifo}"]}))
    runner = start("run", path)
    with open(fifo, "rb") as reader:
        os.kill(runner.pid, signal.SIGKILL)
        runner.communicate()
        assert reader.read() == b""


def test_another_terminal_joins_in(jobs, tmp_path):
    """`submit` puts tasks on a board, `work` runs them."""
    board = tmp_path / "board.db"
    assert "3 submitted" in ants("submit", board, jobs).stdout
    assert "0 submitted, 3 there already" in ants("submit", board, jobs).stdout
    joined = ants("work", board, "--agents", 2, "--json")
    assert joined.returncode == 0, joined.stderr
    assert json.loads(joined.stdout)["completed"] == 3


@pytest.mark.parametrize("how", ["run", "work", "work --until closed"])
def test_a_signal_drains(tmp_path, how):
    """SIGTERM lets the running command finish, claims no other, and exits with 130."""
    fifo, path, board = tmp_path / "ready", tmp_path / "jobs.jsonl", tmp_path / "board.db"
    os.mkfifo(fifo)
    path.write_text(
        lines(
            {"id": "first", "cmd": f"echo go > {fifo}; sleep 0.3", "priority": 1},
            {"id": "second", "cmd": "true"},
        )
    )
    if how == "run":
        runner = start("run", path, "--board", board, "--agents", 1)
    else:
        assert ants("submit", board, path).returncode == 0
        runner = start("work", board, "--agents", 1, *how.split()[1:])
    assert fifo.read_text() == "go\n"
    runner.send_signal(signal.SIGTERM)
    runner.communicate()
    assert runner.returncode == 130
    with ClaimQueue(board) as opened:
        assert [str(record.state) for record in opened.tasks()] == ["done", "ready"]


def test_a_board_whose_making_was_cut_short_is_made(jobs, tmp_path):
    """A file that a killed runner had only begun is no board yet, and no obstacle."""
    board = tmp_path / "board.db"
    board.touch()
    assert ants("run", jobs, "--board", board).returncode == 0
    assert ants("status", board).returncode == 0

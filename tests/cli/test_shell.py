"""An agent that lives in a shell: every command is a process of its own, and what it took stays taken."""

from __future__ import annotations

import json
import os
from unittest import mock

import pytest

from ants_coord import Blackboard, ClaimQueue, Mark, Matchmaker, Task

from .command import ants, ants_process
from .test_run import lines


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "board.db"
    with ClaimQueue(path) as made:
        made.submit_many([Task("a", payload={"n": 1}, priority=1), Task("b", kind="review", tags=["x"])])
    return path


@pytest.fixture
def ann(board):
    """ann's shell: the environment says who she is, and which board is meant."""
    with mock.patch.dict(os.environ, {"ANTS_COORD_BOARD": str(board), "ANTS_COORD_AGENT": "ann"}):
        yield board


def told(*words: object, code: int = 0, **options):
    done = ants(*words, "--json", **options)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_a_task_from_claim_to_result(ann):
    """The handle is all that goes from one command to the next."""
    handle = ants("claim").stdout.strip()
    assert handle.startswith("a#")
    assert ants("note", handle, "half done").returncode == 0
    assert ants("renew", handle, "--ttl", 500).returncode == 0
    assert told("list")[0]["agent"] == "ann"
    assert "half done" in ants("show", "a").stdout
    assert ants("result", "a").returncode == 1
    assert told("complete", handle, "--result", '{"x": [1]}')["state"] == "done"
    assert told("result", "a") == {"x": [1]}
    assert ants("result", "a").stdout == '{"x": [1]}\n'


def test_each_command_is_a_process(ann):
    """The same in processes that end: what they took is nobody's by the end of its process."""
    handle = ants_process("claim", "--ttl", 600).stdout.strip()
    assert ants_process("claim", "--task", "a").returncode == 1
    assert ants_process("complete", handle, "--result", "fine").returncode == 0
    assert ants_process("result", "a").stdout == "fine\n"


def test_claim_tells_all(ann):
    lease = told("claim", "--kind", "review", "--ttl", 60)
    assert (lease["task"], lease["agent"], lease["kind"], lease["ttl_ns"]) == (
        "b",
        "ann",
        "review",
        60 * 10**9,
    )
    assert lease["handle"] == f"b#{lease['token']}"


def test_nothing_to_do_is_exit_code_one(ann):
    """At once, or after waiting; with the reason."""
    assert ants("claim", "--kind", "nothing").returncode == 1
    waited = ants("claim", "--kind", "nothing", "--wait", 0.01)
    assert waited.returncode == 1
    handle = ants("claim").stdout.strip()
    refused = ants("claim", "--task", "a", "--agent", "bob")
    assert refused.returncode == 1
    assert "held by 'ann'" in refused.stderr
    assert ants("release", handle).returncode == 0
    assert ants("claim", "--task", "a", "--agent", "bob").returncode == 0


@pytest.mark.parametrize("verb", [["complete"], ["release"], ["renew"], ["decline"]])
def test_a_lease_is_good_for_its_own_agent(ann, verb):
    """Another agent's handle is refused, and nothing changes."""
    handle = ants("claim").stdout.strip()
    assert ants(*verb, handle, "--agent", "bob").returncode == 1
    with ClaimQueue(ann) as opened:
        assert opened.find("a").lease.handle == handle
    assert ants(*verb, handle).returncode == 0


def test_a_lost_lease_is_exit_code_one(ann):
    handle = ants("claim").stdout.strip()
    with ClaimQueue(ann) as opened:
        opened.cancel("a")
    done = ants("complete", handle)
    assert (done.returncode, "is lost" in done.stderr) == (1, True)


def test_failures_and_requeue(ann):
    """fail leaves further attempts, --for-good leaves none; requeue brings back one, or all."""
    assert told("fail", ants("claim").stdout.strip(), "no luck")["state"] == "delayed"
    handle = ants("claim", "--kind", "review").stdout.strip()
    assert told("fail", handle, "-", "--for-good", stdin="cannot be done")["state"] == "failed"
    assert told("list", "--state", "failed")[0]["reason"] == "cannot be done"
    assert told("requeue", "b")[0]["state"] == "ready"
    assert ants("requeue", "b").returncode == 2
    told("fail", ants("claim", "--kind", "review").stdout.strip(), "again", "--for-good")
    assert "1 requeued" in ants("requeue", "--all").stdout
    assert "0 requeued" in ants("requeue", "--all").stdout


def test_a_declined_task_is_for_others(ann):
    handle = ants("claim", "--task", "a").stdout.strip()
    assert ants("decline", handle, "--seconds", 600, "--reason", "429").returncode == 0
    assert told("claim")["task"] == "b"
    assert told("claim", "--agent", "bob")["task"] == "a"


def test_locks_go_by_files(ann, tmp_path, monkeypatch):
    """Any spelling from any folder of the repository; all or none; they outlive the command."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    handle = ants("lock", "src/app.py", "README.md").stdout.strip()
    monkeypatch.chdir(tmp_path / "src")
    refused = ants("lock", "other.py", "./app.py", "--agent", "bob")
    assert (refused.returncode, "'src/app.py' is held by 'ann'" in refused.stderr) == (1, True)
    assert ants("lock", "app.py").returncode == 1  # another session of the same agent
    assert ants("lock", "app.py", "--wait", 0.01, "--agent", "bob").returncode == 1
    assert ants("unlock", handle, "--agent", "bob").returncode == 1
    assert told("unlock", handle) == {"unlocked": [handle]}
    taken = told("lock", "app.py", "--agent", "bob", "--wait", 5)
    assert (taken["names"], taken["agent"]) == (["src/app.py"], "bob")
    assert told("unlock", "--all", "--agent", "bob") == {"unlocked": [taken["handle"]]}
    assert ants("lock", "/somewhere/else").returncode == 2


def test_sessions_and_readers(ann, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ants("lock", "x", "--holder", "s1").returncode == 0
    assert ants("lock", "x", "--holder", "s1").returncode == 0
    assert ants("lock", "x", "--holder", "s2").returncode == 1
    assert ants("lock", "y", "--shared").returncode == 0
    assert ants("lock", "y", "--shared", "--agent", "bob").returncode == 0
    assert ants("lock", "y", "--agent", "cid").returncode == 1


def test_what_commands_wrote_is_kept(tmp_path):
    """show and result print output, of failed commands too; nothing of it is obeyed by the terminal."""
    path = tmp_path / "board.db"
    text = lines(
        {"id": "good", "cmd": "printf '\\033[2Jtwo\\nlines\\n'"},
        {"id": "bad", "cmd": "echo seen; echo why >&2; exit 4"},
    )
    ants("run", "-", "--board", path, stdin=text)
    assert ants("result", path, "good").stdout == "\\x1b[2Jtwo\nlines\n"
    assert told("result", path, "good")["stdout"] == "\x1b[2Jtwo\nlines\n"
    shown = ants("show", path, "bad").stdout
    assert "exit code 4" in shown
    assert "stdout\nseen\nstderr\nwhy\n" in shown
    failed = ants("result", path, "bad")
    assert (failed.returncode, "exit code 4" in failed.stderr) == (1, True)
    assert told("show", path, "bad")["state"] == "failed"


def test_listing_pages_and_filters(ann):
    assert [row["task"] for row in told("list", "--tag", "x")] == ["b"]
    assert [row["task"] for row in told("list", "--kind", "review")] == ["b"]
    assert [row["task"] for row in told("list", "--count", 1, "--after", "a")] == ["b"]
    assert "--after a" in ants("list", "--count", 1).stdout
    wrong = ants("list", "--state", "open")
    assert (wrong.returncode, "waiting, delayed" in wrong.stderr) == (2, True)


def test_agents_that_can_do_something(tmp_path):
    path = tmp_path / "market.db"
    with Matchmaker(path) as market:
        market.submit(Task("train", requires="gpu and mem >= 16"))
    assert ants("claim", path, "--agent", "ann", "--can", "cpu").returncode == 1
    lease = told("claim", path, "--agent", "bob", "--can", "gpu", "--having", "mem=24")
    assert lease["task"] == "train"
    assert told("retire", path, "bob") == {"agent": "bob", "was_here": True}
    assert ants("renew", path, lease["handle"]).returncode == 1


def test_marks_at_a_place(tmp_path):
    path = tmp_path / "ground.db"
    with Blackboard(path) as ground:
        ground.deposit(Mark("food", "src/app.py", 3.0), agent="ann")
    assert told("marks", path, "src/app.py")[0]["kind"] == "food"
    assert "food" in ants("marks", path, "src/app.py").stdout
    assert "no marks" in ants("marks", path, "elsewhere").stdout


def test_the_board_is_named_once(board, tmp_path):
    """As the first word, or by the environment; a word too few or too many is an error that says both."""
    for words in (["claim"], ["complete", "a#1"], ["show", "x"], ["lock", "x"], ["show", "x", "y", "z"]):
        refused = ants(*words)
        assert refused.returncode == 2
        assert "needs BOARD" in refused.stderr
    assert ants("status").returncode == 2
    with mock.patch.dict(os.environ, {"ANTS_COORD_BOARD": str(board)}):
        assert ants("status").returncode == 0
        assert ants("explain", "a").returncode == 0
        assert ants("explain", tmp_path / "other.db", "a").returncode == 3
        assert "1 submitted" in ants("submit", "-", stdin=lines({"id": "more", "cmd": "true"})).stdout
        nameless = ants("claim")
        assert (nameless.returncode, "ANTS_COORD_AGENT" in nameless.stderr) == (2, True)
        assert ants("claim", "--agent", "no name").returncode == 2
        unknown = ants("explain", "nope")
        assert (unknown.returncode, "ants-coord list" in unknown.stderr) == (2, True)
        assert ants("complete", "a").returncode == 2
        assert ants("unlock", "a#1", "--agent", "x").returncode == 2

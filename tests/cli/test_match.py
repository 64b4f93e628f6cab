"""Capability matching from the command line: the demo, run and work with skills, status and explain."""

from __future__ import annotations

import json

import pytest

from ants_coord import Blackboard, ClaimQueue, Matchmaker, Task
from ants_coord.cli.demo import colony as demo
from ants_coord.cli.demo import skill_job
from ants_coord.cli.demo.match import MatchColony
from ants_coord.errors import SettingsError

from ..scale import of
from .command import ants
from .test_demo import tree  # noqa: F401 - a fixture

LINES = (
    '{"id": "a", "cmd": "echo a", "requires": "gpu and mem >= 4", "uses": {"mem": 3}}\n'
    '{"id": "b", "cmd": "echo b", "needs": ["a"]}\n'
)


@pytest.mark.parametrize("agents", of([1, 5], [1, 2, 5], [1, 2, 5]))
def test_the_report_by_skills_equals_a_single_threaded_pass(tree, agents):  # noqa: F811
    """Although one agent lies and one leaves, the colony finds what one thread finds."""
    done = ants("demo", "--strategy", "match", "--path", tree, "--agents", agents, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == skill_job.index_tree(tree)


def test_the_liar_is_benched_and_the_silent_advert_fades(tree):  # noqa: F811
    """Through the library: every task is completed once, the liar never did what it cannot do."""
    with Matchmaker(**demo.settings()) as board:
        colony = MatchColony(board, tree, agents=4, seed=3)
        colony.submit()
        assert colony.run(lambda: None) == skill_job.index_tree(tree)
        events = list(board.events())
        done = [event.task for event in events if event.type == "completed"]
        assert sorted(done) == sorted(task.id for task in colony.tasks)
        assert colony.lies >= 5
        assert any(event.type == "benched" and event.agent == colony.liar for event in events)
        assert any(event.type == "fading" and event.agent == colony.silent for event in events)
        for event in events:
            if event.type == "claimed":
                skill = event.task.partition("/")[0]
                assert skill in ("package", "report") or skill in colony.skills[event.agent]
        board.check()


def test_run_takes_tasks_that_require_something(tmp_path):
    """With the skills they are done; without them a board in memory refuses at once, by name."""
    done = ants("run", "-", "--can", "gpu", "--having", "mem=8", "--json", stdin=LINES)
    assert done.returncode == 0, done.stderr
    assert [one["state"] for one in json.loads(done.stdout)] == ["done", "done"]
    refused = ants("run", "-", stdin=LINES)
    assert refused.returncode == 2
    assert "a requires 'gpu and mem >= 4'" in " ".join(refused.stderr.split())
    for bad in (("--having", "mem"), ("--can", "a b"), ("--having", "and=3")):
        assert ants("run", "-", *bad, stdin=LINES).returncode == 2


def test_a_board_says_what_it_waits_for_until_somebody_can(tmp_path):
    """`explain` names the clauses, `work --can` does the job, `status` shows adverts while they live."""
    board = tmp_path / "board.db"
    assert ants("submit", board, "-", stdin=LINES).returncode == 0
    assert "no agent has advertised yet" in ants("explain", board, "a").stdout
    with Matchmaker(board) as market, market.join("small", {"gpu"}, attributes={"mem": 2}):
        assert "small fails only mem >= 4" in ants("explain", board, "a").stdout
        status = json.loads(ants("status", board, "--json").stdout)
        assert status["strategy"] == "match"
        assert [(found["agent"], found["state"]) for found in status["agents"]] == [("small", "live")]
        assert "mem=2" in ants("status", board).stdout
        assert "small is out" in ants("retire", board, "small").stdout
        assert market.agents() == []
    worked = ants("work", board, "--can", "gpu", "--having", "mem=4", "--json")
    assert json.loads(worked.stdout)["completed"] == 2


def test_a_board_is_extended_by_a_command_and_never_by_opening(tmp_path):
    """The wrong class names the right one; what was there stays."""
    path = tmp_path / "b.db"
    with ClaimQueue(path, lease_ttl=7) as board:
        board.submit(Task("t"))
    with pytest.raises(SettingsError, match="ants-coord extend FILE matchmaker"):
        Matchmaker(path).statistics()
    assert ants("extend", path, "nothing").returncode == 2
    done = ants("extend", path, "matchmaker")
    assert done.returncode == 0, done.stderr
    with Matchmaker(path) as market:
        assert market.settings().lease_ttl == 7
        assert market.claim_nowait("w").task == "t"
    with pytest.raises(SettingsError, match=r"open it as a Matchmaker, or as a Board$"):
        ClaimQueue(path).statistics()


def test_boards_of_programs_and_of_the_command_line_are_the_same(tmp_path):
    """In both directions, with whatever settings each was made; also a board that can do more."""
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text('{"id": "a", "cmd": "echo a"}\n')
    needy = tmp_path / "needy.jsonl"
    needy.write_text('{"id": "b", "cmd": "echo b", "requires": "gpu"}\n')
    for kind in (ClaimQueue, Matchmaker, Blackboard):
        path = tmp_path / f"{kind.__name__}.db"
        with kind(path, lease_ttl=7, retention=60) as board:
            board.settings()
        done = ants("run", jobs, "--board", path)
        assert done.returncode == 0, done.stderr
        if kind is not ClaimQueue:
            done = ants("run", needy, "--board", path, "--can", "gpu")
            assert done.returncode == 0, done.stderr
        else:
            refused = ants("run", needy, "--board", path, "--can", "gpu")
            assert "extend" in " ".join((refused.stdout + refused.stderr).split())
        with kind(path, lease_ttl=7) as board:
            assert board.find("a").state == "done"
    made = tmp_path / "made.db"
    assert ants("run", jobs, "--board", made).returncode == 0
    with ClaimQueue(made) as board:
        assert board.find("a").state == "done"
        assert board.submit(Task("more")).created

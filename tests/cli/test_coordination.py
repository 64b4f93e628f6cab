"""`ants-coord lab`, `tax` and `advise`, as typed."""

from __future__ import annotations

import json

import pytest

from .command import ants

MINE = """
from ants_coord.lab import Job, World

def mine(seed):
    return World("mine", [Job(f"j{i}", 30.0) for i in range(8)])
"""


def test_lab_prints_a_world_with_its_costs():
    done = ants("lab", "--world", "chain", "--agents", "1,2", "--seeds", "1")
    assert done.returncode == 0, done.stderr
    assert "chain: 40 jobs" in done.stdout
    assert "costs: turn 2 s" in done.stdout
    assert "took " in done.stdout


def test_lab_takes_a_world_of_ones_own_and_other_costs(tmp_path):
    path, costs = tmp_path / "mine.py", tmp_path / "costs.json"
    path.write_text(MINE)
    costs.write_text('{"turn": 0.5, "silent": 0}')
    done = ants("lab", "--world", f"{path}:mine", "--agents", "2", "--seeds", "2", "--costs", costs, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["costs"]["turn"] == 0.5
    assert {row["way"] for row in found["rows"]} == {"talk", "claim", "match", "board"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--world", "nowhere"), "--world: there is no 'nowhere'; use independent, chain"),
        (("--world", "missing.py:mine"), "--world: missing.py: No such file"),
        (("--agents", "two"), "--agents: must be numbers with commas such as 1,2,5,20, not 'two'"),
        (("--agents", "0", "--world", "chain"), "agents: must be whole numbers from 1 to 1,000, not 0"),
        (("--costs", "missing.json"), "--costs: missing.json: "),
    ],
)
def test_lab_names_what_is_wrong(arguments, words):
    done = ants("lab", *arguments)
    assert done.returncode == 2
    assert words in done.stderr.replace("\n", " ")


def test_lab_names_a_function_that_is_not_there_and_costs_that_are_none(tmp_path):
    path, costs = tmp_path / "mine.py", tmp_path / "costs.json"
    path.write_text(MINE)
    costs.write_text('{"turn": -1}')
    path.with_name("broken.py").write_text("{}['key']")
    with pytest.raises(KeyError, match="key"):
        ants("lab", "--world", f"{path.with_name('broken.py')}:mine")  # its own error, with its own traceback
    assert "has no function 'yours'" in ants("lab", "--world", f"{path}:yours").stderr.replace("\n", " ")
    told = ants("lab", "--world", "chain", "--costs", costs).stderr.replace("\n", " ")
    assert "turn must be a number of at least 0, not -1" in told


# -- tax and advise -------------------------------------------------------------------------------

JOBS = "\n".join(json.dumps({"id": f"j{n}", "cmd": "true", "seconds": 60, "kind": "test"}) for n in range(12))


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    path = tmp_path_factory.mktemp("tax") / "jobs.db"
    (path.parent / "jobs.jsonl").write_text(JOBS)
    done = ants("run", path.parent / "jobs.jsonl", "--agents", "1", "--board", path)
    assert done.returncode == 0, done.stderr
    return path


def test_tax_tells_what_it_knows_and_what_it_does_not(board):
    done = ants("tax", board)
    assert done.returncode == 0, done.stderr
    assert "12 done, 12 attempts by 1 agents" in done.stdout
    assert "not measured: time inside" in done.stdout
    plain = json.loads(ants("tax", board, "--json").stdout)
    assert plain["inside"] is None
    assert "inside" in plain["not_measured"]


def test_tax_compares_with_one_agent_that_was_kept(board, tmp_path):
    kept = tmp_path / "solo.json"
    kept.write_text(ants("tax", board, "--json").stdout)
    assert "1.00x of one agent" in ants("tax", board, "--solo", kept).stdout
    kept.write_text("[]")
    done = ants("tax", board, "--solo", kept)
    assert done.returncode == 2
    assert "--solo" in done.stderr


def test_advise_reads_jobs_and_a_board_and_keeps_its_score(board, tmp_path):
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text(JOBS)
    done = ants("advise", jobs, "--call-seconds", "2.9", "--board", board)
    assert done.returncode == 0, done.stderr
    assert "CLAIM with 2 agents, worth a trial; then 4, 8" in done.stdout
    assert "Prediction: CLAIM with 2 agents" in done.stdout
    assert "SOLO" in ants("advise", jobs, "--price", "5").stdout
    assert "1 predictions, none of them settled yet" in ants("advise", board, "--score").stdout
    on_board = ants("advise", board)
    assert "SOLO with one agent; CLAIM with 2 is worth a trial" in on_board.stdout, on_board.stdout
    assert json.loads(ants("advise", board, "--json").stdout)["level"] == "SOLO"


def test_advice_says_where_its_prediction_is_kept(tmp_path):
    """A board's own, beside that board, whatever else was named; a file's only where it was asked for."""
    jobs, path, other = tmp_path / "jobs.jsonl", tmp_path / "jobs.db", tmp_path / "other.db"
    jobs.write_text(JOBS)
    assert ants("submit", path, jobs).returncode == 0
    assert f"later: ants-coord advise {path}, then" in ants("advise", path, "--board", other).stdout
    assert "1 predictions" in ants("advise", path, "--score").stdout
    assert "--board BOARD keeps it to be scored" in ants("advise", jobs).stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"cmd": "true", "seconds": 0}', "seconds: must be an estimate above 0, not 0"),
        ('{"cmd": "true", "kind": ""}', "kind"),
        (
            '{"id": "a", "cmd": "true", "needs": ["b"]}\n{"id": "b", "cmd": "true", "needs": ["a"]}',
            "in a circle",
        ),
        ('{"id": "a", "cmd": "true", "seconds": 5}\n{"id": "b", "cmd": "true"}', "job 'b' has no size"),
    ],
)
def test_advise_names_what_is_wrong_with_jobs(tmp_path, line, words):
    path = tmp_path / "jobs.jsonl"
    path.write_text(line + "\n")
    done = ants("advise", path)
    assert done.returncode == 2
    assert words in done.stderr.replace("\n", " ")


def test_advise_and_tax_need_something_to_look_at(tmp_path):
    assert "there is no such file" in ants("advise", tmp_path / "none.jsonl").stderr.replace("\n", " ")
    assert ants("tax", tmp_path / "none.db").returncode == 3
    (tmp_path / "jobs.jsonl").write_text(JOBS)
    told = ants("advise", tmp_path / "jobs.jsonl", "--price", "-1").stderr.replace("\n", " ")
    assert "price must be a number of at least 0, not -1" in told


def test_work_as_needed_begins_with_one(tmp_path):
    jobs, path = tmp_path / "jobs.jsonl", tmp_path / "jobs.db"
    jobs.write_text("\n".join(json.dumps({"id": f"j{n}", "argv": ["true"]}) for n in range(4)))
    assert ants("submit", path, jobs).returncode == 0
    done = ants("work", path, "--agents", "as-needed")
    assert done.returncode == 0, done.stderr
    assert "4 completed" in done.stdout
    told = ants("work", path, "--agents", "many").stderr.replace("\n", " ")
    assert "--agents: must be a number from 1 to 1,000 or as-needed, not 'many'" in told

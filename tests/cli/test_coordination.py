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
    assert "has no function 'yours'" in ants("lab", "--world", f"{path}:yours").stderr.replace("\n", " ")
    told = ants("lab", "--world", "chain", "--costs", costs).stderr.replace("\n", " ")
    assert "turn must be a number of at least 0, not -1" in told

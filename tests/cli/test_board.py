"""The blackboard from the command line: the demo and the trails."""

from __future__ import annotations

import json
import random

import pytest

from ants_coord import Blackboard, Mark
from ants_coord.cli.demo import colony as demo
from ants_coord.cli.demo import index_job
from ants_coord.cli.demo.board import BoardColony, correlation

from .command import ants
from .test_demo import tree  # noqa: F401 - a fixture


@pytest.mark.parametrize("agents", [1, 3])
def test_the_report_equals_a_single_threaded_pass(tree, agents):  # noqa: F811
    """Marks change the order of the work, never its result."""
    done = ants("demo", "--strategy", "board", "--path", tree, "--agents", agents, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == index_job.index_tree(tree)


def test_the_colony_turns_to_what_others_depend_on(tmp_path, monkeypatch):
    """Sixty files import a few of twenty modules, whose names say nothing: those are parsed early."""
    monkeypatch.setattr(demo, "LEASE_TTL", 0.8)
    dice = random.Random(1)
    for number in range(60):
        wanted = sorted({dice.choice((3, 3, 3, 7, 7, 11)) for _ in range(3)})
        text = "".join(f"import mod{n:02}\n" for n in wanted)
        (tmp_path / f"app{number:02}.py").write_text(text)
    for number in range(20):
        (tmp_path / f"mod{number:02}.py").write_text("x = 1\n")
    with Blackboard(**demo.settings()) as board:
        colony = BoardColony(board, tmp_path, agents=2, seed=3)
        colony.submit()
        colony.run(lambda: None)
        order = colony._order(board)
        assert max(order[f"mod{number:02}.py"] for number in (3, 7)) < 25
        ours, theirs, trails = colony.remarks()
    assert "by the blackboard: rank correlation" in ours
    assert "by a claim queue: rank correlation" in theirs
    assert trails.startswith("the strongest trails: mod03.py")


def test_rank_correlation():
    """Spearman's examples: equal order, opposite order, ties, nothing to compare."""
    assert correlation([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1.0)
    assert correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert correlation([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]) == pytest.approx(-29 / 165)  # fmt: skip
    assert correlation([1, 1, 1], [1, 2, 3]) == 0.0


def test_trails_as_bars_and_as_json(tmp_path):
    """The strongest first; what agents wrote is shown, not obeyed."""
    path = tmp_path / "b.db"
    with Blackboard(path) as board:
        board.deposit(Mark("food", "a", 8.0), agent="x")
        board.deposit(Mark("food", "b[red]", 4.0), agent="x")
        board.deposit(Mark("danger", "c", 1.0), agent="x")
    shown = ants("trails", path)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["a", "b[red]", "c"]
    assert lines[0].count("█") > lines[1].count("█") > lines[2].count("█") > 0
    listed = json.loads(ants("trails", path, "--kind", "food", "--count", 1, "--json").stdout)
    assert [(trail["kind"], trail["place"]) for trail in listed] == [("food", "a")]
    assert "no trails" in ants("trails", path, "--kind", "none").stdout
    ants("submit", tmp_path / "queue.db", "-", stdin='{"id": "a", "cmd": "true"}\n')
    refused = ants("trails", tmp_path / "queue.db")
    assert refused.returncode == 3
    assert "Blackboard" in refused.stderr or "claim" in refused.stderr

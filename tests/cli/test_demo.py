"""The demo is the main job: the report must be right although an agent dies on the way."""

from __future__ import annotations

import json

import pytest

from ants_coord import ClaimQueue
from ants_coord.cli.demo import colony as demo
from ants_coord.cli.demo import index_job, match

from .command import ants

SOURCES = {
    "top.py": '"""Doc."""\nimport os, sys\n\ndef f():\n    "d"\n    async def g(): pass\n',
    "pkg/__init__.py": "from os import path\n",
    "pkg/a.py": "class A:\n    '''doc'''\n    def m(self): pass\n",
    "pkg/sub/b.py": "from . import a\nimport json.decoder\n",
    "pkg/broken.py": "def (:\n",
    "pkg/nul.py": "x = 1\0",
    "pkg/latin.py": "# -*- coding: latin-1 -*-\ns = 'é'\n",
    "tests/test_x.py": "import never_counted\n",
    "pkg/test/test_y.py": "import never_counted\n",
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Make a tree to index; leases are short, since each demo waits until a silent agent's has run out."""
    monkeypatch.setattr(demo, "LEASE_TTL", 0.8)
    monkeypatch.setattr(match, "_ADVERT_TTL", 0.6)
    root = tmp_path / "tree"
    for name, text in {**SOURCES, **{f"many/m{n}.py": f"import m{n % 7}\n" for n in range(60)}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
    return root


def test_a_file_is_counted_exactly():
    """Functions, classes, docstrings, imports and lines of a small file, by hand."""
    found = index_job.index_file(SOURCES["top.py"].encode())
    assert found == {
        "files": 1,
        "broken": 0,
        "lines": 6,
        "functions": 2,
        "classes": 0,
        "documentable": 3,
        "documented": 2,
        "imports": {"os": 1, "sys": 1},
    }


def test_files_that_do_not_parse_are_counted_not_fatal(tree):
    """Broken syntax and NUL bytes count as broken; test folders are left out."""
    report = index_job.index_tree(tree)
    assert report["total"]["broken"] == 2
    assert report["total"]["files"] == 67
    assert "never_counted" not in [entry["module"] for entry in report["most_imported"]]


@pytest.mark.parametrize("agents", [1, 4])
def test_the_report_equals_a_single_threaded_pass(tree, agents):
    """What the colony finds is what one thread finds."""
    done = ants("demo", "--path", tree, "--agents", agents, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == index_job.index_tree(tree)


def test_expiry_and_retry_are_seen_to_work(tree):
    """The silent agent's lease runs out, the failing task is retried, and both say so."""
    done = ants("demo", "--path", tree, "--agents", 3, "--seed", 7)
    assert done.returncode == 0, done.stderr
    assert "1 expired, 1 failed and retried" in done.stdout
    assert "fell silent holding" in done.stdout
    assert "tax" in done.stdout


def test_a_board_in_a_file_is_resumed(tree, tmp_path):
    """The second run finds everything done, submits nothing and shows the same report."""
    board = tmp_path / "demo.db"
    first = ants("demo", "--path", tree, "--board", board, "--json")
    again = ants("demo", "--path", tree, "--board", board, "--json")
    assert first.returncode == again.returncode == 0, again.stderr
    assert first.stdout == again.stdout
    assert "0 of them new" in again.stderr


def test_each_task_is_completed_exactly_once(tree):
    """Through the library: the colony's board has one completion for every task."""
    with ClaimQueue(**demo.settings()) as board:
        colony = demo.Colony(board, tree, agents=3, seed=3)
        colony.submit()
        assert colony.run(lambda: None) == index_job.index_tree(tree)
        done = [event.task for event in board.events() if event.type == "completed"]
        assert sorted(done) == sorted(task.id for task in colony.tasks)
        board.check()


def test_bad_arguments_are_refused(tmp_path):
    """An unknown strategy and a missing directory end with code 2 and a reason."""
    unknown = ants("demo", "--strategy", "boss")
    missing = ants("demo", "--path", tmp_path / "nowhere")
    assert (unknown.returncode, missing.returncode) == (2, 2)
    assert "boss" in unknown.stderr
    assert "not a directory" in missing.stderr

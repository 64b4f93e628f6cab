"""The examples of the documents: each runs; the package among them on every kind of coordinator."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import sys
import threading
from pathlib import Path

import pytest

from ants_coord import GiveUp
from ants_coord.errors import TaskFailedError

from ..fronts.conftest import board, clock, make_board  # noqa: F401 - fixtures
from .reference import DOCS

EXAMPLES = DOCS / "examples"


@pytest.fixture
def example(monkeypatch, tmp_path):
    """Import an example of this name afresh, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)

    def load(name):
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


def test_a_research_team(example):
    """The lead's questions are answered, also the one that met a rate limit."""
    team = example("research_team")
    assert asyncio.run(team.main()) == "\n".join(f"An answer to {q!r}." for q in team.ASSIGNMENT)
    assert not team.busy_once


def test_a_crawler(example):
    """Every page once, a broken one again, a page that is not there not again; each request is paid."""
    found = example("crawler").crawl("/")
    assert found == {
        "pages": {"/": "done", "/a": "done", "/b": "done", "/c": "done", "/gone": "failed"},
        "left": 20 - 6,
    }


@pytest.mark.skipif(shutil.which("git") is None, reason="it needs git")
def test_coding_agents_in_worktrees(example, tmp_path):
    """Both edits of one file arrive, and none meets a conflict."""
    files = example("coding_agents").main(tmp_path)
    assert files["README.md"] == "How to run it\n"
    assert sorted(files["app.py"].splitlines()) == ["import json", "import logging"]


def test_a_directory_pipeline(example, tmp_path):
    """What has not changed is not done again by a later process."""
    assert example("directory_pipeline").main(tmp_path) == [{"a.txt": 3, "b.txt": 1}, {"b.txt": 2}, {}]


def test_a_test_of_an_agent(example):
    """It passes, and it can fail: for an agent that lets its leases run out."""
    module = example("test_my_agent")
    module.test_every_mail_is_sent_although_agents_die()
    own = module.my_agent

    def forgetful(me, mail):
        me.claim_nowait()
        own(me, mail)

    module.my_agent = forgetful
    with pytest.raises(AssertionError, match="ran out"):
        module.test_every_mail_is_sent_although_agents_die()


def test_a_notebook(example, capsys):
    """Its cells run from top to bottom, and once more on the same file."""
    for _ in range(2):
        example("notebook")
        assert "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]" in capsys.readouterr().out


def test_each_example_is_linked_and_tested():
    """The index names them all, and so does this file."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    here = Path(__file__).read_text(encoding="utf-8")
    for file in EXAMPLES.iterdir():
        if (
            file.suffix == ".py" and file.stem != "auction"
        ):  # that one runs in its how-to and in the core's tests
            assert f"examples/{file.name}" in index, file
            assert f'example("{file.stem}")' in here, file


@pytest.fixture
def tinycrew(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "examples")
    import tinycrew

    return tinycrew


def test_a_crew_works_on_any_coordinator(tinycrew, board):  # noqa: F811
    """Planned steps wait for what they need, and are done by those who do their kind."""
    done_by = {}

    def lead(step):
        first = step.plan("write", "a")
        return [first, step.plan("join", None, after=[first])]

    def write(step):
        done_by[step.job.payload] = step.job.agent
        return step.job.payload * 2

    roles = [
        tinycrew.Role("lea", ("lead",), lead),
        tinycrew.Role("will", ("write",), write),
        tinycrew.Role("eddy", ("join",), lambda step: list(step.job.inputs.values())),
    ]
    first, last = tinycrew.Crew(board, roles).run("lead", None)
    assert (board.result(first), board.result(last)) == ("aa", ["aa"])
    assert done_by == {"a": "will"}
    assert board.leases() == []


def test_a_crew_outlives_what_its_roles_do(tinycrew, board, clock):  # noqa: F811
    """A role that raises is tried again, one that gives up ends its step; the crew goes on."""
    tries = []
    again = threading.Event()

    def moody(step):
        tries.append(step.job.attempt)
        step.report({"try": step.job.attempt})
        if step.job.attempt == 1:
            again.set()
            raise RuntimeError("not today")
        return [note.note for note in step.job.lease.notes]

    def stubborn(step):
        raise GiveUp("never")

    roles = [tinycrew.Role("mo", ("moody",), moody), tinycrew.Role("st", ("never",), stubborn)]
    crew = tinycrew.Crew(board, roles)
    with pytest.raises(TaskFailedError, match="never"):
        crew.run("never", None)
    with pytest.raises(ValueError, match="no role does 'fly'; there are moody, never"):
        crew.run("fly", None)

    def let_time_pass():
        again.wait(30)
        while board.statistics().unfinished:
            if any(task.state == "delayed" for task in board.tasks()):  # while somebody works no time passes
                clock.advance(1)  # a small part of a lease: what was just seen may have begun meanwhile

    passing = threading.Thread(target=let_time_pass)
    passing.start()
    assert crew.run("moody", None) == [{"try": 1}]
    passing.join(30)
    assert tries == [1, 2]

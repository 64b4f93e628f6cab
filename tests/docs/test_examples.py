"""The example packages of the documents, on every kind of coordinator."""

from __future__ import annotations

import threading

import pytest

from ants_coord import GiveUp
from ants_coord.errors import TaskFailedError

from ..fronts.conftest import board, clock, make_board  # noqa: F401 - fixtures
from .reference import DOCS


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
            clock.advance(60)

    passing = threading.Thread(target=let_time_pass)
    passing.start()
    assert crew.run("moody", None) == [{"try": 1}]
    passing.join(30)
    assert tries == [1, 2]

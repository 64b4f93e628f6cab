"""The demo with a ghost and a liar: the report is right, and both are shut out."""

from __future__ import annotations

import itertools
import json
import threading

import pytest

from ants_coord import ClaimQueue, TrustPolicy
from ants_coord.cli.demo import colony as demo
from ants_coord.cli.demo import index_job
from ants_coord.cli.demo.trust import TrustColony

from .command import ants
from .test_demo import tree  # noqa: F401 - a fixture


def test_the_report_is_right_although_one_lies_and_one_never_works(tree):  # noqa: F811
    done = ants("demo", "--trust", "--path", tree, "--agents", 4, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == index_job.index_tree(tree)


class InTurns(TrustColony):
    """Honest agents let the liar have its share of the files: a thread that gets no time is never found out."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._files = itertools.count(1)
        self._pause = threading.Event()

    def handle(self, lease):
        if lease.kind == "file" and lease.agent != self.liar:
            share = next(self._files) / len(self.names)
            for _ in range(2_000):
                liar = self.board.standing(self.liar)
                if liar.barred is not None or liar.claimed >= share:
                    break
                self._pause.wait(0.001)
        return super().handle(lease)


@pytest.mark.parametrize("agents", [4, 6])
def test_the_liar_is_outvoted(tree, agents):  # noqa: F811
    with ClaimQueue(trust=TrustPolicy(), secret=b"12345678", **demo.settings()) as board:
        colony = InTurns(board, tree, agents, seed=1)
        colony.submit()
        assert colony.run(lambda: None) == index_job.index_tree(tree)
        liar, ghost = board.standing(colony.liar), board.standing(colony.ghost)
        assert "quarantine" in (liar.barred or "")
        assert liar.quality.mean < 0.4
        assert liar.claimed < 40
        assert ghost.completed == 0
        assert ghost.claimed <= 4
        honest = [board.standing(name) for name in colony.names if name not in (colony.liar, colony.ghost)]
        assert all(one.barred is None or "results that others" in one.barred for one in honest)
        said = " ".join(colony.remarks())
        assert f"{colony.liar} made its results up" in said


@pytest.mark.parametrize(
    ("words", "why"), [(("--agents", 3), "at least 4 agents"), (("--strategy", "match"), "--strategy claim")]
)
def test_what_the_demo_cannot_tell_is_refused(words, why):
    done = ants("demo", "--trust", *words)
    assert done.returncode == 2
    assert why in done.stderr

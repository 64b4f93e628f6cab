"""
Stories about how other systems went wrong, and how this board takes each of them.

One text file a bug class, in scenarios/; stage.py says what a line may be.
"""

import pathlib

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.values.tasks import Task

from .stage import Stage

SCRIPTS = sorted(pathlib.Path(__file__).with_name("scenarios").glob("*.txt"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scenario(script):
    """Every line answers as the script says, and the board is sound after each."""
    Stage().play(script.read_text())


def test_every_scenario_says_what_it_is_about():
    """A script starts with a comment on the failure that it guards against, and expects something."""
    assert len(SCRIPTS) >= 20
    for script in SCRIPTS:
        text = script.read_text()
        assert text.startswith("# "), script
        assert "->" in text or "expect" in text, script


def test_a_chain_longer_than_the_stack_falls_and_rises():
    """A cascade and its recall walk 9,000 tasks without recursion, and each says why it fell."""
    stage = Stage()
    links = [Task(f"t{n}", needs=(f"t{n - 1}",), max_attempts=1) for n in range(1, 9_000)]
    stage.do(c.submission((Task("t0", max_attempts=1), *links)))
    stage.play("claim ann -> t0\nfail t0 -> failed\nexpect count cancelled 8999\nexpect t8999 cancelled")
    assert "t8998" in stage.machine.ask(reading.Find("t8999")).outcome.reason
    stage.play("requeue t0 -> kept ready\nexpect count waiting 8999\nclaim ann -> t0\ncomplete t0 -> done")
    stage.play("claim ann -> t1\nclaim ann -> nothing")

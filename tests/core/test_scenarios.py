"""
Stories about how other systems went wrong, and how this board takes each of them.

One text file a bug class, in scenarios/; stage.py says what a line may be.
"""

import pathlib

import pytest

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

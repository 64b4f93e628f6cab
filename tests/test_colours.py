"""The colour for threads is what the generator makes of the one for event loops."""

from __future__ import annotations

import pytest

from . import colours


def test_the_generated_files_are_fresh():
    """After a change of a front by hand, the generator was run."""
    assert not colours.stale(), f"run `{colours.COMMAND}` and commit what it writes"


def test_a_rule_that_changes_nothing_is_refused(monkeypatch):
    """Else rules would outlive what they were for, and nobody would see that one has stopped to match."""
    monkeypatch.setitem(colours.rules.RULES, r"\bno such word\b", "")
    with pytest.raises(ValueError, match="no such word"):
        colours.made()

"""
Lock exclusivity: at any moment a name has at most one holder.

The machine knows only what holders were told: who, which token, until when. It
locks one name or several, enters again, renews, leaves with any token of the
past, waits, and goes to deadlines: a nanosecond before, at, after. Its rules
are those of `ants_coord.testing.ExclusivityMachine`, which users run as well.
"""

import pytest

from ants_coord.testing import ExclusivityMachine

from ..scale import of
from .places import PLACES, WORTHWHILE, play


class LockExclusivity(ExclusivityMachine):
    """The machine with names only: no task is on the board."""

    TASKS = ()


@pytest.mark.parametrize("place", PLACES)
def test_a_name_has_one_holder_until_the_instant_that_it_was_told(place):
    """Nobody else gets a held name; nobody is refused a free one; a takeover at its deadline is one in time."""
    play(LockExclusivity, place, examples=of(20, 150, 20_000), steps=of(40, 40, 100))


def test_the_runs_go_where_mistakes_would_show(capsys):
    """At least a quarter of them take over, at a deadline to the nanosecond, and try a token that is stale."""
    runs, met = play(LockExclusivity, "core", examples=of(100, 400, 1_000), steps=40)
    with capsys.disabled():
        told = ", ".join(f"{met[what]} with a {what}" for what in WORTHWHILE)
        print(f"\n  lock exclusivity: {runs} runs, {told}")
    assert min(met[what] for what in WORTHWHILE) >= runs / 4

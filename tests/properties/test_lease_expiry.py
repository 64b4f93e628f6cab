"""
Lease expiry: a task is its holder's until the instant that it was told, and free at that instant.

The machine knows only what holders were told: who, which token, until when. It
claims any task, one by name, or many, renews, ends leases with any token of the
past, waits, and goes to deadlines: a nanosecond before, at, after. Its rules
are those of `ants_coord.testing.ExclusivityMachine`, which users run as well.
"""

import pytest

from ants_coord.testing import ExclusivityMachine

from ..scale import of
from .places import PLACES, WORTHWHILE, play


class LeaseExpiry(ExclusivityMachine):
    """Tasks only: no name is locked."""

    NAMES = ()


@pytest.mark.parametrize("place", PLACES)
def test_a_task_has_one_holder_until_the_instant_that_it_was_told(place):
    """A token is good until its deadline and never after; a free task is granted to any agent that asks."""
    play(LeaseExpiry, place, examples=of(20, 150, 20_000), steps=of(40, 40, 100))


def test_the_runs_go_where_mistakes_would_show(capsys):
    """At least a quarter of them take over, at a deadline to the nanosecond, and try a token that is stale."""
    runs, met = play(LeaseExpiry, "core", examples=of(100, 400, 1_000), steps=40)
    with capsys.disabled():
        told = ", ".join(f"{met[what]} with a {what}" for what in WORTHWHILE)
        print(f"\n  lease expiry: {runs} runs, {told}")
    assert min(met[what] for what in WORTHWHILE) >= runs / 4


@pytest.mark.parametrize("place", PLACES)
def test_tasks_and_names_on_one_board_keep_out_of_each_others_way(place):
    """The public machine as it stands, with both."""
    runs, _ = play(ExclusivityMachine, place, examples=of(10, 50, 20_000), steps=of(40, 40, 100))
    assert runs >= of(10, 50, 20_000)

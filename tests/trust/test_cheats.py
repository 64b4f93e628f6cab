"""Cheats are contained: bars of the table in docs/explanation/trust.md, with fewer seeds."""

import pytest

from ants_coord.values.verification import Verify

from ..scale import of
from . import cheats, published

CASES = [(name, strategy) for strategy in ("claim", "match") for name, number in cheats.CHEATS if number]


@pytest.mark.parametrize(("name", "strategy"), of(CASES[::3], CASES, CASES))
def test_wrong_results_stay_below_the_target(name, strategy):
    on = cheats.market(name, verify=cheats.CHECKED, seeds=2, strategy=strategy)
    assert on.accepted <= 0.05
    assert on.honest == 0
    assert on.slow <= 0.04
    assert on.extra <= 0.55
    if "30 %" not in name and "milking" not in name:  # these are always checked, but seldom isolated
        assert on.isolated == 1.0


def test_unchecked_they_are_believed():
    off = cheats.market("always wrong", verify=None, trust=False, seeds=1)
    assert off.accepted > 0.15
    assert off.extra == 0


def test_a_stricter_target_accepts_less():
    strict = Verify.by_quorum(2, of=3, error=0.02)
    assert cheats.market("30 % wrong", verify=strict, seeds=2).accepted <= 0.02


@pytest.mark.parametrize("jobs", [200, 500])
def test_an_honest_host_costs_what_boinc_says(jobs):
    expected, ours = published.boinc(jobs)
    assert ours == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    ("keep", "expected"), [(0.0, 0.6667), (0.5, 0.75), (0.7, 0.8125), (0.9, 0.9167), (0.99, 0.9902)]
)
def test_the_steady_states_of_the_beta_paper(keep, expected):
    assert published.steady_state(keep) == pytest.approx(expected, abs=0.0001)


def test_the_target_holds_for_hosts_of_every_kind():
    for _, wrong in published.HOSTS:
        _, passed = published.average(
            2,
            lambda seed, wrong=wrong: published.replication(
                600, wrong=wrong, seed=seed, error=0.05, least=0.05
            ),
        )
        assert passed <= 0.055


def test_standing_bends_the_curve_of_eigentrust():
    """Without it bad files grow with the malicious share; with it the curve stays flat."""
    without = [published.downloads(share, trust=False, cycles=15) for share in (0.3, 0.7)]
    having = [published.downloads(share, cycles=15) for share in (0.3, 0.7)]
    assert without[1] > 0.65
    assert having[0] < 0.15
    assert having[1] < 0.35

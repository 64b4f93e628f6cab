"""The arithmetic of evaporation: against forty digits, over decades, in an order that never changes."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord.core.state import decay

from .naive import context

NOW = 1_700_000_000 * 10**9
YEAR = 365 * 86_400 * 10**9
half_lives = st.sampled_from((1, 7, 1_000, 10**6, 10**9, 30 * 10**9, 600 * 10**9, 86_400 * 10**9, YEAR))
strengths = st.floats(1e-3, 1e12)
moments = st.integers(NOW, NOW + 40 * YEAR)
ULP = 2.0**-52


def exact(strength, dt, half_life):
    return context.multiply(
        Decimal(strength), context.power(2, context.divide(Decimal(-dt), Decimal(half_life)))
    )


@given(strengths, half_lives, moments, st.integers(0, 50 * 10**9))
def test_one_mark_against_forty_digits(strength, half_life, laid, turns_e9):
    """What is left of a mark after up to fifty half-lives is right to five units in the last place."""
    dt = turns_e9 * half_life // 10**9
    left = decay.strength_at(decay.weight_of(strength, laid, half_life), laid + dt, half_life)
    assert Decimal(left) == pytest.approx(exact(strength, dt, half_life), rel=Decimal(5 * ULP))


@given(st.lists(st.tuples(strengths, st.integers(0, 10**12)), min_size=1, max_size=20), half_lives)
def test_a_trail_is_the_sum_of_its_marks(marks, half_life):
    """Twenty marks over a thousand seconds, added in their order; the error grows no faster than the count."""
    weight, total, end = None, Decimal(0), 10**12
    for strength, at in sorted(marks, key=lambda mark: mark[1]):
        more = decay.weight_of(strength, NOW + at, half_life)
        weight = more if weight is None else decay.add(weight, more)
        total += exact(strength, end - at, half_life)
    left = decay.strength_at(weight, NOW + end, half_life)
    if total > Decimal("1e-300"):
        assert Decimal(left) == pytest.approx(total, rel=Decimal((5 + len(marks)) * ULP))


@given(strengths, strengths, half_lives, moments, moments, moments)
def test_the_order_never_changes(one, other, half_life, laid, laid_other, later):
    """The stronger of two trails is stronger for ever, and dies later; equal weights are equal strengths."""
    first, second = decay.weight_of(one, laid, half_life), decay.weight_of(other, laid_other, half_life)
    if first > second:
        first, second = second, first
    now = max(laid, laid_other, later)
    assert decay.strength_at(first, now, half_life) <= decay.strength_at(second, now, half_life)
    assert decay.dies_at(first, 0.01, half_life) <= decay.dies_at(second, 0.01, half_life)


@given(st.floats(0.02, 1e9), half_lives, moments)
def test_the_instant_of_death_is_exact(strength, half_life, laid):
    """At the instant the trail is faint, one nanosecond earlier it is not."""
    weight = decay.weight_of(strength, laid, half_life)
    when = decay.dies_at(weight, 0.01, half_life)
    assert decay.strength_at(weight, when, half_life) < 0.01 <= decay.strength_at(weight, when - 1, half_life)
    turns = math.log2(strength / 0.01)
    assert (when - laid) / half_life == pytest.approx(turns, abs=max(1e-6, 2 / half_life))


@given(
    st.lists(st.tuples(st.sampled_from((1.0, -1.0, 0.5, -2.0)), strengths, moments), min_size=1, max_size=6),
    half_lives,
)
def test_a_pull_is_the_signed_sum(parts, half_life):
    """Kinds that draw and kinds that repel pull together, and pulls compare as what they stand for."""
    weights = [(draw, decay.weight_of(strength, at, half_life)) for draw, strength, at in parts]
    now = max(at for _, _, at in parts)
    wanted = sum(draw * decay.strength_at(weight, now, half_life) for draw, weight in weights)
    most = max(abs(draw) * decay.strength_at(weight, now, half_life) for draw, weight in weights)
    pull = decay.pull_of(weights)
    found = decay.pull_at(pull, decay.moment(now, half_life))
    assert found == pytest.approx(wanted, abs=most * 1e-14)
    assert pull[0] == (found > 0) - (found < 0) or abs(found) < most * 1e-14
    other = decay.pull_of([(1.0, decay.weight_of(1.0, now, half_life))])
    if abs(found - 1.0) > max(most, 1.0) * 1e-13:
        assert (pull > other) == (found > 1.0)


def test_decades_of_reinforcement():
    """A mark every day for fifty years: the geometric series, to the last digits, without any landmark."""
    day, half_life = 86_400 * 10**9, 6 * 3_600 * 10**9
    weight = None
    for number in range(50 * 365):
        more = decay.weight_of(1.0, NOW + number * day, half_life)
        weight = more if weight is None else decay.add(weight, more)
    ratio = 2.0**-4
    left = decay.strength_at(weight, NOW + (50 * 365 - 1) * day, half_life)
    assert left == pytest.approx(1 / (1 - ratio), rel=1e-12)
    assert weight[0] > 70_000  # an exponent that no float could hold: nothing was rebased


def test_no_half_life_is_no_evaporation():
    """A half-life of zero stands for none: the weight is the strength."""
    weight = decay.add(decay.weight_of(3.0, NOW, 0), decay.weight_of(2.0, NOW + YEAR, 0))
    assert decay.strength_at(weight, NOW + 90 * YEAR, 0) == 5.0
    assert decay.dies_at(weight, 0.01, 0) is None


def test_the_table_is_rounded_correctly():
    """Each 2^(i/256) is the float nearest to forty digits, on this platform as on any other."""
    table = decay._TABLE
    for step, value in enumerate(table):
        exactly = context.power(2, Decimal(step) / 256)
        for beside in (math.nextafter(value, 0), math.nextafter(value, 3)):
            assert abs(Decimal(value) - exactly) <= abs(Decimal(beside) - exactly)
    assert all(low < high for low, high in itertools.pairwise(table))

"""
Exact lazy evaporation: forward weights instead of strengths that tick.

A mark of strength a, laid at time t under half-life h, has the forward weight a * 2^(t/h), which never
changes. Its strength at time T is the weight divided by 2^(T/h). Weights of one half-life add up, and their
order is the order of strengths at *every* future time, hence also the order in which trails die (Cormode,
Shkapenyuk, Srivastava, Xu 2009).

A weight is (mantissa in [0.5, 1), exponent): the exponent is an unbounded integer, so there is no landmark to
move and nothing overflows after days. Only +, *, / and conversions that IEEE 754 rounds correctly are used,
and 2^x comes from a table made with integers. So the bits are the same on every platform, whereas log2 and
pow of C libraries differ in the last bit.
"""

from __future__ import annotations

import bisect
import math

Weight = tuple[int, float]
"""(exponent, mantissa): compares like the number it stands for"""
Pull = tuple[int, int, float]
"""(sign, exponent times sign, mantissa with sign): compares like the number it stands for"""
Moment = tuple[int, float]
"""a time as the weights of one half-life see it"""

_STEPS = 256
_LN2 = 0.6931471805599453
_BITS = 192


def _table() -> tuple[float, ...]:
    """Return 2^(i/256) rounded correctly: by integer square roots, then one division each."""
    one = 1 << _BITS
    roots = []  # 2^(1/2), 2^(1/4), ... 2^(1/256)
    root = 2 * one
    for _ in range(8):
        root = math.isqrt(root * one)
        roots.append(root)
    table = []
    for step in range(_STEPS):
        product = one
        for place in range(8):
            if step >> (7 - place) & 1:
                product = product * roots[place] >> _BITS
        table.append(product / one)
    return tuple(table)


_TABLE = _table()


def _power(rest: int, half_life: int) -> float:
    """Return 2^(rest / half_life) for 0 <= rest < half_life, to 4e-16."""
    step, left = divmod(rest * _STEPS, half_life)
    x = left / (half_life * _STEPS) * _LN2
    return _TABLE[step] * (1 + x * (1 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x / 120)))))


def weight_of(strength: float, now_ns: int, half_life: int) -> Weight:
    """Return the forward weight of a strength > 0 at a time (ns); a half-life of 0 never evaporates."""
    if not half_life:
        mantissa, exponent = math.frexp(strength)
        return exponent, mantissa
    turns, rest = divmod(now_ns, half_life)
    mantissa, exponent = math.frexp(strength * _power(rest, half_life))
    return exponent + turns, mantissa


def moment(now_ns: int, half_life: int) -> Moment:
    """Return what all weights of a half-life have in common at one time: (turns, 2^rest)."""
    if not half_life:
        return 0, 1.0
    turns, rest = divmod(now_ns, half_life)
    return turns, _power(rest, half_life)


def strength_of(weight: Weight, at: Moment) -> float:
    """Return what is left of a weight at a moment of its half-life; 0.0 once it is below all floats."""
    exponent = weight[0] - at[0]
    if exponent < -1_070:
        return 0.0
    return math.ldexp(weight[1] / at[1], min(1000, exponent))


def strength_at(weight: Weight, now_ns: int, half_life: int) -> float:
    """Return what is left of a weight at a time."""
    return strength_of(weight, moment(now_ns, half_life))


def pull_of(parts: list[tuple[float, Weight]]) -> Pull:
    """Return the sum of weights of one half-life, each times its attraction (negative: repels)."""
    if len(parts) == 1 and parts[0][0] == 1.0:
        return 1, *parts[0][1]
    top = max(weight[0] for _, weight in parts)
    total = 0.0
    for draw, (exponent, mantissa) in parts:
        if top - exponent < 1_000:
            total += math.ldexp(draw * mantissa, exponent - top)
    if not total:
        return 0, 0, 0.0
    mantissa, exponent = math.frexp(total)
    return (1, top + exponent, mantissa) if total > 0 else (-1, -top - exponent, mantissa)


def pull_at(pull: tuple[int, int, float, *tuple[object, ...]], at: Moment) -> float:
    """Return the value of a pull (extra fields are ignored) at a moment of its half-life."""
    exponent = pull[0] * pull[1] - at[0]
    if exponent < -1_070:
        return 0.0
    return math.ldexp(pull[2] / at[1], min(1000, exponent))


def add(one: Weight, other: Weight) -> Weight:
    """Return the sum, rounded once."""
    if one < other:
        one, other = other, one
    apart = one[0] - other[0]
    if apart > 64:  # below half a unit in the last place
        return one
    mantissa, exponent = math.frexp(one[1] + math.ldexp(other[1], -apart))
    return one[0] + exponent, mantissa


def scaled(weight: Weight, factor: float) -> Weight:
    """Return a weight times a factor > 0."""
    mantissa, exponent = math.frexp(weight[1] * factor)
    return weight[0] + exponent, mantissa


def dies_at(weight: Weight, faint: float, half_life: int) -> int | None:
    """
    Return the first time (ns) at which a weight is below `faint`; None if never.

    The inverse of the table gives the instant to a few ns. The exact one is then found by evaluation, so it
    agrees with `strength_at` to the nanosecond.
    """
    if not half_life:
        return None
    mantissa, exponent = math.frexp(faint)
    ratio = weight[1] / mantissa  # in (1/2, 2); the instant is where 2^turns is this
    turns = weight[0] - exponent
    if ratio < 1:
        ratio, turns = ratio * 2, turns - 1
    step = bisect.bisect_right(_TABLE, ratio) - 1
    x = ratio / _TABLE[step] - 1
    rest = step / _STEPS + x * (1 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x / 5)))) / _LN2
    guess = turns * half_life + int(rest * half_life)
    reach = 1
    low = high = guess
    while strength_at(weight, low, half_life) < faint:
        low, reach = low - reach, reach * 2
    while strength_at(weight, high, half_life) >= faint:
        low, high, reach = high, high + reach, reach * 2
    while high - low > 1:
        middle = (low + high) // 2
        if strength_at(weight, middle, half_life) < faint:
            high = middle
        else:
            low = middle
    return high

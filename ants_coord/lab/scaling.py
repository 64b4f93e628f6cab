"""
The Universal Scalability Law: what rates at several numbers of agents say about more of them.

The law (Gunther 2007) says X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)). Here gamma is the rate of
one agent alone, alpha the share of work for which agents wait for each other (contention), and beta the cost
of each pair (coherency). With beta above 0 the curve has a peak.

Two traps are avoided here. An interval of the peak from standard errors would contain the truth far too
rarely, because a peak is a ratio. Therefore the interval comes from the likelihood: it contains every peak at
which the best curve is still compatible with the data. And a curve can be fitted to anything; so data that
the law does not describe is refused.

One trap remains: the tail of a finite batch looks like contention. Measure rates in a steady window, in which
there is work for everybody; see `studies.steady_curve`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import attrs

MISFIT = 0.10
"""residuals above this share of the highest rate: not a curve of this law"""

_LEAST_SIZES = 4
"""three unknowns, and one more number of agents to test them"""

# t(.975, df); above 30, 1.96 + 2.4/df is within .002
_T975 = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228,
    12: 2.179, 15: 2.131, 20: 2.086, 25: 2.060, 30: 2.042,
}  # fmt: skip
_NAMES = ("alpha", "beta", "gamma")
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_FAR = 1e6
"""a peak this many times beyond the data counts as none"""

_Point = tuple[float, float, float]
"""(agents, rate, weight)"""
_Vector = list[float]


def _t975(freedom: int) -> float:
    if freedom > 30:
        return 1.96 + 2.4 / freedom
    return _T975[max(known for known in _T975 if known <= freedom)]


@attrs.frozen
class Scaling:
    """
    A fitted curve.

    Args:
        alpha: contention, a share of the work; above 1 even two agents are slower than one.
        beta: coherency, a share of the work per pair of agents; 0 means that no peak was seen.
        gamma: rate of one agent on the fitted curve, in the unit of the data.
        errors: standard error of each of the three; a parameter at its bound 0 has none.
        residual: standard error of the residuals, in the unit of the data (weighted, if weights were given).
        misfit: largest distance of a size's mean rate from the curve, as a share of the highest rate.
        largest: largest number of agents in the data.
        points: the fitted data: (agents, rate, weight).

    """

    alpha: float
    beta: float
    gamma: float
    errors: dict[str, float]
    residual: float
    misfit: float
    largest: float
    points: tuple[_Point, ...] = attrs.field(repr=False)

    def throughput(self, agents: float) -> float:
        """Return the curve's rate at a number of agents."""
        return self.gamma * agents / _loss(agents, self.alpha, self.beta)

    def tax(self, agents: float) -> float:
        """Return the share of the possible rate of this many agents that coordination takes, 0 to 1."""
        return 1.0 - self.efficiency(agents)

    def efficiency(self, agents: float) -> float:
        """
        Return the curve's rate per agent divided by that of one alone; the data may differ from the curve.
        """
        return 1.0 / _loss(agents, self.alpha, self.beta)

    def observed_efficiency(self, agents: float) -> float:
        """Return the measured rate per agent divided by the fitted rate of one, at a measured size."""
        rates = [rate for size, rate, _ in self.points if size == agents]
        if not rates:
            measured = ", ".join(f"{size:g}" for size in sorted({size for size, *_ in self.points}))
            raise ValueError(f"agents={agents!r} was not measured; there are {measured}")
        return sum(rates) / len(rates) / (self.gamma * agents)

    def split(self, agents: float) -> tuple[float, float, float]:
        """Return the time of a job in units of one agent's: ideal share, contention, coherency."""
        return (
            1.0 / agents,
            self.alpha * (agents - 1.0) / agents,
            self.beta * (agents - 1.0) / 2.0,
        )

    @property
    def peak(self) -> float:
        """Number of agents, as a real number, beyond which more agents do less; infinite if beta is 0."""
        if self.alpha >= 1.0:
            return 1.0
        return math.inf if self.beta <= 0.0 else max(1.0, math.sqrt((1.0 - self.alpha) / self.beta))

    @property
    def best(self) -> int | None:
        """The whole number of agents with the highest rate; None if the curve has no peak."""
        if math.isinf(self.peak):
            return None
        below = math.floor(self.peak)
        return max((below, below + 1), key=self.throughput)

    @property
    def knee(self) -> float:
        """Number of agents at which contention alone has halved what each further one adds."""
        return 1.0 / self.alpha if self.alpha > 0.0 else math.inf

    @property
    def roof(self) -> float:
        """The rate that contention alone would allow to any number of agents."""
        return self.gamma / self.alpha if self.alpha > 0.0 else math.inf

    @property
    def interval(self) -> tuple[float, float]:
        """
        The 95 % interval of the peak, by likelihood.

        It reflects the noise of the data, not whether the law holds beyond it. An end that the data does not
        bound is 1 or infinite.
        """
        freedom = len(self.points) - 3
        least = _squares(self.points, self.alpha, self.beta, self.gamma)
        if freedom < 1:
            return (1.0, math.inf)
        highest = least * (1.0 + _t975(freedom) ** 2 / freedom) + 1e-12 * sum(
            w * x * x for _, x, w in self.points
        )

        def is_compatible(peak: float) -> bool:
            return _least_with_peak(self.points, peak) <= highest

        far = _FAR * self.largest
        start = min(self.peak, far)
        above = math.inf if start >= far else _edge(is_compatible, start, far, 1.3)
        below = _edge(is_compatible, start, 1.0, 1.0 / 1.3)
        return (below, above)

    def __str__(self) -> str:
        below, above = self.interval
        said = f"alpha {self.alpha:.4f}, beta {self.beta:.6f}, one agent {self.gamma:.3g}: "
        if math.isinf(above) or math.isinf(self.peak):
            return said + f"no peak seen up to {self.largest:g} agents"
        return said + f"peak at {self.peak:.0f} agents [{below:.0f}, {above:.0f}]"


def fit(points: Iterable[tuple[float, float]], *, weights: Sequence[float] | None = None) -> Scaling:
    """
    Fit the scaling law by least squares, with alpha and beta at least 0.

    Args:
        points: (number of agents, rate) each; several with one number are replicates. The rates must come
            from steady windows: the tail of a finite batch would be taken for contention.
        weights: one per point, such as 1 / rate**2 if the noise grows with the rate; all equal by default.

    Returns:
        The curve, with errors and the interval of its peak.

    Raises:
        ValueError: fewer than 4 different numbers of agents (measure more), a number or rate that is not
            positive, or rates that this law does not describe.

    Example:
        >>> from ants_coord.lab import fit
        >>> curve = fit([(1, 20), (4, 78), (8, 130), (12, 170), (16, 190), (20, 200)])
        >>> print(curve)
        alpha 0.0244, beta 0.001627, one agent 20.9: peak at 24 agents [20, 36]

    """
    given = [(float(agents), float(rate)) for agents, rate in points]
    if weights is not None and len(weights) != len(given):
        raise ValueError(f"weights: {len(weights)} for {len(given)} points; give one a point")
    for agents, rate in given:
        if not (math.isfinite(agents) and math.isfinite(rate) and agents >= 1.0 and rate > 0.0):
            raise ValueError(f"points: ({agents:g}, {rate:g}) needs at least 1 agent and a rate above 0")
    for weight in weights or ():
        if not (math.isfinite(weight) and weight > 0.0):
            raise ValueError(f"weights: {weight!r} must be above 0")
    sizes = sorted({agents for agents, _ in given})
    if len(sizes) < _LEAST_SIZES:
        measured = ", ".join(f"{size:g}" for size in sizes) or "none"
        raise ValueError(
            f"points: a fit needs {_LEAST_SIZES} different numbers of agents, there are {len(sizes)} "
            f"({measured}); measure more"
        )
    data = tuple([(*point, 1.0 if weights is None else float(weights[i])) for i, point in enumerate(given)])
    best: tuple[float, _Vector, tuple[int, ...]] | None = None
    # a parameter may be at its bound (all four cases are tried): then the curve is the best of those on the
    # bound
    for free in ((0, 1, 2), (0, 2), (1, 2), (2,)):
        found = _descend(data, free)
        if found[1][0] < 0.0 or found[1][1] < 0.0:
            continue
        if best is None or found[0] < best[0] * (1.0 - 1e-9):
            best = (*found, free)
    assert best is not None  # without alpha and beta there is always a line
    return _described(data, *best)


def _described(data: tuple[_Point, ...], squares: float, at: _Vector, free: tuple[int, ...]) -> Scaling:
    highest = max(rate for _, rate, _ in data)
    # noise is not a misfit: the mean of several measurements at one size must be near the curve
    rates: dict[float, list[float]] = {}
    for size, rate, _ in data:
        rates.setdefault(size, []).append(rate)
    off, agents = max(
        (abs(sum(found) / len(found) - at[2] * n / _loss(n, at[0], at[1])) / highest, n)
        for n, found in rates.items()
    )
    if off > MISFIT:
        raise ValueError(
            f"points: not a curve of the scaling law: the rate at {agents:g} agents lies {off:.0%} of the "
            f"highest rate beside the best curve (most: {MISFIT:.0%}); look at the points themselves"
        )
    freedom = len(data) - 3
    variance = squares / freedom
    matrix, errors = _normal(data, at, free)[0], {}
    for i, name in enumerate(free):
        column = _solved(matrix, [float(i == j) for j in range(len(free))])  # of the inverse
        if column is not None:
            errors[_NAMES[name]] = math.sqrt(column[i] * variance)
    alpha, beta, gamma = at
    return Scaling(alpha, beta, gamma, errors, math.sqrt(variance), off, max(n for n, *_ in data), data)


# -- least squares ----------------------------------------------------------------------------


def _loss(agents: float, alpha: float, beta: float) -> float:
    return 1.0 + alpha * (agents - 1.0) + beta * agents * (agents - 1.0)


def _squares(data: Sequence[_Point], alpha: float, beta: float, gamma: float) -> float:
    total = 0.0
    for agents, rate, weight in data:
        loss = _loss(agents, alpha, beta)
        if loss <= 0.0 or gamma <= 0.0:
            return math.inf
        total += weight * (rate - gamma * agents / loss) ** 2
    return total


def _start(data: Sequence[_Point], free: tuple[int, ...]) -> _Vector:
    """Return the fit of N/X, which is linear; where that fails, the line through the origin."""
    rows = [
        ([1.0, *[(n - 1.0, n * (n - 1.0))[name] for name in free if name < 2]], n / x, w * (x * x / n) ** 2)
        for n, x, w in data
    ]
    found = _solved(*_equations(rows))
    at = [0.0, 0.0, 0.0]
    if found is not None and found[0] > 0.0:
        at[2] = 1.0 / found[0]
        for name, value in zip([name for name in free if name < 2], found[1:], strict=True):
            at[name] = value * at[2]
        if math.isfinite(_squares(data, *at)):
            return at
    return [0.0, 0.0, sum(x for _, x, _ in data) / sum(n for n, *_ in data)]


def _descend(data: Sequence[_Point], free: tuple[int, ...]) -> tuple[float, _Vector]:
    """Gauss-Newton, each step halved until it descends; about ten steps in all cases tried."""
    at = _start(data, free)
    least = _squares(data, *at)
    for _ in range(200):
        step = _solved(*_normal(data, at, free))
        if step is None:
            break
        share, moved = 1.0, math.inf
        while share > 1e-10:
            there = list(at)
            for name, change in zip(free, step, strict=True):
                there[name] += share * change
            squares = _squares(data, *there)
            if squares <= least:
                moved = max(abs(there[name] - at[name]) / (abs(at[name]) + 1e-9) for name in free)
                at, least = there, squares
                break
            share /= 2.0
        if share <= 1e-10 or moved < 1e-12:
            break
    return least, at


def _normal(data: Sequence[_Point], at: _Vector, free: tuple[int, ...]) -> tuple[list[_Vector], _Vector]:
    """Return the normal equations of one Gauss-Newton step."""
    rows = []
    for agents, rate, weight in data:
        loss = _loss(agents, at[0], at[1])
        on = at[2] * agents / loss
        slopes = (-on * (agents - 1.0) / loss, -on * agents * (agents - 1.0) / loss, agents / loss)
        rows.append(([slopes[name] for name in free], rate - on, weight))
    return _equations(rows)


def _equations(rows: list[tuple[_Vector, float, float]]) -> tuple[list[_Vector], _Vector]:
    """Return the normal equations of a linear fit; each row is (factors, value, weight)."""
    size = range(len(rows[0][0]))
    left = [[sum(w * row[i] * row[j] for row, _, w in rows) for j in size] for i in size]
    return left, [sum(w * row[i] * value for row, value, w in rows) for i in size]


def _solved(left: list[_Vector], right: _Vector) -> _Vector | None:
    """Solve by elimination, after scaling: the columns differ by a factor of a million. None if singular."""
    size = len(left)
    scale = [math.sqrt(left[i][i]) if left[i][i] > 0.0 else 0.0 for i in range(size)]
    if min(scale) == 0.0:
        return None
    rows = [
        [left[i][j] / (scale[i] * scale[j]) for j in range(size)] + [right[i] / scale[i]] for i in range(size)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        if abs(rows[pivot][column]) < 1e-13:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(size):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [x - factor * y for x, y in zip(rows[row], rows[column], strict=True)]
    return [rows[i][size] / rows[i][i] / scale[i] for i in range(size)]


# -- the interval -----------------------------------------------------------------------------


def _least_with_peak(data: Sequence[_Point], peak: float) -> float:
    """
    Return the least sum of squares of all curves with this peak.

    Given the peak, beta follows from alpha, the loss is linear in alpha, and gamma has a closed form; what
    is left is a search in alpha, from 0 to 1.
    """
    fixed = [1.0 + n * (n - 1.0) / (peak * peak) for n, *_ in data]
    slope = [n - 1.0 - n * (n - 1.0) / (peak * peak) for n, *_ in data]

    def squares(alpha: float) -> float:
        shape = [n / (a + alpha * b) for (n, *_), a, b in zip(data, fixed, slope, strict=True)]
        across = sum(w * h * x for h, (_, x, w) in zip(shape, data, strict=True))
        gamma = across / sum(w * h * h for h, (*_, w) in zip(shape, data, strict=True))
        return sum(w * (x - gamma * h) ** 2 for h, (_, x, w) in zip(shape, data, strict=True))

    grid = [0.0, *[10.0 ** (-5.0 + k / 5.0) for k in range(26)]]
    found = [squares(alpha) for alpha in grid]
    best = min(range(len(grid)), key=found.__getitem__)
    low, high = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    for _ in range(30):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if squares(left) < squares(right):
            high = right
        else:
            low = left
    return min(found[best], squares((low + high) / 2.0))


def _edge(is_compatible: Callable[[float], bool], inside: float, end: float, factor: float) -> float:
    """Return where compatibility ends between `inside` and `end`; infinite or `end` if it does not."""
    is_up = factor > 1.0
    while True:
        there = inside * factor
        if (there >= end) if is_up else (there <= end):
            if not is_up and not is_compatible(end):
                there = end
                break
            return math.inf if is_up else end
        if not is_compatible(there):
            break
        inside = there
    for _ in range(20):
        middle = math.sqrt(inside * there)
        if is_compatible(middle):
            inside = middle
        else:
            there = middle
    return inside

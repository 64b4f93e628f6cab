"""
Paired, interleaved rounds: A B A B ..., each as the median of its rounds, and their ratio pair by pair.

On a shared machine single times mean little; a ratio of two neighbours in the
same run means something. Every round also returns a hash of the work it did,
so that nobody measures a loop that did nothing.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

import attrs


@attrs.frozen
class Ratio:
    name: str
    ours_us: float
    peer_us: float
    ratio: float
    low: float
    high: float
    target: str
    peer: str

    def __str__(self) -> str:
        return (
            f"{self.name:<46} {self.ours_us:>10.2f} {self.peer_us:>10.2f}   "
            f"{_short(self.ratio):>6}x [{_short(self.low)}, {_short(self.high)}]   {self.target:<10} {self.peer}"
        )


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.05 else f"{ratio:.2g}"


HEADER = (
    f"{'what (us per operation)':<46} {'ours':>10} {'peer':>10}   {'ratio':>6}  [quartiles]      "
    f"{'target':<10} peer"
)


def timed(work: Callable[[], int]) -> float:
    """Seconds per operation of one round; `work` returns how many operations it did."""
    gc.collect()
    started = time.perf_counter()
    operations = work()
    return (time.perf_counter() - started) / operations


def compare(
    name: str,
    ours: Callable[[], Callable[[], int]],
    peer: Callable[[], Callable[[], int]],
    *,
    rounds: int,
    target: str,
    peer_name: str,
) -> Ratio:
    """Run fresh rounds of both in turn. `ours` and `peer` prepare and return the measured part."""
    pairs = []
    for number in range(rounds + 1):
        a, b = ours(), peer()
        pair = (timed(a), timed(b)) if number % 2 else tuple(reversed((timed(b), timed(a))))
        if number:  # the first warms up
            pairs.append(pair)
    ratios = sorted(a / b for a, b in pairs)
    quarter = max(0, len(ratios) // 4)
    return Ratio(
        name,
        statistics.median(a for a, _ in pairs) * 1e6,
        statistics.median(b for _, b in pairs) * 1e6,
        statistics.median(ratios),
        ratios[quarter],
        ratios[-1 - quarter],
        target,
        peer_name,
    )

"""
The blackboard: do a mark, a look and a claim cost the same with a million trails as with a thousand?

Peers: the same board with a thousand trails; a dict of strengths swept at every
step (what is written first); a dict that evaporates when it is read; a layer of mesa's, if it
is installed (extra `peers`); the claim queue.
"""

from __future__ import annotations

import heapq
import math
import random
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator

from ants_coord import Blackboard, ClaimQueue, Mark, Task
from ants_coord.commands.board import Deposit, Strongest
from ants_coord.commands.shared import Configure, Wakeup
from ants_coord.core import Machine
from ants_coord.values.settings import Settings

from .measure import Ratio, compare

NOW = 1_700_000_000 * 10**9
HALF_LIFE = 600.0


def _board(trails: int) -> tuple[Blackboard, list[str]]:
    dice = random.Random(3)
    board = Blackboard(half_life=HALF_LIFE * 1e3, quota=10_000_000, event_count=1_000)
    places = [f"p/{number}" for number in range(trails)]
    machine = board._engine._machine
    board.deposit(Mark("x", places[0], 1.0), agent="a")
    now = board._engine.now_ns()
    for place in places:
        machine.apply(Deposit(Mark("x", place, dice.uniform(0.5, 100.0)), "a"), now_ns=now)
    board.strongest("x", count=1)
    return board, places


def _deposits(board: Blackboard, places: list[str], times: int) -> Callable[[], int]:
    dice = random.Random(5)
    marks = [Mark("x", dice.choice(places), dice.uniform(0.5, 2.0)) for _ in range(times)]

    def work() -> int:
        for mark in marks:
            board.deposit(mark, agent="a")
            board.sense(mark.place, kind="x")
        return times

    return work


def _tops(board: Blackboard, times: int) -> Callable[[], int]:
    def work() -> int:
        for _ in range(times):
            assert len(board.strongest("x", count=10)) == 10
        return times

    return work


def _tops_after_deposits(board: Blackboard, places: list[str], times: int) -> Callable[[], int]:
    dice = random.Random(6)
    marks = [Mark("x", dice.choice(places), 1.0) for _ in range(times)]

    def work() -> int:
        for mark in marks:
            board.deposit(mark, agent="a")
            board.strongest("x", count=10)
        return times

    return work


def _lazy(trails: int, times: int) -> Callable[[], int]:
    """A dict whose strengths are computed when they are read; the top by a look at all."""
    dice = random.Random(3)
    strengths = {f"p/{number}": (dice.uniform(0.5, 100.0), 0.0) for number in range(trails)}

    def work() -> int:
        for number in range(times):
            now = 1.0 + number
            heapq.nlargest(10, ((s * 2.0 ** ((at - now) / HALF_LIFE), p) for p, (s, at) in strengths.items()))
        return times

    return work


def _eager(trails: int, times: int) -> Callable[[], int]:
    """A dict that is swept before every look."""
    dice = random.Random(3)
    strengths = {f"p/{number}": dice.uniform(0.5, 100.0) for number in range(trails)}
    factor = 2.0 ** (-1.0 / HALF_LIFE)

    def work() -> int:
        for _ in range(times):
            for place in strengths:
                strengths[place] *= factor
            heapq.nlargest(10, strengths.items(), key=lambda item: item[1])
        return times

    return work


def _layer(trails: int, times: int) -> Callable[[], int] | None:
    """Mesa's PropertyLayer, as its documents do pheromones: the whole grid evaporates at each step (NumPy)."""
    try:
        import mesa.discrete_space
        import numpy
    except ImportError:
        return None
    side = math.isqrt(trails)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it is experimental
        layer = mesa.discrete_space.PropertyLayer("x", (side, side), default_value=0.0, dtype=float)
    dice = random.Random(3)
    layer.data[:] = numpy.array([[dice.uniform(0.5, 100.0) for _ in range(side)] for _ in range(side)])
    factor = 2.0 ** (-1.0 / HALF_LIFE)

    def work() -> int:
        for number in range(times):
            layer.modify_cells(numpy.multiply, factor)
            layer.data[number % side, number % side] += 1.0
            best = numpy.argpartition(layer.data, -10, axis=None)[-10:]
            assert len(best) == 10
        return times

    return work


def _claims(board: ClaimQueue | Blackboard, places: int, tasks: int, times: int) -> Callable[[], int]:
    """Claim and give back; on a blackboard with trails of two kinds to every place."""
    dice = random.Random(9)
    is_board = isinstance(board, Blackboard)
    board.submit_many([Task(f"t{n}", place=f"p/{n % places}" if is_board else None) for n in range(tasks)])
    if isinstance(board, Blackboard):
        for number in range(places):
            board.deposit(Mark("x", f"p/{number}", dice.uniform(0.5, 10.0)), agent="a")
            board.deposit(Mark("y", f"p/{number}", dice.uniform(0.5, 10.0)), agent="a")
    agents = [f"w{number}" for number in range(10)]

    def work() -> int:
        for number in range(times):
            lease = board.claim_nowait(agents[number % 10])
            assert lease is not None
            board.release(lease)
        return times

    return work


def ratios(*, small: bool) -> Iterator[Ratio | str]:
    """Yield the rows of this area."""
    many_trails, rounds, times = (5_000, 2, 200) if small else (1_000_000, 7, 5_000)
    few, few_places = _board(1_000)
    many, many_places = _board(many_trails)
    yield compare(
        f"deposit + sense, {many_trails:,} trails (10 us)",
        lambda: _deposits(many, many_places, times),
        lambda: _deposits(few, few_places, times),
        rounds=rounds,
        target="<= 2",
        peer_name="the same with 1,000",
    )
    yield compare(
        f"deposit + top 10, {many_trails:,} trails",
        lambda: _tops_after_deposits(many, many_places, times // 5),
        lambda: _tops_after_deposits(few, few_places, times // 5),
        rounds=rounds,
        target="<= 2",
        peer_name="the same with 1,000",
    )
    yield compare(
        f"top 10 of {many_trails:,} trails (30 us)",
        lambda: _tops(many, times // 5),
        lambda: _eager(many_trails, 2),
        rounds=rounds,
        target="<= 0.001",
        peer_name="dict, swept before every look",
    )
    yield compare(
        f"top 10 of {many_trails:,} trails",
        lambda: _tops(many, times // 5),
        lambda: _lazy(many_trails, 2),
        rounds=rounds,
        target="-",
        peer_name="dict, evaporating when read",
    )
    if _layer(100, 1) is None:
        yield "(mesa: not installed; pip install --group peers)"
    else:
        yield compare(
            f"deposit + top 10, {many_trails:,} trails",
            lambda: _tops_after_deposits(many, many_places, times // 5),
            lambda: _layer(many_trails, 5) or (lambda: 1),
            rounds=rounds,
            target="-",
            peer_name="mesa PropertyLayer: the grid evaporates at each step, in NumPy",
        )
    yield compare(
        "claim + release, 1,000 places, 2 kinds of marks",
        lambda: _claims(Blackboard(lease_ttl=1e6), 1_000, 5_000, times),
        lambda: _claims(ClaimQueue(lease_ttl=1e6), 1_000, 5_000, times),
        rounds=rounds,
        target="<= 2",
        peer_name="ClaimQueue",
    )


def facts(*, small: bool) -> Iterator[str]:
    """Say what becomes of the memory of trails that have evaporated."""
    trails = 5_000 if small else 200_000
    machine = Machine()
    machine.apply(Configure(Settings(strategy="board", half_life=1.0, quota=10_000_000)), now_ns=NOW)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(trails):
        machine.apply(Deposit(Mark("x", f"p/{number}", 1.0), "a"), now_ns=NOW)
    machine.ask(Strongest("x"))
    full = tracemalloc.get_traced_memory()[0] - before
    now = NOW + 3_600 * 10**9
    while machine.ledger.tables["trails"]:
        machine.apply(Wakeup(), now_ns=now)
        machine.ledger.ring = (machine.ledger.ring[0], [])
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    yield (
        f"memory of {trails:,} trails: {full / trails:.0f} bytes each; "
        f"after they have evaporated {100 * left / full:.1f} % of it is left"
    )
    board, dice, slowest = Blackboard(quota=10_000_000), random.Random(3), 0
    for number in range(trails):
        mark = Mark("x", f"p/{number}", dice.uniform(1.0, 6.0))
        began = time.perf_counter_ns()
        board.deposit(mark, agent="a")
        slowest = max(slowest, time.perf_counter_ns() - began)
    looks = []
    for _ in range(50):
        began = time.perf_counter_ns()
        board.strongest("x", count=10)
        looks.append(time.perf_counter_ns() - began)
    yield (
        f"the first look after {trails:,} deposits: {looks[0] / 1e6:.1f} ms; the slowest of the first 50: "
        f"{max(looks) / 1e6:.1f} ms; the slowest deposit (with the garbage collector): {slowest / 1e6:.1f} ms"
    )

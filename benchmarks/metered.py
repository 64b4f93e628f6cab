"""
What a meter adds to a cycle, in memory and on a file: `python -m benchmarks.metered`.

Each round makes two new boards, since one board may lie better in memory than the next; short stretches of
both are then run in turn, and the median stretch counts. Processor time: what else the machine does shows less.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from ants_coord import ClaimQueue, Task, aio
from ants_coord.lab import Meter

from .measure import HEADER, Ratio

_STRETCH = 25
"""cycles at a time; a few hundred microseconds in memory, so that most are never interrupted"""


def _stretch(board: ClaimQueue) -> Callable[[], None]:
    submit, claim, complete = board.submit, board.claim_nowait, board.complete

    def run() -> None:
        for number in range(_STRETCH):
            submit(Task(payload={"n": number}))
            complete(claim("worker-1"), number)

    return run


def _awaited(board: aio.ClaimQueue, loop: asyncio.Runner) -> Callable[[], None]:
    async def cycles() -> None:
        for number in range(_STRETCH):
            await board.submit(Task(payload={"n": number}))
            await board.complete(await board.claim_nowait("worker-1"), number)

    return lambda: loop.run(cycles())


def _seconds(run: Callable[[], None]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def _pair(plain: Callable[[], None], metered: Callable[[], None], stretches: int) -> tuple[float, float]:
    for _ in range(
        stretches // 4 + 1
    ):  # what is looked at often gets faster; that should have come to its end
        plain(), metered()
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.disable()  # it would come each so many stretches, and so always in those of the same board
    try:
        for number in range(stretches):
            for which in (0, 1) if number % 2 else (1, 0):
                times[which].append(_seconds((plain, metered)[which]))
    finally:
        gc.enable()
    return statistics.median(times[0]) / _STRETCH, statistics.median(times[1]) / _STRETCH


def _compare(
    name: str, pair: Callable[[ExitStack], tuple[float, float]], rounds: int, target: str, peer: str
) -> Ratio:
    pairs = []
    for _ in range(rounds):
        with ExitStack() as scope:
            pairs.append(pair(scope))
    ratios = sorted([metered / plain for plain, metered in pairs])
    quarter = len(ratios) // 4
    return Ratio(
        name,
        statistics.median([metered for _, metered in pairs]) * 1e6,
        statistics.median([plain for plain, _ in pairs]) * 1e6,
        statistics.median(ratios),
        ratios[quarter],
        ratios[-1 - quarter],
        target,
        peer,
    )


def ratios(*, small: bool) -> Iterator[Ratio]:
    rounds, stretches = (2, 4) if small else (25, 60)

    def in_memory(scope: ExitStack) -> tuple[float, float]:
        plain, metered = [scope.enter_context(ClaimQueue()) for _ in range(2)]
        scope.enter_context(Meter(metered))
        return _pair(_stretch(plain), _stretch(metered), stretches)

    def awaited(scope: ExitStack) -> tuple[float, float]:
        loop = scope.enter_context(asyncio.Runner())
        plain, metered = aio.ClaimQueue(), aio.ClaimQueue()
        scope.callback(lambda: loop.run(plain.close()))
        scope.callback(lambda: loop.run(metered.close()))
        scope.enter_context(Meter(metered))
        return _pair(_awaited(plain, loop), _awaited(metered, loop), stretches)

    def on_a_file(scope: ExitStack) -> tuple[float, float]:
        folder = Path(scope.enter_context(tempfile.TemporaryDirectory()))
        plain, metered = [
            scope.enter_context(ClaimQueue(folder / f"{name}.db", durability="process")) for name in "ab"
        ]
        scope.enter_context(Meter(metered))
        return _pair(_stretch(plain), _stretch(metered), stretches // 2)

    peer = "ours, no meter"
    yield _compare("a meter around a board in memory, per cycle", in_memory, rounds, "<= 1.07x", peer)
    yield _compare("a meter around a board, await, per cycle", awaited, rounds, "<= 1.07x", peer)
    yield _compare("a meter around a file, per cycle", on_a_file, rounds, "<= 1.04x", peer)


if __name__ == "__main__":
    print(HEADER)
    for ratio in ratios(small="--small" in sys.argv):
        print(ratio, flush=True)

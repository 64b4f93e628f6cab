"""
The cost of coordination on this machine, in under a minute (`ants-coord bench`), and the claim race.

Each row runs for a moment and gives the median of its rounds. The figures are for comparing machines and
settings; the benchmarks of the source tree compare with other queues.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Literal

import attrs

from .. import aio
from ..sync import Blackboard, Board, ClaimQueue, Matchmaker
from ..values.adverts import Advert
from ..values.marks import Mark
from ..values.tasks import Task

_ROUND_S = 0.2
_ROUNDS = 5


@attrs.frozen
class Row:
    """One line of the table."""

    what: str
    per_second: float
    microseconds: float


def _cycle(board: Board, task: Task | None = None) -> None:
    board.submit(Task() if task is None else task)
    lease = board.claim_nowait("bench")
    assert lease is not None
    board.complete(lease)


def _timed(what: str, once: Callable[[], Any], worth: int = 1) -> Row:
    """Repeat for several short rounds; `worth` is the number of operations in one call."""
    once()
    found = []
    for _ in range(_ROUNDS):
        begun, count = time.perf_counter(), 0
        while (passed := time.perf_counter() - begun) < _ROUND_S:
            once()
            count += worth
        found.append(passed / count)
    each = statistics.median(found)
    return Row(what, 1 / each, each * 1e6)


def _batch(board: Board) -> None:
    board.submit_many([Task() for _ in range(100)])
    board.complete_many([(lease, None) for lease in board.claim_many("bench", 100)])


def _awaited() -> Row:
    async def main() -> Row:
        async with aio.ClaimQueue() as board:
            begun, count = time.perf_counter(), 0
            while (passed := time.perf_counter() - begun) < _ROUNDS * _ROUND_S:
                await board.submit(Task())
                lease = await board.claim_nowait("bench")
                assert lease is not None
                await board.complete(lease)
                count += 1
            return Row("cycle, awaited", count / passed, passed / count * 1e6)

    return asyncio.run(main())


def _in_a_file(folder: Path, durability: Literal["power", "process"]) -> Row:
    with ClaimQueue(folder / f"{durability}.db", durability=durability) as board:
        return _timed(f"cycle in a file, durability={durability}", lambda: _cycle(board))


def _woken(rounds: int = 200) -> Row:
    """Measure from a submit to the return of a claim that was waiting in another thread."""
    waits: list[float] = []
    begun = [0.0]
    done = threading.Semaphore(0)
    with ClaimQueue() as board:

        def wait() -> None:
            for _ in range(rounds):
                lease = board.claim("bench")
                waits.append(time.perf_counter() - begun[0])
                board.complete(lease)
                done.release()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        for _ in range(rounds):
            while not len(board._engine._lobby):  # noqa: SLF001 - it must be waiting when time is taken
                time.sleep(0.0005)
            begun[0] = time.perf_counter()
            board.submit(Task())
            done.acquire()
        thread.join()
    each = statistics.median(waits)
    return Row("wake-up of a waiting claim", 1 / each, each * 1e6)


def rows() -> Iterator[Row]:
    """Measure one row after the other."""
    with ClaimQueue() as board:
        yield _timed("cycle: submit, claim, complete", lambda: _cycle(board))
        yield _timed("the same in batches of 100", lambda: _batch(board), 100)
    yield _awaited()
    yield _woken()
    with Matchmaker() as matching:
        for number in range(1_000):
            matching.advertise(Advert(f"a{number}", (f"skill{number % 50}",), ttl=1e6))
        matching.advertise(Advert("bench", ("skill1",), slots=1_000, ttl=1e6))
        yield _timed(
            "cycle among 1,000 agents of 50 skills", lambda: _cycle(matching, Task(requires="skill1"))
        )
    with Blackboard() as ground:
        for number in range(10_000):
            ground.deposit(Mark("food", f"p{number}", 5.0), agent="bench")
        yield _timed(
            "deposit on one of 10,000 trails", lambda: ground.deposit(Mark("food", "p7", 1.0), agent="bench")
        )
        yield _timed("the ten strongest of 10,000 trails", lambda: ground.strongest("food"))
    with tempfile.TemporaryDirectory() as folder:
        for durability in ("process", "power"):
            yield _in_a_file(Path(folder), durability)


# -- the claim race: several processes, one task, many rounds; exactly one may win each --------


def _racer(path: str, name: str, rounds: int, start: Barrier, won: SimpleQueue[Any]) -> None:
    mine = []
    with ClaimQueue(path, durability="process") as board:
        board.statistics()
        for number in range(rounds):
            start.wait()
            lease = board.claim_nowait(name, task=f"round-{number}")
            if lease is not None:
                mine.append((number, lease.token))
        won.put((name, mine))
        start.wait()  # nobody closes its board, which would give back tasks, before all have raced


def run_race(processes: int, rounds: int) -> dict[str, Any]:
    """Race, and count: rounds, grants, grants of one task to two, repeated tokens, wins per process."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="ants-coord-race-") as folder:
        path = str(Path(folder) / "race.db")
        with ClaimQueue(path, durability="process", lease_ttl=3600) as board:
            board.submit_many([Task(f"round-{number}") for number in range(rounds)])
            start, won = context.Barrier(processes), context.SimpleQueue()
            racers = [
                context.Process(target=_racer, args=(path, f"racer-{n}", rounds, start, won))
                for n in range(1, processes + 1)
            ]
            for racer in racers:
                racer.start()
            found = dict(won.get() for _ in racers)
            for racer in racers:
                racer.join()
    grants = Counter(number for mine in found.values() for number, _ in mine)
    tokens = Counter(token for mine in found.values() for _, token in mine)
    doubles = sum(n - 1 for n in grants.values()) + sum(n - 1 for n in tokens.values())
    return {
        "processes": processes,
        "rounds": rounds,
        "granted": len(grants),
        "double_grants": doubles,
        "wins": {name: len(mine) for name, mine in found.items()},
    }

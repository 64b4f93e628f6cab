"""The claim queue in memory: the cycle, growth, threads, await, batches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

from ants_coord import ClaimQueue, Task, aio

from .floor import Floor
from .measure import Ratio, compare

FLOOR = "hand-written floor"


def _ours(cycles: int, pending: int = 0, held: int = 0) -> Callable[[], int]:
    board = ClaimQueue()
    for start in range(0, pending + held, 10_000):
        board.submit_many([Task(payload={"n": 1}) for _ in range(min(10_000, pending + held - start))])
    for start in range(0, held, 1_000):
        board.claim_many("holder", min(1_000, held - start))

    def run() -> int:
        submit, claim, complete = board.submit, board.claim_nowait, board.complete
        for number in range(cycles):
            submit(Task(payload={"n": number}))
            lease = claim("worker-1")
            complete(lease, number)
        return cycles

    return run


def _floor(cycles: int, pending: int = 0, held: int = 0) -> Callable[[], int]:
    floor = Floor()
    for _ in range(pending + held):
        floor.submit({"n": 1})
    for _ in range(held):
        floor.claim("holder")

    def run() -> int:
        submit, claim, complete = floor.submit, floor.claim, floor.complete
        for number in range(cycles):
            submit({"n": number})
            token, _, _ = claim("worker-1")
            complete(token, number)
        return cycles

    return run


def _in_turn(board: ClaimQueue | Floor, tasks: int) -> Callable[[], int]:
    """Return a round that submits all first, and then claims and completes one by one."""

    def run() -> int:
        if isinstance(board, ClaimQueue):
            for number in range(tasks):
                board.submit(Task(payload={"n": number}))
            while (lease := board.claim_nowait("worker-1")) is not None:
                board.complete(lease, 1)
        else:
            for number in range(tasks):
                board.submit({"n": number})
            for _ in range(tasks):
                token, _, _ = board.claim("worker-1")
                board.complete(token, 1)
        return tasks

    return run


def _threads(count: int, cycles: int) -> Callable[[], int]:
    board = ClaimQueue()

    def run() -> int:
        def loop() -> None:
            for number in range(cycles // count):
                board.submit(Task(payload={"n": number}))
                lease = board.claim_nowait("worker-1")
                if lease is not None:
                    board.complete(lease, number)

        threads = [threading.Thread(target=loop) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return cycles

    return run


def _awaited(cycles: int) -> Callable[[], int]:
    board = aio.ClaimQueue()

    async def main() -> None:
        for number in range(cycles):
            await board.submit(Task(payload={"n": number}))
            lease = await board.claim_nowait("worker-1")
            await board.complete(lease, number)

    def run() -> int:
        asyncio.run(main())
        return cycles

    return run


def _batches(size: int, cycles: int) -> Callable[[], int]:
    board = ClaimQueue()

    def run() -> int:
        for _ in range(cycles // size):
            board.submit_many([Task(payload={"n": n}) for n in range(size)])
            board.complete_many([(lease, 1) for lease in board.claim_many("worker-1", size)])
        return cycles

    return run


def ratios(*, small: bool) -> Iterator[Ratio]:
    cycles, rounds = (300, 2) if small else (20_000, 9)
    yield compare(
        "cycle: submit + claim + complete",
        lambda: _ours(cycles),
        lambda: _floor(cycles),
        rounds=rounds,
        target="<= 4.5x",
        peer_name=FLOOR,
    )
    many = 300 if small else 5_000
    yield compare(
        f"{many:,} submitted, then claimed and completed",
        lambda: _in_turn(ClaimQueue(), many),
        lambda: _in_turn(Floor(), many),
        rounds=rounds,
        target="<= 5.5x",
        peer_name=FLOOR,
    )
    sizes = (100, 1_000) if small else (10_000, 100_000, 1_000_000)
    for pending in sizes:
        yield compare(
            f"cycle with {pending:,} pending",
            lambda n=pending: _ours(cycles, pending=n),
            lambda n=pending: _floor(cycles, pending=n),
            rounds=2 if pending > 200_000 else rounds // 2,
            target="growth 3x",
            peer_name=FLOOR,
        )
    for held in (50,) if small else (10, 1_000, 10_000):
        yield compare(
            f"cycle with {held:,} leases held",
            lambda n=held: _ours(cycles, held=n),
            lambda n=held: _floor(cycles, held=n),
            rounds=rounds // 2,
            target="growth 3x",
            peer_name=FLOOR,
        )
    yield compare(
        "8 threads on one board, per cycle",
        lambda: _threads(8, cycles),
        lambda: _threads(1, cycles),
        rounds=rounds,
        target="<= 1.43x",
        peer_name="ours, 1 thread",
    )
    yield compare(
        "await, per cycle",
        lambda: _awaited(cycles),
        lambda: _ours(cycles),
        rounds=rounds,
        target="<= 1.5x",
        peer_name="ours, sync",
    )
    yield compare(
        "batches of 100, per cycle",
        lambda: _batches(100, cycles),
        lambda: _ours(cycles),
        rounds=rounds,
        target="-",
        peer_name="ours, single calls",
    )
    yield compare(
        "batches of 100, per cycle",
        lambda: _batches(100, cycles),
        lambda: _floor(cycles),
        rounds=rounds,
        target="<= 3x",
        peer_name=f"{FLOOR}, single calls",
    )

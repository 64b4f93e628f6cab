"""
What others need for the same cycle, each used the way its documentation says. Extra `peers`; one that
is not installed is named and left out.

Ours does more than most of them: what each gives up is in the table. None of
these figures says which is better, only what a guarantee costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from ants_coord import ClaimQueue, Task, aio

from .measure import Ratio, compare

Round = Callable[[], int]
Make = Callable[[int, Path], Round]
"""(cycles, an empty folder) -> the measured part"""


@attrs.frozen
class Peer:
    """Another queue."""

    name: str
    gives: str
    """what it promises of leases and of the disk"""
    make: Make
    where: str = "memory"
    """what it is compared with: ours in "memory", "await", "process" (no fsync) or "power" (fsync)"""
    needs: str = ""


def _ours(where: str) -> Make:
    def make(cycles: int, folder: Path) -> Round:
        if where == "await":
            return _awaited(cycles)
        board = ClaimQueue() if where == "memory" else ClaimQueue(folder / "b.db", durability=where)  # type: ignore[arg-type]
        board.statistics()

        def run() -> int:
            for number in range(cycles):
                board.submit(Task(payload=number))
                board.complete(board.claim_nowait("w"), number)
            return cycles

        return run

    return make


def _awaited(cycles: int) -> Round:
    async def main() -> None:
        async with aio.ClaimQueue() as board:
            for number in range(cycles):
                await board.submit(Task(payload=number))
                await board.complete(await board.claim_nowait("w"), number)

    return lambda: asyncio.run(main()) or cycles


def _priority_queue(cycles: int, folder: Path) -> Round:
    line: queue.PriorityQueue[tuple[int, int]] = queue.PriorityQueue()

    def run() -> int:
        for number in range(cycles):
            line.put((0, number))
            line.get_nowait()
            line.task_done()
        return cycles

    return run


def _asyncio_queue(cycles: int, folder: Path) -> Round:
    async def main() -> None:
        line: asyncio.PriorityQueue[tuple[int, int]] = asyncio.PriorityQueue()
        for number in range(cycles):
            await line.put((0, number))
            await line.get()
            line.task_done()

    return lambda: asyncio.run(main()) or cycles


def _huey(cycles: int, folder: Path) -> Round:
    from huey import MemoryHuey

    huey = MemoryHuey()
    work = huey.task()(lambda number: number)

    def run() -> int:
        for number in range(cycles):
            result = work(number)
            huey.execute(huey.dequeue())
            result.get()
        return cycles

    return run


def _taskiq(cycles: int, folder: Path) -> Round:
    from taskiq import InMemoryBroker

    async def main() -> None:
        broker = InMemoryBroker(await_inplace=True)

        @broker.task(task_name="work")
        async def work(number: int) -> int:
            return number

        await broker.startup()
        for number in range(cycles):
            task = await work.kiq(number)
            await task.wait_result(check_interval=0)
        await broker.shutdown()

    return lambda: asyncio.run(main()) or cycles


def _apscheduler(cycles: int, folder: Path) -> Round:
    import datetime as dt
    import logging
    from contextlib import AsyncExitStack

    from apscheduler import Job, JobOutcome, JobResult
    from apscheduler import Task as Kind
    from apscheduler.datastores.memory import MemoryDataStore
    from apscheduler.eventbrokers.local import LocalEventBroker

    async def main() -> None:
        async with AsyncExitStack() as stack:
            log, broker, store = logging.getLogger("peer"), LocalEventBroker(), MemoryDataStore()
            await broker.start(stack, log)
            await store.start(stack, broker, log)
            await store.add_task(Kind(id="work", func=None, job_executor="async"))
            lease = dt.timedelta(seconds=30)
            for number in range(cycles):
                await store.add_job(Job(task_id="work", args=(number,), executor="async"))
                (job,) = await store.acquire_jobs("w", lease, 1)
                await store.release_job(
                    "w", job, JobResult.from_job(job, JobOutcome.success, return_value=number)
                )

    return lambda: asyncio.run(main()) or cycles


def _pgqueuer(cycles: int, folder: Path) -> Round:
    import datetime as dt
    import uuid

    from pgqueuer import InMemoryDriver, InMemoryQueries
    from pgqueuer.queries import EntrypointExecutionParameter

    async def main() -> None:
        queries, me = InMemoryQueries(InMemoryDriver()), uuid.uuid4()
        beat = dt.timedelta(seconds=30)
        entry = {"work": EntrypointExecutionParameter(0)}
        for number in range(cycles):
            await queries.enqueue("work", str(number).encode(), 0)
            (job,) = await queries.dequeue(1, entry, me, None, beat)
            await queries.log_jobs([(job, "successful", None)])

    return lambda: asyncio.run(main()) or cycles


def _persist_queue(cycles: int, folder: Path) -> Round:
    import persistqueue

    line = persistqueue.SQLiteAckQueue(str(folder), auto_commit=True)

    def run() -> int:
        for number in range(cycles):
            line.put({"n": number})
            line.ack(line.get(block=False))
        return cycles

    return run


def _litequeue(cycles: int, folder: Path) -> Round:
    from litequeue import LiteQueue

    line = LiteQueue(str(folder / "q.db"))

    def run() -> int:
        for number in range(cycles):
            line.put(str(number))
            line.done(line.pop().message_id)
        return cycles

    return run


def _diskcache(cycles: int, folder: Path) -> Round:
    from diskcache import Deque

    line = Deque(directory=str(folder))

    def run() -> int:
        for number in range(cycles):
            line.append(number)
            line.popleft()
        return cycles

    return run


PEERS = (
    Peer("queue.PriorityQueue", "no lease, no result, nothing kept", _priority_queue),
    Peer("asyncio.PriorityQueue", "no lease, no result, nothing kept", _asyncio_queue, "await"),
    Peer("huey, memory", "result; no lease: a dead worker's task is gone", _huey, needs="huey"),
    Peer("taskiq, in memory", "result; runs at once, no lease", _taskiq, "await", "taskiq"),
    Peer("APScheduler 4, memory store", "lease, result; no fencing", _apscheduler, "await", "apscheduler"),
    Peer("pgqueuer, in memory", "lease by heartbeat; no fencing", _pgqueuer, "await", "pgqueuer"),
    Peer("persist-queue, SQLite ack queue", "unacknowledged come back when reopened; no lease", _persist_queue, "power", "persistqueue"),
    Peer("litequeue", "locked until done, for ever; WAL, no fsync per commit", _litequeue, "process", "litequeue"),
    Peer("diskcache.Deque", "no lease; WAL, no fsync per commit", _diskcache, "process", "diskcache"),
)  # fmt: skip


def ratios(*, small: bool) -> Iterator[Ratio | str]:
    """Compare with each peer that is installed; say which are not."""
    for peer in PEERS:
        if peer.needs:
            try:
                __import__(peer.needs)
            except ImportError:
                yield f"({peer.name}: not installed; pip install --group peers)"
                continue
        in_memory = peer.where in ("memory", "await")
        cycles, rounds = (50, 2) if small else (10_000, 7) if in_memory else (500, 7)
        with contextlib.ExitStack() as stack:

            def folder(stack: contextlib.ExitStack = stack) -> Path:
                return Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))

            yield compare(
                f"cycle beside {peer.name}",
                lambda p=peer, n=cycles: _ours(p.where)(n, folder()),  # type: ignore[misc]
                lambda p=peer, n=cycles: p.make(n, folder()),  # type: ignore[misc]
                rounds=rounds,
                target="-",
                peer_name=f"{peer.gives} (ours: {peer.where})",
            )

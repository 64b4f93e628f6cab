"""The claim queue on a SQLite file, against the table somebody would write by hand; replay and opening."""

from __future__ import annotations

import gc
import itertools
import json
import multiprocessing
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ants_coord import ClaimQueue, Task

from .measure import Ratio, compare

_DIRECTORY = tempfile.TemporaryDirectory(prefix="ants_coord-bench-")
_numbers = itertools.count()


def _path() -> str:
    """Return a path in a directory of its own: whatever is made or deleted beside a board is looked into."""
    folder = Path(_DIRECTORY.name) / str(next(_numbers))
    folder.mkdir()
    return str(folder / "board.db")


class Table:
    """Three statements, three transactions a cycle: lease, token and expiry in one table."""

    def __init__(self, synchronous: str) -> None:
        self.db = sqlite3.connect(_path(), isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(f"PRAGMA synchronous={synchronous}")
        self.db.execute(
            "CREATE TABLE task (id INTEGER PRIMARY KEY, state TEXT, priority INTEGER, payload TEXT, "
            "agent TEXT, token INTEGER DEFAULT 0, deadline INTEGER, attempts INTEGER DEFAULT 0, result TEXT)"
        )
        self.db.execute("CREATE INDEX ready ON task (state, priority DESC, id)")

    def submit(self, payload: object) -> int:
        sql = "INSERT INTO task (state, priority, payload) VALUES ('ready', 0, ?)"
        return self.db.execute(sql, (json.dumps(payload),)).lastrowid

    def claim(self, agent: str) -> tuple[int, int, object] | None:
        now = time.time_ns()
        row = self.db.execute(
            "UPDATE task SET state = 'leased', agent = ?, token = token + 1, deadline = ?, attempts = attempts + 1 "
            "WHERE id = (SELECT id FROM task WHERE state = 'ready' ORDER BY priority DESC, id LIMIT 1) "
            "RETURNING id, token, payload",
            (agent, now + 30_000_000_000),
        ).fetchone()
        return None if row is None else (row[0], row[1], json.loads(row[2]))

    def complete(self, task: int, token: int, result: object) -> None:
        done = self.db.execute(
            "UPDATE task SET state = 'done', result = ? WHERE id = ? AND token = ? AND state = 'leased' "
            "AND deadline > ?",
            (json.dumps(result), task, token, time.time_ns()),
        )
        if done.rowcount != 1:
            raise KeyError(task)


WARM = 400
"""cycles before the measured ones: until SQLite's write-ahead log has its size, each sync also makes it grow"""


def _ours(durability: str, cycles: int) -> Callable[[], int]:
    board = ClaimQueue(_path(), durability=durability)
    board.submit(Task())

    def live(cycles: int) -> None:
        for number in range(cycles):
            board.submit(Task(payload={"n": number}))
            board.complete(board.claim_nowait("worker-1"), number)

    def run() -> int:
        live(cycles)
        board.close()
        return cycles

    live(min(cycles, WARM))
    return run


def _by_hand(synchronous: str, cycles: int) -> Callable[[], int]:
    table = Table(synchronous)

    def live(cycles: int) -> None:
        for number in range(cycles):
            table.submit({"n": number})
            task, token, _ = table.claim("worker-1")
            table.complete(task, token, number)

    def run() -> int:
        live(cycles)
        table.db.close()
        return cycles

    live(min(cycles, WARM))
    return run


def _batched(durability: str, size: int, cycles: int) -> Callable[[], int]:
    board = ClaimQueue(_path(), durability=durability)
    board.submit(Task())

    def run() -> int:
        for _ in range(cycles // size):
            board.submit_many([Task(payload={"n": n}) for n in range(size)])
            board.complete_many([(lease, 1) for lease in board.claim_many("worker-1", size)])
        board.close()
        return cycles

    return run


def ratios(*, small: bool) -> Iterator[Ratio]:
    cycles, rounds = (20, 1) if small else (1_000, 7)
    for durability, synchronous, target in (("process", "NORMAL", "<= 1.9x"), ("power", "FULL", "<= 1.3x")):
        yield compare(
            f"SQLite {synchronous}: cycle",
            lambda d=durability: _ours(d, cycles),
            lambda s=synchronous: _by_hand(s, cycles),
            rounds=rounds,
            target=target,
            peer_name=f"hand-written table, {synchronous}",
        )
    yield compare(
        "SQLite FULL: batches of 100, per cycle",
        lambda: _batched("power", 100, max(cycles, 100)),
        lambda: _ours("power", cycles),
        rounds=rounds,
        target="<= 0.1x",
        peer_name="ours, single calls",
    )


def _contend(path: str, agent: str, total: int, out: multiprocessing.Queue) -> None:
    tokens = []
    with ClaimQueue(path) as board:
        while (lease := board.claim_nowait(agent)) is not None:
            tokens.append(lease.token)
            board.complete(lease)
            if sum(1 for _ in tokens) >= total:
                break
    out.put((agent, tokens))


def facts(*, small: bool) -> Iterator[str]:
    """Figures that are no ratios: replay, opening, contention, idleness."""
    # in a process of its own: what other benchmarks have left would be collected in the middle of it
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool.apply(_replay_and_open, (1_000 if small else 20_000, 500 if small else 100_000))
    yield _contention(60 if small else 2_000)


def _replay_and_open(commands: int, tasks: int) -> str:
    path = _path()
    board = ClaimQueue(path, durability="process")
    board.submit(Task())
    board._engine._snapshots.every = 1 << 60  # type: ignore[attr-defined]  # replay the whole log
    for number in range(commands // 4):
        board.submit(Task(payload={"n": number}))
        lease = board.claim_nowait("worker-1")
        board.renew(lease)
        board.complete(lease, number)
    board.close()
    started = time.perf_counter()
    again = ClaimQueue(path)
    position = again.statistics().position
    replay = position / (time.perf_counter() - started)
    again.close()

    path = _path()
    board = ClaimQueue(path, durability="process")
    for start in range(0, tasks, 10_000):
        board.submit_many([Task(payload={"n": n}) for n in range(start, min(start + 10_000, tasks))])
    engine = board._engine
    engine._snapshots.every = 1  # type: ignore[attr-defined]
    slowest = 0.0
    engine._snapshots.at = -(1 << 60)  # type: ignore[attr-defined]
    gc.collect()  # a full collection of 100,000 tasks takes 130 ms, with or without a snapshot
    while engine._snapshots.at < 0 or engine._snapshots._cut is not None:  # type: ignore[attr-defined]
        tick = time.perf_counter()
        board.submit(Task())
        slowest = max(slowest, time.perf_counter() - tick)
    engine._snapshots.every = 1 << 60  # type: ignore[attr-defined]
    board.close()
    started = time.perf_counter()
    again = ClaimQueue(path)
    again.statistics()
    opened = time.perf_counter() - started
    again.close()
    return (
        f"replay {replay:,.0f} commands/s (target 100,000); a board of {tasks:,} tasks opens from its "
        f"snapshot in {opened:.2f} s (target 1); slowest submit while the snapshot was written "
        f"{slowest * 1e3:.1f} ms (target 50)"
    )


def _contention(tasks: int) -> str:
    path = _path()
    with ClaimQueue(path) as board:
        board.submit_many([Task() for _ in range(tasks)])
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    workers = [context.Process(target=_contend, args=(path, f"w{n}", tasks, out)) for n in range(4)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    found = dict(out.get() for _ in workers)
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - started
    tokens = [token for each in found.values() for token in each]
    shares = sorted(len(each) for each in found.values())
    assert len(tokens) == len(set(tokens)) == tasks, "a task was granted twice"
    return (
        f"4 processes on one file: {tasks:,} tasks in {seconds:.1f} s ({os.cpu_count()} cores), "
        f"double grants 0, shares {shares}"
    )

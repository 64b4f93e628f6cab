"""
A board in PostgreSQL beside what people use there: a hand-written SKIP LOCKED table, procrastinate, pgqueuer.

The same server, the same run, in turn. A cycle is submit + claim + complete.
Server and clients share this machine, so processor time per cycle says more than the rate; the
ratio is to the hand-written table of the same round. `python -m benchmarks.postgres` runs it in full.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

BATCH = 50
PROCESSES = (1, 2, 4)
SIZES = {"one by one": 1, f"batches of {BATCH}": BATCH}
_ROOT = Path(__file__).parent.parent


# -- what is measured: (address, agent, size) -> a cycle that returns how many tasks it ended ------------


def _ours(dsn: str, agent: str, size: int, durability: str | None = None) -> Callable[[], int]:
    from ants_coord import ClaimQueue, Task

    board = ClaimQueue(dsn) if durability is None else ClaimQueue(dsn, durability=durability)  # type: ignore[arg-type]
    board.statistics()

    def cycle() -> int:
        if size == 1:
            board.submit(Task(payload={"n": 1}))
            lease = board.claim_nowait(agent)
            return 0 if lease is None else len([board.complete(lease, {"n": 1})])
        board.submit_many([Task(payload={"n": 1}) for _ in range(size)])
        leases = board.claim_many(agent, size)
        board.complete_many([(lease, {"n": 1}) for lease in leases])
        return len(leases)

    return cycle


def _unsynced(dsn: str, agent: str, size: int) -> Callable[[], int]:
    return _ours(dsn, agent, size, "process")


def _table(dsn: str, agent: str, size: int) -> Callable[[], int]:
    import psycopg

    connection = psycopg.connect(dsn.partition("#")[0], autocommit=True)

    def cycle() -> int:
        ids = [uuid.uuid4().hex for _ in range(size)]
        connection.execute(
            "INSERT INTO hand (id, payload) SELECT unnest(%s::text[]), '{\"n\": 1}'::jsonb", (ids,)
        )
        taken = connection.execute(
            "UPDATE hand SET state = 1, agent = %s, token = token + 1, until = clock_timestamp() + interval '30 s' "
            "WHERE id IN (SELECT id FROM hand WHERE state = 0 ORDER BY seq LIMIT %s FOR UPDATE SKIP LOCKED) "
            "RETURNING id",
            (agent, size),
        ).fetchall()
        return connection.execute(
            "UPDATE hand SET state = 2, result = '{\"n\": 1}' WHERE id = ANY(%s) AND state = 1 AND agent = %s",
            ([row[0] for row in taken], agent),
        ).rowcount

    return cycle


def _procrastinate(dsn: str, agent: str, size: int) -> Callable[[], int]:
    import procrastinate
    from procrastinate import jobs

    loop = asyncio.new_event_loop()
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=dsn.partition("#")[0], min_size=1, max_size=2)
    )
    loop.run_until_complete(app.open_async())
    manager = app.job_manager
    worker = loop.run_until_complete(manager.register_worker())

    def job() -> jobs.Job:
        return jobs.Job(
            id=None, queue="q", lock=None, queueing_lock=None, task_name="t", task_kwargs={"n": 1}
        )

    async def cycle() -> int:
        await manager.batch_defer_jobs_async([job() for _ in range(size)])
        ended = 0
        for _ in range(size):
            taken = await manager.fetch_job(None, worker)
            if taken is not None:
                await manager.finish_job(taken, jobs.Status.SUCCEEDED, False)
                ended += 1
        return ended

    return lambda: loop.run_until_complete(cycle())


def _pgqueuer(dsn: str, agent: str, size: int) -> Callable[[], int]:
    import datetime as dt

    import asyncpg
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import EntrypointExecutionParameter, Queries

    loop = asyncio.new_event_loop()
    queries = Queries(AsyncpgDriver(loop.run_until_complete(asyncpg.connect(dsn.partition("#")[0]))))
    me, entry, lease = uuid.uuid4(), {"t": EntrypointExecutionParameter(0)}, dt.timedelta(seconds=30)

    async def cycle() -> int:
        await queries.enqueue(["t"] * size, [b"{}"] * size, [0] * size)
        taken = await queries.dequeue(size, entry, me, None, lease)
        if taken:
            await queries.log_jobs([(job, "successful", None) for job in taken])
        return len(taken)

    return lambda: loop.run_until_complete(cycle())


HUB = "ours, through a hub"
PEERS = {
    "ours": _ours,
    HUB: _ours,
    "SKIP LOCKED by hand": _table,
    "procrastinate": _procrastinate,
    "pgqueuer": _pgqueuer,
}
UNSYNCED = "ours, no disk syncs"
"""for the herd: the disk hides what waiting costs"""
_NEEDS = {"procrastinate": "procrastinate", "pgqueuer": "asyncpg"}


def _prepare(server) -> None:
    server.execute(
        "CREATE TABLE hand (seq bigserial, id text PRIMARY KEY, state int NOT NULL DEFAULT 0, payload jsonb, "
        "agent text, token bigint NOT NULL DEFAULT 0, until timestamptz, result jsonb); "
        "CREATE INDEX ON hand (seq) WHERE state = 0"
    )
    dsn = server.dsn().partition("#")[0]
    if "procrastinate" in _there():
        import procrastinate

        with procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=dsn)).open() as app:
            app.schema_manager.apply_schema()
    if "pgqueuer" in _there():
        import asyncpg
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        async def install() -> None:
            connection = await asyncpg.connect(dsn)
            await Queries(AsyncpgDriver(connection)).install()
            await connection.close()

        asyncio.run(install())


def _there() -> list[str]:
    found = []
    for name in PEERS:
        try:
            __import__(_NEEDS.get(name, "psycopg"))
        except ImportError:
            continue
        found.append(name)
    return found


# -- processes ----------------------------------------------------------------------------------------


@attrs.frozen
class Row:
    rate: float
    client_us: float
    server_us: float


def _server_cpu(pid: int) -> float:
    """Processor seconds of the server and its children, those that have ended included."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.name) == pid:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == pid:
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _start(*arguments: object) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.postgres", *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    return process


def measure(server, peer: str, size: int, processes: int, seconds: float) -> Row:
    """One round of one peer."""
    dsn = server.dsn(f"bench-{uuid.uuid4().hex[:8]}")
    with _hub(dsn) if peer == HUB else contextlib.nullcontext(dsn) as where:
        return _together(server, peer, where, size, processes, seconds)


@contextlib.contextmanager
def _hub(dsn: str) -> Iterator[str]:
    """Serve a new board by a hub in a process of its own; its processor time is nobody's here."""
    from ants_coord import ClaimQueue

    with ClaimQueue(dsn) as board:
        board.statistics()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/hub"
        served = subprocess.Popen(
            [sys.executable, "-m", "ants_coord", "hub", dsn, "--listen", path],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
        )
        assert served.stdout is not None
        with served.stdout:
            served.stdout.readline()
            try:
                yield f"hub:{path}"
            finally:
                served.terminate()
                served.wait(60)


def _together(server, peer: str, where: str, size: int, processes: int, seconds: float) -> Row:
    crowd = [_start("worker", peer, where, f"w{n}", size, seconds) for n in range(processes)]
    before = _server_cpu(server.pid)
    for one in crowd:
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [json.loads(one.communicate()[0]) for one in crowd]
    ended = max(1, sum(one["ended"] for one in said))
    used = _server_cpu(server.pid) - before
    return Row(ended / seconds, sum(one["cpu"] for one in said) / ended * 1e6, used / ended * 1e6)


def herd(server, waiting: int, seconds: float) -> Row:
    """One agent works, others of another process wait for something else; client_us is theirs."""
    dsn = server.dsn(f"herd-{uuid.uuid4().hex[:8]}")
    worker = _start("worker", UNSYNCED, dsn, "w", 1, seconds)
    crowd = _start("wait", dsn, waiting)
    before = _server_cpu(server.pid)
    crowd.stdin.write("go\n")
    crowd.stdin.flush()
    ended = max(1, json.loads(worker.communicate("go\n")[0])["ended"])
    used = _server_cpu(server.pid) - before
    theirs = float(crowd.communicate("done\n")[0])
    return Row(ended / seconds, theirs / ended * 1e6, used / ended * 1e6)


def _worker(peer: str, dsn: str, agent: str, size: int, seconds: float) -> None:
    cycle = {**PEERS, UNSYNCED: _unsynced}[peer](dsn, agent, size)
    print("ready", flush=True)
    sys.stdin.readline()
    before, ended, end = time.process_time(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        ended += cycle()
    print(json.dumps({"ended": ended, "cpu": time.process_time() - before}), flush=True)
    os._exit(0)


def _wait(dsn: str, waiting: int) -> None:
    from ants_coord import ClaimQueue

    boards = [ClaimQueue(dsn) for _ in range(waiting)]

    def wait(board: ClaimQueue) -> None:
        board.claim("idle", kinds=["other"], timeout=600)

    for board in boards:
        board.statistics()
        threading.Thread(target=wait, args=(board,), daemon=True).start()
    deadline = time.monotonic() + 30
    while sum(len(board._engine._lobby) for board in boards) < waiting and time.monotonic() < deadline:
        time.sleep(0.05)
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    sys.stdin.readline()
    print(time.process_time() - before, flush=True)
    os._exit(0)


# -- the table ----------------------------------------------------------------------------------------


def facts(*, small: bool) -> Iterator[str]:
    """Start a server and measure; says why if there is none."""
    from tests.postgres.server import Server, binaries

    folder = binaries()
    if folder is None or not _there():
        yield "(PostgreSQL: no server or no psycopg on this machine)"
        return
    server = Server(folder)
    try:
        _prepare(server)
        yield from _peers(server, 1 if small else 3, 0.2 if small else 2.0, (1,) if small else PROCESSES)
        yield from _herds(server, 1 if small else 5, 0.2 if small else 3.0, (0, 2) if small else (0, 8, 24))
    finally:
        server.close()


def _herds(server, rounds: int, seconds: float, sizes: tuple[int, ...]) -> Iterator[str]:
    found: dict[int, list[Row]] = {waiting: [] for waiting in sizes}
    for _ in range(rounds):
        for waiting, rows in found.items():
            rows.append(herd(server, waiting, seconds))
    for waiting, rows in found.items():
        ratio = statistics.median(a.rate / b.rate for a, b in zip(found[0], rows, strict=True))
        rate, theirs, used = (
            statistics.median(getattr(row, field) for row in rows)
            for field in ("rate", "client_us", "server_us")
        )
        yield (
            f"{waiting:>2} waiting replicas: {rate:6.0f} cycles/s ({ratio:.2f} x slower), server "
            f"{used:5.0f} us, all that wait together {theirs:5.0f} us a cycle"
        )


def _peers(server, rounds: int, seconds: float, processes: tuple[int, ...]) -> Iterator[str]:
    for what, size in SIZES.items():
        for count in processes:
            found: dict[str, list[Row]] = {name: [] for name in _there()}
            for _ in range(rounds):
                for name, rows in found.items():
                    rows.append(measure(server, name, size, count, seconds))
            hand = found["SKIP LOCKED by hand"]
            for name, rows in found.items():
                ratio = statistics.median(a.rate / b.rate for a, b in zip(rows, hand, strict=True))
                rate, client, used = (
                    statistics.median(getattr(row, field) for row in rows)
                    for field in ("rate", "client_us", "server_us")
                )
                yield (
                    f"PostgreSQL, {what}, {count} process(es), {name:<20} {rate:7.0f} cycles/s {ratio:5.2f} x by hand, "
                    f"client {client:6.0f} us, server {used:6.0f} us a cycle"
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        _worker(*sys.argv[2:5], int(sys.argv[5]), float(sys.argv[6]))  # type: ignore[call-arg]
    elif sys.argv[1:2] == ["wait"]:
        _wait(sys.argv[2], int(sys.argv[3]))
    else:
        for line in facts(small="--small" in sys.argv):
            print(line, flush=True)

"""
Coordinators over a hub beside coordinators that open the SQLite file themselves.

Many processes, in turn over the one and the other; a cycle is submit + claim + complete. Ratios are those of
one round, and medians over rounds: single rates on a shared machine mean little. `python -m benchmarks.hub
[seconds] [rounds] [sizes]` runs it in full, and ends with 200 clients of one hub, and 50 that wait.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

_ROOT = Path(__file__).parent.parent
SIZES = (1, 4, 16, 50)
WAITING = (0, 50)
CROWD = 200
"""clients of one hub; so many processes are not made to open the file themselves"""


@attrs.frozen
class Round:
    """What some processes did together: cycles in a second, and processor seconds of all for each cycle."""

    rate: float
    cpu: float


@contextmanager
def _hub(path: str) -> Iterator[tuple[str, int]]:
    """Serve a board in a process of its own, as a user would."""
    served = subprocess.Popen(
        [sys.executable, "-m", "ants_coord", "hub", path], cwd=_ROOT, stdout=subprocess.PIPE
    )
    assert served.stdout is not None
    with served.stdout:
        served.stdout.readline()
        try:
            yield f"hub:{path}.hub", served.pid
        finally:
            served.terminate()
            served.wait(60)


def _cycles(where: str, agent: str, seconds: float, ready: Any, start: Any, said: Any) -> None:
    """Go through cycles for some seconds."""
    from ants_coord import ClaimQueue, Task

    with ClaimQueue(where) as board:
        ready.release()
        start.wait()
        spent, until, cycles = time.process_time(), time.monotonic() + seconds, 0
        while time.monotonic() < until:
            board.submit(Task())
            lease = board.claim_nowait(agent)
            if lease is not None:
                board.complete(lease)
            cycles += 1
        said.put((cycles, time.process_time() - spent))


def _waits(where: str, agent: str, ready: Any, start: Any, ended: Any, said: Any) -> None:
    """Wait for what never comes, while others work."""
    import threading

    from ants_coord import ClaimQueue, ClosedError

    with ClaimQueue(where) as board:

        def wait() -> None:
            try:
                board.claim(agent, kinds=["never"])
            except ClosedError:
                return

        thread = threading.Thread(target=wait)
        thread.start()
        ready.release()
        start.wait()
        spent = time.process_time()
        ended.wait()
        said.put((0, time.process_time() - spent))
    thread.join()


def _cpu_of(pid: int) -> float:
    """Return processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _run(where: str, hub: int | None, workers: int, waiting: int, seconds: float) -> Round:
    # spawned: what a fork would copy is nobody's cost
    way = multiprocessing.get_context("fork")
    ready, start, ended, said = way.Semaphore(0), way.Event(), way.Event(), way.Queue()
    busy = [
        way.Process(target=_cycles, args=(where, f"w{n}", seconds, ready, start, said))
        for n in range(workers)
    ]
    idle = [
        way.Process(target=_waits, args=(where, f"i{n}", ready, start, ended, said)) for n in range(waiting)
    ]
    for process in (*busy, *idle):
        process.start()
    for _ in (*busy, *idle):
        ready.acquire()
    time.sleep(0.2)  # until those who wait stand in their lines
    before = 0.0 if hub is None else _cpu_of(hub)
    start.set()
    got = [said.get() for _ in busy]
    spent = 0.0 if hub is None else _cpu_of(hub) - before
    ended.set()
    got += [said.get() for _ in idle]
    for process in (*busy, *idle):
        process.join()
    cycles = sum(count for count, _ in got)
    return Round(cycles / seconds, (sum(cpu for _, cpu in got) + spent) / max(1, cycles))


def _through_a_hub(workers: int, waiting: int, seconds: float) -> Round:
    from ants_coord import ClaimQueue

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/hub.db"
        ClaimQueue(path).__enter__().close()
        with _hub(path) as (where, pid):
            return _run(where, pid, workers, waiting, seconds)


def _pair(workers: int, waiting: int, seconds: float) -> tuple[Round, Round]:
    """Return (through the file, through a hub) of one round."""
    from ants_coord import ClaimQueue

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/file.db"
        ClaimQueue(path).__enter__().close()
        direct = _run(path, None, workers, waiting, seconds)
    return direct, _through_a_hub(workers, waiting, seconds)


def facts(
    *, small: bool, seconds: float = 2.0, rounds: int = 5, sizes: tuple[int, ...] = SIZES
) -> Iterator[str]:
    """Return a line for each number of processes, and one for those who wait."""
    if small:
        seconds, rounds, sizes = 0.1, 1, (1, 2)
    for size in sizes:
        pairs = [_pair(size, 0, seconds) for _ in range(rounds)]
        ratios = sorted(hub.rate / file.rate for file, hub in pairs)
        yield (
            f"{size:3} processes: through a hub {statistics.median(ratios):5.2f} x the file "
            f"({', '.join(f'{ratio:.2f}' for ratio in ratios)}), "
            f"cycles/s {statistics.median(hub.rate for _, hub in pairs):.0f} and "
            f"{statistics.median(file.rate for file, _ in pairs):.0f}, processor time of a cycle "
            f"{1e6 * statistics.median(hub.cpu for _, hub in pairs):.0f} and "
            f"{1e6 * statistics.median(file.cpu for file, _ in pairs):.0f} us"
        )
    crowd_of = 3 if small else CROWD
    many = [_through_a_hub(crowd_of, 0, seconds) for _ in range(rounds)]
    yield (
        f"{crowd_of:3} processes through one hub: cycles/s {statistics.median(one.rate for one in many):.0f}, "
        f"processor time of a cycle {1e6 * statistics.median(one.cpu for one in many):.0f} us"
    )
    most = 2 if small else max(WAITING)
    alone = [_pair(1, 0, seconds) for _ in range(rounds)]
    crowd = [_pair(1, most, seconds) for _ in range(rounds)]
    for place, name in enumerate(("the file", "a hub")):
        grown = sorted(b[place].cpu / a[place].cpu for a, b in zip(alone, crowd, strict=True))
        yield (
            f"{most:3} waiting processes: processor time of all for a cycle through {name} "
            f"{statistics.median(grown):.2f} x that without them ({', '.join(f'{ratio:.2f}' for ratio in grown)})"
        )


if __name__ == "__main__":
    given = sys.argv[1:]
    for line in facts(
        small=False,
        seconds=float(given[0]) if given else 2.0,
        rounds=int(given[1]) if len(given) > 1 else 5,
        sizes=tuple(map(int, given[2].split(","))) if len(given) > 2 else SIZES,
    ):
        print(line, flush=True)

"""What is no cycle: how long a wake-up takes, what a task weighs, what importing costs."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from ants_coord import ClaimQueue, Task

WAITER = """
import sys, time
from ants_coord import ClaimQueue
with ClaimQueue(sys.argv[1], durability="process") as board:
    print("ready", flush=True)
    while True:
        lease = board.claim("child")
        print(time.monotonic_ns(), flush=True)
        board.complete(lease)
"""


def facts(*, small: bool) -> Iterator[str]:
    """Figures that are no ratios."""
    yield _wakeups_in_process(20 if small else 500)
    yield _wakeups_across_processes(5 if small else 100)
    yield _weights(2_000 if small else 100_000)
    yield _imports(2 if small else 7)
    yield _ways_in(2 if small else 15)


def _told(what: str, waits_us: list[float]) -> str:
    waits_us.sort()
    late = waits_us[int(len(waits_us) * 0.99)] if len(waits_us) >= 100 else waits_us[-1]
    return f"wake-up of a waiting claim {what}: median {statistics.median(waits_us):,.0f} us, 99 % {late:,.0f} us"


def _wakeups_in_process(rounds: int) -> str:
    """From the call of submit to the return of claim in another thread."""
    board, waits = ClaimQueue(), []
    begun = [0.0]
    arrived = threading.Semaphore(0)

    def wait() -> None:
        for _ in range(rounds):
            lease = board.claim("w")
            waits.append((time.perf_counter() - begun[0]) * 1e6)
            board.complete(lease)
            arrived.release()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    for _ in range(rounds):
        while not len(board._engine._lobby):
            time.sleep(0.0005)
        begun[0] = time.perf_counter()
        board.submit(Task())
        arrived.acquire()
    thread.join()
    return _told("in another thread", waits)


def _wakeups_across_processes(rounds: int) -> str:
    """From the call of submit here to the return of claim there, by the clock that both share."""
    with tempfile.TemporaryDirectory() as folder:
        path, waits = Path(folder) / "b.db", []
        with ClaimQueue(path, durability="process") as board:
            board.statistics()
            child = subprocess.Popen(
                [sys.executable, "-c", WAITER, str(path)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parent.parent,
            )
            assert child.stdout is not None
            child.stdout.readline()
            for _ in range(rounds):
                time.sleep(0.02)  # it is waiting again by now
                begun = time.monotonic_ns()
                board.submit(Task())
                waits.append((int(child.stdout.readline()) - begun) / 1e3)
            child.kill()
            child.wait()
    return _told("in another process", waits)


def _weights(count: int) -> str:
    """Bytes of a task that waits, of one that is leased, of one that is done and kept."""
    gc.collect()
    tracemalloc.start()
    board = ClaimQueue(retention_count=10 * count)
    empty = tracemalloc.get_traced_memory()[0]
    for start in range(0, count, 10_000):
        board.submit_many([Task(payload={"n": n}) for n in range(start, min(start + 10_000, count))])
    waiting = tracemalloc.get_traced_memory()[0]
    leases = []
    while len(leases) < count:
        leases += [(lease, None) for lease in board.claim_many("w", 1_000)]
        leases[-1_000:] = [(lease.handle, None) for lease, _ in leases[-1_000:]]
    handles = sum(sys.getsizeof(handle) + 64 for handle, _ in leases)
    leased = tracemalloc.get_traced_memory()[0] - handles
    for start in range(0, count, 1_000):
        board.complete_many(leases[start : start + 1_000])
    del leases
    gc.collect()
    done = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    each = [round((now - empty) / count) for now in (waiting, leased, done)]
    return f"bytes of each of {count:,} tasks: {each[0]} waiting, {each[1]} leased, {each[2]} done and kept"


# bytecode is kept, as it is on every machine on which nobody has forbidden it
_KEPT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_KEPT.setdefault("PYTHONPYCACHEPREFIX", f"{tempfile.gettempdir()}/ants_coord-bytecode")
_ON_A_FILE = """
from ants_coord import ClaimQueue
board = ClaimQueue({path!r})
board.lock_nowait("a.py", agent="w")
board.close()
"""


def _ways_in(rounds: int) -> str:
    """Processor time of a whole process, against one that does nothing, taken in turns."""
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "memory": "from ants_coord import ClaimQueue; ClaimQueue()",
            "file and lock": _ON_A_FILE.format(path=f"{folder}/b.db"),
        }
        for code in ways.values():
            _processor_s(code)  # bytecode and board are there
        ratios: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            bare = _processor_s("pass")
            for name, code in ways.items():
                ratios[name].append(_processor_s(code) / bare)
    found = [f"{name} {statistics.median(each):.1f} x" for name, each in ratios.items()]
    return f"a process with one board, against `python -c pass`: {', '.join(found)} (targets 10 and 12)"


def _processor_s(code: str) -> float:
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent, env=_KEPT)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime


def _imports(rounds: int) -> str:
    def once(code: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)
        return time.perf_counter() - begun

    pairs = [(once("import ants_coord"), once("pass")) for _ in range(rounds)]
    cost = statistics.median(ours - bare for ours, bare in pairs)
    return f"import ants_coord: {cost * 1e3:.0f} ms beyond a bare interpreter (target 80)"

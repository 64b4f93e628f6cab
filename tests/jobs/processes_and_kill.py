"""
Three processes share a board in a file; one is killed with `kill -9` while it works, and nothing is lost.

Each line is written once: the database lets a write pass only with the newest token.
"""

import multiprocessing
import os
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path

from ants_coord import ClaimQueue, Task
from ants_coord.guard import SQLGuard

COUNT = 40


def work(folder, name, doomed):
    def handler(job):
        if doomed.is_set():
            doomed.clear()
            os.kill(os.getpid(), signal.SIGKILL)
        with sqlite3.connect(folder / "lines.db", timeout=30) as lines:
            SQLGuard().check(lines, job.lease.task, job.token)
            lines.execute("INSERT INTO line VALUES (?) ON CONFLICT DO NOTHING", (job.payload,))
        lines.close()
        return name

    with ClaimQueue(folder / "board.db") as board:
        board.serve(handler, agent=name, until="drained")


def main():
    folder = Path(tempfile.mkdtemp())
    with sqlite3.connect(folder / "lines.db") as lines:
        lines.execute("CREATE TABLE line (number INTEGER PRIMARY KEY)")
        SQLGuard().create(lines)
    lines.close()
    context = multiprocessing.get_context("spawn")
    doomed = context.Event()
    doomed.set()
    with ClaimQueue(folder / "board.db", lease_ttl=1) as board:
        board.submit_many(Task(f"t{n}", payload=n) for n in range(COUNT))
        workers = [context.Process(target=work, args=(folder, f"w{n}", doomed)) for n in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        codes = sorted(worker.exitcode for worker in workers)
        board.drain(timeout=0)
        done = board.statistics()
    with sqlite3.connect(folder / "lines.db") as lines:
        (written,) = lines.execute("SELECT count(*) FROM line").fetchone()
    lines.close()
    assert codes == [-signal.SIGKILL, 0, 0], codes
    assert (done.completed, written) == (COUNT, COUNT), (done, written)
    print(f"done: {done.completed} tasks, {written} lines, exit codes {codes}")


if __name__ == "__main__":
    sys.exit(main())

"""
Thread schedules of the fronts, explored one by one: `frontrun python -m tests.fronts.schedules`.

Two threads on one board, every order of their steps up to two preemptions
(dynamic partial-order reduction). A board whose lock does nothing is the
control: it must be caught.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import frontrun

from ants_coord import ClaimQueue, Task
from ants_coord.hub.loop import Hub
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock
from ants_coord.testing.simulation.story import double_grants


def in_memory() -> Any:
    board: Any = ClaimQueue(clock=ManualClock())
    return with_work(board)


def with_a_log() -> Any:
    board: Any = ClaimQueue(MemoryJournal(ManualClock()))
    return with_work(board)


def through_a_hub() -> Any:
    """A hub of its own for each schedule; its thread runs as it likes."""
    folder = Path(tempfile.mkdtemp(prefix="ants", dir="/tmp" if os.path.isdir("/tmp") else None))
    hub = Hub(ClaimQueue(clock=ManualClock()), str(folder / "hub"))
    thread = threading.Thread(target=hub.serve, daemon=True)
    thread.start()
    board: Any = ClaimQueue(f"hub:{hub.path}", clock=ManualClock())

    def end() -> None:
        board.close()
        hub.stop()
        thread.join()
        shutil.rmtree(folder)

    board.end = end
    return with_work(board)


def without_a_lock() -> Any:
    board = in_memory()
    board._engine._lock = NoLock()
    board._engine._hurdle = lambda: None  # its politeness alone would keep two threads apart
    return board


class NoLock(contextlib.nullcontext):
    def _is_owned(self):
        return False


def with_work(board: Any) -> Any:
    board.submit_many([Task("a"), Task("b")])
    board.got = []
    return board


def work(board: Any) -> None:
    lease = board.claim_nowait("ann")
    if lease is not None:
        board.got.append(lease.task)
        board.complete(lease, lease.task)


def all_is_well(board: Any) -> bool:
    board.check()
    done = board.statistics().tasks["done"]
    is_well = sorted(board.got) == ["a", "b"] and done == 2 and not double_grants(board.events())
    getattr(board, "end", board.close)()
    return is_well


def explore(make: Any, executions: int, patience_s: float = 60.0) -> dict[str, Any]:
    found = frontrun.explore(
        make,
        [work, work],
        all_is_well,
        trace_packages=["ants_coord*"],
        max_executions=executions,
        total_timeout=patience_s,
        # a busy machine makes a thread late; that is no deadlock
        timeout_per_run=patience_s,
        deadlock_timeout=patience_s,
        reproduce_on_failure=0,
    )
    why = found.inconclusive_reason or found.explanation
    return {"holds": found.property_holds, "schedules": found.num_explored, "why": why}


if __name__ == "__main__":
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    made = {"in memory": in_memory, "with a log": with_a_log, "without a lock": without_a_lock}
    found = {name: explore(make, most) for name, make in made.items()}
    # what two threads share at a client is little, and each schedule costs a hub
    found["through a hub"] = explore(through_a_hub, most // 5)
    print(json.dumps(found))

"""kill -9 at any moment: nothing that was acknowledged is lost, nothing completes twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import ants_coord

from ..scale import of

ROOT = Path(__file__).parent.parent.parent
ROUNDS = of(2, 10, 200)

WORKER = """
import sys
import ants_coord
from ants_coord import LeaseLostError, Task
name = sys.argv[2]
with getattr(ants_coord, sys.argv[3])(sys.argv[1]) as board:
    number = 0
    while True:
        number += 1
        task = f"{name}-{number}"
        board.submit(Task(task, max_attempts=1000))
        print("submitted", task, flush=True)
        lease = board.claim_nowait(name)
        if lease is None:
            continue
        try:
            board.complete(lease, name)
        except LeaseLostError:
            continue
        print("completed", lease.task, flush=True)
"""


def start(path, name, strategy):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path), name, strategy],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("strategy", ["ClaimQueue", "Matchmaker", "Blackboard"])
def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path, capsys, strategy):
    """Three writers at a time, killed after a random number of answers, round after round."""
    path, dice = tmp_path / "board.db", random.Random(5)
    acknowledged: Counter[tuple[str, str]] = Counter()
    make = getattr(ants_coord, strategy)
    with make(path, lease_ttl=0.2, retention_count=1 << 30, event_count=1_000_000) as board:
        board.statistics()
    for number in range(ROUNDS):
        writers = [start(path, f"r{number}w{n}", strategy) for n in range(3)]
        for writer in writers:
            for _ in range(dice.randrange(1, 60)):
                acknowledged[tuple(writer.stdout.readline().split())] += 1
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            acknowledged.update(
                tuple(line.split()) for line in writer.communicate()[0].splitlines() if len(line.split()) == 2
            )
    with make(path) as board:
        board.check()
        events = list(board.events())
        submitted = {event.task for event in events if event.type == "submitted"}
        completed = Counter(event.task for event in events if event.type == "completed")
        tokens = Counter(event.token for event in events if event.type == "claimed")
        digest = board._engine.digest()
    with make(path) as again:
        assert again._engine.digest() == digest
    lost = [ack for ack in acknowledged if ack[1] not in (submitted if ack[0] == "submitted" else completed)]
    doubled = [task for task, n in completed.items() if n > 1] + [t for t, n in tokens.items() if n > 1]
    with capsys.disabled():
        print(f"\n  kill -9, {strategy}: {3 * ROUNDS} kills, {sum(acknowledged.values())} acknowledged, "
              f"lost {len(lost)}, doubled {len(doubled)}")  # fmt: skip
    assert (lost, doubled) == ([], [])
    assert max(acknowledged.values()) == 1

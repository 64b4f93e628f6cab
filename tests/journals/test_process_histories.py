"""Processes on one file: what they saw could have happened one by one; one that was stopped is harmless."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ants_coord import Backoff, ClaimQueue, Task
from ants_coord.testing import Operation, check_history

from ..scale import of

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 60

MEMBER = """
import json, random, sys, time
import attrs
from ants_coord import ClaimQueue, LeaseLostError
from ants_coord.testing import Recorder
path, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
dice, mine = random.Random(name), []
with ClaimQueue(path, durability="process") as board:
    recorder = Recorder(board, time.monotonic_ns)
    board.statistics()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(rounds):
        lease = recorder.claim_nowait(name)
        if lease is not None:
            mine.append(lease)
        if mine:
            try:
                getattr(recorder, dice.choice(("complete", "fail", "fail", "release", "release", "renew")))(dice.choice(mine[-3:]))
            except LeaseLostError:
                continue
    print(json.dumps([attrs.astuple(one) for one in recorder.operations]), flush=True)
    sys.stdin.readline()  # closing gives back what is held: not before everybody is through
"""

SLEEPER = """
import sys
from ants_coord import ClaimQueue, LeaseLostError
with ClaimQueue(sys.argv[1]) as board:
    try:
        with board.work(board.claim("sleeper", timeout=30)) as job:
            print("holding", flush=True)
            sys.stdin.readline()
            job.result = "late"
    except LeaseLostError as error:
        print(error.reason, flush=True)
"""


def start(script, *args):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_histories_of_processes(tmp_path, capsys):
    path, rounds = tmp_path / "b.db", of(60, 120, 300)
    with ClaimQueue(path, backoff=Backoff(0), max_attempts=1_000_000) as board:
        board.submit_many([Task(f"t{n}") for n in range(60)])
    crowd = [start(MEMBER, path, f"p{n}", rounds) for n in range(4)]
    for process in crowd:
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        process.stdin.write("\n")
        process.stdin.flush()
    found = [Operation(*row) for process in crowd for row in json.loads(process.stdout.readline())]
    for process in crowd:
        process.communicate("\n", timeout=LIMIT_S)
    assert check_history(found) == []
    assert len({one.client for one in found}) >= 3
    with capsys.disabled():
        print(f"\n  histories of processes: {len(found)} operations of 4 processes on one file, violations 0")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system stops no processes")
def test_a_process_that_is_stopped_loses_its_lease_and_is_told_so(tmp_path):
    path = tmp_path / "b.db"
    with ClaimQueue(path, lease_ttl=0.5) as board:
        board.submit(Task("a"))
        sleeper = start(SLEEPER, path)
        assert sleeper.stdout.readline() == "holding\n"
        sleeper.send_signal(signal.SIGSTOP)
        try:
            heir = board.claim("heir", timeout=LIMIT_S)  # its renewals have stopped with it
            assert heir.attempt == 2
        finally:
            sleeper.send_signal(signal.SIGCONT)
        said, _ = sleeper.communicate("\n", timeout=LIMIT_S)
        assert said.strip() in ("expired", "superseded")
        board.complete(heir, "in time")
        assert board.result("a", timeout=0) == "in time"

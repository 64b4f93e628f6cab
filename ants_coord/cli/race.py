"""The claim race: several processes, one task, many rounds. Exactly one may win each."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import Counter
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from ..sync import ClaimQueue
from ..values.tasks import Task

__all__ = ["run_race"]


def _racer(path: str, name: str, rounds: int, start: Barrier, won: SimpleQueue[Any]) -> None:
    mine = []
    with ClaimQueue(path, durability="process") as board:
        board.statistics()
        for number in range(rounds):
            start.wait()
            lease = board.claim_nowait(name, task=f"round-{number}")
            if lease is not None:
                mine.append((number, lease.token))
        won.put((name, mine))
        start.wait()  # nobody closes, and so gives back, before all have raced


def run_race(processes: int, rounds: int) -> dict[str, Any]:
    """Race, and count: rounds, grants, grants of one task to two, repeated tokens, wins by process."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="ants-coord-race-") as folder:
        path = str(Path(folder) / "race.db")
        with ClaimQueue(path, durability="process", lease_ttl=3600) as board:
            board.submit_many([Task(f"round-{number}") for number in range(rounds)])
            start, won = context.Barrier(processes), context.SimpleQueue()
            racers = [
                context.Process(target=_racer, args=(path, f"racer-{n}", rounds, start, won))
                for n in range(1, processes + 1)
            ]
            for racer in racers:
                racer.start()
            found = dict(won.get() for _ in racers)
            for racer in racers:
                racer.join()
    grants = Counter(number for mine in found.values() for number, _ in mine)
    tokens = Counter(token for mine in found.values() for _, token in mine)
    doubles = sum(n - 1 for n in grants.values()) + sum(n - 1 for n in tokens.values())
    return {
        "processes": processes,
        "rounds": rounds,
        "granted": len(grants),
        "double_grants": doubles,
        "wins": {name: len(mine) for name, mine in found.items()},
    }

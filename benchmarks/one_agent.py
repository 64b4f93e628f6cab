"""
The demo's job by one plain loop, and by one, two and four agents: `python -m benchmarks.one_agent [FOLDER]`.

Python runs one thread at a time here, so no number of threads can win: this is a world made for one agent,
and what the others add is the tax. Processor time, the least of three interleaved rounds, which what else
the machine does changes little; beside it what a meter saw inside the coordinator.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from ants_coord import ClaimQueue
from ants_coord.cli.demo.colony import default_tree, handle, settings, tasks_for
from ants_coord.cli.demo.index_job import index_tree
from ants_coord.lab import Meter, tax

logging.getLogger("ants_coord").addHandler(logging.NullHandler())


def alone(root: Path) -> float:
    began = time.process_time()
    index_tree(root)
    return time.process_time() - began


def together(root: Path, agents: int) -> tuple[float, float]:
    began = time.process_time()
    with ClaimQueue(**settings()) as board, Meter(board) as meter:
        board.submit_many(tasks_for(root))
        board.serve(lambda job: handle(job.lease), concurrency=agents, until="drained")
        seconds = time.process_time() - began
        return seconds, tax(board, meter=meter).inside or 0.0


def main(root: Path, rounds: int = 3) -> None:
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        found = {"plain loop": (alone(root), 0.0)}
        found |= {f"{agents} agents": together(root, agents) for agents in (1, 2, 4)}
        for name, figures in found.items():
            best[name] = min(best.get(name, figures), figures)
    for name, (seconds, inside) in best.items():
        beside = seconds / best["plain loop"][0]
        print(f"{name:<12} {seconds:6.2f} s  {beside:.2f} of the plain loop  inside {inside:.2f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default_tree())

"""
A small suite for pytest-benchmark (extra `peers`): `pytest benchmarks --import-mode=importlib`.

For your machine, and for comparing two versions of the library with `--benchmark-compare`.
"""

from __future__ import annotations

import pytest

pytest.importorskip("pytest_benchmark", reason="pip install --group peers")

from ants_coord import Blackboard, ClaimQueue, Mark, Matchmaker, Task
from ants_coord.values.adverts import Advert


def cycle(board, **fields):
    board.submit(Task(**fields))
    board.complete(board.claim_nowait("w"))


def test_cycle_in_memory(benchmark):
    with ClaimQueue() as board:
        benchmark(cycle, board)


@pytest.mark.parametrize("durability", ["process", "power"])
def test_cycle_in_a_file(benchmark, tmp_path, durability):
    with ClaimQueue(tmp_path / "b.db", durability=durability) as board:
        benchmark(cycle, board)


def test_cycle_among_a_thousand_agents(benchmark):
    with Matchmaker() as board:
        for number in range(1_000):
            board.advertise(Advert(f"a{number}", (f"skill{number % 50}",), ttl=1e6))
        board.advertise(Advert("w", ("skill1",), slots=1_000, ttl=1e6))
        benchmark(cycle, board, requires="skill1")


def test_deposit_among_ten_thousand_trails(benchmark):
    with Blackboard() as board:
        for number in range(10_000):
            board.deposit(Mark("food", f"p{number}", 5.0), agent="w")
        benchmark(board.deposit, Mark("food", "p7", 1.0), agent="w")

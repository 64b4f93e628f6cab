"""The benchmarks run small here, so that they never rot. No times are asserted."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_every_benchmark_runs_and_prints_its_ratio(tmp_path):
    """`python -m benchmarks --small` ends well and writes one line per row of the speed table."""
    out = tmp_path / "table.txt"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = out.read_text()
    for row in (
        "cycle: submit",
        "pending",
        "leases held",
        "8 threads",
        "await",
        "batches",
        "SQLite FULL: cycle",
        "a meter around a board in memory",
        "a meter around a file",
        "who of 500 agents",
        "deposit + sense",
        "top 10 of",
        "claim + release, 1,000 places",
        "memory of 5,000 trails",
        "queue.PriorityQueue",
        "wake-up of a waiting claim in another process",
        "bytes of each of",
        "import ants_coord",
    ):
        assert row in table
    assert "double grants 0" in table


def test_the_benchmark_of_postgresql_runs_where_there_is_a_server():
    """Every row that this machine can measure."""
    pytest.importorskip("psycopg")
    from benchmarks.postgres import facts
    from tests.postgres.server import binaries

    if binaries() is None:
        pytest.skip("no PostgreSQL on this machine")
    table = "\n".join(facts(small=True))
    for row in ("one by one", "batches of 50", "ours", "by hand", "2 waiting replicas"):
        assert row in table


def test_the_benchmark_of_the_hub_runs():
    """A row for each number of processes, and what those cost who wait."""
    from benchmarks.hub import facts

    table = "\n".join(facts(small=True))
    for row in ("  1 processes: through a hub", "  2 processes", "waiting processes", "through a hub"):
        assert row in table


def test_where_a_cycle_goes_can_be_told():
    """Every file that a cycle passes has its part in the table, and the parts are the whole."""
    from benchmarks.where import lines

    if sys.version_info[:2] == (3, 12):
        pytest.skip("Python 3.12 does not report byte codes to a tracer")
    table = [line.rsplit(maxsplit=3) for line in list(lines(20))[1:-2]]
    assert len(table) > 5
    assert not [row[0] for row in table if row[0].endswith(".py")], "a file without a part"
    assert abs(sum(int(row[2].rstrip("%")) for row in table) - 100) <= len(table)

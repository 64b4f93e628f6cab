"""The table of costs, with rounds that are too short to say anything."""

from __future__ import annotations

import pytest

from ants_coord.cli import bench

from .command import ants


def test_every_row_is_measured(monkeypatch):
    monkeypatch.setattr(bench, "_ROUND_S", 0.002)
    monkeypatch.setattr(bench, "_ROUNDS", 2)
    found = list(bench.rows())
    assert len(found) == 9
    for row in found:
        assert row.per_second == pytest.approx(1e6 / row.microseconds)


def test_it_is_a_command():
    done = ants("bench", "--help")
    assert done.returncode == 0
    assert "under a minute" in done.stdout

"""Each mistake is noticed by the method that should notice it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..scale import of
from .judge import METHODS
from .mutants import MUTANTS

ROOT = Path(__file__).parent.parent.parent
BUDGET_S = 40


def judged(number: int | None, method: str) -> bool:
    """Run a method on a copy of the package with one mistake (None: with none); tell whether it is content."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "ants_coord"
        shutil.copytree(ROOT / "ants_coord", package, ignore=shutil.ignore_patterns("__pycache__"))
        if number is not None:
            file, old, new, _ = MUTANTS[number]
            path = package / file
            text = path.read_text()
            assert text.count(old) == 1, f"mutant {number}: {file} has changed; write it anew"
            path.write_text(text.replace(old, new))
        (Path(folder) / "tests").symlink_to(ROOT / "tests")
        done = subprocess.run(
            [sys.executable, "-m", "tests.mutants.judge", method],
            cwd=folder,
            env={
                **os.environ,
                "ANTS_COORD_PROFILE": "quick",
                "PYTHONPATH": folder,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            timeout=BUDGET_S,
            check=False,
        )
        return done.returncode == 0


def test_mutants_are_distinct_and_many():
    assert len(MUTANTS) >= 40
    assert len({(file, old, new) for file, old, new, _ in MUTANTS}) == len(MUTANTS)
    assert {method for *_, method in MUTANTS} <= set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_complains_without_a_reason(method):
    assert judged(None, method)


def one_of_each_method():
    """Return the numbers of mutants, the first of every method that judges."""
    met = {}
    for number, (*_, method) in enumerate(MUTANTS):
        met.setdefault(method, number)
    return sorted(met.values())


def test_mutants_are_killed(capsys):
    """
    Every mutant (quick: one of each method) is killed, by what its method plays in the quick profile.

    So the full profile shows that the quick one, with its smaller counts, notices the same mistakes.
    """
    chosen = of(one_of_each_method(), list(range(len(MUTANTS))), list(range(len(MUTANTS))))

    def survives(number: int) -> bool:
        try:
            return judged(number, MUTANTS[number][3])
        except subprocess.TimeoutExpired:
            return False  # it hangs: that is noticed, too

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        verdicts = list(pool.map(survives, chosen))
    alive = [
        f"{MUTANTS[n][0]}: {MUTANTS[n][1]!r}"
        for n, is_alive in zip(chosen, verdicts, strict=True)
        if is_alive
    ]
    with capsys.disabled():
        print(f"\n  mutants: {len(chosen) - len(alive)} of {len(chosen)} killed")
    assert alive == []

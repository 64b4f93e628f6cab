"""Each mistake is noticed by the method that should notice it."""

from __future__ import annotations

import atexit
import compileall
import contextlib
import functools
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..postgres.server import binaries
from ..scale import of
from .judge import METHODS
from .mutants import BROKEN_PROMISES, MUTANTS

ROOT = Path(__file__).parent.parent.parent
BUDGET_S = 40


@functools.cache
def sound() -> Path:
    """
    Make the copy of package and tests that all others are made from; return its folder.

    The package is compiled here, once: a judge of a copy would else compile two hundred modules before it
    begins. By hash and not by time, so that no module with a mistake is taken for the one without.
    """
    made = tempfile.TemporaryDirectory()
    atexit.register(made.cleanup)
    folder = Path(made.name)
    for name in ("ants_coord", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    by_hash = py_compile.PycInvalidationMode.CHECKED_HASH
    assert compileall.compile_dir(folder / "ants_coord", quiet=1, invalidation_mode=by_hash)
    return folder


@contextlib.contextmanager
def mistaken(file: str, old: str, new: str):
    """Make a copy of the package with one mistake; yield its folder."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "ants_coord"
        shutil.copytree(sound() / "ants_coord", package, copy_function=os.link)
        (Path(folder) / "tests").symlink_to(sound() / "tests")
        path = package / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has changed; write this mutant again: {old!r}"
        path.unlink()  # not into it: it is the sound copy's as well
        path.write_text(text.replace(old, new))
        yield folder


def judge(folder: str | Path, *words: str, patience_s: float = BUDGET_S) -> subprocess.CompletedProcess:
    """Let a method judge the copy, in the quick profile whatever profile we run in."""
    elsewhere = ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")  # what is compiled lies beside the copy
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    return subprocess.run(
        [sys.executable, "-m", "tests.mutants.judge", *words],
        cwd=folder,
        env={**environment, "ANTS_COORD_PROFILE": "quick", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )


def judged(number: int | None, method: str) -> bool:
    """Run a method on a copy of the package with one mistake (None: with none); tell whether it is content."""
    if number is None:
        return judge(sound(), method).returncode == 0
    with mistaken(*MUTANTS[number][:3]) as folder:
        return judge(folder, method).returncode == 0


def can_judge(method: str) -> bool:
    """Tell whether a method has what it needs: one asks for a server."""
    return method != "postgres" or (find_spec("psycopg") is not None and binaries() is not None)


def test_mutants_are_distinct_and_many():
    assert len(MUTANTS) >= 40
    assert len({(file, old, new) for file, old, new, _ in MUTANTS}) == len(MUTANTS)
    assert {method for *_, method in MUTANTS} <= set(METHODS)


def test_every_mutant_fits_the_code_as_it_is():
    """In every profile, though only the full one plays them all."""
    stale = [
        f"{file}: {old!r}"
        for file, old, _ in [*[mutant[:3] for mutant in MUTANTS], *BROKEN_PROMISES.values()]
        if (ROOT / "ants_coord" / file).read_text().count(old) != 1
    ]
    assert stale == [], "write these mutants again"


@pytest.mark.parametrize("method", of(list(METHODS)[1::5], METHODS, METHODS))
def test_no_method_complains_without_a_reason(method):
    if not can_judge(method):
        pytest.skip("no PostgreSQL on this machine")
    assert judged(None, method)


def one_of_each_method():
    """
    Return the numbers of mutants, the first of every method that judges.

    So the first of a method should be noticed at once; that somebody waits in vain for it takes seconds to notice.
    """
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
    chosen = [number for number in chosen if can_judge(MUTANTS[number][3])]

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


SEEDS = 20


@pytest.mark.parametrize("name", of(list(BROKEN_PROMISES)[:1], list(BROKEN_PROMISES), list(BROKEN_PROMISES)))
def test_a_broken_promise_is_noticed_whatever_the_seed(name, capsys):
    """The properties of the card notice it in every seed, in the quick profile's numbers."""
    with mistaken(*BROKEN_PROMISES[name]) as folder:
        done = judge(folder, "seeds", str(SEEDS), patience_s=10 * BUDGET_S)
    assert done.returncode == 0, done.stderr
    with capsys.disabled():
        print(f"\n  {name}: noticed in {done.stdout.strip()} of {SEEDS} seeds")
    assert int(done.stdout) == SEEDS


@pytest.mark.parametrize("name", of(list(BROKEN_PROMISES)[:1], list(BROKEN_PROMISES), list(BROKEN_PROMISES)))
def test_a_broken_promise_is_noticed_by_the_suite_that_is_shipped(name):
    """A user that tests a strategy with `check_coordinator` is told as well."""
    with mistaken(*BROKEN_PROMISES[name]) as folder:
        assert judge(folder, "conformance").returncode != 0

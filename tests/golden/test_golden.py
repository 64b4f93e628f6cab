"""Old logs replay to their digests: on every Python that is found, under every hash seed, with and without -O."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from .replay import recorded, replay

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LOGS = sorted(HERE.glob("*.jsonl"))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_an_old_log_replays_to_its_digests(path):
    assert replay(path) == recorded(path)
    assert len(recorded(path)) > 5


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_an_engine_that_follows_it_comes_to_the_same(path):
    assert replay(path, shortly=True) == recorded(path)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_writing_the_state_down_and_reading_it_back_changes_nothing(path):
    assert replay(path, moving=True) == recorded(path)


def pythons() -> list[str]:
    """Return interpreters: this one, those on the path, and those in ANTS_COORD_PYTHONS."""
    names = [f"python3.{minor}" for minor in range(11, 20)]
    found = [sys.executable, *filter(None, map(shutil.which, names))]
    found += os.environ.get("ANTS_COORD_PYTHONS", "").split(os.pathsep)
    known: dict[str, str] = {}
    for one in filter(None, found):
        ask = "import sys; assert sys.version_info >= (3, 11); print(sys.version)"
        told = subprocess.run([one, "-c", ask], capture_output=True, text=True, check=False, timeout=60)
        if told.returncode == 0:
            known.setdefault(told.stdout, one)
    return list(known.values())


def test_every_python_and_every_hash_seed_agrees(capsys):
    expected = {str(path): recorded(path) for path in LOGS}
    packages = {Path(attrs.__file__).parent.parent, *map(Path, site.getsitepackages())}
    path = os.pathsep.join(map(str, [ROOT, *packages]))
    found, runs = pythons(), 0
    for python in found:
        for flags, more in (([], {"PYTHONHASHSEED": "0"}), (["-O"], {"PYTHONHASHSEED": "1"}), ([], {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"})):  # fmt: skip
            done = subprocess.run(
                [python, *flags, str(HERE / "replay.py"), *map(str, LOGS)],
                env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **more},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr[-2_000:]
            assert json.loads(done.stdout) == expected, f"{python} {flags} {more}"
            runs += 1
    with capsys.disabled():
        print(f"\n  determinism: {len(LOGS)} logs, {len(found)} Pythons, {runs} runs, digests equal")

"""The demo of a bazaar: it runs to its end by itself, and ends clean when it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .command import ENVIRONMENT, LIMIT_S, ants


def ours(folder):
    """Return the processes that name a folder on their command line."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = one.read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if str(folder).encode() in words:
            found.append(words)
    return found


def bazaar(folder, *more):
    return subprocess.Popen(
        [sys.executable, "-m", "ants_coord", "demo", "--bazaar", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
    )


def test_the_bazaar_is_one_command(tmp_path):
    """All results are right although everything happens to its agents; its board is gone afterwards."""
    demo = bazaar(tmp_path, "--json")
    out, said = demo.communicate(timeout=LIMIT_S)
    assert demo.returncode == 0, said
    found = json.loads(out)
    assert (found["done"], found["wrong"], found["agents"]) == (found["tasks"], 0, 34)
    assert found["codes"].count(-signal.SIGKILL) == 1
    assert found["events"]["proved"] > 34
    assert "the market is open" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are counted in /proc")
def test_ctrl_c_ends_every_process(tmp_path):
    """Nothing is left behind: no process, no folder, no traceback."""
    demo = bazaar(tmp_path)
    try:
        assert any("the market is open" in line for line in demo.stdout)
        assert len(ours(tmp_path)) == 6
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=LIMIT_S)
    finally:
        demo.kill()
    assert demo.returncode == 130, said
    assert "Traceback" not in said
    assert "stopped" in said
    assert ours(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("--trust",), ("--agents", "5"), ("--strategy", "board"), ("--seed", "2")])
def test_the_bazaar_takes_no_other_options(words):
    """What would be ignored is refused."""
    done = ants("demo", "--bazaar", *words)
    assert done.returncode == 2
    assert "leave out all other options" in done.stderr

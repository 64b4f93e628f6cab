"""Types that a user can lean on: what is right passes, and each mistake is found, by both type checkers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FILES = ("right.py", "wrong.py")


def mypy() -> set[tuple[str, int]]:
    """Return (file, line) of each error that mypy --strict finds."""
    pytest.importorskip("mypy")
    # without our own settings, which ask less of tests: a user has others
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file=",
        "--strict",
        "--no-error-summary",
        "--warn-unreachable",
    ]
    files = [str(HERE / name) for name in FILES]
    done = subprocess.run([*command, *files], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {
        (Path(m[1]).name, int(m[2])) for m in re.finditer(r"^(\S+?):(\d+): error", done.stdout, re.MULTILINE)
    }


def pyright() -> set[tuple[str, int]]:
    """Return (file, line) of each error that pyright finds."""
    pytest.importorskip("pyright")
    if shutil.which("node") is None:
        pytest.skip("pyright needs node")
    files = [str(HERE / name) for name in FILES]
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, cwd=ROOT)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1)
        for one in found
        if one["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_exactly_the_mistakes_are_found(checker):
    """Each line that says so, and no other."""
    marked = {
        (name, number)
        for name in FILES
        for number, line in enumerate((HERE / name).read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith("# wrong")
    }
    assert len(marked) > 20
    assert checker() == marked


WITHIN = ("adapters", "cli", "core", "engine", "hub", "journals", "lab", "requirements", "testing")
"""rooms whose attributes are for their own code; mypy --strict reads them"""


def test_what_a_user_meets_is_typed_in_full():
    """No public name leaves a type checker to guess."""
    pytest.importorskip("pyright")
    if shutil.which("node") is None:
        pytest.skip("pyright needs node")
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--verifytypes",
        "ants_coord",
        "--ignoreexternal",
        "--outputjson",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    assert len(symbols) > 1_000
    of_core = {
        "Anyone",
        "Ledger",
        "Part",
        "Row",
        "Strategy",
        "by_priority",
    }  # strategies.py only hands them on
    public = [
        one
        for one in symbols
        if (one["name"].split(".")[1] not in WITHIN or one["name"].startswith("ants_coord.hub.thin."))
        and one["name"].rpartition(".")[2] not in of_core
    ]
    vague = [one["name"] for one in public if not one["isTypeKnown"]]
    assert vague == []

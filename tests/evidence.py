"""
Run the tests that print figures, and write these down: `python -m tests.evidence`.

They go into docs/guarantees.md. With
ANTS_COORD_PROFILE=deep (and ANTS_COORD_SEEDS, ANTS_COORD_HISTORIES) it is the
long run.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FIGURES = re.compile(r"^  (\S.*)$")


def speaking() -> list[str]:
    """Return the test files that print figures."""
    files = [
        path for path in HERE.rglob("test_*.py") if "capsys.disabled()" in path.read_text(encoding="utf-8")
    ]
    return sorted(path.relative_to(HERE.parent).as_posix() for path in files)


def collected() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *speaking()],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-3_000:])
    return [found[1] for line in done.stdout.splitlines() if (found := FIGURES.match(line))]


if __name__ == "__main__":
    head = f"Python {platform.python_version()}, {platform.system()}"
    text = "\n".join([head, *sorted(collected())]) + "\n"
    page = HERE.parent / "docs" / "guarantees.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("```text\n")
    page.write_text(f"{before}```text\n{text}```{rest.partition('```')[2]}", encoding="utf-8")
    print(text, end="")

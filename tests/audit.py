"""
No refusal goes untested: whether every place in the core that refuses was made to.

`Refused` is watched while the tests run. A whole run in which some place never
refused fails, and names it; a part of the suite is not judged.
"""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path

import ants_coord
from ants_coord.commands.shared import Refused

CORE = Path(ants_coord.__file__).parent / "core"
_MAKES = re.compile(r"\bRefused\(")


def places() -> set[tuple[str, int]]:
    """Return (file, line) of every place that makes a Refused."""
    return {
        (path.relative_to(CORE).as_posix(), number)
        for path in CORE.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _MAKES.search(line)
    }


@functools.cache
def _within_core(filename: str) -> str:
    path = Path(filename)
    return path.relative_to(CORE).as_posix() if path.is_relative_to(CORE) else filename


def watch() -> set[tuple[str, int]]:
    """Note from now on where refusals are made; returns the set that grows."""
    seen: set[tuple[str, int]] = set()
    make = Refused.__init__

    def noted(self: Refused, error: object) -> None:
        frame = sys._getframe(1)
        seen.add((_within_core(frame.f_code.co_filename), frame.f_lineno))
        make(self, error)  # type: ignore[arg-type]

    Refused.__init__ = noted  # type: ignore[method-assign]
    return seen

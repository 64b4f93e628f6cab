"""Layers are law: imports go one way, and the core knows no clock, no I/O, no threads, no dice."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ants_coord"

VALUES = {
    "names",
    "payloads",
    "errors",
    "values",
    "settings",
    "events",
    "commands",
    "requirements",
    "adverts",
    "marks",
    "entries",
    "reactions",
    "trust",
    "routes",
    "quick",
    "verification",
}
BELOW = {
    "names": set(),
    "payloads": {"errors"},
    "errors": {"values"},  # for type checkers only
    "requirements": {"errors"},
    "quick": set(),
    "values": {
        "names",
        "quick",
        "requirements",
        "trust",
        "verification",
    },  # the last two for type checkers only
    "settings": {"names", "values", "routes", "marks", "entries", "trust"},
    "trust": VALUES,
    "verification": {"names", "payloads", "requirements", "values"},
    "routes": {"names", "errors", "requirements", "values"},
    "events": set(),
    "commands": VALUES - {"adverts", "marks", "entries", "reactions", "verification"},
    "adverts": VALUES,
    "marks": VALUES,
    "entries": VALUES,
    "reactions": VALUES,
    "presence": VALUES | {"waiting"},
    "core": VALUES,
    "ports": set(),
    "clocks": {"ports"},
    "waiting": {"core"},
    "engine": VALUES | {"ports", "core", "waiting"},
    "direct": VALUES | {"engine"},
    "journals": VALUES | {"ports", "clocks", "core"},
    "replica": VALUES | {"ports", "core", "engine", "journals"},
    "guard": VALUES,
    "fronts": VALUES
    | {"ports", "clocks", "core", "waiting", "engine", "direct", "journals", "replica"}
    | {"sync", "aio"},  # the last two for type checkers only
}
COLOURS = {"sync", "aio"}
FRONT = {*BELOW, *COLOURS, "abc"}
ABOVE = {
    "cli": {*FRONT, "_version", "lab"},
    "lab": FRONT,
    "adapters": FRONT,
    "testing": FRONT,
    "__init__": {*FRONT, "_version"},
    "__main__": {"cli"},
}
FORBIDDEN_IN_CORE = {
    "time",
    "random",
    "threading",
    "asyncio",
    "os",
    "uuid",
    "logging",
    "secrets",
    "socket",
    "sqlite3",
}

FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> tuple[set[str], set[str]]:
    """Return (layers of our own, modules of others) that a file imports, anywhere in it."""
    ours, others = set(), set()
    depth = len(path.relative_to(PACKAGE).parts) - 1
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            others.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level == depth + 1:
            head = (node.module or "").partition(".")[0]
            ours.update([head] if head else [alias.name for alias in node.names])
    return ours, others


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path):
    """Each module imports only what stands below it."""
    layer = layer_of(path)
    allowed = BELOW.get(layer) or ABOVE.get(layer) or (FRONT if layer in FRONT else set())
    ours, _ = imported(path)
    assert ours <= allowed | {layer}, f"{layer} must not import {sorted(ours - allowed - {layer})}"


def test_the_core_is_pure():
    """No module of the core imports time, chance, threads or the outside world."""
    for path in (PACKAGE / "core").glob("*.py"):
        assert not imported(path)[1] & FORBIDDEN_IN_CORE, path


def test_nobody_imports_testing():
    """What is for tests is never needed by what it tests."""
    for path in FILES:
        if layer_of(path) != "testing":
            assert "testing" not in imported(path)[0], path

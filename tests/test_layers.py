"""Layers are law: imports go one way, and the core knows no clock, no I/O, no threads, no dice."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ants_coord"

# One row per room, from the ground up: the room, and the rooms below it that it may use. A room may always use
# itself. Nothing may use a room that is not in its row.
_GROUND = {"frozen", "errors", "requirements", "values"}
_WORDS = _GROUND | {"commands"}
_CORE = {"core.state", "core.work", "core.matching", "core.board", "core.trust", "core"}
_HEART = _WORDS | _CORE | {"journals", "engine"}
_FRONTS = _HEART | {"fronts"}
ROOMS = {
    "frozen": set(),
    "errors": {"frozen", "values"},  # the values for type checkers only
    "requirements": {"errors"},
    "values": {"frozen", "errors", "requirements"},
    "commands": _GROUND,
    "core.state": _WORDS,
    "core.work": _WORDS | {"core.state"},
    "core.matching": _WORDS | {"core.state", "core.work"},
    "core.board": _WORDS | {"core.state", "core.work", "core.matching"},
    "core.trust": _WORDS | {"core.state", "core.work"},
    "core": _WORDS | _CORE,
    "journals": _WORDS | _CORE,
    "engine": _WORDS | _CORE | {"journals"},
    "guard": _GROUND,
    "hub.thin": set(),  # for programs that cannot afford the library
    "hub.columns": _WORDS | _CORE,
    "hub.wire": _WORDS | _CORE | {"journals", "hub.columns"},
    "hub.client": _HEART | {"hub.thin", "hub.wire"},
    "fronts": _HEART | {"hub.client"},
}
_EVERYTHING = {*ROOMS, "aio", "sync", "abc"}
ROOMS |= {
    "aio": _FRONTS | {"sync"},  # each colour names the other, in one property of each strategy
    "sync": _FRONTS | {"aio"},
    "abc": {"journals", "sync", "aio"},
    "strategies": _WORDS | _CORE,  # what somebody needs who writes one
    "hub": _EVERYTHING | {"_version"},  # its clients excepted: they stand below the fronts
    "adapters": _EVERYTHING | {"_version", "hub"},
    "testing": _EVERYTHING,
    "lab": _EVERYTHING,
    "cli": _EVERYTHING | {"_version", "adapters", "hub", "lab"},
    "__init__": _EVERYTHING | {"_version"},
    "__main__": {"cli"},
    "_version": set(),
}
ABOVE = {"cli", "adapters", "testing", "lab"}  # and the hub, which adapters and commands use
FORBIDDEN_IN_CORE = {
    "time", "random", "threading", "asyncio", "os", "uuid", "logging", "secrets", "socket", "sqlite3",
}  # fmt: skip

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """Return the longest room that a dotted module lies in."""
    parts = module.split(".")
    for size in (2, 1):
        name = ".".join(parts[:size])
        if name in ROOMS:
            return name
    return parts[0]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


@functools.cache
def imports(path: Path, package: Path = PACKAGE) -> tuple[frozenset[str], frozenset[str]]:
    """Return (our modules, modules of others) that a file imports, anywhere in it: in functions, and for types."""
    ours, others = set(), set()
    here = path.relative_to(package).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            others.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = [*here[: len(here) - (node.level - 1)], *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                whole = [*base, alias.name]
                is_module = (
                    package.joinpath(*whole).is_dir() or package.joinpath(*whole).with_suffix(".py").exists()
                )
                ours.add(".".join(whole if is_module else base or whole))
    return frozenset(ours), frozenset(others)


def imported(path: Path) -> tuple[set[str], frozenset[str]]:
    """Return (rooms of our own, modules of others) that a file imports, anywhere in it."""
    ours, others = imports(path)
    return {room_of(module) for module in ours}, others


@pytest.mark.parametrize("room", sorted({room_of(module_of(path)) for path in FILES}))
def test_imports_go_one_way(room):
    """Each module imports only from its own room and from rooms below it."""
    for path in FILES:
        module = module_of(path)
        if room_of(module) == room:
            above = imported(path)[0] - ROOMS[room] - {room}
            assert not above, f"{module} must not import {sorted(above)}"


def test_the_core_is_pure():
    """No module of the core imports time, chance, threads or the outside world."""
    for path in (PACKAGE / "core").rglob("*.py"):
        assert not imported(path)[1] & FORBIDDEN_IN_CORE, path


def test_nobody_imports_what_stands_above():
    """What is for tests, shells and reports is never needed by what it serves."""
    for path in FILES:
        room = room_of(module_of(path))
        if room not in ABOVE:
            assert not imported(path)[0] & (ABOVE - ({"cli"} if room == "__main__" else set())), path


def test_no_folder_is_crowded():
    """A folder has at most fifteen files, one of the core twelve, the hall twenty; tests/test_maps.py reads their maps."""
    for folder in {path.parent for path in FILES} - {PACKAGE}:
        here = {
            entry.stem for entry in folder.iterdir()
            if (entry.suffix == ".py" or (entry.is_dir() and (entry / "__init__.py").exists())) and entry.stem[0] != "_"
        }  # fmt: skip
        assert len(here) <= (12 if folder.relative_to(PACKAGE).parts[0] == "core" else 15), folder
    hall = {  # what a newcomer sees: `__init__`, `__main__` and `_version` are no rooms
        e.stem
        for e in PACKAGE.iterdir()
        if e.stem[0] != "_" and (e.suffix == ".py" or (e.is_dir() and (e / "__init__.py").exists()))
    }
    assert len(hall) <= 20, sorted(hall)

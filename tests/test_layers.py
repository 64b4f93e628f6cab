"""Layers are law: imports go one way, and the core knows no clock, no I/O, no threads, no dice."""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
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
def imports(
    path: Path, package: Path = PACKAGE, *, top: bool = False
) -> tuple[frozenset[str], frozenset[str]]:
    """
    Return (our modules, modules of others) that a file imports: in functions and for types, too, unless `top`.
    """
    ours, others = set(), set()
    here = path.relative_to(package).with_suffix("").parts[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top else ast.walk(tree):
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


# -- circles ----------------------------------------------------------------------------------------------

_TWIN = "each colour of a board names its twin, `board.sync` and `board.aio`; that for threads stands above"
_HANDLE = "a board makes the handles of its agents, and a handle names the board that it speaks for"
BACK: dict[tuple[str, str], str] = {
    ("errors", "values.tasks"): "the error of a failed task has its outcome",
    ("fronts.build", "hub.client.engine"): "`hub:PATH` in place of a board's path opens a client of a hub",
    **{(f"aio.{file}", "sync"): _TWIN for file in ("board", "claim_queue", "matchmaker", "blackboard")},
    **{(f"{colour}.{handle}", f"{colour}.{board}"): _HANDLE
       for colour in ("aio", "sync")
       for handle, board in (
           ("agent", "board"), ("match_agent", "matchmaker"), ("board_agent", "blackboard"), ("outbox", "board"),
       )},
    **{(f"{colour}.board", colour): "the error of a verb that a board lacks names the strategies that have it"
       for colour in ("aio", "sync")},
    ("engine.lobby", "engine.waking"): "an empty lobby becomes one with lines when somebody waits for the first time",
    ("engine.engine", "engine.combining"): "a caller that waits on a log numbers its tries; the engine hands the numbers on",
    ("engine.deadlines", "engine.keeper"): "the keeper is made for the first lease that is kept",
    ("lab.experiment", "lab.tables"): "an experiment that is printed writes its tables",
}  # fmt: skip
"""the imports that run back up, all of them inside functions or for types: (importing file, imported one) -> why"""


def name_of(path: Path, package: Path) -> str:
    """Return the dotted name of a module; a folder's is that of its `__init__`, the package's is empty."""
    return ".".join(path.relative_to(package).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def arrows(package: Path, back: Collection[tuple[str, str]] = ()) -> set[tuple[str, str]]:
    """Return (importing file, imported file) of a package, without those that may run back."""
    names = {name_of(path, package): path for path in sorted(package.rglob("*.py"))}
    found = {
        (name, other) for name, path in names.items() for other in imports(path, package)[0] if other in names
    }
    return {(one, other) for one, other in found if one != other} - set(back)


def by_folder(found: set[tuple[str, str]], package: Path) -> set[tuple[str, str]]:
    """Return (importing folder, imported folder); a file that lies in the hall counts as a folder of its own."""

    def folder(name: str) -> str:
        place = package.joinpath(*name.split("."))
        inner = name if place.is_dir() else name.rpartition(".")[0]
        return inner if inner and name else f"./{name}"

    return {(folder(one), folder(other)) for one, other in found if folder(one) != folder(other)}


def circle(found: set[tuple[str, str]]) -> list[str]:
    """Return a circle of imports, such as [a, b, a]; an empty list if there is none."""
    graph: dict[str, set[str]] = {}
    for one, other in sorted(found):
        graph.setdefault(one, set()).add(other)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as problem:
        return list(problem.args[1])
    return []


def test_there_is_no_circle_of_files():
    """Neither at the top of a file nor in a function nor for types alone; `BACK` has all exceptions."""
    assert circle(arrows(PACKAGE, BACK)) == []


def test_there_is_no_circle_of_folders():
    """Each folder stands above or below each other one."""
    assert circle(by_folder(arrows(PACKAGE, BACK), PACKAGE)) == []


def test_what_runs_back_comes_late():
    """No exception is in the core, and none at the top of a file: there it would run with every import."""
    for one, other in BACK:
        assert not one.startswith("core")
        path = PACKAGE.joinpath(*one.split(".")).with_suffix(".py")
        assert (one, other) not in {(one, name) for name in imports(path, top=True)[0]}


@pytest.mark.parametrize("names", sorted(BACK), ids=" to ".join)
def test_each_exception_is_needed(names):
    """Without it there is a circle; so a cured one leaves the table."""
    found = arrows(PACKAGE, BACK.keys() - {names})
    assert circle(found) or circle(by_folder(found, PACKAGE))


@pytest.mark.parametrize(
    "line",
    ["from .low import x", "def f():\n    from .low import x", "if TYPE_CHECKING:\n    from .low import x",
     "from . import low", "class A:\n    def f(self):\n        from ..there import low"],
)  # fmt: skip
def test_a_circle_is_found_wherever_its_import_stands(line, tmp_path):
    """In small packages: one with a circle of two files, one with a circle of two folders."""

    def package(name: str, files: dict[str, str]) -> Path:
        for place, text in files.items():
            path = tmp_path / name / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return tmp_path / name

    files = package("files", {"there/low.py": "from .high import y", "there/high.py": line})
    assert set(circle(arrows(files))) == {"there.low", "there.high"}
    line = line.replace("from .low", "from ..there.low").replace("from . ", "from ..there ")
    folders = package(
        "folders",
        {
            "there/low.py": "",
            "there/high.py": "from ..up.other import y",
            "up/other.py": "",
            "up/one.py": line,
        },
    )
    assert circle(arrows(folders)) == []
    assert set(circle(by_folder(arrows(folders), folders))) == {"there", "up"}


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

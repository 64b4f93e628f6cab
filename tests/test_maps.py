"""
The first page of each folder is a true map of it, compared in both directions.

A line of a map is a name, at least two spaces, and what lives there. Every file and subfolder has one line of its
own, every line has a file, and its words are the file's own: they stand in the head of the file, or in the names that
it defines. So a line is noticed whose file has moved away or got another job.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .docs.architecture import SIDEWAYS, floors
from .maps import PACKAGE, files_of, head_of, map_of
from .test_layers import FILES, imported, module_of, room_of

FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")})
ENDINGS = re.compile(r"(?:ations?|ing|ies|ed|es|s|y|e)$")
"""what is cut off a word, so that "locks", "locked" and "locking" are one"""
SHORTEST = 4
"""letters of a word that says something"""
LITTLE = {
    "after", "before", "each", "every", "from", "have", "into", "must", "only", "same", "should", "such", "than", "that",
    "their", "them", "these", "they", "this", "those", "what", "when", "which", "while", "whose", "with",
}  # fmt: skip
"""longer words that say nothing"""


def stems(text: str) -> set[str]:
    """Return the words of a text that say something, without their endings."""
    words = set(re.findall(r"[a-z]+", text.lower())) - LITTLE
    return {ENDINGS.sub("", word) for word in words if len(word) >= SHORTEST}


def defined_in(file: Path) -> str:
    """Return the names of a file's top level (of a folder: of its files) as words."""
    if file.is_dir():
        return " ".join(files_of(file)).replace("_", " ")
    names = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names.append(node.name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name) for name in names)


def not_in(file: Path, line: str) -> set[str]:
    """Return the words of a map's line that its file does not know."""
    return stems(line) - stems(f"{head_of(file)} {defined_in(file)} {file.stem}")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(PACKAGE.parent).as_posix())
def test_every_folder_has_a_true_map(folder):
    """One line per file, one file per line, in one column; and the line says what the file says of itself."""
    lines, files = map_of(folder), files_of(folder)
    assert sorted(name for name, _, _ in lines) == sorted(files), "each file once, and nothing else"
    assert len({column for _, column, _ in lines}) == 1, "one column"
    foreign = {name: words for name, _, text in lines if (words := not_in(files[name], text))}
    assert not foreign, "words of a line that its file does not use: is the line true?"


def test_a_line_of_another_file_is_noticed():
    """Of all lines, nine in ten would not do for the next file of the folder."""
    tried, unnoticed = 0, []
    for folder in FOLDERS:
        files, lines = files_of(folder), map_of(folder)
        for (name, _, text), (other, _, _) in zip(lines, lines[1:] + lines[:1], strict=True):
            tried += 1
            if not not_in(files[other], text):
                unnoticed.append((folder.name, name, other))
    assert len(unnoticed) * 10 < tried, unnoticed


def test_commands_are_named_where_they_live():
    """A line of the command line's maps names every command of its file."""
    named = 0
    for folder in [folder for folder in FOLDERS if "cli" in folder.parts]:
        for name, _, text in map_of(folder):
            file = files_of(folder)[name]
            for node in ast.parse(file.read_text(encoding="utf-8")).body if file.is_file() else []:
                if isinstance(node, ast.FunctionDef) and any(
                    "app.command(" in ast.unparse(d) for d in node.decorator_list
                ):
                    named += 1
                    command = node.name.strip("_").replace("_", "-")
                    assert re.search(rf"(?<![\w-]){command}(?![\w-])", text), f"{name}: {command}"
    assert named > 30


def test_the_core_stands_on_its_floors():
    """As its first page says: the lowest first, and each imports only from lower ones."""
    core = PACKAGE / "core"
    order = [name for name, _, _ in map_of(core)]
    for path in core.rglob("*.py"):
        here = path.relative_to(core).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if here != ("__init__",) else []:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = (*here[: len(here) - node.level], *(node.module or "").split("."))
                names = [base[0]] if base[0] else [alias.name for alias in node.names]
                if node.level <= len(here):  # a higher level leaves the core
                    for name in names:
                        assert order.index(name) <= order.index(here[0]), f"{path} imports {name}"


def test_the_rooms_are_listed_from_the_ground_up():
    """As the package's first page says; docs/architecture.md has the floors."""
    floor = {room: number for number, rooms in enumerate(floors()) for room in rooms}
    numbers = [floor[name] for name, _, _ in map_of(PACKAGE) if name in floor]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(("room", "above"), SIDEWAYS)
def test_an_exception_is_needed(room, above):
    """An import that does not go down is told in docs/architecture.md only while there is one."""
    files = [path for path in FILES if room_of(module_of(path)) == room]
    assert any(above in imported(path)[0] for path in files)


def test_what_is_written_by_hand_for_threads():
    """As the first page of aio/ and the heads of both bridges say: the bridge and the worker."""
    by_hand = {
        name
        for name, file in files_of(PACKAGE / "sync").items()
        if not file.read_text(encoding="utf-8").startswith("# Generated")
    }
    assert by_hand == {"bridge", "worker"}

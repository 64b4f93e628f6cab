"""The maps on the first pages of the package's folders: one line for each file, its name and what lives there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "ants_coord"
LINE = re.compile(r"(\w+)(  +)(\S.*)")


def head_of(file: Path) -> str:
    """Return what a file, or a folder's first page, says about itself: its docstring, and a comment before it."""
    text = (file / "__init__.py" if file.is_dir() else file).read_text(encoding="utf-8")
    comment = re.match(r"(?:#.*\n)*", text)
    return (comment[0] if comment else "") + (ast.get_docstring(ast.parse(text)) or "")


def map_of(folder: Path) -> list[tuple[str, int, str]]:
    """Return (name, column, text) of each line of a folder's map."""
    lines = [LINE.fullmatch(line) for line in head_of(folder).splitlines()]
    return [(line[1], line.start(3), line[3]) for line in lines if line]


def files_of(folder: Path) -> dict[str, Path]:
    """Return the files and folders that a map must name."""
    return {
        entry.stem: entry
        for entry in sorted(folder.iterdir())
        if (entry.suffix == ".py" and entry.stem != "__init__") or (entry / "__init__.py").exists()
    }

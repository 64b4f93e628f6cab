"""A newcomer knows in ten seconds what lives in a file; this keeps it so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for name in ("ants_coord", "tests", "benchmarks") for path in (ROOT / name).rglob("*.py")
)
LONGEST_FILE = 540
"""about 500; a file that grows past it is two"""
LONGEST_FUNCTION = 70


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_are_short_and_finished(path):
    """No long file, no long function, nothing left for later, no empty names, no sleep in a test."""
    text = path.read_text(encoding="utf-8")
    if not text.startswith("# Generated"):  # by tests/colours, from files that are measured
        assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
    if path != Path(__file__):
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
        folders = path.relative_to(ROOT).parts
        in_virtual_time = {"kit", "lab", "mutants", "agent_tests.py"} & set(folders)
        if folders[0] == "tests" and not in_virtual_time:
            assert not re.search(r"\b(time|asyncio)\.sleep\((?!0\))", text)
    assert not re.search(r"util|manager|helper", path.stem)


def test_rows_of_the_core_are_read_by_names():
    """`row[LAST_NS]`, not `row[4]`: the reader has not seen the table. Arithmetic of pairs (decay) may go on."""
    found = []
    for path in (ROOT / "ants_coord" / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Subscript(value=ast.Call(func=ast.Attribute(attr="partition" | "rpartition"))):
                    continue  # everybody knows what these return
                case ast.Subscript(slice=ast.Constant(value=int(at))) if at > 1 and path.stem != "decay":
                    found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert not found

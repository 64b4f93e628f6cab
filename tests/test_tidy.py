"""A newcomer knows in ten seconds what lives in a file; this keeps it so."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lines import docstring_lines

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for name in ("ants_coord", "tests", "benchmarks") for path in (ROOT / name).rglob("*.py")
)
LONGEST_FILE = 540
"""about 500; a file that grows past it is two"""
LONGEST_FUNCTION = 70
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.name != "BUGS.md"),
]
TRANSLATED = re.compile(
    r"\b(anew|lest|hitherto|thereof|whomever|of whom|be it|is told it|by a last digit|so many times the)\b"
    r"|\bwhoever\b|\bwhat nobody has\b|\bwhat there is to be\b|\bas ever\b|\bis begun again\b",
    re.IGNORECASE,
)
"""English that no native speaker would write here; say which agent, task or caller, and use the ordinary word"""


FOLDERS = sorted({path.parent.relative_to(ROOT).as_posix() for path in SOURCES})


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_and_functions_are_short_and_finished(folder):
    """No long file, no long function, nothing left for later, no empty names, no sleep in a test."""
    for path in (ROOT / folder).glob("*.py"):
        assert list(faults_of(path)) == [], path


def faults_of(path: Path) -> Iterator[str]:
    """Tell what a newcomer would stumble over in a file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.count("\n") - _not_counted(path, tree)
    if lines > LONGEST_FILE and not text.startswith(
        "# Generated"
    ):  # by tests/colours, from files that are measured
        yield f"{lines} lines"
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if (
                node.end_lineno - node.lineno - _not_counted(path, node) >= LONGEST_FUNCTION
            ):
                yield f"{node.name} has more than {LONGEST_FUNCTION} lines"
    if path != Path(__file__):
        yield from re.findall(r"\b(?:TODO|FIXME|XXX)\b", text)
        folders = path.relative_to(ROOT).parts
        in_virtual_time = {"kit", "lab", "mutants", "agent_tests.py"} & set(folders)
        if folders[0] == "tests" and not in_virtual_time:
            yield from re.findall(r"\b(?:time|asyncio)\.sleep\((?!0\))", text)
    yield from re.findall(r"util|manager|helper", path.stem)


def _not_counted(path: Path, node: ast.AST) -> int:
    """
    Return the lines that do not make a piece of code long: docstrings, where these are the reference.

    A public verb says what it takes, returns and raises, and shows an example. In aio/, the bound would
    otherwise ask for shorter docstrings and not for shorter code.
    """
    return docstring_lines(node) if path.parent == ROOT / "ants_coord" / "aio" else 0


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


def prose_of(text: str) -> str:
    """Return the comments and docstrings of a module, and the strings that document its names."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    strings = [
        node.value.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return "\n".join([*comments, *strings])


@pytest.mark.parametrize(
    "room", sorted({path.relative_to(ROOT).parts[1] for path in SOURCES if "ants_coord" in path.parts})
)
def test_comments_and_docstrings_are_plain_english(room):
    """Words that make a sentence sound translated are refused, in comments as well."""
    found = []
    for path in SOURCES:
        if path.relative_to(ROOT).parts[:2] == ("ants_coord", room):
            words = [
                match.group() for match in TRANSLATED.finditer(prose_of(path.read_text(encoding="utf-8")))
            ]
            found += [(path.relative_to(ROOT).as_posix(), word) for word in words]
    assert found == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_are_plain_english(page):
    """The same for the pages."""
    assert [match.group() for match in TRANSLATED.finditer(page.read_text(encoding="utf-8"))] == []


def test_a_translated_sentence_is_noticed():
    text = 'def f():\n    """Whoever asks anew."""\n    x = 1  # of whom nobody knows\n    """be it as it may"""\n'
    assert [match.group() for match in TRANSLATED.finditer(prose_of(text))] == [
        "of whom",
        "Whoever",
        "anew",
        "be it",
    ]

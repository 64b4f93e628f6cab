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
FILES = {
    path.name for name in ("ants_coord", "tests", "benchmarks", "docs") for path in (ROOT / name).rglob("*.*")
}
READERS = {"./src/../app.py", "src/main.py", "src/app.py", "app.py"}
"""files of a reader's own repository, in examples"""
LONGEST_FILE = 540
"""about 500; a file that grows past it is two"""
LONGEST_FUNCTION = 70
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.name != "BUGS.md"),
]
TRANSLATED = re.compile(
    r"\b(anew|lest|hitherto|thereof|whomever|of whom|be it|is told it|by a last digit|so many times the)\b"
    r"|\bwhoever\b|\bwhat nobody has\b|\bwhat there is to be\b|\bas ever\b|\bis begun again\b"
    r"|(?:^|(?<=[.:;!?]\s))[\s#*]*(?-i:Who)\b(?![^.?!]*\?)",  # as the subject of a statement
    re.IGNORECASE | re.MULTILINE,
)
"""English that no native speaker would write here; say which agent, task or caller, and use the ordinary word"""


NO_VERBS = {
    "a", "agents", "also", "an", "before", "every", "finished", "from", "how", "in", "its", "jobs", "most", "names",
    "nanoseconds", "never", "one", "permanently", "seconds", "tasks", "the", "tokens", "virtual", "what", "when", "whether",
}  # fmt: skip
"""first words of functions' docstrings that are no verbs"""
NO_NOUNS = {"be", "nobody", "no", "shared", "this"}
"""first words of sentences that say something about a class, but not what it is"""


FOLDERS = sorted({path.parent.relative_to(ROOT).as_posix() for path in SOURCES})
EXAMPLES = sorted(
    {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "examples").rglob("*.py")}
)


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


@pytest.mark.parametrize("folder", [*FOLDERS, *EXAMPLES])
def test_comments_and_docstrings_are_plain_english(folder):
    """Words that make a sentence sound translated are refused, in comments as well, and in tests."""
    found = []
    for path in sorted((ROOT / folder).glob("*.py")):
        if path != Path(__file__):  # which names the words
            words = TRANSLATED.finditer(prose_of(path.read_text(encoding="utf-8")))
            found += [(path.name, match.group()) for match in words]
    assert found == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_named_in_comments_and_docstrings_exist(folder):
    """A file that was moved takes the words about it along."""
    missing = [
        (path.name, name)
        for path in sorted((ROOT / folder).glob("*.py"))
        for name in re.findall(r"[\w./-]*\w\.(?:py|md|svg)\b", prose_of(path.read_text(encoding="utf-8")))
        if name not in READERS and not any(found(name, path))
    ]
    assert missing == []


def found(name: str, path: Path) -> Iterator[bool]:
    """Look for a file where a comment in `path` may mean it: a mere name beside it, or one folder higher."""
    yield from ((folder / name).exists() for folder in path.parents[:2])
    if "/" in name:
        yield from ((folder / name).exists() for folder in (ROOT, ROOT / "ants_coord", ROOT / "tests"))
    elif "tests" in path.parts:  # a test may be about a file anywhere
        yield name in FILES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_are_plain_english(page):
    """The same for the pages."""
    assert [match.group() for match in TRANSLATED.finditer(page.read_text(encoding="utf-8"))] == []


def test_a_translated_sentence_is_noticed():
    text = (
        'def f():\n    """Whoever asks anew."""\n    x = 1  # of whom nobody knows\n    """be it as it may"""\n'
        '    y = 1\n    """It is cheap. Who waits pays. Who pays? Nobody."""\n'
    )
    assert [match.group() for match in TRANSLATED.finditer(prose_of(text))] == [
        "of whom",
        "Whoever",
        "anew",
        "be it",
        "Who",
    ]


def documented(
    kind: type[ast.AST] | tuple[type[ast.AST], ...], *folders: str
) -> list[tuple[str, ast.AST, str]]:
    """Return (place, definition, docstring) of the functions or classes in these folders."""
    return [
        (f"{path.relative_to(ROOT).as_posix()}: {node.name}", node, told)  # type: ignore[attr-defined]
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, kind) and (told := ast.get_docstring(node))  # type: ignore[arg-type]
    ]


def begins(told: str) -> str:
    """Return the first word of a docstring."""
    return told.split()[0].strip("`*:;,.\"'").lower()


def fault_of(told: str, bases: list[str], verbs: set[str]) -> str | None:
    """Return what is wrong with the first words of a class's docstring."""
    word = begins(told)
    if any(re.search(r"(Error|Exception)$", base) for base in bases):
        return None if told.startswith(("Raised when ", "The base of ")) else "an error begins 'Raised when'"
    if any(re.match(r"(Command|Granting)\[", base) for base in bases):
        return None if told.startswith(("The command to ", "The base of ")) else "begins 'The command to'"
    if any(base.startswith("Query[") for base in bases):
        return None if told.startswith("The query for ") else "begins 'The query for'"
    if word in NO_NOUNS or {word, word.removesuffix("s"), word.removesuffix("es")} & verbs:
        return "a class is a thing, and its docstring begins with a noun"
    return None


def test_classes_are_nouns():
    """The docstring of a class says what it is; verbs are the words with which the docstrings of functions begin."""
    functions = documented((ast.FunctionDef, ast.AsyncFunctionDef), "ants_coord")
    verbs = {begins(told) for _, _, told in functions} - NO_VERBS
    faults = [
        (place, told.partition("\n")[0], fault)
        for place, node, told in documented(
            ast.ClassDef, "ants_coord", "tests", "benchmarks", "docs/examples"
        )
        if (fault := fault_of(told, [ast.unparse(base) for base in node.bases], verbs))  # type: ignore[attr-defined]
    ]
    assert len(verbs) > 100
    assert faults == []


@pytest.mark.parametrize(
    ("told", "bases"),
    [
        ("Lay a mark.", ["Command[Trail]"]),
        ("Read one entry.", ["Query[Entry]"]),
        ("Raise in a handler: give up.", ["Exception"]),
        ("Serves one board.", []),
        ("Decide how many.", []),
        ("This lease is gone.", []),
    ],
)
def test_a_class_that_is_no_noun_is_noticed(told, bases):
    assert fault_of(told, bases, {"serve", "decide"})

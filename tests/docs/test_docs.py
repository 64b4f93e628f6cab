"""The documents are true: examples run, pages written from code are current, links lead somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from . import doctests
from .reference import DOCS, PAGES

ROOT = DOCS.parent
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
WITH_EXAMPLES = [path for path in DOCUMENTS if "```python" in path.read_text(encoding="utf-8")]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "ants_coord").rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_example_runs(path, tmp_path, monkeypatch):
    """Python blocks of a document run in order, in one namespace, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.syspath_prepend(DOCS / "examples")
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(path)
    examples = list(document.examples())
    assert examples
    for example in examples:
        example.evaluate()


@pytest.mark.parametrize("name", MODULES)
def test_every_doctest_passes(name, tmp_path, monkeypatch):
    """Examples in docstrings give what they show, in both colours."""
    monkeypatch.chdir(tmp_path)
    failed, tried = doctests.run(name)
    assert failed == 0
    assert tried > 0


@pytest.mark.parametrize("page", PAGES)
def test_pages_written_from_code_are_current(page):
    """Run `python -m tests.docs.reference` after changing a verb, an error, an event, a map or a table."""
    assert (DOCS / page).read_text(encoding="utf-8") == PAGES[page]()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    """Every relative link names a file that is there."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


OURS = [ROOT, ROOT / "ants_coord", ROOT / "tests", DOCS]
NAMES = {
    path.name
    for folder in ("ants_coord", "tests", "docs", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
}
READERS = {"src/app.py"}
"""files of a reader's own repository, in examples"""


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, ROOT / "tests" / "README.md"], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_paths_in_the_text_exist(path):
    """A path in backticks that begins with a folder of ours, and every name of a Python file, is that of a file."""
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for name in set(re.findall(r"`([\w./*-]+)`", prose)) - READERS:
        first, slash, _ = name.partition("/")
        # what is in .git is made by users' commands; and in a worktree .git is no folder
        if (
            first not in ("", ".git")
            and slash
            and (name.endswith(".py") or any((folder / first).is_dir() for folder in OURS))
        ):
            assert any(any(folder.glob(name)) for folder in OURS), name
        elif name.endswith(".py"):
            assert name in NAMES, name


def test_what_a_new_verb_must_be_added_to_is_there():
    """Each name in a row of the page is in the test that the row is about."""
    page = (DOCS / "how-to" / "add-a-verb.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`([^`]+)`", row) for row in page.splitlines() if row.startswith("| `")]
    assert len(rows) > 5
    for test, *names in rows:
        text = (ROOT / test).read_text(encoding="utf-8")
        assert [name for name in names if not re.search(rf"\b{name}\b", text)] == [], test


def test_the_two_properties_are_easy_to_find():
    """From the first page, and from the rows of their promises."""
    readme, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/guarantees.md"))
    rows = {
        row.split("|")[1].strip(" *"): row for row in f"{readme}\n{page}".splitlines() if row.startswith("|")
    }
    for row, test in [
        ("One holder", "test_lock_exclusivity"),
        ("S1", "test_lock_exclusivity"),
        ("Until its deadline", "test_lease_expiry"),
        ("L1", "test_lease_expiry"),
    ]:
        assert f"tests/properties/{test}.py)" in rows[row], row


def test_every_folder_of_tests_is_in_the_table_of_where_a_test_goes():
    """And each folder in the table is there; helpers of all tests have a row each, too."""
    tests = ROOT / "tests"
    told = re.findall(r"^\| (.*?) \|", (tests / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = sorted(name for cell in told for name in re.findall(r"`(\w+/|\w+\.py)`", cell))
    folders = {f"{path.parent.name}/" for path in tests.glob("*/*") if path.suffix in {".py", ".md"}}
    assert named == sorted(
        folders | {path.name for path in tests.glob("*.py") if path.stem[:5] not in {"test_", "__ini"}}
    )


def test_every_page_can_be_reached_from_the_index():
    """No page is lost."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert page.name == "index.md" or page.relative_to(DOCS).as_posix() in index, page


def test_the_glossary_has_the_words_that_the_verbs_use():
    """One meaning each, written down."""
    glossary = (DOCS / "glossary.md").read_text(encoding="utf-8").lower()
    for word in ("agent", "attempt", "board", "claim", "cursor", "deadline", "fencing token", "journal", "lease",
                 "limit", "need", "outcome", "release", "renew", "snapshot", "stamp", "tombstone",
                 "mark", "trail", "evaporate", "entry", "reaction", "trigger", "place", "threshold", "namespace",
                 "standing", "quarantine", "evidence"):  # fmt: skip
        assert f"**{word}**" in glossary, word


def test_the_readme_fits_its_reader():
    """One screen to know what this is, and less than 200 lines in all."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") < 200
    assert text.index("```python") < 1_500


def test_the_supported_python_is_stated():
    """The README's promise and the interpreter agree."""
    assert sys.version_info >= (3, 11)
    assert "Python 3.11" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_nothing_committed_names_this_machine():
    """No machine paths in documents."""
    for path in DOCUMENTS:
        assert not re.search(r"(?<![\w.])/(?:root|home|work)/", path.read_text(encoding="utf-8")), Path(
            path
        ).name

"""The site: `python -m sphinx -W -b html docs site` (dependency group `docs`)."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from ants_coord._version import __version__  # noqa: E402

project = "ants_coord"
copyright = "the ants_coord authors"  # noqa: A001 - Sphinx's name
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["examples"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": True, "show-inheritance": False}
napoleon_use_ivar = True
html_theme = "furo"
html_title = "ants_coord"
html_extra_path = ["llms.txt"]
html_theme_options = {"source_directory": "docs/"}
suppress_warnings = [
    "myst.xref_missing",  # links to files outside the site; a test follows them
]


def pages(folder: str) -> list[str]:
    """Return the pages of a folder, as Sphinx names them."""
    return sorted(path.relative_to(HERE).as_posix()[:-3] for path in HERE.glob(f"{folder}/*.md"))


TOPICS = {
    "Tutorials": ["tutorial", "tutorial-matching", "tutorial-board"],
    "How to": pages("how-to"),
    "Explanation": [*pages("explanation"), "guarantees", "performance", "BUGS"],
    "Reference": ["reference/api", *pages("reference"), "glossary"],
    "Contributing": ["CONTRIBUTING", "SECURITY", "architecture"],
}


def add_contents(app: object, docname: str, source: list[str]) -> None:
    """Give the index its side bar; the page itself stays readable where Markdown is shown as it is."""
    if docname != "index":
        return
    for caption, pages in TOPICS.items():
        listed = "\n".join(pages)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def setup(app: object) -> None:
    """Connect."""
    app.connect("source-read", add_contents)  # type: ignore[attr-defined]

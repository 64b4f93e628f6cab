"""
The demo's job divided by skill: five small jobs per file, for agents that differ.

As in index_job, these are functions that know nothing of agents, and
`index_tree` in one thread gives the report that the colony's must equal.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from . import index_job


def parse(source: bytes) -> dict[str, Any]:
    """Count functions, classes and imports."""
    return index_job.count_definitions(index_job.nodes_of(source))


def docstrings(source: bytes) -> dict[str, Any]:
    """Count definitions that could have a docstring, and those that have one."""
    return index_job.count_docstrings(index_job.nodes_of(source))


def count(source: bytes) -> dict[str, Any]:
    """Count bytes and lines."""
    return {"lines": index_job.count_lines(source), "bytes": len(source)}


def tokenise(source: bytes) -> dict[str, Any]:
    """Count tokens, as far as the file can be read as Python."""
    found = 0
    try:
        for _ in tokenize.tokenize(io.BytesIO(source).readline):
            found += 1
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        pass
    return {"tokens": found}


def sha256(source: bytes) -> dict[str, Any]:
    """Hash the file."""
    return {"sha256": hashlib.sha256(source).hexdigest()}


SKILLS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "ast.parse": parse,
    "ast.docstrings": docstrings,
    "text.count": count,
    "text.tokenise": tokenise,
    "hash.sha256": sha256,
}
"""capability -> what an agent with it does with a file"""


def join_package(parts: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Add up what was found in a package's files; `parts` are (file, result of one skill)."""
    files: dict[str, dict[str, Any]] = {}
    for path, part in parts:
        files.setdefault(path, {"files": 1}).update(part)
    return index_job.join_package(files.values()) | _sums(files)


def report(packages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Make the report: index_job's, with bytes, tokens and one hash over all files."""
    return index_job.report(packages) | _sums(packages)


def _sums(named: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    hashes = "".join(f"{name}\0{found['sha256']}\n" for name, found in sorted(named.items()))
    return {
        "bytes": sum(found["bytes"] for found in named.values()),
        "tokens": sum(found["tokens"] for found in named.values()),
        "sha256": hashlib.sha256(hashes.encode()).hexdigest(),
    }


def index_tree(root: Path) -> dict[str, Any]:
    """Do the whole job in one thread."""
    packages: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for path in index_job.find_files(root):
        source = (root / path).read_bytes()
        members = packages.setdefault(index_job.package_of(path), [])
        members += [(path, skill(source)) for skill in SKILLS.values()]
    return report({name: join_package(parts) for name, parts in packages.items()})

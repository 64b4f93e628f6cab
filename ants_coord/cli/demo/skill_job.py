"""
The demo's job divided by skill: five small jobs per file, for agents that differ.

As in index_job, these are functions that know nothing of agents, and
`index_tree` in one thread gives the report that the colony's must equal.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from . import index_job


def _tree(source: bytes) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parse(source: bytes) -> dict[str, Any]:
    """Count functions, classes and imports."""
    tree = _tree(source)
    if tree is None:
        return {"broken": 1, "functions": 0, "classes": 0, "imports": {}}
    functions = classes = 0
    imports: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions += 1
        elif isinstance(node, ast.ClassDef):
            classes += 1
        elif isinstance(node, ast.Import):
            imports.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            imports[node.module.partition(".")[0]] += 1
    found = dict(sorted(imports.items()))
    return {"broken": 0, "functions": functions, "classes": classes, "imports": found}


def docstrings(source: bytes) -> dict[str, Any]:
    """Count definitions that could have a docstring, and those that have one."""
    tree = _tree(source)
    nodes = [] if tree is None else list(ast.walk(tree))
    documentable = [
        node
        for node in nodes
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    documented = sum(ast.get_docstring(node, clean=False) is not None for node in documentable)
    return {"documentable": len(documentable), "documented": documented}


def count(source: bytes) -> dict[str, Any]:
    """Count bytes and lines."""
    lines = source.count(b"\n") + (not source.endswith(b"\n") and bool(source))
    return {"lines": lines, "bytes": len(source)}


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
    joined = index_job.join_package(
        {key: value for key, value in found.items() if key not in ("bytes", "tokens", "sha256")}
        for found in files.values()
    )
    hashes = "".join(f"{path}\0{found['sha256']}\n" for path, found in sorted(files.items()))
    return {
        **joined,
        "bytes": sum(found["bytes"] for found in files.values()),
        "tokens": sum(found["tokens"] for found in files.values()),
        "sha256": hashlib.sha256(hashes.encode()).hexdigest(),
    }


def report(packages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Make the report: index_job's, with bytes, tokens and one hash over all files."""
    extra = ("bytes", "tokens", "sha256")
    plain = {
        name: {key: value for key, value in package.items() if key not in extra}
        for name, package in packages.items()
    }
    hashes = "".join(f"{name}\0{package['sha256']}\n" for name, package in sorted(packages.items()))
    return {
        **index_job.report(plain),
        "bytes": sum(package["bytes"] for package in packages.values()),
        "tokens": sum(package["tokens"] for package in packages.values()),
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

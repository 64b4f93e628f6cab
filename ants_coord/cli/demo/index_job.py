"""
The demo's job: an index of a source tree, as functions that know nothing of agents.

A file is indexed by itself, a package from its files, the report from its
packages. The same functions, called in one thread, give the report that the
colony's must equal.
"""

from __future__ import annotations

import ast
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_SKIPPED = frozenset(
    {"test", "tests", "idle_test", "__pycache__", "site-packages", "dist-packages", "node_modules"}
)
_TOP = "(top level)"
_IMPORTS_KEPT = 400


def find_files(root: Path) -> list[str]:
    """Return the Python files below `root`, relative and sorted, without test folders and hidden ones."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED and not name.startswith((".", "test_"))
        )
        for name in files:
            if name.endswith(".py"):
                found.append(Path(folder, name).relative_to(root).as_posix())
    return sorted(found)


def package_of(path: str) -> str:
    """Return the top-level folder that a file belongs to."""
    head, _, rest = path.partition("/")
    return head if rest else _TOP


def index_file(source: bytes) -> dict[str, Any]:
    """Parse a file and count: lines, functions, classes, what could have a docstring and does, imports."""
    counts: dict[str, Any] = {
        "files": 1,
        "broken": 0,
        "lines": source.count(b"\n") + (not source.endswith(b"\n") and bool(source)),
        "functions": 0,
        "classes": 0,
        "documentable": 0,
        "documented": 0,
        "imports": {},
    }
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        counts["broken"] = 1
        return counts
    imports: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            counts["functions"] += 1
        elif isinstance(node, ast.ClassDef):
            counts["classes"] += 1
        elif isinstance(node, ast.Import):
            imports.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            imports[node.module.partition(".")[0]] += 1
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            counts["documentable"] += 1
            counts["documented"] += ast.get_docstring(node, clean=False) is not None
    counts["imports"] = dict(sorted(imports.items()))
    return counts


def join_package(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up what was found in a package's files (or in packages)."""
    total: Counter[str] = Counter()
    imports: Counter[str] = Counter()
    for part in parts:
        total.update({key: value for key, value in part.items() if key != "imports"})
        imports.update(part["imports"])
    names = ("files", "broken", "lines", "functions", "classes", "documentable", "documented")
    kept = sorted(imports.items(), key=lambda item: (-item[1], item[0]))[:_IMPORTS_KEPT]
    return {**{name: total[name] for name in names}, "imports": dict(sorted(kept))}


def report(packages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Make the report: totals, the largest packages, the most imported modules."""
    total = join_package(packages.values())
    imports = sorted(total.pop("imports").items(), key=lambda item: (-item[1], item[0]))
    largest = sorted(packages.items(), key=lambda item: (-item[1]["lines"], item[0]))
    return {
        "total": total,
        "docstring_coverage": _share(total),
        "packages": [
            {
                "name": name,
                "files": package["files"],
                "lines": package["lines"],
                "functions": package["functions"],
                "classes": package["classes"],
                "docstring_coverage": _share(package),
            }
            for name, package in largest
        ],
        "most_imported": [{"module": module, "imports": n} for module, n in imports[:20]],
    }


def _share(counts: Mapping[str, Any]) -> float:
    return round(counts["documented"] / counts["documentable"], 4) if counts["documentable"] else 0.0


def index_tree(root: Path) -> dict[str, Any]:
    """Do the whole job in one thread: what the colony's report must equal."""
    packages: dict[str, list[dict[str, Any]]] = {}
    for path in find_files(root):
        packages.setdefault(package_of(path), []).append(index_file((root / path).read_bytes()))
    return report({name: join_package(parts) for name, parts in packages.items()})

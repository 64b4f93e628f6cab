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
_COUNTS = ("files", "broken", "lines", "functions", "classes", "documentable", "documented")


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


def nodes_of(source: bytes) -> list[ast.AST] | None:
    """Return what a file consists of; None if it does not parse."""
    try:
        return list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def count_lines(source: bytes) -> int:
    """Count lines; the last one may lack its end."""
    return source.count(b"\n") + (not source.endswith(b"\n") and bool(source))


def count_definitions(nodes: list[ast.AST] | None) -> dict[str, Any]:
    """Count functions, classes and imports."""
    functions = classes = 0
    imports: Counter[str] = Counter()
    for node in nodes or ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions += 1
        elif isinstance(node, ast.ClassDef):
            classes += 1
        elif isinstance(node, ast.Import):
            imports.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            imports[node.module.partition(".")[0]] += 1
    found = dict(sorted(imports.items()))
    return {"broken": int(nodes is None), "functions": functions, "classes": classes, "imports": found}


def count_docstrings(nodes: list[ast.AST] | None) -> dict[str, Any]:
    """Count what could have a docstring, and what has one."""
    documentable = [
        node
        for node in nodes or ()
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    documented = sum(ast.get_docstring(node, clean=False) is not None for node in documentable)
    return {"documentable": len(documentable), "documented": documented}


def index_file(source: bytes) -> dict[str, Any]:
    """Parse a file and count: lines, functions, classes, what could have a docstring and does, imports."""
    nodes = nodes_of(source)
    counts = {"files": 1, "lines": count_lines(source)}
    return counts | count_definitions(nodes) | count_docstrings(nodes)


def join_package(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up what was found in a package's files (or in packages)."""
    given = list(parts)
    imports: Counter[str] = Counter()
    for part in given:
        imports.update(part["imports"])
    kept = sorted(imports.items(), key=lambda item: (-item[1], item[0]))[:_IMPORTS_KEPT]
    counts = {name: sum(part[name] for part in given) for name in _COUNTS}
    return {**counts, "imports": dict(sorted(kept))}


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
                **{key: package[key] for key in ("files", "lines", "functions", "classes")},
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

"""
The verbs as they are written: names, parameters, docstrings, and where the types come from.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import attrs

WIDTH = 110

SHARED = {
    "reading": "Reading",
    "verbs": "Verbs",
    "results": "ResultVerbs",
    "locks": "LockVerbs",
    "board": "Board",
}
"""file of ants_coord/aio/ -> its class: where the verbs of all strategies stand"""


@attrs.frozen
class Parameter:
    """One parameter of a verb, as its author wrote it."""

    name: str
    annotation: str
    default: str | None
    prefix: str
    """"" or "*" or "**\""""
    is_named: bool
    """whether it must be given by name"""

    def __str__(self) -> str:
        text = f"{self.prefix}{self.name}: {self.annotation}"
        return text if self.default is None else f"{text} = {self.default}"


@attrs.frozen
class Verb:
    """A public method of a coordinator."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str
    doc: str
    is_async: bool
    """whether its caller awaits it; an asynchronous iterator is not awaited"""

    @property
    def words(self) -> set[str]:
        """Every name that the types of its signature mention."""
        texts = [self.returns, *(one.annotation for one in self.parameters)]
        return set(re.findall(r"[A-Za-z_]\w*", " ".join(texts)))


def verbs_of(path: Path, cls: str) -> dict[str, Verb]:
    """Return the public methods of a class, and its entry and exit, in the order in which they stand."""
    text = path.read_text(encoding="utf-8")
    (body,) = [
        node.body for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == cls
    ]
    found = {}
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.decorator_list:
            continue
        if not node.name.startswith("_") or node.name in ("__aenter__", "__aexit__"):
            found[node.name] = _verb(node, text)
    return found


def _verb(node: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> Verb:
    def said(part: ast.AST | None) -> str:
        return " ".join((ast.get_source_segment(text, part) or "").split()) if part is not None else ""

    spec, parameters = node.args, []
    plain = spec.args[1:]
    defaults = [None] * (len(plain) - len(spec.defaults)) + list(spec.defaults)
    for one, default in zip(plain, defaults, strict=True):
        parameters.append(Parameter(one.arg, said(one.annotation), said(default) or None, "", False))
    if spec.vararg:
        parameters.append(Parameter(spec.vararg.arg, said(spec.vararg.annotation), None, "*", False))
    for one, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        parameters.append(Parameter(one.arg, said(one.annotation), said(default) or None, "", True))
    if spec.kwarg:
        parameters.append(Parameter(spec.kwarg.arg, said(spec.kwarg.annotation), None, "**", False))
    returns = said(node.returns)
    awaited = isinstance(node, ast.AsyncFunctionDef) and not returns.startswith("AsyncIterator")
    doc = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
    return Verb(node.name, tuple(parameters), returns, doc, awaited)


def origins(*paths: Path) -> dict[str, str]:
    """Return name -> the module it is imported from, as the import statements of these files say."""
    found: dict[str, str] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                found.update({alias.asname or alias.name: module for alias in node.names})
    return found


def imports(words: set[str], known: dict[str, str]) -> str:
    """Return the import statements that these names need, for type checkers only."""
    modules: dict[str, list[str]] = {}
    for word in sorted(words & set(known)):
        modules.setdefault(known[word], []).append(word)
    # others first, then ours from the top down, as ruff sorts them
    order = sorted(modules, key=lambda module: (module.startswith("."), not module.startswith(".."), module))
    lines = []
    for module in order:
        names = modules[module]
        line = f"    from {module} import {', '.join(names)}\n"
        if len(line) > WIDTH:
            line = (
                f"    from {module} import (\n" + "".join(f"        {name},\n" for name in names) + "    )\n"
            )
        lines.append(line)
    return "".join(lines)


def signature(verb: Verb, left_out: str = "") -> str:
    """Return `def ...:` of a method; `left_out` is a parameter that it does not have."""
    parts, starred = ["self"], False
    for one in verb.parameters:
        if one.name == left_out:
            continue
        if one.prefix == "*":
            starred = True
        elif one.is_named and not starred:
            parts.append("*")
            starred = True
        parts.append(str(one))
    head = f"    {'async ' if verb.is_async else ''}def {verb.name}("
    line = f"{head}{', '.join(parts)}) -> {verb.returns}:"
    if len(line) <= WIDTH:
        return line
    return head + "".join(f"\n        {part}," for part in parts) + f"\n    ) -> {verb.returns}:"


def docstring(doc: str) -> str:
    """Return a docstring as it stands in a method."""
    if "\n" not in doc:
        return f'        """{doc}"""'
    lines = [f"        {line}".rstrip() for line in doc.split("\n")]
    return "\n".join(['        """', *lines, "", '        """'])

"""How long code is without what is written for its readers."""

from __future__ import annotations

import ast


def docstring_lines(node: ast.AST) -> int:
    """Return how many lines the docstrings of a piece of code take, with those of all that is in it."""
    found = 0
    for each in ast.walk(node):
        match each:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                match each.body:
                    case [ast.Expr(value=ast.Constant(value=str())) as doc, *_]:
                        found += doc.end_lineno - doc.lineno + 1
    return found

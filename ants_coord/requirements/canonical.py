"""One form for all spellings of a requirement, and whether any agent could ever meet it."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from ..errors import RequirementError
from .atoms import COMPARE, Atom, Node, Requirement, Value, sort_of
from .reader import Reader

MAX_TEXT = 4_096
_MAX_CASES = 512
"""conjunctions examined before a requirement is assumed to be possible"""
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _tidy(node: Node, positive: bool = True) -> Node:
    """Push `not` down to the tests, flatten, sort, drop duplicates, fold constants; exact in three values."""
    kind = node[0]
    if kind == "not":
        return _tidy(node[1], not positive)
    if kind in ("true", "false"):
        return ("true",) if (kind == "true") is positive else ("false",)
    if kind == "atom":
        atom = node[1]
        if positive:
            return node
        if atom.op in _OPPOSITE:
            return ("atom", Atom(atom.name, _OPPOSITE[atom.op], atom.value))
        return ("not", node)
    joined = kind if positive else ("or" if kind == "and" else "and")
    neutral, deciding = ("true", "false") if joined == "and" else ("false", "true")
    parts: dict[str, Node] = {}
    for child in node[1:]:
        tidy = _tidy(child, positive)
        for part in tidy[1:] if tidy[0] == joined else (tidy,):
            if part[0] == deciding:
                return (deciding,)
            if part[0] != neutral:
                parts[show(part)] = part
    if not parts:
        return (neutral,)
    if len(parts) == 1:
        return next(iter(parts.values()))
    return (joined, *[parts[text] for text in sorted(parts)])


def show(node: Node) -> str:
    """Return a tidy tree as text that reads back as the same tree."""
    kind = node[0]
    if kind == "atom":
        return str(node[1])
    if kind == "not":
        return f"not {show(node[1])}"
    if kind in ("true", "false"):
        return str(kind)
    if kind == "and":
        return " and ".join(f"({show(part)})" if part[0] == "or" else show(part) for part in node[1:])
    return " or ".join(show(part) for part in node[1:])


def _atoms(node: Node) -> Iterable[Atom]:
    if node[0] == "atom":
        yield node[1]
    else:
        for child in node[1:]:
            yield from _atoms(child)


# -- satisfiability ---------------------------------------------------------------------------


def _cases(node: Node) -> list[dict[Node, None]] | None:
    """Return the conjunctions of a tidy tree, or None if there are too many."""
    kind = node[0]
    if kind == "true":
        return [{}]
    if kind == "false":
        return []
    if kind in ("atom", "not"):
        return [{node: None}]
    if kind == "or":
        found: list[dict[Node, None]] = []
        for child in node[1:]:
            cases = _cases(child)
            if cases is None or len(found) + len(cases) > _MAX_CASES:
                return None
            found += cases
        return found
    found = [{}]
    for child in node[1:]:
        cases = _cases(child)
        if cases is None or len(found) * len(cases) > _MAX_CASES:
            return None
        found = [{**one, **other} for one in found for other in cases]
    return found


def _contradiction(tests: Iterable[Node]) -> str | None:
    """Return what makes a conjunction impossible for every agent, or None."""
    held: set[str] = set()
    missing: set[str] = set()
    compared: dict[str, list[tuple[Atom, bool]]] = {}
    for node in tests:
        positive = node[0] == "atom"
        atom = node[1] if positive else node[1][1]
        if atom.op == "has":
            (held if positive else missing).add(atom.name)
        elif atom.op[0] == ":":
            if positive:
                held.add(atom.name)
        else:
            compared.setdefault(atom.name, []).append((atom, positive))
    for name in sorted(held):
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            if ".".join(parts[:end]) in missing:
                return f"{name} and not {'.'.join(parts[:end])}"
    for name in sorted(compared):
        if not _possible(compared[name]):
            return " and ".join(str(atom) if yes else f"not {atom}" for atom, yes in compared[name])
    return None


def _possible(tests: list[tuple[Atom, bool]]) -> bool:
    """Tell whether one value can pass all comparisons of one attribute."""
    sorts = {sort_of(atom.value[0] if atom.op == "in" else atom.value) for atom, _ in tests}
    if len(sorts) > 1:
        return False
    allowed: set[Value] | None = {True, False} if sorts == {"truth"} else None
    for atom, positive in tests:
        if positive and atom.op in ("==", "in"):
            wanted = set(atom.value) if atom.op == "in" else {atom.value}
            allowed = wanted if allowed is None else allowed & wanted

    def passes(value: Value) -> bool:
        return all(
            ((value in atom.value) if atom.op == "in" else COMPARE[atom.op](value, atom.value)) is positive
            for atom, positive in tests
        )

    if allowed is not None:
        return any(passes(value) for value in allowed)
    if sorts != {"number"}:
        return True  # there are only texts that it must not be
    low = max((a.value for a, _ in tests if a.op in (">", ">=")), default=None)
    high = min((a.value for a, _ in tests if a.op in ("<", "<=")), default=None)
    if low is None or high is None or low < high:
        return True  # an interval contains more numbers than can be excluded one by one
    return low == high and passes(low)


def parse(text: str) -> Requirement:
    """
    Parse a requirement.

    Args:
        text: at most 4,096 characters, 256 tests, nested 50 deep; empty or blank means any agent.

    Returns:
        The requirement; equal canonical forms mean equal requirements.

    Raises:
        RequirementError: the text cannot be parsed (the error has the column and says what would be right),
            or no agent could ever meet it.
        TypeError: it is not a string.

    Source:
        ClassAd matchmaking (HTCondor), Kleene's strong three-valued logic.

    """
    if not isinstance(text, str):
        raise TypeError(f"a requirement must be a string such as 'gpu and mem >= 16', not {text!r:.140}")
    return _parse(text)


@functools.lru_cache(maxsize=8_192)
def _parse(text: str) -> Requirement:
    if len(text) > MAX_TEXT:
        raise RequirementError(text[:60] + "...", 1, f"longer than {MAX_TEXT} characters")
    if not text.strip():
        return Requirement("true", ("true",), ())
    root = _tidy(Reader(text).whole())
    cases = _cases(root)
    if cases is not None:
        contradictions = [_contradiction(case) for case in cases]
        if all(why is not None for why in contradictions):
            why = contradictions[0] if contradictions else "it is never true"
            raise RequirementError(text, 1, f"no agent can ever fulfil it: {why}")
    return Requirement(show(root), root, tuple(dict.fromkeys(_atoms(root))))

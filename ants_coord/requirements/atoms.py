"""Single tests, the facts that they are applied to, and three-valued evaluation."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

_NUMBERS = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)")
Version = tuple[int, ...]
Value = int | float | str | bool


@attrs.frozen(cache_hash=True)
class Atom:
    """
    One test.

    Args:
        name: a capability or an attribute.
        op: "has", a comparison of the attribute, "in", or a comparison of a version with ":" before it.
        value: the value to compare with; a tuple for "in" and for versions; None for "has".

    """

    name: str
    op: str
    value: Any = attrs.field(default=None, eq=repr)
    # by its text: to Python 1 and True are equal, but they are not the same test

    def __str__(self) -> str:
        if self.op == "has":
            return self.name
        if self.op == "in":
            return f"{self.name} in {{{', '.join(literal(item) for item in self.value)}}}"
        if self.op[0] == ":":
            version = ".".join(map(str, self.value))
            return f"{self.name}:{self.op[1:] if self.op != ':==' else ''}{version}"
        return f"{self.name} {self.op} {literal(self.value)}"

    def test(self, facts: Facts) -> bool | None:
        """Return whether it holds; None for unknown."""
        if self.op == "has":
            if self.name in facts.capabilities:
                return True
            flag = facts.attributes.get(self.name, False)
            return flag if isinstance(flag, bool) else None
        if self.op[0] == ":":
            versions = facts.capabilities.get(self.name)
            if versions is None:
                return False
            if not versions:
                return None
            return any(_version_holds(version, self.op, self.value) for version in versions)
        found = facts.attributes.get(self.name)
        if found is None:
            return None
        if self.op == "in":
            kind = type(self.value[0])
            return found in self.value if _comparable(found, kind) else None
        return COMPARE[self.op](found, self.value) if _comparable(found, type(self.value)) else None


Node = tuple[Any, ...]
"""("atom", Atom), ("not", node), ("and", *nodes), ("or", *nodes), ("true",) or ("false",)"""


@attrs.frozen(eq=False)
class Facts:
    """
    What is known about an agent (or a task), ready to be tested.

    Args:
        capabilities: every capability and each of its ancestors, with the versions held.
        attributes: name -> number, text or truth value.

    """

    capabilities: Mapping[str, tuple[Version, ...]]
    attributes: Mapping[str, Value]


@attrs.frozen(eq=False)
class Requirement:
    """
    A parsed requirement.

    Args:
        text: the canonical form.
        root: its tree.
        atoms: its tests, each once, in the order of the canonical form.

    """

    text: str
    root: Node
    atoms: tuple[Atom, ...]

    def __str__(self) -> str:
        return self.text

    @property
    def clauses(self) -> tuple[Node, ...]:
        """The parts that must all hold."""
        return self.root[1:] if self.root[0] == "and" else (self.root,)


def facts_of(capabilities: Iterable[str], attributes: Mapping[str, Value]) -> Facts:
    """Return the facts of an advert: `capabilities` such as "doc.parse.pdf" or "python:3.11"."""
    held: dict[str, tuple[Version, ...]] = {}
    for capability in capabilities:
        name, _, version = capability.partition(":")
        held[name] = (*held.get(name, ()), version_of(version)) if version else held.get(name, ())
        while "." in name:
            name = name.rpartition(".")[0]
            held.setdefault(name, ())
    return Facts(held, attributes)


def evaluate(node: Node, facts: Facts) -> bool | None:
    """Return whether a requirement's tree holds for these facts; None for unknown."""
    kind = node[0]
    if kind == "atom":
        held: bool | None = node[1].test(facts)
        return held
    if kind == "not":
        inner = evaluate(node[1], facts)
        return None if inner is None else not inner
    if kind in ("true", "false"):
        return bool(kind == "true")
    decisive = kind == "or"
    answer: bool | None = not decisive
    for child in node[1:]:
        found = evaluate(child, facts)
        if found is decisive:
            return decisive
        if found is None:
            answer = None
    return answer


def version_of(text: str) -> Version:
    """Return a version's numbers, so that 1.10 is above 1.9; trailing zeros and suffixes do not count."""
    found = _NUMBERS.match(text)
    assert found is not None
    numbers = [int(part) for part in found[1].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _version_holds(version: Version, op: str, wanted: Version) -> bool:
    if op == ":==":
        return version[: len(wanted)] == wanted
    if op == ":!=":
        return version[: len(wanted)] != wanted
    return COMPARE[op[1:]](version, wanted)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _comparable(found: object, kind: type) -> bool:
    """Tell whether two values are of one sort: numbers, texts, or truth values."""
    if kind is bool or isinstance(found, bool):
        return kind is bool and isinstance(found, bool)
    return isinstance(found, str) == (kind is str)


def literal(value: Value) -> str:
    """Return a value as it is written in a requirement."""
    return json.dumps(value, ensure_ascii=False)


def sort_of(value: Value) -> str:
    """Return "number", "text" or "truth"."""
    return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"

"""From text to a tree: a recursive-descent parser whose errors name the column and what is right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import RequirementError
from .atoms import Atom, Node, Value, literal, sort_of, version_of

_MAX_DEPTH = 50
_MAX_ATOMS = 256
_MIRROR = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

_NAME = r"[A-Za-z_][A-Za-z0-9_/@-]*(?:\.[A-Za-z0-9_/@-]+)*"
_VERSION = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}"
_TOKEN = re.compile(
    rf"""(?P<space>[ \t\r\n]+)
    | (?P<version>{_NAME}:(?:==|!=|<=|>=|<|>)?{_VERSION}(?![0-9A-Za-z_.]))
    | (?P<name>{_NAME})
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_.]))
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<op>==|!=|<=|>=|<|>)
    | (?P<mark>[(){{}}\[\],])
    """,
    re.VERBOSE,
)
_SUFFIXED = re.compile(rf":?(?P<op>==|!=|<=|>=|<|>)?(?P<v>v)?(?P<numbers>{_VERSION})?(?P<suffix>[\w.+-]*)")
_SLIPS = {"&&": "and", "||": "or", "!": "not", "=": "==", "&": "and", "|": "or", "~": "not"}
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_CLOSING = {"(": ")", "{": "}", "[": "]"}


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


class Reader:
    """A recursive-descent parser; `column` counts from 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._split())
        self.at = 0
        self.atoms = 0

    def _fail(self, problem: str, column: int) -> RequirementError:
        return RequirementError(self.text, column, problem)

    def _split(self) -> Iterable[_Token]:
        text, at, kind = self.text, 0, ""
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                slip = next((wrong for wrong in _SLIPS if text.startswith(wrong, at)), None)
                if slip is not None:
                    raise self._fail(f"{slip!r} is not of this language: write {_SLIPS[slip]!r}", at + 1)
                if text[at] in "\"'":
                    raise self._fail("this text is not closed", at + 1)
                if text[at] == ":" or kind == "version":
                    raise self._fail(self._version_meant(at, kind), at + 1)
                if text[at].isdigit():
                    raise self._fail(
                        "a number stands alone, without a unit: write mem >= 16, in the unit that agents "
                        "advertise",
                        at + 1,
                    )
                raise self._fail(f"{text[at]!r} is not understood here", at + 1)
            kind = match.lastgroup or ""
            if kind != "space":
                yield _Token(kind, match.group(), at + 1)
            at = match.end()
        yield _Token("end", "", len(text) + 1)

    def _version_meant(self, at: int, before: str) -> str:
        """Say what belongs where a version with a suffix is, such as 3.13.0rc1, v1.22 or 12.1-devel."""
        found = _SUFFIXED.match(self.text, self.text.rindex(":", 0, at) if before == "version" else at)
        if found is None or found["numbers"] is None or not (found["v"] or found["suffix"].strip(".")):
            return "a version such as python:3.11 or python:>=3.10 belongs here"
        return (
            f"a version asked for is numbers only: write :{found['op'] or ''}{found['numbers']} (of an "
            "advertised one, a suffix does not count)"
        )

    def _peek(self) -> _Token:
        return self.tokens[self.at]

    def _take(self) -> _Token:
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def _takes(self, word: str) -> bool:
        kind, text, _ = self._peek()
        if kind in ("name", "mark") and text == word:
            self.at += 1
            return True
        return False

    def whole(self) -> Node:
        """Return the tree of the whole text."""
        node = self._either(0)
        kind, text, column = self._peek()
        if kind != "end":
            hint = ""
            if text.lower() in _WORDS and text not in _WORDS:
                hint = f": write {text.lower()!r} in small letters"
            elif kind in ("name", "version", "number", "text"):
                hint = ": 'and' or 'or' is missing before it"
            elif kind == "op":
                hint = ": one comparison at a time, joined by 'and'"
            raise self._fail(f"{text!r} is not expected{hint}", column)
        return node

    def _either(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise self._fail(f"nested deeper than {_MAX_DEPTH}", self._peek().column)
        nodes = [self._both(depth)]
        while self._takes("or"):
            nodes.append(self._both(depth))
        return nodes[0] if len(nodes) == 1 else ("or", *nodes)

    def _both(self, depth: int) -> Node:
        nodes = [self._negated(depth)]
        while self._takes("and"):
            nodes.append(self._negated(depth))
        return nodes[0] if len(nodes) == 1 else ("and", *nodes)

    def _negated(self, depth: int) -> Node:
        times = 0
        while self._takes("not"):
            times += 1
        node = self._single(depth)
        return ("not", node) if times % 2 else node

    def _single(self, depth: int) -> Node:
        kind, text, column = self._take()
        if kind == "mark" and text == "(":
            node = self._either(depth + 1)
            if not self._takes(")"):
                raise self._fail("')' is missing", self._peek().column)
            return node
        self.atoms += 1
        if self.atoms > _MAX_ATOMS:
            raise self._fail(f"more than {_MAX_ATOMS} tests", column)
        if kind == "version":
            return ("atom", self._version(text))
        if kind == "name" and text not in _WORDS:
            return self._test(text)
        if self._peek().kind == "op" and (kind in ("number", "text") or text in ("true", "false")):
            return self._turned(self._value(kind, text, column), column)
        if kind == "name" and text in ("true", "false"):
            return (text,)
        if kind == "end":
            raise self._fail("something is missing at the end", column)
        raise self._fail(f"a capability or a comparison belongs here, not {text!r}", column)

    def _version(self, text: str) -> Atom:
        name, _, rest = text.partition(":")
        match = re.match("[<>=!]*", rest)
        assert match is not None
        return Atom(name, ":" + (match.group() or "=="), version_of(rest[match.end() :]))

    def _test(self, name: str) -> Node:
        if self._peek().kind == "op":
            _, op, at = self._take()
            value = self._value(*self._take())
            if op not in ("==", "!=") and isinstance(value, (str, bool)):
                raise self._fail(f"{op!r} compares numbers; for {literal(value)} use == or !=", at)
            return ("atom", Atom(name, op, value))
        if self._takes("in"):
            return ("atom", self._among(name))
        if self._peek()[:2] == ("name", "not") and self.tokens[self.at + 1][:2] == ("name", "in"):
            self.at += 2
            return ("not", ("atom", self._among(name)))
        return ("atom", Atom(name, "has"))

    def _turned(self, value: Value, column: int) -> Node:
        _, op, _ = self._take()
        kind, name, at = self._take()
        if kind != "name" or name in _WORDS:
            raise self._fail("one side of a comparison must be a name", at if kind != "end" else column)
        if op not in ("==", "!=") and isinstance(value, (str, bool)):
            raise self._fail(f"{op!r} compares numbers; for {literal(value)} use == or !=", column)
        return ("atom", Atom(name, _MIRROR[op], value))

    def _among(self, name: str) -> Atom:
        kind, opening, column = self._take()
        if kind != "mark" or opening not in _CLOSING:
            raise self._fail('a list such as {"eu", "us"} belongs after \'in\'', column)
        values = [self._value(*self._take())]
        while self._takes(","):
            values.append(self._value(*self._take()))
        if not self._takes(_CLOSING[opening]):
            raise self._fail(f"{_CLOSING[opening]!r} is missing", self._peek().column)
        sorts = {sort_of(value) for value in values}
        if len(sorts) > 1:
            raise self._fail(f"a list of one sort of values, not of {' and '.join(sorted(sorts))}", column)
        once = tuple(sorted(set(values)))
        return Atom(name, "==", once[0]) if len(once) == 1 else Atom(name, "in", once)

    def _value(self, kind: str, text: str, column: int) -> Value:
        if kind == "number":
            number = float(text) if any(mark in text for mark in ".eE") else int(text)
            if not -(1 << 53) <= number <= 1 << 53:
                raise self._fail(f"{text} is beyond 2**53", column)
            return int(number) if number == int(number) else number
        if kind == "text":
            found = re.sub(r"\\(.)", r"\1", text[1:-1])
            # not str.isprintable: it accepts more characters in every release of Python
            if any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in found):
                raise self._fail("a text must not contain control characters", column)
            return found
        if text in ("true", "false"):
            return text == "true"
        if kind == "name" and text not in _WORDS:
            version = f", or go:>={text[1:]} for a version" if re.match("v[0-9]", text) else ""
            raise self._fail(f"a value belongs here; write {json.dumps(text)} for a text{version}", column)
        raise self._fail("a number, a text in quotes, true or false belongs here", column)

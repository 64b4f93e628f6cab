"""
JSON values: checked, normalised and copied in ONE walk.

Every payload and result is checked here, for every journal and in memory, so that a task behaves the same
wherever it is kept: nothing is aliased, tuples become lists, and values that a file could not hold are
refused before anything changes.
"""

from __future__ import annotations

from typing import Any

from ..errors import LimitError
from .checks import quoted

MAX_SIZE = 1 << 20
"""Largest payload or result: bytes of UTF-8 in strings and keys, plus 8 per value."""
MAX_NOTE = 16_384
"""Largest progress note, measured in the same way; notes are kept for the next holder of the task."""
MAX_DEPTH = 32
"""Deepest nesting of lists and objects."""
MAX_INT = 1 << 53
"""Integers beyond 2**53 in size do not survive other JSON readers."""
_MIN_INT = -MAX_INT

_ATOMS = frozenset({type(None), bool})
NESTS = frozenset({dict, list})


def size_of(value: object) -> int:
    """Return the size of a JSON value, as the limits measure it."""
    return _walk(value, "value", 0)[0]


def json_value(value: object, field: str, most: int = MAX_SIZE) -> Any:
    """
    Return a normalised private copy of a JSON value.

    Args:
        value: None, bool, int within 2**53, finite float, str, or lists,
            tuples and dicts (with str keys) of these.
        field: name of the value in errors, such as "payload".
        most: the largest size allowed.

    Raises:
        TypeError: the value contains a type that JSON does not have; the message names it.
        ValueError: it contains NaN, infinity, a NUL, a lone surrogate, or an integer that is too large.
        LimitError: it is larger than `most`, or nested deeper than MAX_DEPTH.

    """
    kind = type(value)
    if kind is int and _MIN_INT <= value <= MAX_INT:  # type: ignore[operator]
        return value
    if kind is dict:  # the usual payload: flat, with short texts and small integers
        size, copied = 8, {}
        for key, item in value.items():  # type: ignore[attr-defined]
            if key.__class__ is not str or not key.isascii() or "\0" in key:
                break
            inner = type(item)
            if (inner is int and _MIN_INT <= item <= MAX_INT) or inner in _ATOMS:
                size += len(key) + 8
            elif inner is str and item.isascii() and "\0" not in item:
                size += len(key) + len(item)
            else:
                break
            copied[key] = item
        else:
            if size <= most:
                return copied
    elif kind in _ATOMS:
        return value
    size, copied = _walk(value, field, 0)
    if size > most:
        raise LimitError(f"size of {field}", size, most)
    return copied


def _walk(value: object, field: str, depth: int) -> tuple[int, Any]:
    kind = value.__class__
    if kind is dict or kind is list or kind is tuple:
        if depth >= MAX_DEPTH:
            raise LimitError(f"depth of {field}", depth + 1, MAX_DEPTH)
        if kind is not dict:
            return _items(value, field, depth)  # type: ignore[arg-type]
        size, mapping = 8, {}
        for key, item in value.items():  # type: ignore[attr-defined]
            if key.__class__ is not str:
                key = _plain_key(key, field)  # noqa: PLW2901
            size += len(key) if key.isascii() and "\0" not in key else _text(key, field)
            # most items need no call
            inner = item.__class__
            if inner in _ATOMS or (inner is int and _MIN_INT <= item <= MAX_INT):
                mapping[key] = item
                size += 8
            else:
                used, mapping[key] = _walk(item, field, depth + 1)
                size += used
        return size, mapping
    if kind is str:
        return _text(value, field), value  # type: ignore[arg-type]
    if kind is int:
        if _MIN_INT <= value <= MAX_INT:  # type: ignore[operator]
            return 8, value
        raise ValueError(f"{field} must be within +-2**53, not {quoted(value)}; send it as a string")
    if kind in _ATOMS:
        return 8, value
    if kind is float:
        if value - value == 0.0:  # type: ignore[operator]  # false for NaN and both infinities
            return 8, value
        raise ValueError(f"{field} must be a finite number, not {value}")
    return _subclass(value, field, depth)


def _items(value: list[Any] | tuple[Any, ...], field: str, depth: int) -> tuple[int, list[Any]]:
    size, items = 8, []
    for item in value:
        used, copied = _walk(item, field, depth + 1)
        size += used
        items.append(copied)
    return size, items


def _plain_key(key: object, field: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{field} must have string keys, not {quoted(key)}")
    return str.__str__(key)


def _text(text: str, field: str) -> int:
    if text.isascii() and "\0" not in text:
        return len(text)
    if "\0" in text:
        raise ValueError(f"{field} must not contain NUL characters")
    try:
        return len(text.encode())
    except UnicodeEncodeError as problem:
        raise ValueError(f"{field} must be valid Unicode: {problem}") from None


def _subclass(value: object, field: str, depth: int) -> tuple[int, Any]:
    """Reduce subclasses of JSON's own types (an IntEnum, a str Enum) to the plain value."""
    if isinstance(value, str):
        return _walk(str.__str__(value), field, depth)
    base: Any
    for base in (int, float, dict, list, tuple):
        if isinstance(value, base):
            return _walk(base(value), field, depth)
    raise TypeError(
        f"{field} must be a JSON value (None, bool, int, float, str, list, dict), "
        f"not {type(value).__name__}: {quoted(value)}"
    )


def copy_json(value: Any) -> Any:
    """Copy a value that `json_value` has made, so that nobody outside gets a reference to our state."""
    kind = type(value)
    if kind is dict:
        copied = value.copy()
        for key, item in value.items():
            if item.__class__ in NESTS:
                copied[key] = copy_json(item)
        return copied
    if kind is list:
        return [copy_json(item) if item.__class__ in NESTS else item for item in value]
    return value

"""
Arguments from a model: converted where the meaning is clear, otherwise refused with a sentence.

Not all frameworks check arguments against the schema. Models write "3" for 3, one word for a list of words,
and an object for its text.
"""

from __future__ import annotations

import inspect
import json
import math
from typing import Any, Literal, NoReturn, get_args, get_origin

FREE = frozenset({"payload", "result", "text"})
"""arguments that hold any JSON value, or its text"""


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """
    Raised when a sentence, and nothing else, is the answer to a call.

    Args:
        text: the sentence.
        next_tool: the tool that helps; None means the tool that was called.

    """

    def __init__(self, text: str, next_tool: str | None = None) -> None:
        super().__init__(text)
        self.next_tool = next_tool


def fitted(signature: inspect.Signature, args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """
    Return the arguments of a tool by name, each of its declared type.

    Args:
        signature: signature of the tool.
        args: positional arguments.
        options: keyword arguments.

    Raises:
        Refusal: an argument is missing, unknown or of another type.

    """
    try:
        bound = signature.bind(*args, **options)
    except TypeError as wrong:
        known = ", ".join(signature.parameters) or "nothing"
        raise Refusal(f"Wrong arguments: {wrong}. There are: {known}.") from None
    given = {}
    for name, value in bound.arguments.items():
        parameter = signature.parameters[name]
        if value is None and parameter.default is not parameter.empty:
            continue  # some models pass None for "not given"
        given[name] = _fit(name, value, parameter.annotation)
    return given


def _fit(name: str, value: Any, wanted: Any) -> Any:
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise _wrong(name, "one of " + ", ".join(map(repr, get_args(wanted))), value)
        return value
    if wanted is str:
        return value if name in FREE else _text(name, value)
    if wanted is int or wanted is float:
        return _number(name, value, wanted)
    return _texts(name, value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _wrong(name, "text", value)


def _number(name: str, value: Any, wanted: type) -> Any:
    try:
        number = float(value)
        is_good = math.isfinite(number) and not isinstance(value, bool)
        if is_good and wanted is float:
            return number
        if is_good and number == int(number):
            # not through float if it is a whole number already: that would round
            return value if isinstance(value, int) else int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise _wrong(name, "a whole number" if wanted is int else "a number", value)


def _texts(name: str, value: Any) -> list[str]:
    if isinstance(value, str):
        several = value_of(value) if value.lstrip().startswith("[") else value
        value = several if isinstance(several, list) else [value] if value else []
    if not isinstance(value, (list, tuple)):
        raise _wrong(name, "a list of words", value)
    return [_text(f"each of {name}", one) for one in value]


def _wrong(name: str, wanted: str, value: Any) -> Refusal:
    return Refusal(f"Wrong arguments: {name} must be {wanted}, not {shortened(value)}.")


def shortened(value: Any) -> str:
    """Return a value in a form that a sentence may quote."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _no_number(_: str) -> NoReturn:
    raise ValueError


def value_of(text: Any) -> Any:
    """Return the value of a text that is JSON, otherwise the text itself."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text

"""JSON as it stands in a log: strict in both directions, and nothing but what Python's own encoder writes."""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any

quoted: Callable[[str], str] = json.encoder.encode_basestring
"""a string as JSON"""
_encoder = json.JSONEncoder(
    separators=(",", ":"),
    allow_nan=False,
    ensure_ascii=False,
    check_circular=False,  # payloads are our own copies
)
_encode: Any = getattr(json.encoder, "c_make_encoder", None)
if _encode is not None:  # as in JSONEncoder.encode, which makes a new encoder for each value
    _encode = _encode(None, _encoder.default, quoted, None, ":", ",", False, False, False)


def dumps(value: Any) -> str:
    """Return a value as JSON."""
    return _encoder.encode(value) if _encode is None else "".join(_encode(value, 0))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0.0:  # 1e999 would be read as infinity, which could not be written again
        raise ValueError(f"{text:.80} is too large for a number")
    return number


# of a repeated key the last one counts, as everywhere in Python: a hook that looked for repeats cost a tenth
# of a replay, and entries are written by a program
_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]
"""(value, end) of the JSON at a place in a text"""


def loads(line: bytes) -> Any:
    """
    Return the value of a line that anybody may have written, if a log can hold it.

    Raises:
        ValueError: it is not JSON in UTF-8, or has what cannot be written again: NaN, half of a character.
        RecursionError: it nests too deep.

    """
    found = _decoder.decode(line.decode())
    if b"\\u" in line:
        dumps([found]).encode()  # raises UnicodeEncodeError, a ValueError, for a lone surrogate
    return found


def parsed(body: bytes) -> Any:
    """Return the value that the bytes of a log hold; raises ValueError if they hold anything else."""
    text = body.decode()
    try:
        # `decode` would look for white space around it, which we do not write
        found, end = scan(text, 0)
    except StopIteration:
        raise ValueError("the entry is no JSON") from None
    if end != len(text):
        raise ValueError("there is something behind the entry")
    return found

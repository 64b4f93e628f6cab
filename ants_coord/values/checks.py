"""
The rules for names, ids, durations and counts, and the making of fresh ids.

Names (agents, kinds, keys of limits and locks) are short ASCII words, so that they sort, print and compare
the same everywhere. Ids and places are free text without control characters, so that file paths are allowed.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

Request = str | tuple[str, int] | None
"""a request id that a caller chose, or a number in a session, or neither"""

_NAME = re.compile(r"[A-Za-z0-9._:/@-]{1,128}\Z")
_ID_BYTES = 512
_QUOTED = 140
"""characters of a value that an error shows"""

# A fresh id is "t~" + a nonce drawn once per process + a counter: 0.2 us where uuid4 takes 1.5. "~" marks ids
# that nobody types; see is_fresh_id.
FRESH_MARK = "t~"


def _nonce(size: int) -> str:
    return os.urandom(size).hex()  # as in `secrets`, whose import costs 6 ms


class _Sequence:
    """A count within one process; a fork starts again with a new nonce."""

    prefix: str
    numbers: itertools.count[int]

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.prefix = f"{FRESH_MARK}{_nonce(5)}-"
        self.numbers = itertools.count(1)


fresh: _Sequence = _Sequence()
"""what a fresh id is made of: this prefix and the next of these numbers; no process has used it before"""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=fresh.renew)


def is_fresh_id(task_id: str) -> bool:
    """
    Tell whether this is a fresh id, as a task gets that is made without one.

    Nobody submits such an id twice, so a forgotten task with one leaves no content hash behind (hashing costs
    more than all the rest of forgetting).
    """
    return task_id.startswith(FRESH_MARK)


def fresh_session() -> str:
    """Return a name for one opening of a board, used to recognise repeated requests."""
    return _nonce(8)


_TOLD = "@"


def told_session(home: str, life: str) -> str:
    """
    Return a name for an opening whose end other openings can detect.

    Args:
        home: the place where that is known; only an opening at the same place may judge.
        life: distinguishes it from all others there.

    """
    return f"{_TOLD}{home}{life}"


def is_told(session: str) -> bool:
    """Tell whether `told_session` made this name; no other session or logged request id begins like this."""
    return session.startswith(_TOLD)


def fresh_agent() -> str:
    """
    Return host-pid-nonce, so that a restarted process is a new agent.

    The host part is reduced to name characters. The nonce keeps a process with a recycled id from inheriting
    the leases of a dead one.
    """
    host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename if hasattr(os, "uname") else "host")
    return f"{host[:64]}-{os.getpid()}-{_nonce(3)}"


def plain(text: str) -> str:
    """
    Return a string as a plain `str`.

    A StrEnum's member is a string for Python but not for a log, and stored values must equal those read back.
    """
    return text if text.__class__ is str else str.__str__(text)


def quoted(value: object) -> str:
    """Return a value as an error shows it: enough to know it again, whatever its size and its `__repr__`."""
    if isinstance(value, (str, bytes, bytearray)) and len(value) > _QUOTED:
        text = repr(value[:_QUOTED])  # where a character may be shown as ten
        return f"{text[: 2 * _QUOTED]}... ({len(value)} in all)"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - of the caller's class, or an int of more digits than Python writes
        return f"a {type(value).__name__}"
    return text if len(text) <= 2 * _QUOTED else f"{text[: 2 * _QUOTED]}..."


def listed(values: object, field: str, such_as: str = "a list") -> tuple[Any, ...]:
    """Return what an iterable holds, or raise a TypeError that names the field; a text is no list."""
    if isinstance(values, (str, bytes, bytearray)) or not isinstance(values, Iterable):
        raise TypeError(f"{field} must be {such_as}, not {quoted(values)}")
    return tuple(values)


def flag(value: object, field: str) -> bool:
    """Return a bool, or raise a TypeError that names the field: anything else could not be read again."""
    if value.__class__ is not bool:
        raise TypeError(f"{field} must be True or False, not {quoted(value)}")
    return value


def path_text(path: object, field: str) -> str:
    """Return a path of the file system as text, or raise a TypeError that names the field."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"{field} must be a string or a path, not {quoted(path)}")
    return text


def check_name(name: object, field: str) -> str:
    """Return `name`, plain, or raise TypeError/ValueError that names the field and the rule."""
    if not isinstance(name, str):
        raise TypeError(f"{field} must be a string, not {quoted(name)}")
    if name.__class__ is not str:
        name = plain(name)
    if _NAME.match(name) is None:
        raise ValueError(
            f"{field} must be 1 to 128 characters of A-Z a-z 0-9 . _ : / @ -, not {name[:140]!r}"
        )
    return name


def numbered(request: str | tuple[str, int]) -> tuple[str, int]:
    """Return a request as the core knows it."""
    if request.__class__ is tuple and len(request) == 2:
        return request
    return check_name(request, "request_id"), 0


def check_id(value: object, field: str) -> str:
    """Return `value`, plain, or raise TypeError/ValueError that names the field and the rule."""
    if not isinstance(value, str):
        raise TypeError(f"{field} must be a string, not {quoted(value)}")
    if value.__class__ is not str:
        value = plain(value)
    if value.isascii() and value.isprintable() and 0 < len(value) <= _ID_BYTES:
        return value
    # str.isprintable accepts more code points in every Python release; beyond ASCII only the C0 and C1 blocks
    # are refused, which never change.
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise ValueError(f"{field} must not contain control characters: {value[:140]!r}")
    size = len(value.encode())
    if not 1 <= size <= _ID_BYTES:
        raise ValueError(f"{field} must be 1 to {_ID_BYTES} bytes of UTF-8, not {size}")
    return value


def seconds(value: object, field: str, *, zero: bool = False, most: float = 1e9) -> float:
    """
    Return a duration as float seconds, or raise an error that names the field.

    Args:
        value: int, float or timedelta.
        field: name of the field, for the error.
        zero: whether 0 is allowed.
        most: the largest value allowed (by default about 31 years).

    """
    if isinstance(value, dt.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{field} must be seconds (int, float or timedelta), not {quoted(value)}")
    if not 0 <= value <= most or (value == 0 and not zero):  # false for NaN, and no int is too large for it
        least = ">= 0" if zero else "> 0"
        raise ValueError(f"{field} must be finite, {least} and <= {most:g} seconds, not {quoted(value)}")
    # -0.0 becomes 0.0: a log leaves out what equals its default, and readers would have another digest
    return float(value) + 0.0


def strings(values: Iterable[str]) -> tuple[str, ...]:
    """Declare that a field accepts any iterable of strings, and stores a tuple."""
    return tuple(values)


def lasting(value: float | dt.timedelta) -> float:
    """Declare that a field accepts seconds or a timedelta, and stores seconds."""
    return seconds(value, "a duration", zero=True)


def lasting_or_none(value: float | dt.timedelta | None) -> float | None:
    """Declare that a field accepts seconds, a timedelta or None."""
    return None if value is None else lasting(value)


def count(value: object, field: str, *, least: int = 1, most: int = 1 << 53) -> int:
    """Return an int between `least` and `most`, or raise an error that names the field."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field} must be an int, not {quoted(value)}")
    if not least <= value <= most:
        raise ValueError(f"{field} must be {least} to {most}, not {quoted(value)}")
    return value if value.__class__ is int else int(value)


def amount(value: object, field: str, *, zero: bool = False, most: float = 1e12) -> float:
    """Return a finite float > 0 (or >= 0) and at most `most`, or raise an error that names the field."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{field} must be a number, not {quoted(value)}")
    if not 0 <= value <= most or (value == 0 and not zero):
        least = ">= 0" if zero else "> 0"
        raise ValueError(f"{field} must be finite, {least} and <= {most:g}, not {quoted(value)}")
    return float(value) + 0.0  # as above


def check_path(path: str | os.PathLike[str]) -> str:
    """
    Return the absolute path that a board's path means now, with links resolved.

    It is called once, when a coordinator is made: the same path could later mean another file, for example
    after os.chdir.

    Raises:
        TypeError: the path is not text.
        ValueError: it is empty, or a word that SQLite does not take as a file name.

    """
    name = path_text(path, "the board's path")
    if not name or name.isspace():
        raise ValueError("the board's path is empty; leave it out for a board in memory")
    if name == ":memory:":
        raise ValueError("':memory:' is no file; leave the path out for a board in memory")
    if name.lower().startswith("file:"):
        raise ValueError(f"{quoted(name)} is a URI; give the plain path of the board's file")
    if "\0" in name:
        raise ValueError(f"the board's path must not contain NUL: {quoted(name)}")
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        raise ValueError(f"the board's path is no name that a file can have: {quoted(name)}") from None
    return os.path.realpath(name)


def fresh_holder() -> str:
    """Return a holder for one scope: a word that nobody can type, since names contain no "~"."""
    return f"~{next(fresh.numbers):x}-{fresh.prefix[len(FRESH_MARK) : -1]}"


def is_fresh_holder(holder: str) -> bool:
    """Tell whether `fresh_holder` made this word."""
    return holder.startswith("~")


def check_lock_name(name: object) -> str:
    """
    Return a lock's name in its only allowed spelling (Unicode NFC); raise an error with the way out.

    Two spellings of one path would be two locks, so all spellings but the plain one are refused here.
    `lock_files` resolves them, because only it knows the folder that they start from.
    """
    import unicodedata  # noqa: PLC0415 - names of locks only

    text = check_id(name, "each lock name")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    parts = lock_key(text).split("/")
    if "" in parts[1:] or "." in parts or ".." in parts:
        raise ValueError(
            f"lock name {quoted(text)} is not the plain spelling of a path; lock_files() works it out"
        )
    if parts[-1] in ("*", "**"):
        raise ValueError(f"lock name {quoted(text)} is a pattern; {text.rstrip('*')!r} covers all below it")
    return text


def lock_key(name: str) -> str:
    """Return the key by which a lock's name is compared: "src/" and "src" are one folder."""
    return name.removesuffix("/")


def paths_above(key: str) -> Iterator[str]:
    """Yield the keys of the folders that contain a path, nearest first, and the root "" last."""
    at = key.rfind("/")
    while at > 0:
        yield key[:at]
        at = key.rfind("/", 0, at)
    if key:
        yield ""

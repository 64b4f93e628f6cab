"""
Entries: values under paths, which stay until somebody changes them; and their changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..frozen import frozen, taking
from .checks import check_id, check_name, count, listed, quoted, strings

_set = object.__setattr__


@frozen
class Namespace:
    """
    A part of the shared state that only its owners may change.

    Args:
        prefix: the beginning of paths and places, such as "plans/".
        owners: agents that may write, take, erase and lay marks there.

    Example:
        >>> from ants_coord import Blackboard, Namespace
        >>> with Blackboard(namespaces=[Namespace("plans/", ["lead"])]) as board:
        ...     board.write("plans/release", 1, agent="lead").author
        'lead'

    """

    prefix: str
    owners: tuple[str, ...] = taking(converter=strings)

    def __attrs_post_init__(self) -> None:
        _set(self, "prefix", check_id(self.prefix, "namespace prefix"))
        owners = listed(self.owners, "owners", "a list of agents such as ['ant-1']")
        _set(self, "owners", tuple([check_name(owner, "each of owners") for owner in owners]))


def checked_namespaces(namespaces: Iterable[Any]) -> tuple[Namespace, ...]:
    """Return namespaces with different prefixes."""
    found = listed(namespaces, "namespaces", "a list of Namespaces")
    for space in found:
        if not isinstance(space, Namespace):
            raise TypeError(f"namespaces must hold Namespaces, not {quoted(space)}")
    prefixes = [space.prefix for space in found]
    twice = next((prefix for prefix in prefixes if prefixes.count(prefix) > 1), None)
    if twice is not None:
        raise ValueError(f"namespaces names {quoted(twice)} twice")
    count(len(found), "number of namespaces", least=0, most=1024)
    return found


def checked_pattern(pattern: object, field: str = "pattern") -> str:
    """
    Return a checked pattern for paths: `*` may be in a segment, and `**` at the end for the rest.

    Raises:
        ValueError: `**` is beside text or before the end, or the pattern is too broad: it must begin with
            text, unless it is "**" alone.

    """
    text = check_id(pattern, field)
    segments = text.split("/")
    for number, segment in enumerate(segments):
        if "**" in segment and segment != "**":
            raise ValueError(
                f"{field} {quoted(text)} mixes ** with text; * is a part of a segment, as in 'posts/*.md'"
            )
        if segment == "**" and number != len(segments) - 1:
            raise ValueError(f"{field} {quoted(text)} has ** before its end; write * for one segment")
    if text.startswith("*") and text != "**":
        raise ValueError(
            f"{field} {quoted(text)} is too broad; give the first segment, or '**' for everything"
        )
    return text


def literal(pattern: str) -> str:
    """Return the common beginning of all paths that match a pattern."""
    star = pattern.find("*")
    return pattern if star < 0 else pattern[:star]


def matches(pattern: str, path: str) -> bool:
    """Tell whether a path matches a checked pattern. O(segments)."""
    if "*" not in pattern:
        return pattern == path
    if pattern == "**":
        return True
    wanted, found = pattern.split("/"), path.split("/")
    if wanted[-1] == "**":
        wanted.pop()
        if len(found) <= len(wanted):
            return False
        found = found[: len(wanted)]
    return len(wanted) == len(found) and all(
        want in ("*", part) or ("*" in want and _fits(want, part))
        for want, part in zip(wanted, found, strict=True)
    )


def _fits(want: str, part: str) -> bool:
    """
    Tell whether a segment matches one with stars. Each piece is matched at its first occurrence: linear time.
    """
    first, *pieces, last = want.split("*")
    if len(part) < len(first) + len(last) or not part.startswith(first) or not part.endswith(last):
        return False
    at, end = len(first), len(part) - len(last)
    for piece in pieces:
        found = part.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


@frozen
class Entry:
    """
    A value under a path.

    `version` grows with every write on the board, so it also tells which of two entries is newer.
    Times are ns since the epoch.
    """

    path: str
    value: Any
    version: int
    author: str
    written_ns: int
    expires_ns: int | None = None


@frozen
class Change:
    """
    One change of the shared state.

    `what` is "written", "taken", "erased", "lapsed" (its ttl ended) or "restored" for entries, "deposited" or
    "evaporated" for trails, and "present" for everything that a watch finds at its start. `kind` is the
    trail's kind, None for entries. `cursor` continues a watch after this change. `value` is only set in
    histories.
    """

    what: str
    path: str
    agent: str | None
    at_ns: int
    version: int = 0
    kind: str | None = None
    strength: float | None = None
    cursor: int = 0
    value: Any = None


@frozen
class Page:
    """A part of the state, or of its changes, and the cursor after it."""

    changes: tuple[Change, ...]
    cursor: int

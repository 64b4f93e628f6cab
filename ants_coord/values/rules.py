"""What a rule about tasks can ask: an agent's own rule (`accepts`), and the condition of a route."""

from __future__ import annotations

import difflib

from ..requirements import parse

LOAD = "load"
"""how busy the agent is at the time of its own claim, 0 to 1; only in its own rule"""
_SEEN = ("kind", "priority", "place", "limit", "max_attempts", "lease_ttl")
_USES = "uses."


def meant(name: str, known: object) -> str:
    """Return "; did you mean ...?" if something known has this spelling in another case."""
    folded = {str(one).casefold(): str(one) for one in sorted(known)}  # type: ignore[call-overload]
    close = difflib.get_close_matches(name.casefold(), sorted(folded), 2)
    return f"; did you mean {' or '.join(repr(folded[one]) for one in close)}?" if close else ""


def checked_rule(text: str, field: str, *more: str) -> str:
    """
    Return a rule about tasks, or raise a ValueError that names what no rule can see.

    Args:
        text: the rule, which is known to parse.
        field: name of the field, for the error.
        more: names that it can use besides those of a task.

    """
    seen = (*_SEEN, *more)
    for atom in parse(text).atoms:
        if atom.op == "has" and atom.name not in ("id", "payload", *seen):
            continue  # a tag may be any word
        if atom.op != "has" and (atom.name in seen or atom.name.startswith(_USES)):
            continue
        if atom.name in seen:
            raise ValueError(f"{field}: {atom.name!r} is compared with something, as in {atom.name} == ...")
        raise ValueError(
            f"{field}: no rule can see {atom.name!r}{meant(atom.name, seen)}; "
            f"it sees {', '.join(seen)}, uses.NAME, and tags as bare names"
        )
    return text

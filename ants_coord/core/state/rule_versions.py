"""
Which code a board needs: the rules that its log was written under, by name and version.

The state of a board depends on its log *and* on the code that reads it. So the log names the code: its first
entry gives the core's rules, the strategy and every part, with a version each. A reader that lacks one must
stop; if it ignored a part, it could grant what others hold.

A version grows when the same commands would lead to another state. A board goes on under the rules that its
log names until a logged command changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .parts import Strategy

CORE_RULES = 2
"""version of what every board has in common; version 1 did not write its rules down"""

Rules = tuple[tuple[str, int], ...]
"""a (what, version) for each, such as ("strategy board", 1)"""
OLD_RULES: Rules = (("core", 1),)
"""the rules of logs of format 1, which do not name any"""
Strategies = Mapping[str, Callable[[], Strategy]]


class RulesMissing(ValueError):  # noqa: N818 - becomes a JournalVersionError where the file's name is known
    """Raised when a log or snapshot needs code that this version does not have; `missing` names it."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = tuple(missing)
        super().__init__(", ".join(self.missing))


def rules_of(strategies: Strategies, name: str) -> Rules:
    """Return the rules that a board of this strategy follows here."""
    made = strategies[name]()
    parts = sorted((f"part {type(part).__name__}", part.version) for part in made.parts)
    return (("core", CORE_RULES), (f"strategy {name}", made.version), *parts)


def lacking(strategies: Strategies, name: str, rules: Rules) -> list[str]:
    """
    Return what a board of this strategy, under these rules, needs and does not have here; empty if nothing.
    """
    if name not in strategies:
        return [f"strategy {name!r}"]
    here = dict(rules_of(strategies, name))
    return [
        f"{what}, version {version} (here is {here.get(what, 'none')})"
        for what, version in rules
        if here.get(what, 0) < version
    ]

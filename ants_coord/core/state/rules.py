"""
Which code a board needs: the rules that its log was written under, by name and version.

The state of a board is its log *and* the code that reads it. So the log says
which code: its first entry names the core's rules, the strategy and every part,
with a version each. A reader that lacks one must stop; a part that it ignored
would make it grant what others hold.

A version grows when the same commands would come to another state. A board
goes on under the rules that its log names until a logged command says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .parts import Strategy

__all__ = ["CORE_RULES", "OLD_RULES", "Rules", "RulesMissing", "lacking", "rules_of"]

CORE_RULES = 2
"""version of what every board has in common; 1 did not write its rules down"""

Rules = tuple[tuple[str, int], ...]
"""(what, version) each, such as ("strategy board", 1)"""
OLD_RULES: Rules = (("core", 1),)
"""those of logs of format 1, which do not name any"""
Strategies = Mapping[str, Callable[[], Strategy]]


class RulesMissing(ValueError):  # noqa: N818 - becomes a JournalVersionError where the file's name is known
    """Raised when a log or snapshot needs code that is not here; `missing` names it."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = tuple(missing)
        super().__init__(", ".join(self.missing))


def rules_of(strategies: Strategies, name: str) -> Rules:
    """Return the rules that a board of this strategy follows here."""
    made = strategies[name]()
    parts = sorted((f"part {type(part).__name__}", part.version) for part in made.parts)
    return (("core", CORE_RULES), (f"strategy {name}", made.version), *parts)


def lacking(strategies: Strategies, name: str, rules: Rules) -> list[str]:
    """Return what a board of this strategy, under these rules, needs and is not here; empty if all is."""
    if name not in strategies:
        return [f"strategy {name!r}"]
    here = dict(rules_of(strategies, name))
    return [
        f"{what}, version {version} (here is {here.get(what, 'none')})"
        for what, version in rules
        if here.get(what, 0) < version
    ]

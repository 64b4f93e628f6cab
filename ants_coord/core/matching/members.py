"""Agents with adverts as the matching index sees them, and atoms with the agents that meet them."""

from __future__ import annotations

from collections.abc import Iterable

from ...requirements import Atom, Facts, Node, Requirement, show
from ...values.rules import LOAD

ORDINAL, INCARNATION, CAPABILITIES, ATTRIBUTES, SLOTS, ACCEPTS, TTL_NS = range(7)
"""a row of the table `adverts`"""
_, REPORTED, FADING = range(3)
"""a row of the table `presence`"""
SEAT, TEAM, UNTIL = range(3)
"""a row of the table `reserved`"""
_, GONE_WHY, GONE_INCARNATION, GONE_CAPABILITIES, GONE_ATTRIBUTES = range(5)
"""a row of the table `gone`"""

NO_FACTS = Facts({}, {})


class Member:
    """An agent with an advert, as the index sees it."""

    __slots__ = ("bit", "facts", "name", "own_rule", "recheck", "rule", "upto", "view", "weight")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.bit = 1 << number
        self.facts = NO_FACTS
        self.rule: Requirement | None = None
        """its own rule, with its load filled in"""
        self.own_rule: Requirement | None = None
        """the rule as advertised, if it asks for the load; else None"""
        self.weight = 0
        self.view: list[int] = []
        """one mask per block"""
        self.upto = -1
        """how many of all signatures ever made it has judged; -1: none, and the view has no meaning"""
        self.recheck: dict[int, int] = {}
        """block -> signatures that must be judged again"""

    def put_in(self, load: float) -> None:
        """Fill its present load into the rule: the answers change only if a comparison does."""
        assert self.own_rule is not None
        root = _with_load(self.own_rule.root, load)
        text = show(root)
        if self.rule is None or text != self.rule.text:
            # not parsed again: a rule that nothing can meet at the moment is no mistake
            self.rule, self.upto = Requirement(text, root, ()), -1

    def names(self) -> list[str]:
        """Return everything that it has something of."""
        return [*self.facts.capabilities, *self.facts.attributes]

    def capacity(self, name: str) -> int:
        """Return how much of a capacity the advert promises; 0 if it is not a number."""
        amount = self.facts.attributes.get(name, 0)
        return int(amount) if isinstance(amount, (int, float)) and not isinstance(amount, bool) else 0


class Masks:
    """One atom, and the agents for which it is true or unknown."""

    __slots__ = ("atom", "true", "unknown")

    def __init__(self, atom: Atom, members: Iterable[Member]) -> None:
        self.atom = atom
        self.true = 0
        self.unknown = 0
        for member in members:
            self.judge(member)

    def judge(self, member: Member) -> None:
        """Note whether it is true of a member as advertised now."""
        answer = self.atom.test(member.facts)
        bit = member.bit
        self.true = self.true | bit if answer else self.true & ~bit
        self.unknown = self.unknown | bit if answer is None else self.unknown & ~bit


def asks_for_load(rule: Requirement) -> bool:
    """Tell whether a rule compares the agent's load with something."""
    return any(atom.name == LOAD for atom in rule.atoms)


def _with_load(node: Node, load: float) -> Node:
    if node[0] == "atom":
        if node[1].name != LOAD:
            return node
        return ("true",) if node[1].test(Facts({}, {LOAD: load})) is True else ("false",)
    return (node[0], *[_with_load(child, load) for child in node[1:]])

"""
The matching index: who can do what, without looking at every agent or every task.

- An *atom* is one test. It keeps two masks (Python integers, a bit an agent):
  for whom it is true, and for whom unknown. `and`, `or` and `not` of masks are
  exactly the three-valued logic, for all agents at once.
- A *signature* is what decides who may take a task: the canonical requirement,
  the amounts it uses up, and those task attributes that some agent's own rule
  reads. Tasks of one signature are interchangeable and share a queue.
- A *view* is an agent's own mask over signatures: which of them it may take. It
  follows its advert lazily: a changed advert marks the signatures that test
  what changed, and they are judged again at the agent's next claim.

So a claim costs a few operations on integers plus one look at the head of each
queue that is open to this agent; an advert costs what changed in it. Bit
numbers are heap layout: they differ between replicas and decide nothing.

Rejected: rule networks (Rete) and SQL joins, 10 to 1,000 times slower for one
task (masks answer for 10,000 agents in a microsecond), and memoised agent
lists per signature, which every advert would have to keep up.

Invariants, as checked by `check`:
1. an atom's masks are what testing every member anew gives;
2. a member's view, where it is up to date, is what evaluating every signature anew gives;
3. a number is a member's exactly while the member is here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from ...requirements import Atom, Facts, Node, Requirement, evaluate, facts_of, parse, show
from ...values.rules import LOAD
from ...values.tasks import Task

__all__ = ["MAX_SIGNATURES", "Index", "Member", "Signature", "asks_for_load", "bits", "task_facts"]

MAX_SIGNATURES = 4_096
"""beyond that, new ones share one queue that is searched task by task"""

_Uses = tuple[tuple[str, int], ...]
NO_FACTS = Facts({}, {})


def bits(mask: int) -> Iterator[int]:
    """Iterate over the numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def task_facts(task: Task) -> Facts:
    """Return what an agent's own rule can ask about a task; never its id, payload or time."""
    attributes: dict[str, Any] = {"kind": task.kind, "priority": task.priority}
    for name in ("place", "limit", "max_attempts", "lease_ttl"):
        value = getattr(task, name)
        if value is not None:
            attributes[name] = value
    for name, amount in (task.uses or {}).items():
        attributes[f"uses.{name}"] = amount
    return Facts(dict.fromkeys(task.tags, ()), attributes)


class Signature:
    """What decides who may take a task; tasks of one signature are interchangeable to every agent."""

    __slots__ = ("_rules", "facts", "is_plain", "number", "requirement", "uses")

    def __init__(self, number: int, requirement: Requirement, uses: _Uses, facts: Facts) -> None:
        self.number = number
        self.requirement = requirement
        self.uses = uses
        self.facts = facts
        self.is_plain = requirement.root[0] == "true" and not uses
        self._rules: dict[str, bool] = {}

    def is_accepted(self, rule: Requirement | None) -> bool:
        """Tell whether an agent's own rule is true of these tasks; judged once per rule."""
        if rule is None:
            return True
        answer = self._rules.get(rule.text)
        if answer is None:
            answer = self._rules[rule.text] = evaluate(rule.root, self.facts) is True
        return answer

    def fits(self, member: Member) -> bool:
        """Tell whether an agent as advertised may take these tasks, free amounts aside."""
        if self.requirement.root[0] != "true" and evaluate(self.requirement.root, member.facts) is not True:
            return False
        return self.is_accepted(member.rule) and all(
            amount <= member.capacity(name) for name, amount in self.uses
        )


class Member:
    """An agent with an advert, as the index sees it."""

    __slots__ = ("bit", "facts", "name", "own_rule", "recheck", "rule", "upto", "view", "weight")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.bit = 1 << number
        self.facts = NO_FACTS
        self.rule: Requirement | None = None
        """what it accepts, with its load put in"""
        self.own_rule: Requirement | None = None
        """the same as it was advertised, if it asks for the load; else None"""
        self.weight = 0
        self.view = 0
        self.upto = 0
        """signatures below this number have been judged"""
        self.recheck = 0
        """signatures that must be judged again"""

    def put_in(self, load: float) -> None:
        """Put the load of this instant into its rule: the answers change only if a comparison does."""
        assert self.own_rule is not None
        root = _with_load(self.own_rule.root, load)
        text = show(root)
        if self.rule is None or text != self.rule.text:
            # not read again: a rule that nothing could meet now is no mistake
            self.rule, self.view, self.upto = Requirement(text, root, ()), 0, 0

    def capacity(self, name: str) -> int:
        """Return how much of a capacity the advert promises; 0 if it is no number."""
        amount = self.facts.attributes.get(name, 0)
        return int(amount) if isinstance(amount, (int, float)) and not isinstance(amount, bool) else 0


class _Masks:
    """One atom and for whom it is true or unknown."""

    __slots__ = ("atom", "signatures", "true", "unknown")

    def __init__(self, atom: Atom) -> None:
        self.atom = atom
        self.true = 0
        self.unknown = 0
        self.signatures = 0

    def judge(self, member: Member) -> None:
        answer = self.atom.test(member.facts)
        bit = member.bit
        self.true = self.true | bit if answer else self.true & ~bit
        self.unknown = self.unknown | bit if answer is None else self.unknown & ~bit


class Index:
    """Members, atoms and signatures. Derived from adverts alone; see the module's text."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.everyone = 0
        self.ready = 0
        """signatures that may have a READY task; corrected when one is found empty"""
        self.signatures: list[Signature] = []
        self.reads: tuple[str, ...] = ()
        """task attributes that some agent's rule reads: they are part of every signature"""
        self.in_use: Callable[[], Iterable[Hashable]] = tuple
        """tells which signatures have tasks in their queues"""
        self.overflow = Signature(MAX_SIGNATURES, parse(""), (), NO_FACTS)
        self.seats = Signature(MAX_SIGNATURES + 1, parse(""), (), NO_FACTS)
        """the seats of teams, which are given out by teams.py alone"""
        self._by_key: dict[Hashable, Signature] = {}
        self._plain_mask = 0
        self._uses_mask = 0
        self._atoms: dict[Atom, _Masks] = {}
        self._by_name: dict[str, list[_Masks]] = {}
        self._free: list[int] = []
        self._numbers = 0
        self._purge_in = 0

    # -- signatures -------------------------------------------------------------------------

    def signature(self, task: Task) -> Signature:
        """Return the signature of a task, made when it is first seen."""
        if task.seat is not None:
            return self.seats
        uses = () if task.uses is None else tuple(task.uses.items())
        key: Hashable = (task.requires, uses)
        facts = NO_FACTS
        if self.reads:
            facts = task_facts(task)
            key = (key, tuple([_fact(facts, name) for name in self.reads]))
        found = self._by_key.get(key)
        if found is None:
            found = self._intern(key, task, uses, facts)
        return found

    def _intern(self, key: Hashable, task: Task, uses: _Uses, facts: Facts) -> Signature:
        requirement = parse(task.requires or "")
        # the same requirement may be written in many ways: all of them share one signature
        canonical = ("canonical", requirement.text, uses, key[1] if self.reads else ())  # type: ignore[index]
        found = self._by_key.get(canonical)
        if found is None:
            if len(self.signatures) >= MAX_SIGNATURES and not self._purge():
                return self.overflow
            found = Signature(len(self.signatures), requirement, uses, facts)
            self.signatures.append(found)
            self._watch(found)
            self._by_key[canonical] = found
        if len(self._by_key) > 4 * MAX_SIGNATURES:
            self._by_key = {k: s for k, s in self._by_key.items() if k[0] == "canonical"}  # type: ignore[index]
        self._by_key[key] = found
        return found

    def _watch(self, signature: Signature) -> None:
        bit = 1 << signature.number
        if signature.is_plain:
            self._plain_mask |= bit
        if signature.uses:
            self._uses_mask |= bit
        for atom in signature.requirement.atoms:
            masks = self._atoms.get(atom)
            if masks is None:
                masks = self._atoms[atom] = _Masks(atom)
                self._by_name.setdefault(atom.name, []).append(masks)
                for member in self.members.values():
                    masks.judge(member)
            masks.signatures |= bit

    def _purge(self) -> bool:
        """Forget signatures without tasks once there are too many; every view is made anew."""
        self._purge_in -= 1
        if self._purge_in > 0:
            return False
        self._purge_in = MAX_SIGNATURES // 4
        in_use = set(self.in_use())
        kept = [signature for signature in self.signatures if signature in in_use]
        if len(kept) > MAX_SIGNATURES - MAX_SIGNATURES // 8:
            return False
        ready = {self.signatures[number] for number in bits(self.ready) if number < MAX_SIGNATURES}
        over = self.ready >> MAX_SIGNATURES & 1
        self._by_key = {key: found for key, found in self._by_key.items() if found in in_use}
        self._atoms, self._by_name, self._plain_mask, self._uses_mask = {}, {}, 0, 0
        self.signatures = kept
        for number, signature in enumerate(kept):
            signature.number = number
            self._watch(signature)
        self.ready = over << MAX_SIGNATURES
        for signature in ready:
            if self.signatures[signature.number : signature.number + 1] == [signature]:
                self.ready |= 1 << signature.number
        for member in self.members.values():
            member.view = member.upto = member.recheck = 0
        return True

    # -- members ----------------------------------------------------------------------------

    def put(
        self, name: str, capabilities: Iterable[str], attributes: Mapping[str, Any], accepts: str | None
    ) -> Member:
        """Take in an advert, new or changed. Costs what changed."""
        facts = facts_of(capabilities, attributes)
        rule = None if accepts is None else parse(accepts)
        member = self.members.get(name)
        if member is None:
            if not self._free:
                self._free.append(self._numbers)
                self._numbers += 1
            member = self.members[name] = Member(name, self._free.pop())
            self.everyone |= member.bit
            touched = [masks for group in self._by_name.values() for masks in group]
        else:
            changed = _changed_names(member.facts, facts)
            touched = [masks for each in changed for masks in self._by_name.get(each, ())]
            if (rule is None) != (member.rule is None) or (
                rule and member.rule and rule.text != member.rule.text
            ):
                member.upto = member.view = 0  # a rule may change every answer
        old_attributes, member.facts, member.rule = member.facts.attributes, facts, rule
        member.own_rule = rule if rule is not None and asks_for_load(rule) else None
        member.weight = len(facts.capabilities) + len(facts.attributes)
        for masks in touched:
            masks.judge(member)
            member.recheck |= masks.signatures
        if old_attributes != facts.attributes:
            member.recheck |= self._uses_mask
        return member

    def drop(self, name: str) -> None:
        """Forget an agent."""
        member = self.members.pop(name, None)
        if member is not None:
            self.everyone &= ~member.bit
            for masks in self._atoms.values():
                masks.true &= ~member.bit
                masks.unknown &= ~member.bit
            self._free.append(member.bit.bit_length() - 1)

    def view(self, member: Member) -> int:
        """Return the signatures that a member may take, as a mask; judges what is new or has changed."""
        signatures = self.signatures
        if member.recheck:
            below = member.recheck & ((1 << member.upto) - 1)
            member.recheck = 0
            for number in bits(below):
                self._judge(member, signatures[number])
        if member.upto < len(signatures):
            for signature in signatures[member.upto :]:
                self._judge(member, signature)
            member.upto = len(signatures)
        return member.view | 1 << MAX_SIGNATURES

    def _judge(self, member: Member, signature: Signature) -> None:
        bit = 1 << signature.number
        member.view = member.view | bit if signature.fits(member) else member.view & ~bit

    @property
    def plain(self) -> int:
        """The signatures open to agents that never advertised."""
        return self._plain_mask | 1 << MAX_SIGNATURES

    # -- all agents at once -----------------------------------------------------------------

    def masks(self, node: Node) -> tuple[int, int]:
        """Return (for whom it is true, for whom it is unknown), for any requirement's tree."""
        kind = node[0]
        if kind == "atom":
            known = self._atoms.get(node[1])
            if known is None:
                known = _Masks(node[1])
                for member in self.members.values():
                    known.judge(member)
            return known.true, known.unknown
        if kind == "not":
            true, unknown = self.masks(node[1])
            return self.everyone & ~(true | unknown), unknown
        if kind in ("true", "false"):
            return (self.everyone if kind == "true" else 0), 0
        parts = [self.masks(child) for child in node[1:]]
        if kind == "or":
            true = unknown = 0
            for one, maybe in parts:
                true |= one
                unknown |= maybe
            return true, unknown & ~true
        true = possible = self.everyone
        for one, maybe in parts:
            true &= one
            possible &= one | maybe
        return true, possible & ~true

    def names_in(self, mask: int) -> list[str]:
        """Return the agents of a mask, sorted by name."""
        return sorted(member.name for member in self.members.values() if member.bit & mask)

    def known_names(self) -> set[str]:
        """Return every capability and attribute that somebody advertises now."""
        names: set[str] = set()
        for member in self.members.values():
            names.update(member.facts.capabilities, member.facts.attributes)
        return names

    def check(self) -> None:
        """Assert the invariants. O(members x atoms)."""
        for member in self.members.values():
            assert self.everyone & member.bit
            for masks in self._atoms.values():
                answer = masks.atom.test(member.facts)
                assert bool(masks.true & member.bit) is (answer is True)
                assert bool(masks.unknown & member.bit) is (answer is None)
            for signature in self.signatures[: member.upto]:
                if not member.recheck >> signature.number & 1:
                    assert bool(member.view >> signature.number & 1) is signature.fits(member), member.name
        assert self.everyone.bit_count() == len(self.members) == len({m.bit for m in self.members.values()})
        for number, signature in enumerate(self.signatures):
            assert signature.number == number


def asks_for_load(rule: Requirement) -> bool:
    """Tell whether a rule compares the agent's load with something."""
    return any(atom.name == LOAD for atom in rule.atoms)


def _with_load(node: Node, load: float) -> Node:
    if node[0] == "atom":
        if node[1].name != LOAD:
            return node
        return ("true",) if node[1].test(Facts({}, {LOAD: load})) is True else ("false",)
    return (node[0], *[_with_load(child, load) for child in node[1:]])


def _fact(facts: Facts, name: str) -> Hashable:
    value = facts.attributes.get(name)
    return name in facts.capabilities if value is None else (type(value).__name__, value)


def _changed_names(old: Facts, new: Facts) -> list[str]:
    changed: list[str] = []
    for before, after in ((old.capabilities, new.capabilities), (old.attributes, new.attributes)):
        if before != after:
            changed += [name for name in before if name not in after]
            changed += [
                name for name, value in after.items() if name not in before or not _same(before[name], value)
            ]
    return list(dict.fromkeys(changed))


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other

"""
The matching index: which agents can do which tasks, without looking at every agent or every task.

- An *atom* is one test. It keeps two masks (Python integers, one bit per agent): the agents for which it is
  true, and those for which it is unknown. `and`, `or` and `not` of masks are exactly the three-valued logic,
  for all agents at once. Only the most recently used atoms are kept.
- A *signature* is what decides who may take a task: the canonical requirement, the amounts it uses, and the
  task attributes that some agent's own rule reads. Tasks of one signature are interchangeable and share a
  queue.
- A *view* is an agent's own mask over signatures: those it may take. It follows the advert lazily: a changed
  advert marks the signatures that name what changed, and they are judged again at the agent's next claim.

So a claim costs a few operations on integers plus one look at the head of each queue that is open to this
agent, and an advert costs only what changed in it. The numbers of agents and signatures are like memory
addresses: they differ between replicas and decide nothing.

The number of signatures is not limited. (An earlier version had a limit, and it was a cliff: signatures
beyond it shared one queue that was searched task by task.) Masks over signatures are lists of blocks, so
100,000 different requirements are a hundred words and not one integer of 12 kB. A requirement that names
nothing an agent has is never evaluated for it. Each new signature examines a few old ones and reuses the
number of one without tasks, so memory follows the tasks that wait, not all tasks that ever came.

Rejected: rule networks (Rete) and SQL joins, 10 to 1,000 times slower for one task (masks answer for 10,000
agents in a microsecond); and memoised agent lists per signature, which every advert would have to update.

Invariants, as checked by `check`:
1. an atom's masks equal a fresh test of every member;
2. a member's view, where it is up to date, equals a fresh evaluation of every signature;
3. a member has a number exactly while it is here, a signature while it may have tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from ...requirements import Atom, Facts, Node, Requirement, evaluate, facts_of, parse
from ...values.tasks import Task
from .members import NO_FACTS, Masks, Member, asks_for_load

BLOCK = 1_024
"""signatures whose bits share an integer"""
MANY = 64
"""open signatures beyond which a claim looks at the best task of each block first"""
_LOOKS = 4
"""old signatures that each new one examines to find some without tasks"""
_SPELLINGS = 16
"""spellings of requirements that are remembered, besides the canonical ones"""
_ASKED = 512
"""atoms whose masks are kept"""

_Uses = tuple[tuple[str, int], ...]


def bits(mask: int) -> Iterator[int]:
    """Iterate over the numbers of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def task_facts(task: Task) -> Facts:
    """Return what an agent's own rule can ask about a task: never its id, payload or time."""
    attributes: dict[str, Any] = {"kind": task.kind, "priority": task.priority}
    for name in ("place", "limit", "max_attempts", "lease_ttl"):
        value = getattr(task, name)
        if value is not None:
            attributes[name] = value
    for name, amount in (task.uses or {}).items():
        attributes[f"uses.{name}"] = amount
    return Facts(dict.fromkeys(task.tags, ()), attributes)


class Signature:
    """
    What decides which agents may take a task; tasks of one signature are interchangeable to every agent.
    """

    __slots__ = (
        "_rules",
        "bit",
        "block",
        "facts",
        "is_free",
        "is_plain",
        "keys",
        "lanes",
        "names",
        "number",
        "requirement",
        "uses",
    )

    def __init__(self, number: int, requirement: Requirement, uses: _Uses, facts: Facts) -> None:
        self.number = number
        """its own number, as long as it may have tasks"""
        self.block, self.bit = number // BLOCK, 1 << number % BLOCK
        self.requirement = requirement
        self.uses = uses
        self.facts = facts
        self.is_plain = requirement.root[0] == "true" and not uses
        self.names = tuple(dict.fromkeys([*(a.name for a in requirement.atoms), *(name for name, _ in uses)]))
        """whatever it names: an agent that has nothing of it may take these tasks only if this is set"""
        self.is_free = evaluate(requirement.root, NO_FACTS) is True and all(n <= 0 for _, n in uses)
        self.lanes: list[Any] = []
        """where the ready order keeps its tasks; maintained by the order"""
        self.keys: list[Hashable] = []
        self._rules: dict[str, bool] = {}

    def is_in_use(self) -> bool:
        """Tell whether tasks wait in any of its lanes, including those that a full limit holds back."""
        lanes = self.lanes
        for at, lane in enumerate(lanes):
            if lane.heap:
                # there may be many lanes: the next look finds this one at once
                lanes[0], lanes[at] = lane, lanes[0]
                return True
        return False

    def is_accepted(self, rule: Requirement | None) -> bool:
        """Tell whether an agent's own rule accepts these tasks; evaluated once per rule."""
        if rule is None:
            return True
        answer = self._rules.get(rule.text)
        if answer is None:
            answer = self._rules[rule.text] = evaluate(rule.root, self.facts) is True
        return answer

    def fits(self, member: Member) -> bool:
        """Tell whether an agent as advertised may take these tasks, apart from free amounts."""
        if self.requirement.root[0] != "true" and evaluate(self.requirement.root, member.facts) is not True:
            return False
        return self.is_accepted(member.rule) and all(
            amount <= member.capacity(name) for name, amount in self.uses
        )


class Index:
    """Members, atoms and signatures. Derived from adverts alone; see the module's text."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.everyone = 0
        self.signatures: list[Signature | None] = []
        """by number; None for a number that has been given back"""
        self.ready: list[int] = [0]
        """one mask per block: signatures that may have a READY task; corrected when one turns out to be
        empty"""
        self.plain: list[int] = [0]
        """one mask per block: signatures open to agents that never advertised"""
        self.free: list[int] = [0]
        """one mask per block: signatures that an agent without any capability may take"""
        self.reads: tuple[str, ...] = ()
        """task attributes that some agent's rule reads; they are part of every signature"""
        self.seats = Signature(0, parse(""), (), NO_FACTS)
        """the seats of teams, which only teams.py gives out; in no mask"""
        self.seats.bit = 0
        self._by_key: dict[Hashable, Signature] = {}
        self._named: dict[str, dict[int, int]] = {}
        """name -> block -> signatures that name it"""
        self._asked: dict[Atom, Masks] = {}
        self._made: list[int] = []
        """signature numbers in the order in which they were given out, some twice: what members still have to
        judge"""
        self._made_before = 0
        """how many numbers were given out before the first of these"""
        self._unused: list[int] = []
        self._hand = 0
        self._free: list[int] = []
        self._numbers = 0

    # -- signatures -------------------------------------------------------------------------

    def signature(self, task: Task, *, is_kept: bool = True) -> Signature:
        """
        Return the signature of a task and make it at first sight; without a number if it is not to be kept.
        """
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
            if not is_kept:
                return Signature(0, parse(task.requires or ""), uses, facts)
            found = self._intern(key, task, uses, facts)
        return found

    def _intern(self, key: Hashable, task: Task, uses: _Uses, facts: Facts) -> Signature:
        requirement = parse(task.requires or "")
        # one requirement can be written in many ways: all of them share one signature
        canonical = ("canonical", requirement.text, uses, key[1] if self.reads else ())  # type: ignore[index]
        found = self._by_key.get(canonical)
        if found is None:
            self._look_for_unused()
            number = self._unused.pop() if self._unused else len(self.signatures)
            found = Signature(number, requirement, uses, facts)
            self._number(found)
            found.keys.append(canonical)
            self._by_key[canonical] = found
        if len(found.keys) > _SPELLINGS:
            del self._by_key[found.keys.pop(1)]
        found.keys.append(key)
        self._by_key[key] = found
        return found

    def _number(self, signature: Signature) -> None:
        number, block, bit = signature.number, signature.block, signature.bit
        if block == len(self.ready):
            for masks in (self.ready, self.plain, self.free):
                masks.append(0)
        if number == len(self.signatures):
            self.signatures.append(signature)
        else:
            self.signatures[number] = signature
        if signature.is_plain:
            self.plain[block] |= bit
        if signature.is_free:
            self.free[block] |= bit
        for name in signature.names:
            where = self._named.setdefault(name, {})
            where[block] = where.get(block, 0) | bit
        self._made.append(number)
        if len(self._made) > 2 * len(self.signatures) + BLOCK:
            # a member that has not looked for very long judges all present signatures, which are fewer than
            # it missed
            half = len(self._made) // 2
            del self._made[:half]
            self._made_before += half

    def _look_for_unused(self) -> None:
        """Free the numbers of some signatures without tasks, continuing round-robin from the last call."""
        for _ in range(min(_LOOKS, len(self.signatures))):
            self._hand = self._hand + 1 if self._hand + 1 < len(self.signatures) else 0
            old = self.signatures[self._hand]
            if old is not None and not old.is_in_use():
                self._forget(old)

    def _forget(self, old: Signature) -> None:
        block, rest = old.block, ~old.bit
        for key in old.keys:
            del self._by_key[key]
        for masks in (self.ready, self.plain, self.free):
            masks[block] &= rest
        for name in old.names:
            where = self._named[name]
            where[block] &= rest
            if not where[block]:
                del where[block]
                if not where:
                    del self._named[name]
        self.signatures[old.number] = None
        self._unused.append(old.number)

    def of_block(self, block: int) -> list[Signature]:
        """Return the signatures of one block."""
        return [one for one in self.signatures[block * BLOCK : (block + 1) * BLOCK] if one is not None]

    # -- members ----------------------------------------------------------------------------

    def put(
        self, name: str, capabilities: Iterable[str], attributes: Mapping[str, Any], accepts: str | None
    ) -> Member:
        """Take in a new or changed advert. Costs what changed."""
        facts = facts_of(capabilities, attributes)
        rule = None if accepts is None else parse(accepts)
        member = self.members.get(name)
        if member is None:
            if not self._free:
                self._free.append(self._numbers)
                self._numbers += 1
            member = self.members[name] = Member(name, self._free.pop())
            self.everyone |= member.bit
            member.facts = facts
            for masks in self._asked.values():
                masks.judge(member)
        else:
            changed = _changed_names(member.facts, facts)
            if (rule is None) != (member.rule is None) or (
                rule and member.rule and rule.text != member.rule.text
            ):
                member.upto = -1  # a rule may change every answer
            member.facts = facts
            for masks in self._asked.values():
                if masks.atom.name in changed:
                    masks.judge(member)
            for each in changed:
                for block, mask in self._named.get(each, {}).items():
                    member.recheck[block] = member.recheck.get(block, 0) | mask
        member.rule = rule
        member.own_rule = rule if rule is not None and asks_for_load(rule) else None
        member.weight = len(facts.capabilities) + len(facts.attributes)
        return member

    def drop(self, name: str) -> None:
        """Forget an agent."""
        member = self.members.pop(name)
        self.everyone &= ~member.bit
        for masks in self._asked.values():
            masks.true &= ~member.bit
            masks.unknown &= ~member.bit
        self._free.append(member.bit.bit_length() - 1)

    def view(self, member: Member) -> list[int]:
        """
        Return the signatures that a member may take, one mask per block, after judging new and changed ones.
        """
        made = self._made_before + len(self._made)
        if member.upto == made and not member.recheck:
            return member.view
        if member.upto < self._made_before:
            self._judge_all(member)
        else:
            view = member.view
            while len(view) < len(self.ready):
                view.append(0)
            for number in self._made[member.upto - self._made_before :]:
                self._judge(member, number)
            for block, mask in member.recheck.items():
                for at in bits(mask):
                    self._judge(member, block * BLOCK + at)
        member.recheck = {}
        member.upto = made
        return member.view

    def _judge_all(self, member: Member) -> None:
        """Judge every signature that names something the member has, or that asks for nothing."""
        asked = list(self.free)
        for name in member.names():
            for block, mask in self._named.get(name, {}).items():
                asked[block] |= mask
        member.view = [0] * len(asked)
        for block, mask in enumerate(asked):
            for at in bits(mask):
                self._judge(member, block * BLOCK + at)

    def _judge(self, member: Member, number: int) -> None:
        signature = self.signatures[number]
        view, block = member.view, number // BLOCK
        if signature is not None and signature.fits(member):
            view[block] |= signature.bit
        else:
            view[block] &= ~(1 << number % BLOCK)

    # -- all agents at once -----------------------------------------------------------------

    def masks(self, node: Node) -> tuple[int, int]:
        """Return (mask of true, mask of unknown) for any requirement's tree."""
        kind = node[0]
        if kind == "atom":
            known = self._asked.get(node[1])
            if known is None:
                while len(self._asked) >= _ASKED:
                    del self._asked[next(iter(self._asked))]
                known = self._asked[node[1]] = Masks(node[1], self.members.values())
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
        """Return every capability and attribute that some agent advertises now."""
        return {name for member in self.members.values() for name in member.names()}

    def check(self) -> None:
        """Assert the invariants. O(members x signatures)."""
        made = self._made_before + len(self._made)
        for member in self.members.values():
            assert self.everyone & member.bit
            for masks in self._asked.values():
                answer = masks.atom.test(member.facts)
                assert bool(masks.true & member.bit) is (answer is True)
                assert bool(masks.unknown & member.bit) is (answer is None)
            if member.upto < self._made_before:
                continue
            late = set(self._made[member.upto - self._made_before :])
            for signature in self.signatures:
                if signature is None or signature.number in late:
                    continue
                if not member.recheck.get(signature.block, 0) & signature.bit:
                    seen = bool(member.view[signature.block] & signature.bit)
                    assert seen is signature.fits(member), member.name
            assert member.upto <= made
        assert self.everyone.bit_count() == len(self.members) == len({m.bit for m in self.members.values()})
        live = [one for one in self.signatures if one is not None]
        assert sorted(self._unused) == [n for n, one in enumerate(self.signatures) if one is None]
        assert {id(one) for one in self._by_key.values()} == {id(one) for one in live}
        assert len(self._by_key) == sum(len(set(one.keys)) for one in live)
        assert set(self._named) == {name for one in live for name in one.names}
        for block in range(len(self.ready)):
            here = [one for one in live if one.block == block]
            assert self.plain[block] == sum(one.bit for one in here if one.is_plain)
            assert self.free[block] == sum(one.bit for one in here if one.is_free)
            assert self.ready[block] & ~sum(one.bit for one in here) == 0


class Open:
    """
    Signatures with tasks that an agent may take now, when there are too many to look at one by one.

    Args:
        index: the index that they belong to.
        masks: block -> signatures that its view and the queues leave.
        has_room: tells whether the agent has enough free for what a signature uses.

    """

    __slots__ = ("_has_room", "_index", "masks")

    def __init__(self, index: Index, masks: dict[int, int], has_room: Callable[[Signature], bool]) -> None:
        self._index, self.masks, self._has_room = index, masks, has_room

    def __iter__(self) -> Iterator[Signature]:
        """Iterate over all of them."""
        for block in self.masks:
            yield from self.within(block)

    def within(self, block: int) -> Iterator[Signature]:
        """Iterate over those of one block."""
        for number in bits(self.masks[block]):
            signature = self._index.signatures[block * BLOCK + number]
            assert signature is not None
            if not signature.uses or self._has_room(signature):
                yield signature

    def __contains__(self, signature: Signature) -> bool:
        """Tell whether a signature is among them."""
        if not self.masks.get(signature.block, 0) & signature.bit:
            return False
        return not signature.uses or self._has_room(signature)


def _fact(facts: Facts, name: str) -> Hashable:
    value = facts.attributes.get(name)
    return name in facts.capabilities if value is None else (type(value).__name__, value)


def _changed_names(old: Facts, new: Facts) -> list[str]:
    changed: dict[str, None] = {}
    for before, after in ((old.capabilities, new.capabilities), (old.attributes, new.attributes)):
        for name in (*before, *after):
            one, other = before.get(name), after.get(name)
            if type(one) is not type(other) or one != other:  # 1 and True are equal, and meet other tests
                changed[name] = None
    return list(changed)

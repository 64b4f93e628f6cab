"""
Why nobody takes a task, and why this agent does not.

The most common complaint about any matcher is silence: tasks that wait for ever with no reason given. The
masks that match can also count, so the answer names every clause with the number of agents that meet it, and
the agents that fail exactly one clause. It also separates cases that look alike from outside: nobody knows
the word, nobody fits, all refuse, all are busy, all declined, all are benched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...commands.matching import WhyNot
from ...commands.shared import Refused
from ...errors import TaskNotFoundError
from ...requirements import Node, Requirement, evaluate, facts_of, parse, show
from ...values.rules import meant
from ...values.tasks import Explanation
from ..state.ledger import Ledger
from ..state.records import READY, Row
from ..work.leases import first
from .index import task_facts
from .members import FADING, GONE_ATTRIBUTES, GONE_CAPABILITIES, GONE_WHY, ORDINAL, Member

if TYPE_CHECKING:
    from .roster import Roster

_SHOWN = 5


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def nobody(part: Roster, ledger: Ledger, row: Row) -> list[str]:
    """Say what keeps agents from a READY task, or who could take it now."""
    spec, index = row.spec, part.index
    requirement = parse(spec.requires or "")
    for name in index.members:
        part.put_load_in(name)
    if (
        requirement.root[0] == "true"
        and not spec.uses
        and all(_accepts(member, row) for member in index.members.values())
        and not ledger.declines.decliners.get(spec.id)
    ):
        return []
    if not index.members:
        told = f"requires {requirement.text}: {_who_left(ledger, requirement)}"
        return [] if _is_plain(row) else [told]
    fits, _ = index.masks(requirement.root)
    why = []
    if not fits:
        why += _clauses(part, requirement)
        why += _unproven(ledger, requirement)
        why += _unknown_words(ledger, part, requirement)
        why += _versions_meant(part, requirement)
        why += _near_misses(ledger, part, requirement)
        left = _who_left(ledger, requirement)
        return [*why, left.partition(";")[0]] if "could do it" in left else why
    able = index.names_in(fits)
    groups: dict[str, list[str]] = {}
    for name in able:
        groups.setdefault(_obstacle(part, ledger, row, index.members[name]), []).append(name)
    if requirement.root[0] != "true":
        why.append(f"requires {requirement.text}: met by {len(able)} of {len(index.members)} agent(s)")
    free = groups.pop("", None)
    if free is not None:
        why.append(f"could be claimed now by {_some(free)}")
    why += [f"{obstacle}: {_some(names)}" for obstacle, names in sorted(groups.items())]
    return why


def _who_left(ledger: Ledger, requirement: Requirement) -> str:
    """Say that nobody is here, and which agents that have gone met a requirement."""
    here = ledger.tables["adverts"]
    gone = {agent: row for agent, row in ledger.tables["gone"].items() if agent not in here}
    if not gone:
        return "no agent has advertised yet"
    last = max(gone, key=lambda agent: gone[agent][ORDINAL])
    for agent in sorted(gone, key=lambda agent: gone[agent][ORDINAL], reverse=True):
        facts = facts_of(gone[agent][GONE_CAPABILITIES], dict(gone[agent][GONE_ATTRIBUTES]))
        if evaluate(requirement.root, facts) is True:
            return f"{agent} could do it and has left ({gone[agent][GONE_WHY]}); nobody is here now"
    return f"nobody is here now; the last one to leave was {last} ({gone[last][GONE_WHY]})"


def _is_plain(row: Row) -> bool:
    return not row.spec.requires and not row.spec.uses


def _accepts(member: Member, row: Row) -> bool:
    return member.rule is None or evaluate(member.rule.root, task_facts(row.spec)) is True


def _obstacle(part: Roster, ledger: Ledger, row: Row, member: Member) -> str:
    """Return what keeps an agent that meets the requirement from a task; "" if nothing does."""
    spec, agent = row.spec, member.name
    is_fading = ledger.tables["presence"][agent][FADING]
    if is_fading and not _is_plain(row):
        return "fading: the advert was not refreshed in time"
    if not is_fading and member.rule is not None and not _accepts(member, row):
        if member.own_rule is not None:
            load = f"load {part.load(agent):.2g}"
            return f"refused by the agent's own rule {member.own_rule.text!r} at its {load}"
        return f"refused by the agent's own rule {member.rule.text!r}"
    used = part.used(agent) if spec.uses else {}
    for name, amount in (spec.uses or {}).items():
        if member.capacity(name) < amount:
            return f"too small: uses {amount} {name}"
        if used.get(name, 0) + amount > member.capacity(name):
            return f"busy: not enough {name} free for {amount}"
    held_back = part.holds_back(ledger, agent)
    if held_back is not None:
        return "benched" if "benched" in held_back else f"busy: {held_back}"
    if agent in ledger.tables["limited"] and ledger.declines.limited_ns(ledger, agent):
        _, reason, *_ = ledger.tables["limited"][agent]
        return f"limited, by the agent's own word ({reason})" if reason else "limited"
    if agent in ledger.declines.decliners.get(spec.id, ()):
        _, reason, *_ = ledger.tables["declines"][agent, spec.id]
        return f"declined ({reason})" if reason else "declined"
    return ""


def _clauses(part: Roster, requirement: Requirement) -> list[str]:
    told = []
    for clause in requirement.clauses:
        true, unknown = part.index.masks(clause)
        line = f"{show(clause)}: met by {true.bit_count()} of {len(part.index.members)} agent(s)"
        if unknown:
            line += f", not known of {unknown.bit_count()}"
        told.append(line)
    if len(told) > 1 and all("met by 0 of" not in line for line in told):
        told.append("each clause is met by somebody, all together by nobody")
    return told


def _stands(ledger: Ledger, agent: str, name: str) -> str | None:
    """Return the proof status of a capability that an agent claims; None if the board has no proof of it."""
    from ...values.verification import PROVEN, REFUTED, covers  # noqa: PLC0415 - most boards have no proofs

    said = _said(ledger, agent, name)
    if said is None:
        return None
    for hook in ledger.on_about:
        for proof, state in hook(ledger, agent).get("proofs", {}).items():
            if covers(proof, said) and state != PROVEN:
                return "refuted" if state == REFUTED else "claimed, not proven yet"
    return None


def _said(ledger: Ledger, agent: str, name: str) -> str | None:
    """Return the word of an agent's advert that would meet a name, whether proved or not."""
    from ...values.verification import PROVEN, covers  # noqa: PLC0415

    name = name.removeprefix(f"{PROVEN}.")
    _, _, capabilities, attributes, *_ = ledger.tables["adverts"][agent]
    return next((one for one in (*capabilities, *[key for key, _ in attributes]) if covers(name, one)), None)


def _unproven(ledger: Ledger, requirement: Requirement) -> list[str]:
    """Name the agents that claim what is required and have not proved it."""
    if not ledger.on_shown:
        return []
    told = []
    for name in dict.fromkeys(atom.name for atom in requirement.atoms):
        groups: dict[str, list[str]] = {}
        for agent in sorted(ledger.tables["adverts"]):
            stands = _stands(ledger, agent, name)
            if stands is not None:
                groups.setdefault(stands, []).append(agent)
        told += [f"{name}: {stands}: {_some(names)}" for stands, names in sorted(groups.items())]
    return told


def _unknown_words(ledger: Ledger, part: Roster, requirement: Requirement) -> list[str]:
    known = part.index.known_names()
    told = []
    for name in sorted({atom.name for atom in requirement.atoms} - known):
        if ledger.on_shown and any(_said(ledger, agent, name) for agent in ledger.tables["adverts"]):
            continue  # such an agent exists, and has not proved it
        told.append(f"nobody advertises {name!r}{meant(name, known)}")
    return told


def _versions_meant(part: Roster, requirement: Requirement) -> list[str]:
    """Say of a comparison such as python >= 3.11 that agents advertise versions of that name."""
    told = []
    for atom in requirement.atoms:
        if atom.op == "has" or atom.op[0] == ":" or isinstance(atom.value, (str, bool, tuple)):
            continue
        if any(member.facts.capabilities.get(atom.name) for member in part.index.members.values()):
            op = "" if atom.op == "==" else atom.op
            told.append(f"{atom.name!r} is advertised with versions: write {atom.name}:{op}{atom.value}")
    return told


def _near_misses(ledger: Ledger, part: Roster, requirement: Requirement) -> list[str]:
    """
    Name the agents that fail exactly one clause, with two running masks, however many clauses there are.
    """
    index = part.index
    if len(requirement.clauses) < 2:
        return []
    once = twice = 0
    for clause in requirement.clauses:
        met, _ = index.masks(clause)
        failing = index.everyone & ~met
        once, twice = (once ^ failing) & ~(twice | (once & failing)), twice | (once & failing)
    told = []
    for name in index.names_in(once)[:_SHOWN]:
        member = index.members[name]
        clause = next(c for c in requirement.clauses if evaluate(c, member.facts) is not True)
        told.append(f"{name} fails only {show(clause)}{_has(ledger, member, clause)}")
    return told


def _has(ledger: Ledger, member: Member, clause: Node) -> str:
    if clause[0] != "atom":
        return ""
    name = clause[1].name
    stands = _stands(ledger, member.name, name) if ledger.on_shown else None
    if stands is not None:
        return f" (it is {stands})"
    if name in member.facts.attributes:
        return f" (it has {member.facts.attributes[name]!r})"
    if clause[1].op[0] == ":" and name in member.facts.capabilities:
        versions = [".".join(map(str, version)) for version in member.facts.capabilities[name]]
        return f" (it has {', '.join(versions) or 'no version'})"
    return f" (it does not advertise {name})"


def why_not(ledger: Ledger, query: WhyNot) -> Explanation | Refused:
    """Explain why an agent does not get a task."""
    part: Roster = ledger.eligibility  # type: ignore[assignment]
    row = ledger.tasks.get(query.task)
    if row is None:
        return Refused(TaskNotFoundError(query.task, query.task in ledger.tombstones))
    agent, subject = query.agent, f"task {query.task!r} for agent {query.agent!r}"
    if row.state is not READY:
        return Explanation(subject, str(row.state), (f"the task is {row.state}, not ready",))
    if query.task in ledger.checking.opinions.rows:
        told = ledger.checking.why_not(ledger, agent, row)
        return Explanation(subject, "not on offer" if told else "on offer", (told or "it could check it",))
    member = part.index.members.get(agent)
    requirement = parse(row.spec.requires or "")
    why = []
    if ledger.paused:
        why.append("the board is paused")
    limit = row.spec.limit
    if limit is not None and not ledger.is_open(limit):
        why.append(f"limit {limit!r} is full")
    why += ledger.purses.why(ledger, row.spec) if ledger.purses is not None else []
    if member is None:
        if not _is_plain(row):
            why.append(f"{agent!r} has no advert (any more); the task requires {requirement.text}")
        held_back = part.holds_back(ledger, agent)
        why += [held_back] if held_back else []
    else:
        part.put_load_in(agent)
        for clause in requirement.clauses:
            answer = evaluate(clause, member.facts)
            if answer is not True:
                word = "not known" if answer is None else "not met"
                why.append(f"{show(clause)}: {word}{_has(ledger, member, clause)}")
        obstacle = _obstacle(part, ledger, row, member)
        why += [obstacle] if obstacle else []
    if why:
        return Explanation(subject, "not on offer", tuple(why))
    ledger.undo.look()
    ahead = first(ledger, agent)
    ledger.undo.entries.clear()
    if ahead is not None and ahead is not row:
        return Explanation(subject, "on offer", (f"it would get {ahead.spec.id!r} first",))
    return Explanation(subject, "on offer", ("it would get it at its next claim",))

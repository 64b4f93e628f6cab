"""
Proved capabilities: a claim that has a proof counts for nothing until the agent has passed it.

The first advert that claims a capability with a proof makes a task with a known answer, which only that agent
may take. Until the right answer comes, the index sees the agent without the capability and everything below
it; afterwards with it, and with `proven.NAME`. A wrong answer refutes the claim, and the agent goes on
without the capability. Silence, or giving the task back, proves nothing, so the same question stays open.

States of (agent, capability), and the transitions:

    (none)    -> claimed    an advert claims it: asked
    claimed   -> proven     the answer was right
    claimed   -> refuted    it was wrong, or the agent failed the task for good
    claimed   -> claimed    the task ended otherwise; it is asked again when the agent comes back
    proven    -> claimed    a result that needed it was judged wrong: asked again, the next question
    proven    -> refuted    the same once more, before any result was judged right

None of this is forgotten when an agent leaves, restarts or changes its advert: a refuted capability stays
refuted under this name until the board gets other proofs of it.

Only boards with `proofs` in their settings have this part.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ...errors import CoordinationError, RequirementError
from ...frozen import evolve
from ...requirements import parse
from ...values.rules import meant
from ...values.settings import Settings
from ...values.tasks import FINAL, Task
from ...values.verification import ADDRESS, CLAIMED, PROVEN, REFUTED, Proof, Verify, covers, is_given
from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import DONE, Row
from ..work.lifecycle import end
from ..work.submitting import carry_out
from ..work.switches import call_off
from .members import ATTRIBUTES, CAPABILITIES, ORDINAL

if TYPE_CHECKING:
    from .eligibility import Capable

_PRIORITY = 1 << 31
"""priority of the question, before all other work: until it has answered, the agent is kept from what it does
best"""
_MOST = 20_000
"""answers remembered, at most, besides those of agents that are here"""

_EVENTS = {PROVEN: "proved", REFUTED: "refuted", CLAIMED: "doubted"}

# a row of the table `proofs`, which begins with an ordinal as those of adverts do
STATE: Final = 1
OPEN: Final = 2
_Row = tuple[int, str, str, int, bool]
"""(ordinal, state, open task or "", number of the question, whether the capability is in doubt until results
confirm it)"""


class Proofs(Part):
    """
    What each agent has proved, and which questions are open.

    Tables:
        proofs: (agent, capability) -> (ordinal, state, open task or "", number of the question, in doubt)
    """

    tables = ("proofs",)
    values = (Proof,)

    def __init__(self) -> None:
        self.by_name: dict[str, list[Proof]] = {}
        """capability -> its proofs, in their order"""
        self.open: dict[str, tuple[str, str]] = {}
        """task -> the (agent, capability) that it asks about"""
        self.asked: Counter[str] = Counter()
        """agent -> number of its open proofs"""

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild the indexes."""
        self.by_name, self.open, self.asked = _by_name(ledger.settings), {}, Counter()
        for key, (_, _, task, _, _) in ledger.tables["proofs"].items():
            if task:
                self._note_open(task, key)
        ledger.own_tasks = len(self.open)

    def _note_open(self, task: str, key: tuple[str, str]) -> None:
        agent, _ = self.open[task] = key
        self.asked[agent] += 1

    def _put(self, ledger: Ledger, key: tuple[str, str], row: _Row) -> None:
        """Set a row and update the indexes."""
        table = ledger.tables["proofs"]
        if key not in table and len(table) >= _MOST:
            self._let_go(ledger)
        agent, _ = key
        was_open, is_open = table[key][OPEN] if key in table else "", row[OPEN]
        if was_open and was_open != is_open:
            del self.open[was_open]
            self.asked[agent] -= 1
            if not self.asked[agent]:
                del self.asked[agent]
        if is_open and was_open != is_open:
            self._note_open(is_open, key)
        # an agent that never answers must not keep everybody else from finishing
        ledger.own_tasks = len(self.open)
        ledger.undo.put(table, key, row)

    def _let_go(self, ledger: Ledger) -> None:
        """
        Forget the oldest answer of an agent that is away: under a new name, proving costs the same again.
        """
        here, table = ledger.tables["adverts"], ledger.tables["proofs"]
        away = [(row[ORDINAL], agent, name) for (agent, name), row in table.items() if agent not in here]
        if away:
            _, agent, name = min(away)
            ledger.undo.drop(table, (agent, name))

    # -- what others may count on ------------------------------------------------------------

    def state_of(self, ledger: Ledger, agent: str, name: str) -> str:
        """Return "claimed", "proven" or "refuted"."""
        row = ledger.tables["proofs"].get((agent, name))
        return CLAIMED if row is None else row[STATE]

    def claims(self, ledger: Ledger, agent: str) -> list[str]:
        """Return the claimed capabilities of an agent that have a proof."""
        advert = ledger.tables["adverts"].get(agent)
        if advert is None:
            return []
        said = [*advert[CAPABILITIES], *[name for name, _ in advert[ATTRIBUTES]]]
        return [name for name in self.by_name if any(covers(name, one) for one in said)]

    def shown(
        self, ledger: Ledger, agent: str, capabilities: tuple[str, ...], attributes: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        """
        Return an advert as others may count on it: without what is not proved, and with `proven.` names.
        """
        claimed = self.claims(ledger, agent)
        proven = [name for name in claimed if self.state_of(ledger, agent, name) == PROVEN]
        barred = [name for name in claimed if name not in proven]

        def counts(name: str) -> bool:
            return not is_given(name) and not any(covers(other, name) for other in barred)

        given = [f"{PROVEN}.{name}" for name in proven]
        if agent in self.asked:
            given.append(_address(agent))
        seen = {name: value for name, value in attributes.items() if counts(name)}
        return (*[name for name in capabilities if counts(name)], *given), seen

    def about(self, ledger: Ledger, agent: str) -> dict[str, Any]:
        """Return the proof status of each claimed capability that the board has a proof of."""
        if agent in ledger.tables["adverts"]:
            names = self.claims(ledger, agent)
        else:
            names = [name for name in self.by_name if (agent, name) in ledger.tables["proofs"]]
        return {"proofs": {name: self.state_of(ledger, agent, name) for name in names}}

    # -- asking -----------------------------------------------------------------------------

    def advertised(self, ledger: Ledger, agent: str) -> None:
        """Ask about what an advert claims, and drop questions about what it no longer claims."""
        table, claimed = ledger.tables["proofs"], self.claims(ledger, agent)
        if agent in self.asked:
            stale = [n for n in self.by_name if n not in claimed and table.get((agent, n), (0, "", ""))[OPEN]]
            for name in stale:
                self._drop_task(ledger, (agent, name), f"{agent} no longer claims {name}")
        for name in claimed:
            row = table.get((agent, name))
            if row is None:
                self._ask(ledger, agent, name, (ledger.ordinal(), CLAIMED, "", 0, False))
            elif row[STATE] == CLAIMED and not row[OPEN]:
                self._ask(ledger, agent, name, row)

    def _ask(self, ledger: Ledger, agent: str, name: str, row: _Row) -> None:
        number, _, _, question, doubt = row
        proofs = self.by_name[name]
        # agents that compare notes do not all get the same question
        proof = proofs[(question + zlib.crc32(agent.encode())) % len(proofs)]
        told = f"{agent}\0{name}\0{ledger.ordinal()}\0{proof.known}"
        task = Task(
            # the digest looks like an id that nobody types
            f"t~{hashlib.sha256(told.encode()).hexdigest()[:20]}",
            kind=proof.kind,
            priority=_PRIORITY,
            requires=_address(agent),
            verify=Verify("canary", digest=proof.known),
        )
        self._put(ledger, (agent, name), (number, CLAIMED, task.id, question, doubt))
        self._refit(ledger, agent)  # before the task comes: only now its address matches the agent
        carry_out(ledger, [("create", task, proof.payload, None)])

    def _drop_task(self, ledger: Ledger, key: tuple[str, str], why: str) -> None:
        """Cancel a question."""
        row = ledger.tasks.get(ledger.tables["proofs"][key][OPEN])
        if row is not None and row.state not in FINAL:
            call_off(ledger, row, why)

    def _refit(self, ledger: Ledger, agent: str) -> None:
        """Update the index for an agent as it now stands."""
        if agent in ledger.tables["adverts"]:
            part: Capable = ledger.eligibility  # type: ignore[assignment]
            part.refit(ledger, agent)

    # -- answers ----------------------------------------------------------------------------

    def ended(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Record how a question ended."""
        key = self.open.get(row.spec.id)
        if key is None:
            return
        number, _, _, question, doubt = ledger.tables["proofs"][key]
        if row.state is DONE:
            assert row.outcome is not None
            # the agent that gets the same question next must not find the answer there
            row.outcome = evolve(row.outcome, result=None)
            self._settle(ledger, key, (number, PROVEN, "", question + 1, doubt), "the answer was right")
        elif verb == "reject" or (verb == "give_up" and row.lost != "expired"):
            why = "the answer was wrong" if verb == "reject" else "it failed the task that asks for it"
            self._settle(ledger, key, (number, REFUTED, "", question, doubt), why)
        else:
            self._put(ledger, key, (number, CLAIMED, "", question, doubt))
            self._refit(ledger, key[0])

    def _settle(self, ledger: Ledger, key: tuple[str, str], row: _Row, why: str) -> None:
        agent, name = key
        self._put(ledger, key, row)
        self._refit(ledger, agent)
        ledger.emit(_EVENTS[row[STATE]], None, agent, 0, {"capability": name, "why": why})

    def judged(self, ledger: Ledger, agent: str, spec: Task, *, is_right: bool) -> None:
        """Withdraw a proof if a result that needed it was judged wrong."""
        key = self.open.get(spec.id)
        if key is not None:
            if not is_right:
                self._refute_now(ledger, key)
            return
        if spec.requires is None:
            return
        needed = [atom.name.removeprefix(f"{PROVEN}.") for atom in parse(spec.requires).atoms]
        for name in self.by_name:
            row = ledger.tables["proofs"].get((agent, name))
            if row is None or row[STATE] != PROVEN or not any(covers(name, one) for one in needed):
                continue
            number, _, _, question, doubt = row
            if is_right:
                if doubt:
                    self._put(ledger, (agent, name), (number, PROVEN, "", question, False))
            elif doubt:
                why = f"the result of {spec.id} was wrong, the second time since a right one"
                self._settle(ledger, (agent, name), (number, REFUTED, "", question, True), why)
            else:
                why = f"the result of {spec.id} was wrong: it is asked again"
                self._settle(ledger, (agent, name), (number, CLAIMED, "", question, True), why)
                if name in self.claims(ledger, agent):
                    self._ask(ledger, agent, name, ledger.tables["proofs"][agent, name])

    def _refute_now(self, ledger: Ledger, key: tuple[str, str]) -> None:
        """End a question with its wrong answer, whatever attempts are left: there is no second guess."""
        agent, _ = key
        number, _, task, question, doubt = ledger.tables["proofs"][key]
        row = ledger.tasks[task]
        ledger.undo.touch(row)
        self._settle(ledger, key, (number, REFUTED, "", question, doubt), "the answer was wrong")
        if row.state not in FINAL:
            end(ledger, row, "reject", reason="the answer is known, and it is another")
            ledger.emit("failed", task, agent, row.token, "the answer is known, and it is another")

    # -- settings and rules -----------------------------------------------------------------

    def reconfigured(self, ledger: Ledger, old: Settings) -> None:
        """Forget answers to questions that the board no longer asks."""
        before = _questions(old)
        after = _questions(ledger.settings)
        for key in [key for key in ledger.tables["proofs"] if before.get(key[1]) != after.get(key[1])]:
            if ledger.tables["proofs"][key][OPEN]:
                self._drop_task(ledger, key, f"the proofs of {key[1]} have changed")
            ledger.undo.drop(ledger.tables["proofs"], key)

    def configured(self, ledger: Ledger) -> None:
        """Ask the agents that are here already."""
        adverts = ledger.tables["adverts"]
        for agent in sorted(adverts, key=lambda name: adverts[name][ORDINAL]):
            self.advertised(ledger, agent)

    def rewrite(
        self, ledger: Ledger, tasks: tuple[Task, ...], payloads: tuple[Any, ...]
    ) -> tuple[tuple[Task, ...], tuple[Any, ...]] | CoordinationError:
        """Refuse tasks that require a proof that the board does not have."""
        for task in tasks:
            checks = () if task.verify is None else (task.verify.requires,)
            for text in (task.requires, *task.team, *checks):
                if text is None or PROVEN not in text:
                    continue
                for atom in parse(text).atoms:
                    name = atom.name.removeprefix(f"{PROVEN}.")
                    if name != atom.name and name not in self.by_name:
                        known = ", ".join(self.by_name)
                        hint = meant(name, self.by_name)
                        problem = f"no proof of {name!r} is among the settings{hint}; there are {known}"
                        return RequirementError(text, text.find(atom.name) + 1, problem)
        return tasks, payloads

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return how many agents have proved each capability, were refuted, or are being asked."""
        told = {name: {PROVEN: 0, REFUTED: 0, CLAIMED: 0} for name in self.by_name}
        for (_, name), row in ledger.tables["proofs"].items():
            told[name][row[STATE]] += 1
        return {"proofs": told}

    def check(self, ledger: Ledger) -> None:
        """Assert that questions are open exactly as long as they are asked, of agents that are here."""
        here = ledger.tables["adverts"]
        found = {}
        for key, (_, state, task, question, _) in ledger.tables["proofs"].items():
            assert key[1] in self.by_name
            assert state in (PROVEN, REFUTED, CLAIMED)
            assert question >= 0
            if task:
                found[task] = key
                assert state == CLAIMED
                assert key[0] in here
                assert key[1] in self.claims(ledger, key[0])
                assert ledger.tasks[task].state not in FINAL
        assert found == self.open
        assert ledger.own_tasks == len(found)
        assert dict(self.asked) == Counter(agent for agent, _ in found.values())


def _by_name(settings: Settings) -> dict[str, list[Proof]]:
    """Return the proofs of each capability, in their order."""
    found: dict[str, list[Proof]] = {}
    for proof in settings.proofs:
        found.setdefault(proof.capability, []).append(proof)
    return found


def _questions(settings: Settings) -> dict[str, list[tuple[str, str]]]:
    proofs = _by_name(settings)
    return {name: [(proof.kind, proof.known) for proof in proofs[name]] for name in proofs}


def _address(agent: str) -> str:
    return f"{ADDRESS}.x{hashlib.sha256(agent.encode()).hexdigest()[:16]}"

"""
Checking results before they count: hand in, look again, judge.

When a task with `verify=` is completed, it is not DONE yet: its result is kept (table `handed`) and the task
is READY again, for agents of other principals only. They hand in a verdict, or a result of their own. As soon
as that decides it, the task is DONE with the accepted result, or the attempt has failed and everything handed
in is dropped. So checks have leases, attempts, expiry and retries like any work, and need no cleaning up.

If the task allows some error, agents that have passed many checks are checked less often: always before ten
passes in a row, then at a rate that keeps the expected share of undetected wrong results below the error (and
at least one result in twenty). A number that comes with the command decides whether this result is checked;
without one it always is.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...commands.shared import Complete
from ...errors import VerdictError
from ...values.payloads import copy_json
from ...values.tasks import Outcome, Task, make_outcome
from ...values.verification import Verify, is_answer
from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import READY, Row
from ..state.same_content import as_check
from ..work.lifecycle import end, max_attempts, remember, shift, to_ready, unlease
from .opinions import Opinions

_STREAK = 10
_LEAST = 0.05
_CANARY = 2.0

_Given = tuple[str, int, Any]
_AGENT, _TOKEN, _RESULT = range(3)
"""an agent, the token of its lease, and what it handed in"""
_NOTHING = (0, ())
"""the row of a task of which nothing is handed in"""


def share_to_check(good: float, bad: float, streak: int, error: float) -> float:
    """
    Return how often an agent's results are checked.

    Args:
        good: evidence of right results.
        bad: evidence of wrong results.
        streak: right results since the last wrong one.
        error: share of wrong results that may be accepted.

    """
    if streak < _STREAK or not error:
        return 1.0
    wrong = (bad + 1.0) / (good + bad + 2.0)
    return max(_LEAST, 1.0 / streak, 1.0 - error / wrong)


def agree(one: Any, other: Any, tolerance: float) -> bool:
    """Tell whether two JSON values are equal, with a tolerance for numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(agree(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(agree(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or abs(one - other) <= tolerance * max(1.0, abs(one), abs(other))
    return bool(one == other)


class Checking(Part):
    """
    Results that wait until other agents check them.

    Tables:
        handed: task -> (when the first was handed in, ((agent, token, result or verdict), ...))
    """

    tables = ("handed",)
    values = (Verify,)

    def __init__(self) -> None:
        self.opinions = Opinions()
        self.open: Counter[str] = Counter()
        """agent -> number of its own first results that wait to be judged"""

    def rebuild(self, ledger: Ledger) -> None:
        """Empty the lanes; rows are added again when they are indexed."""
        self.opinions = Opinions()
        self.open = Counter(given[0][_AGENT] for _, given in ledger.tables["handed"].values())

    def enter(self, ledger: Ledger, row: Row) -> None:
        """Add a READY row with results."""
        since, given = ledger.tables["handed"][row.spec.id]
        self.opinions.add(row, since, tuple(sorted({agent for agent, _, _ in given})))

    def kind_of(self, ledger: Ledger, row: Row) -> str:
        """Return the kind of work that the lease of a task is."""
        return as_check(row.spec).kind if self._is_check(ledger, row) else row.spec.kind

    def _is_check(self, ledger: Ledger, row: Row) -> bool:
        _, given = ledger.tables["handed"].get(row.spec.id, _NOTHING)
        if not given or row.spec.verify is None or row.spec.verify.method != "check":
            return False
        return bool(given[0][_TOKEN] != row.token)  # it is not the lease that handed the result in

    def payload(self, ledger: Ledger, row: Row) -> Any:
        """Return the payload of a lease: the work, or for a check, the work with its result."""
        if not self._is_check(ledger, row):
            return copy_json(row.payload)
        _, ((_, _, result), *_) = ledger.tables["handed"][row.spec.id]
        spec = row.spec
        return {
            "task": spec.id,
            "kind": spec.kind,
            "payload": copy_json(row.payload),
            "result": copy_json(result),
        }

    def problem(self, ledger: Ledger, row: Row, result: Any) -> VerdictError | None:
        """Return why a check cannot be completed with this value; None if it can, or if it is no check."""
        if not self._is_check(ledger, row) or _verdict(result) is not None:
            return None
        assert row.spec.verify is not None
        return VerdictError(row.spec.id, str(row.spec.verify.kind), repr(result)[:80])

    def before(
        self, ledger: Ledger, agent: str, kinds: tuple[str, ...] | None, row: Row | None
    ) -> Row | None:
        """Return a task that needs another opinion, or `row` if the ready order has a more urgent one."""
        if row is not None and ledger.restraint is not None and ledger.restraint.owes(ledger, agent):
            row = None  # enough of its own results wait to be judged: it may help to judge others'
        other = self.opinions.first(ledger, agent, kinds)
        if other is None or (row is not None and row.spec.priority > other.spec.priority):
            return row
        return other

    def offers(self, ledger: Ledger, agent: str, rows: list[Row], count: int) -> list[Row]:
        """Return what an agent could take, in its order, including others' results to check."""
        if ledger.restraint is not None and ledger.restraint.owes(ledger, agent):
            rows = []
        both = [*self.opinions.best(ledger, agent, count), *rows]
        # stable: at equal priority, results to check come first
        both.sort(key=lambda row: -row.spec.priority)
        return both[:count]

    def why_not(self, ledger: Ledger, agent: str, row: Row) -> str:
        """Say why an agent does not get a task with results; "" if it can."""
        if self.opinions.may(ledger, agent, row):
            return ""
        principals = ledger.principals
        (authors, *_), _ = self.opinions.rows[row.spec.id]
        mine = principals.of(ledger, agent)
        same = [author for author in authors if principals.of(ledger, author) == mine]
        if same:
            return f"{same[0]!r}, of the same principal {mine!r}, has handed a result in"
        return f"does not meet what a check asks for: {as_check(row.spec).requires or 'what it uses'}"

    # -- handing in -------------------------------------------------------------------------

    def take(self, ledger: Ledger, row: Row, command: Complete) -> Outcome | None:
        """Accept what a live lease (touched) is completed with; None if no check is needed."""
        spec, agent = row.spec, row.agent
        verify = spec.verify
        assert verify is not None
        assert agent is not None
        since, given = ledger.tables["handed"].get(spec.id, _NOTHING)
        if verify.method == "canary":
            return self._known(ledger, row, agent, verify, command.result)
        if not given:
            if not self._is_due(ledger, agent, spec.kind, verify.error, command.draw):
                return None
            since = ledger.ordinal()
            self.open[agent] += 1
        value = _verdict(command.result) if self._is_check(ledger, row) else command.result
        given = (*given, (agent, row.token, value))
        ledger.undo.put(ledger.tables["handed"], spec.id, (since, given))
        return self._judge(ledger, row, verify, given)

    def again(self, ledger: Ledger, row: Row, token: int) -> Outcome | None:
        """Return the answer for a lease that has handed in and asks again, None for any other."""
        _, given = ledger.tables["handed"].get(row.spec.id, _NOTHING)
        if row.state is not READY or not given or given[-1][_TOKEN] != token:
            return None
        return self._pending(row)

    def _pending(self, row: Row) -> Outcome:
        why = "handed in: the result counts once others have checked it"
        return make_outcome(row.spec.id, row.state, None, why, row.agent, row.attempts, False)

    def _is_due(self, ledger: Ledger, agent: str, kind: str, error: float, draw: float | None) -> bool:
        """Tell whether a result is checked."""
        if draw is None or not error:
            return True
        restraint = ledger.restraint
        if restraint is not None and restraint.watches(ledger, agent):
            return True
        good, bad, streak = ledger.reputation.quality_in(ledger, agent, kind)
        return draw < share_to_check(good, bad, streak, error)

    def _known(self, ledger: Ledger, row: Row, agent: str, verify: Verify, result: Any) -> Outcome | None:
        """Judge a result by the answer, which is known."""
        assert verify.digest is not None
        if is_answer(result, verify.digest):
            self._right(ledger, agent, row.spec)
            return None
        return self._refute(ledger, row, agent, "the answer is known, and it is another", _CANARY)

    # -- judging ----------------------------------------------------------------------------

    def _judge(self, ledger: Ledger, row: Row, verify: Verify, given: tuple[_Given, ...]) -> Outcome:
        if verify.method == "check":
            author, _, result = given[0]
            votes = given[1:]
            for word in (True, False):
                side = [agent for agent, _, (ok, _) in votes if ok is word]
                if len(side) >= verify.agree:
                    # the event names the holder whose verdict decided, because its lease ends here
                    ledger.emit("judged", row.spec.id, row.agent, row.token, word)
                    self._judge_voters(ledger, row, votes, word)
                    if word:
                        return self._accept(ledger, row, (author,), result)
                    why = next(why for _, _, (ok, why) in votes if not ok)
                    by = ", ".join(side)
                    return self._refute(ledger, row, author, f"rejected by {by}: {why or 'no reason given'}")
            return self._wait(ledger, row)
        groups: list[list[_Given]] = []
        for one in given:
            for group in groups:
                if agree(group[0][_RESULT], one[_RESULT], verify.tolerance):
                    group.append(one)
                    break
            else:
                groups.append([one])
        best = max(groups, key=len)
        if len(best) >= verify.agree:
            for group in groups:
                if group is not best:
                    for agent, _, _ in group:
                        self._wrong(ledger, agent, row.spec, 1.0, f"result of {row.spec.id} outvoted")
            return self._accept(ledger, row, tuple([agent for agent, _, _ in best]), best[0][_RESULT])
        if len(best) + verify.most - len(given) < verify.agree:
            return self._give_up(ledger, row, f"no {verify.agree} of {len(given)} results agree")
        return self._wait(ledger, row)

    def _judge_voters(self, ledger: Ledger, row: Row, votes: tuple[_Given, ...], word: bool) -> None:
        """Judge the voters by the majority; a single vote proves nothing about the agent that gave it."""
        check = as_check(row.spec)
        if len(votes) > 1:
            for agent, _, (ok, _) in votes:
                if ok is word:
                    self._right(ledger, agent, check)
                else:
                    self._wrong(ledger, agent, check, 1.0, "verdict outvoted")

    def _wait(self, ledger: Ledger, row: Row) -> Outcome:
        agent, token = row.agent, row.token
        row.attempts -= 1  # only failures count as attempts
        self._back(ledger, row)
        _, given = ledger.tables["handed"][row.spec.id]
        ledger.emit("handed in", row.spec.id, agent, token, len(given))
        return self._pending(row)

    def _back(self, ledger: Ledger, row: Row, *, forget: bool = False) -> None:
        """Return a row to READY, with or without what was handed in."""
        ledger.order.reorder(row)  # if an old entry is left there, it must not come alive again
        unlease(ledger, row, "finished", "hand_in")
        if forget:
            self.forget(ledger, row.spec.id)
        shift(ledger, row, "hand_in")
        to_ready(ledger, row)

    def _accept(self, ledger: Ledger, row: Row, authors: tuple[str, ...], result: Any) -> Outcome:
        last, token = row.agent, row.token
        outcome = end(ledger, row, "complete", result=result, by=authors[0])
        for agent in authors:
            self._right(ledger, agent, row.spec)
        ledger.emit("completed", row.spec.id, last, token, {"by": authors[0], "checked": True})
        return outcome

    def _refute(self, ledger: Ledger, row: Row, author: str, why: str, weight: float = 1.0) -> Outcome:
        remember(row, f"attempt {row.attempts} by {author}: {why}")
        ledger.emit("rejected", row.spec.id, author, row.token, why)
        if row.attempts >= max_attempts(ledger, row):
            self._give_up(ledger, row, why)
        else:
            self._back(ledger, row, forget=True)
        self._wrong(ledger, author, row.spec, weight, f"result of {row.spec.id} {why}")
        # read only now: the consequences may have ended the task
        return row.outcome or make_outcome(row.spec.id, row.state, None, why, author, row.attempts, False)

    def _give_up(self, ledger: Ledger, row: Row, why: str) -> Outcome:
        agent, token = row.agent, row.token
        self._back(ledger, row)
        outcome = end(ledger, row, "reject", reason=why)
        ledger.emit("failed", row.spec.id, agent, token, why)
        return outcome

    def _right(self, ledger: Ledger, agent: str, spec: Task) -> None:
        ledger.reputation.add_verdict(ledger, agent, spec.kind, 1.0, 0.0)
        if ledger.restraint is not None:
            ledger.restraint.proved(ledger, agent)
        for hook in ledger.on_judged:
            hook(ledger, agent, spec, is_right=True)

    def _wrong(self, ledger: Ledger, agent: str, spec: Task, weight: float, why: str) -> None:
        ledger.reputation.add_verdict(ledger, agent, spec.kind, 0.0, weight)
        if ledger.restraint is not None:
            ledger.restraint.disproved(ledger, agent, spec.kind, why)
        for hook in ledger.on_judged:
            hook(ledger, agent, spec, is_right=False)

    # -- the rest of a task's life ----------------------------------------------------------

    def forget(self, ledger: Ledger, task: str) -> None:
        """Forget what was handed in, if anything: the task has ended, or starts again."""
        _, given = ledger.tables["handed"].get(task, _NOTHING)
        if given:
            ledger.undo.drop(ledger.tables["handed"], task)
            author = given[0][_AGENT]
            self.open[author] -= 1
            if not self.open[author]:
                del self.open[author]
            ledger.news.tell(author)

    def replaced(self, ledger: Ledger, row: Row) -> None:
        """Forget what was handed in for the old content."""
        self.forget(ledger, row.spec.id)

    def why(self, ledger: Ledger, row: Row) -> list[str]:
        """Say what a task with results is waiting for."""
        verify, (_, given) = row.spec.verify, ledger.tables["handed"][row.spec.id]
        assert verify is not None
        names = ", ".join(agent for agent, _, _ in given)
        if verify.method == "check":
            votes = f", {len(given) - 1} verdict(s) so far" if len(given) > 1 else ""
            what = f"a result of {given[0][_AGENT]} waits for {verify.agree} agreeing verdict(s){votes}"
        else:
            what = f"{len(given)} result(s) handed in ({names}); {verify.agree} must agree"
        terms = as_check(row.spec)
        needs = "" if terms.requires is None else f" that meets {terms.requires}"
        return [what, f"claimable as kind {terms.kind!r} by an agent of another principal{needs}"]

    def check(self, ledger: Ledger) -> None:
        """Assert that results are kept exactly of unfinished tasks with `verify`."""
        for task, (_, given) in ledger.tables["handed"].items():
            row = ledger.tasks[task]
            assert row.spec.verify is not None
            assert not row.state.is_final
            assert given
            assert len(given) <= row.spec.verify.most + (row.spec.verify.method == "check")
            assert len({agent for agent, _, _ in given}) == len(given)
        handed = ledger.tables["handed"].values()
        assert dict(self.open) == Counter(given[0][_AGENT] for _, given in handed)
        self.opinions.check(ledger)


def _verdict(value: Any) -> tuple[bool, str] | None:
    """Return (ok, reason) for a verdict, None for anything else."""
    if isinstance(value, bool):
        return value, ""
    if isinstance(value, dict) and isinstance(value.get("ok"), bool) and set(value) <= {"ok", "reason"}:
        reason = value.get("reason", "")
        if isinstance(reason, str):
            return value["ok"], reason[:200]
    return None

"""
How a result is checked before it counts (`Task(verify=...)`), and how a capability is proved.

A task with `verify` is not DONE when its holder completes it. Its result is handed in and waits until agents
of other principals have examined it (or done the same work again), under leases of the same task. Dependents
only see accepted results.

A board with `proofs=[Proof(...)]` asks each agent a question with a known answer before it believes that the
agent has a capability.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from ..errors import LimitError
from ..frozen import evolve, frozen
from .checks import amount, check_name, count, quoted
from .payloads import json_value

_set = object.__setattr__
_ROUNDS = 4_096
"""cost of each guess at a known answer, for a reader of the log: about a millisecond"""
PROVEN, REFUTED, CLAIMED = "proven", "refuted", "claimed"
"""the state of a capability for which the board has a proof"""
ADDRESS = "addressee"
"""a capability that nobody else has, by which the board addresses an agent with an open proof"""
_MAX_PROOFS = 256
_MAX_PAYLOAD = 16_384
"""largest question; all questions are in the settings, which every reader of the log keeps"""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_/@-]*(\.[A-Za-z0-9_/@-]+)*\Z")
_KNOWN = re.compile(r"[0-9a-f]{32}\$[0-9a-f]{32}\Z")
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_NONE: Any = object()
_C = TypeVar("_C", bound=type)


@frozen
class Verify:
    """
    How a result is checked. Made by `by_check`, `by_quorum` and `by_canary`.

    Sources: BOINC's adaptive replication (Anderson 2020); spot checks and credibility (Sarmenta 2002).
    """

    method: Literal["check", "quorum", "canary"]
    agree: int = 1
    """results, or verdicts, that must agree"""
    most: int = 1
    """results, or verdicts, that are asked for at most"""
    kind: str | None = None
    """kind of the leases under which results are checked"""
    requires: str | None = None
    """requirement on an agent that checks"""
    tolerance: float = 0.0
    """numbers that differ by at most this share of the greater one are equal"""
    error: float = 0.0
    """share of wrong results that may be accepted; 0 checks every one"""
    digest: str | None = None
    """digest of the known answer; once its task is submitted, "salt$digest", see `known_answer`"""

    def __attrs_post_init__(self) -> None:
        if self.method not in ("check", "quorum", "canary"):
            raise ValueError(f"method must be 'check', 'quorum' or 'canary', not {quoted(self.method)}")
        count(self.agree, "agree", most=64)
        count(self.most, "most", least=self.agree, most=64)
        if self.method == "quorum" and self.agree < 2:
            raise ValueError(f"a quorum needs at least 2 results that agree, not {self.agree}")
        if (self.kind is None) == (self.method == "check"):
            raise ValueError(f"kind belongs to method 'check', and only to it; it is {quoted(self.kind)}")
        if (self.digest is None) == (self.method == "canary"):
            raise ValueError(
                f"digest belongs to method 'canary', and only to it; it is {quoted(self.digest)}"
            )
        if self.kind is not None:
            _set(self, "kind", check_name(self.kind, "kind"))
        if self.requires is not None:
            from ..requirements import parse  # noqa: PLC0415 - most checks require nothing

            if not isinstance(self.requires, str):
                raise TypeError(f"requires must be a string such as 'reviewer', not {quoted(self.requires)}")
            parse(self.requires)
        _set(self, "tolerance", amount(self.tolerance, "tolerance", zero=True, most=1.0))
        _set(self, "error", amount(self.error, "error", zero=True, most=0.5))

    @classmethod
    def by_check(
        cls, kind: str = "check", *, requires: str | None = None, votes: int = 1, error: float = 0.0
    ) -> Self:
        """
        Return a Verify that has other agents examine the result.

        A check is a lease on the same task: its `kind` is the one given here, its payload
        `{"task", "kind", "payload", "result"}`. Complete it with True, False or
        `{"ok": bool, "reason": str}`.

        Args:
            kind: the kind that checkers claim, and the key of their handler in `serve`.
            requires: what a checker must be able to do (Matchmaker, Blackboard).
            votes: most verdicts, an odd number; the majority decides, and each voter is judged by it.
            error: share of wrong results that may be accepted: agents whose results have passed many checks
                are checked less often. 0 checks every result.

        Example:
            >>> from ants_coord import ClaimQueue, Task, Verify
            >>> with ClaimQueue() as board:
            ...     _ = board.submit(Task("sum", payload=[1, 2], verify=Verify.by_check("review")))
            ...     _ = board.complete(board.claim("ann"), 3)
            ...     _ = board.complete(board.claim("bob"), True)
            ...     board.result("sum")
            3

        """
        count(votes, "votes", most=63)
        if votes % 2 == 0:
            raise ValueError(f"votes must be odd, so that a majority decides, not {votes}")
        return cls("check", votes // 2 + 1, votes, kind, requires, error=error)

    @classmethod
    def by_quorum(
        cls, agree: int = 2, *, of: int | None = None, tolerance: float = 0.0, error: float = 0.0
    ) -> Self:
        """
        Return a Verify that has other agents repeat the work, until enough results agree.

        Args:
            agree: results that must be equal (as JSON).
            of: most results; by default one more than `agree`. Without agreement the attempt fails.
            tolerance: numbers that differ by at most this share of the greater one (or of 1) are equal.
            error: as in `by_check`.

        Example:
            >>> from ants_coord import ClaimQueue, Task, Verify
            >>> with ClaimQueue() as board:
            ...     _ = board.submit(Task("pi", verify=Verify.by_quorum(2, tolerance=0.001)))
            ...     _ = board.complete(board.claim("ann"), 3.141)
            ...     _ = board.complete(board.claim("bob"), 3.142)
            ...     board.find("pi").state
            <TaskState.DONE: 'done'>

        """
        count(agree, "agree", least=2, most=63)
        return cls("quorum", agree, agree + 1 if of is None else of, tolerance=tolerance, error=error)

    @classmethod
    def by_canary(cls, answer: object) -> Self:
        """
        Return a Verify that compares the result with a known answer; only a salted hash of it is kept.

        A reader of the log can try about a thousand guesses per second, so ask a question with many possible
        answers, not one for yes or no.

        Args:
            answer: the right result, a JSON value.

        """
        return cls("canary", digest=digest_of(json_value(answer, "answer")))


def digest_of(answer: Any) -> str:
    """Return a hash of a JSON value that is equal for equal values (1 and 1.0 differ)."""
    text = json.dumps(answer, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"ants_coord answer\0" + text.encode()).hexdigest()[:32]


def known_answer(digest: str, question: Any) -> str:
    """
    Return "salt$digest" of an answer: slow to guess, and different for equal answers to other questions.

    The salt comes from the question and is not random, so that a task submitted twice is the same task.

    Args:
        digest: `digest_of` the answer.
        question: the question and where it is asked, as a JSON value.

    """
    return _salted(digest_of(question), digest)


def sealed(verify: Verify, question: Any) -> Verify:
    """Return a Verify whose known answer, if it has one, is written as `known_answer` returns it."""
    if verify.digest is None or "$" in verify.digest:
        return verify
    return evolve(verify, digest=known_answer(verify.digest, question))


def is_answer(result: Any, known: str) -> bool:
    """Tell whether a result is the known answer; old logs have it without a salt."""
    salt, dollar, _ = known.partition("$")
    digest = digest_of(result)
    return (_salted(salt, digest) if dollar else digest) == known


def _salted(salt: str, digest: str) -> str:
    slow = hashlib.pbkdf2_hmac("sha256", digest.encode(), salt.encode(), _ROUNDS)
    return f"{salt}${slow.hex()[:32]}"


if TYPE_CHECKING:

    def _frozen_by_hand(cls: _C) -> _C: ...
else:
    _frozen_by_hand = frozen  # type checkers would take the fields for the constructor's parameters


@_frozen_by_hand
class Proof:
    """
    A question that an agent must answer before its claim to a capability counts.

    Several proofs of one capability are different questions: an agent that is asked again gets the next one.

    Args:
        capability: the capability that a right answer proves, such as "gpu" or "doc.parse"; it includes those
            below it ("gpu.a100"), of any version.
        answer: the right result, a JSON value; only a salted hash of it is kept.
        payload: the question, which is the payload of the task that asks it; any JSON value of at most 16
            KiB.
        kind: the kind of that task, which selects the agent's handler.

    Raises:
        TypeError, ValueError, LimitError: the message names the field and the rule.

    Example:
        >>> from ants_coord import Proof
        >>> Proof("sum", answer=5, payload=[2, 3], kind="add").capability
        'sum'

    """

    capability: str
    payload: Any = None
    kind: str = "default"
    known: str = ""
    """the answer, as `verification.known_answer` writes it"""

    def __init__(
        self,
        capability: str,
        payload: Any = None,
        kind: str = "default",
        known: str = "",
        *,
        answer: Any = _NONE,
    ) -> None:
        if not isinstance(capability, str):
            raise TypeError(f"capability of a proof must be a string such as 'gpu', not {quoted(capability)}")
        if len(capability) > 128 or _NAME.match(capability) is None or capability in _WORDS:
            raise ValueError(
                f"capability of a proof must be a dotted name such as 'doc.parse', without a version, "
                f"not {capability[:140]!r}"
            )
        if is_given(capability):
            raise ValueError(
                f"capability {quoted(capability)} of a proof is a name that the board itself gives"
            )
        kind = check_name(kind, f"kind of the proof of {quoted(capability)}")
        payload = json_value(payload, f"payload of the proof of {quoted(capability)}", _MAX_PAYLOAD)
        if (answer is _NONE) == (not known):
            raise TypeError(f"the proof of {quoted(capability)} needs answer=: nobody could pass it")
        if answer is not _NONE:
            digest = digest_of(json_value(answer, f"answer of the proof of {quoted(capability)}"))
            known = known_answer(digest, [capability, kind, payload])
        elif not isinstance(known, str) or _KNOWN.match(known) is None:
            raise ValueError(
                f"known of the proof of {quoted(capability)} is made from answer=; give that instead"
            )
        # attrs' name for the constructor of a class that has its own
        self.__attrs_init__(str.__str__(capability), payload, kind, known)  # type: ignore[attr-defined]


def checked_proofs(proofs: Iterable[Proof]) -> tuple[Proof, ...]:
    """Return the proofs of a board, or raise an error that says what is wrong with them."""
    if isinstance(proofs, (str, bytes, dict, Proof)) or not isinstance(proofs, Iterable):
        raise TypeError(f"proofs must be a list such as [Proof('gpu', answer=42)], not {quoted(proofs)}")
    found = tuple(proofs)
    if len(found) > _MAX_PROOFS:
        raise LimitError("proofs of a board", len(found), _MAX_PROOFS)
    for number, proof in enumerate(found):
        if not isinstance(proof, Proof):
            raise TypeError(f"proofs must hold Proofs such as Proof('gpu', answer=42), not {quoted(proof)}")
        same = [other for other in found[:number] if _question(other) == _question(proof)]
        if same:
            raise ValueError(
                f"proofs asks for {quoted(proof.capability)} twice with payload {proof.payload!r:.60}; "
                "several proofs of one capability are different questions"
            )
    return found


def _question(proof: Proof) -> tuple[str, str, str]:
    return proof.capability, proof.kind, digest_of(proof.payload)


def covers(proof: str, name: str) -> bool:
    """
    Tell whether a proof of one capability applies to an agent that claims another, or has such an attribute.
    """
    bare = name.partition(":")[0]
    return bare == proof or bare.startswith(proof + ".")


def is_given(capability: str) -> bool:
    """Tell whether only the board can give a capability, such as "proven.gpu"."""
    return any(covers(word, capability) for word in (PROVEN, ADDRESS))


def checked_capabilities(capabilities: Iterable[str]) -> None:
    """Raise a ValueError if an agent claims a capability that only a board can give."""
    for name in capabilities:
        if is_given(name):
            plainly = name.partition(".")[2]
            raise ValueError(
                f"capabilities: {quoted(name)} is said by the board alone"
                + (f"; advertise {quoted(plainly)} and prove it" if plainly else "")
            )

"""
How a result is checked before it counts: the word `Task(verify=...)`.

A task with it is not DONE when somebody completes it: its result is handed in
and waits for others, of another principal, to look at it (or to do the same
work again), under leases of the same task. Dependents see only what passed.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self

import attrs

from .checks import amount, check_name, count
from .payloads import json_value

__all__ = ["Verify"]

_set = object.__setattr__


@attrs.frozen
class Verify:
    """
    Say how a result is checked. Made by `by_check`, `by_quorum` and `by_canary`.

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
    """what an agent must be able to do to check"""
    tolerance: float = 0.0
    """numbers that differ by no more than this share of the greater are equal"""
    error: float = 0.0
    """share of wrong results that may be accepted; 0 checks every one"""
    digest: str | None = None
    """of the known answer"""

    def __attrs_post_init__(self) -> None:
        if self.method not in ("check", "quorum", "canary"):
            raise ValueError(f"method must be 'check', 'quorum' or 'canary', not {self.method!r}")
        count(self.agree, "agree", most=64)
        count(self.most, "most", least=self.agree, most=64)
        if self.method == "quorum" and self.agree < 2:
            raise ValueError(f"a quorum needs at least 2 results that agree, not {self.agree}")
        if (self.kind is None) == (self.method == "check"):
            raise ValueError(f"kind belongs to method 'check', and only to it; it is {self.kind!r}")
        if (self.digest is None) == (self.method == "canary"):
            raise ValueError(f"digest belongs to method 'canary', and only to it; it is {self.digest!r}")
        if self.kind is not None:
            _set(self, "kind", check_name(self.kind, "kind"))
        if self.requires is not None:
            from ..requirements import parse  # noqa: PLC0415 - most checks require nothing

            if not isinstance(self.requires, str):
                raise TypeError(f"requires must be a string such as 'reviewer', not {self.requires!r}")
            parse(self.requires)
        _set(self, "tolerance", amount(self.tolerance, "tolerance", zero=True, most=1.0))
        _set(self, "error", amount(self.error, "error", zero=True, most=0.5))

    @classmethod
    def by_check(
        cls, kind: str = "check", *, requires: str | None = None, votes: int = 1, error: float = 0.0
    ) -> Self:
        """
        Have other agents look at a result.

        A check is a lease on the same task: its `kind` is the one given here, its payload
        `{"task", "kind", "payload", "result"}`. Complete it with True, False or
        `{"ok": bool, "reason": str}`.

        Args:
            kind: what checkers claim, and a key of `serve`'s handlers.
            requires: what a checker must be able to do (Matchmaker, Blackboard).
            votes: verdicts at most, odd; the majority decides, and the others are judged by it.
            error: share of wrong results that may be accepted: agents whose results have stood many
                checks are checked less often. 0 checks every result.

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
        Have the work done again by others, until enough results agree.

        Args:
            agree: results that must be equal (as JSON).
            of: results at most; one more than `agree` if not given. Without agreement the task fails.
            tolerance: numbers that differ by no more than this share of the greater (or of 1) are equal.
            error: as for `by_check`.

        """
        count(agree, "agree", least=2, most=63)
        return cls("quorum", agree, agree + 1 if of is None else of, tolerance=tolerance, error=error)

    @classmethod
    def by_canary(cls, answer: object) -> Self:
        """
        Compare the result with an answer that is known already; only a hash of it is kept.

        Args:
            answer: what a right result equals (a JSON value).

        """
        return cls("canary", digest=digest_of(json_value(answer, "answer")))


def digest_of(answer: Any) -> str:
    """Return a hash of a JSON value that is equal for equal values (1 and 1.0 differ)."""
    text = json.dumps(answer, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"ants_coord answer\0" + text.encode()).hexdigest()[:32]

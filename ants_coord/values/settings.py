"""Everything that influences what a board decides, as one value: the first entry of every log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..frozen import field, fields, frozen
from .checks import amount, check_name, count, quoted, seconds
from .payloads import json_value
from .tasks import Backoff

if TYPE_CHECKING:
    from .entries import Namespace
    from .marks import MarkKind
    from .routes import Route
    from .trust import TrustPolicy
    from .verification import Proof

_set = object.__setattr__
_MATCHED = {"strategies": ("match", "board")}
_BOARD = {"strategies": ("board",)}
_NAMES = {"claim": "ClaimQueue", "match": "Matchmaker", "board": "Blackboard"}


@frozen
class Settings:
    """
    Everything that influences what a board decides; stored in its log.

    Args:
        strategy: name of the strategy: "claim", "match", "board", or one of your own.
        lease_ttl: seconds that a lease lasts without renewal.
        stall_after: seconds without a sign of work (a progress note) after which renewals no longer count, so
            that the lease of a hanging agent runs out; 0 is off.
        max_attempts: attempts before a task is FAILED for good.
        backoff: pause after a failed attempt.
        aging: seconds of waiting that count as much as one step of priority; 0 is off (ClaimQueue,
            Matchmaker).
        retention: seconds for which a finished task stays readable.
        retention_count: most finished tasks to keep.
        id_retention: seconds for which the id and state of a forgotten task are remembered.
        id_retention_count: most forgotten ids to remember.
        event_count: events kept for readers that resume.
        session_retention: seconds for which the replies to an idle client are kept.
        trust: the consequences of agents' standing; with None there are none.
        team_hold: seconds for which a seat of a team is reserved for an agent (Matchmaker, Blackboard).
        routes: rules that rewrite tasks at submit, in order (Matchmaker, Blackboard).
        bench_after: failures in a row after which an agent gets nothing for a second, then two, four, and so
            on up to a minute; 0 is off (Matchmaker, Blackboard).
        half_life: seconds in which half of a trail evaporates, unless its kind says otherwise (Blackboard).
        faint: the strength below which a trail is gone (Blackboard).
        kinds: how marks of these kinds behave; if there are any, other kinds are refused (Blackboard).
        namespaces: paths and places that only their owners may change (Blackboard).
        quota: most live trails that one agent may have started, and most entries that it may have written
            (Blackboard).
        indifference: attraction of every place without any mark; the larger it is, the less trails count
            (Blackboard; the k of Deneubourg's choice function).
        stimulus: attraction that each second of waiting adds to a place (Blackboard).
        explore: share of claims, 0 to 1, that draw a place with weight attraction squared instead of taking
            the strongest (Blackboard).
        learning: how much an agent's threshold for a kind of task falls with each success, and its thresholds
            for other kinds rise; 0 is off (Blackboard).
        proofs: questions with known answers; a claimed capability counts once the agent has answered the
            questions for it (Matchmaker, Blackboard).
        options: JSON values by name, for the parts of a strategy of your own.

    """

    strategy: str = "claim"
    lease_ttl: float = 30.0
    stall_after: float = 0.0
    max_attempts: int = 3
    backoff: Backoff = field(factory=Backoff)
    aging: float = 0.0
    retention: float = 86_400.0
    retention_count: int = 10_000
    id_retention: float = 7 * 86_400.0
    id_retention_count: int = 100_000
    event_count: int = 10_000
    session_retention: float = 3_600.0
    trust: TrustPolicy | None = None
    routes: tuple[Route, ...] = field(default=(), metadata=_MATCHED)
    team_hold: float = field(default=10.0, metadata=_MATCHED)
    bench_after: int = field(default=5, metadata=_MATCHED)
    half_life: float = field(default=600.0, metadata=_BOARD)
    faint: float = field(default=0.01, metadata=_BOARD)
    kinds: tuple[MarkKind, ...] = field(default=(), metadata=_BOARD)
    namespaces: tuple[Namespace, ...] = field(default=(), metadata=_BOARD)
    quota: int = field(default=100_000, metadata=_BOARD)
    indifference: float = field(default=1.0, metadata=_BOARD)
    stimulus: float = field(default=0.02, metadata=_BOARD)
    explore: float = field(default=0.0, metadata=_BOARD)
    learning: float = field(default=0.1, metadata=_BOARD)
    options: Mapping[str, Any] = field(factory=dict)
    proofs: tuple[Proof, ...] = field(default=(), metadata=_MATCHED)

    def __attrs_post_init__(self) -> None:
        check_name(self.strategy, "strategy")
        _set(self, "lease_ttl", seconds(self.lease_ttl, "lease_ttl"))
        count(self.max_attempts, "max_attempts", most=1_000_000)
        if not isinstance(self.backoff, Backoff):
            raise TypeError(f"backoff must be a Backoff, not {quoted(self.backoff)}")
        for name in ("stall_after", "aging", "retention", "id_retention", "session_retention"):
            _set(self, name, seconds(getattr(self, name), name, zero=True))
        for name in ("retention_count", "id_retention_count"):
            count(getattr(self, name), name, least=0)
        count(self.event_count, "event_count", least=16, most=10_000_000)
        if self.trust is not None:
            from .trust import TrustPolicy  # noqa: PLC0415 - most boards have none

            if not isinstance(self.trust, TrustPolicy):
                raise TypeError(f"trust must be a TrustPolicy, not {quoted(self.trust)}")
        # compared and not tested for truth: None and "" are empty, too, and no log could be read with them
        if self.routes != ():
            from .routes import check_routes  # noqa: PLC0415 - most boards have none

            _set(self, "routes", check_routes(self.routes))
        if self.proofs != ():
            from .verification import checked_proofs  # noqa: PLC0415 - most boards have none

            _set(self, "proofs", checked_proofs(self.proofs))
        _set(self, "team_hold", seconds(self.team_hold, "team_hold"))
        count(self.bench_after, "bench_after", least=0, most=1_000_000)
        if self.options != {}:
            if self.strategy in _NAMES:
                raise ValueError(
                    f"options={quoted(self.options)} means nothing to a {_NAMES[self.strategy]}; it is for "
                    "strategies of your own"
                )
            if not isinstance(self.options, Mapping):
                raise TypeError(
                    f"options must be a mapping such as {{'reserve': 3}}, not {quoted(self.options)}"
                )
            _set(self, "options", json_value(dict(self.options), "options"))
        self._check_board()
        for setting in fields(type(self)):
            strategies = setting.metadata.get("strategies")
            value = getattr(self, setting.name)
            if not strategies or self.strategy not in _NAMES or self.strategy in strategies:
                continue
            if value != setting.default:
                honoured = " or ".join(_NAMES[name] for name in strategies)
                raise ValueError(
                    f"{setting.name}={quoted(value)} means nothing to a {_NAMES[self.strategy]}; "
                    f"{honoured} honours it"
                )

    def _check_board(self) -> None:
        if self.strategy == "board" and self.aging:
            raise ValueError(
                f"aging={quoted(self.aging)} means nothing to a Blackboard; stimulus does the same"
            )
        _set(self, "half_life", seconds(self.half_life, "half_life"))
        for name, most in (("indifference", 1e12), ("stimulus", 1e9), ("explore", 1.0), ("learning", 0.5)):
            _set(self, name, amount(getattr(self, name), name, zero=True, most=most))
        _set(self, "faint", amount(self.faint, "faint", most=1e9))
        count(self.quota, "quota")
        if self.kinds != ():
            from .marks import checked_kinds  # noqa: PLC0415 - most boards have none

            _set(self, "kinds", checked_kinds(self.kinds, self.faint))
        if self.namespaces != ():
            from .entries import checked_namespaces  # noqa: PLC0415

            _set(self, "namespaces", checked_namespaces(self.namespaces))

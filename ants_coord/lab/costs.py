"""Everything that the experiment assumes, in one record that prints as one line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import attrs

_SHARES = ("silent", "late", "loss")
_POSITIVE = ("write_rate", "read_rate", "lease", "foreign")
_TOKENS = ("message", "call")


@attrs.frozen(kw_only=True)
class Costs:
    """
    The assumed costs of turns, messages, calls and failures. Times in seconds, sizes in tokens.

    Args:
        turn: one turn of a model that only reads, talks or calls a tool, without its writing.
        write_rate: tokens that a model writes per second.
        read_rate: tokens that a model reads per second.
        message: tokens of one message of talk.
        call: tokens of one call of a board, arguments and reply.
        call_by_harness: whether the loop around the model makes the calls: no turn, no tokens.
        latency: mean time until a message arrives (exponential).
        loss: share of listeners that a message does not reach.
        patience: how long a talker waits for objections after a promise.
        deadline: age at which a broken promise is given up by those that heard it; None: never.
        ask_every: least time between two questions of a talker that sees nothing to do.
        silent: share of attempts that end in silence.
        down: how long an agent that fell silent stays away.
        late: share of agents that join late.
        late_within: when the last of them has joined.
        lease: how long a lease lasts without renewal; it is renewed after a third.
        foreign: speed at work for which an agent lacks the skill; 1 is full speed.
        catch_up: whether a talker that joins asks what has happened.
        choice: which job a talker takes of those that it thinks are free: any, or the first, as models with
            the same prompt do.

    Example:
        >>> from ants_coord.lab import Costs
        >>> Costs(turn=-1)
        Traceback (most recent call last):
        ValueError: turn must be a number of at least 0, not -1

    """

    turn: float = 2.0
    write_rate: float = 60.0
    read_rate: float = 2_000.0
    message: int = 60
    call: int = 150
    call_by_harness: bool = False
    latency: float = 2.0
    loss: float = 0.02
    patience: float = 2.0
    deadline: float | None = 600.0
    ask_every: float = 120.0
    silent: float = 0.03
    down: float = 120.0
    late: float = 0.25
    late_within: float = 300.0
    lease: float = 90.0
    foreign: float = 0.4
    catch_up: bool = False
    choice: Literal["random", "first"] = "random"

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(type(self)):
            _check(field.name, getattr(self, field.name))

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Costs:
        """Return costs from plain data, such as a JSON object; missing values keep their default."""
        known = [field.name for field in attrs.fields(cls)]
        for name in found:
            if name not in known:
                raise ValueError(f"{name}: no such cost; there are {', '.join(known)}")
        return cls(**found)

    @property
    def call_seconds(self) -> float:
        """How long one call of a board takes the agent that makes it."""
        if self.call_by_harness:
            return 0.0
        written = self.call // 3
        return self.turn + written / self.write_rate + (self.call - written) / self.read_rate

    def __str__(self) -> str:
        silence = "never noticed" if self.deadline is None else f"given up after {self.deadline:g} s"
        calls = "by the harness, free" if self.call_by_harness else f"{self.call} tokens"
        parts = [
            f"turn {self.turn:g} s",
            f"write {self.write_rate:g}/s",
            f"read {self.read_rate:g}/s",
            f"message {self.message} tokens",
            f"call {calls}",
            f"latency {self.latency:g} s",
            f"loss {self.loss:.0%}",
            f"patience {self.patience:g} s",
            f"promises {silence}",
            f"asks every {self.ask_every:g} s",
            f"silent {self.silent:.0%} for {self.down:g} s",
            f"late {self.late:.0%} within {self.late_within:g} s" + (", asks" if self.catch_up else ""),
            f"lease {self.lease:g} s",
            f"foreign work at {self.foreign:g}",
            f"choice {self.choice}",
        ]
        return "costs: " + ", ".join(parts)


def check_number(name: str, value: object, *, above: bool = False) -> None:
    """Refuse what is not a finite number of at least 0, or above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not (math.isfinite(value) and (value > 0 if above else value >= 0)):
        raise ValueError(f"{name} must be a number {'above' if above else 'of at least'} 0, not {value!r}")


def _check(name: str, value: Any) -> None:
    if name in ("call_by_harness", "catch_up"):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {value!r}")
        return
    if name == "choice":
        if value not in ("random", "first"):
            raise ValueError(f"choice must be 'random' or 'first', not {value!r}")
        return
    if name == "deadline" and value is None:
        return
    check_number(name, value, above=name in _POSITIVE)
    if name in _TOKENS and not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number of tokens, not {value!r}")
    if name in _SHARES and value > 1:
        raise ValueError(f"{name} must be a share from 0 to 1, not {value!r}")

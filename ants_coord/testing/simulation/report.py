"""The faults of a colony and the report of its run: `Faults`, `Report`, and the judgement of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, get_args

import attrs

from ...commands.shared import Command, Complete, Submit
from ...values.checks import amount, quoted
from ...values.events import Event
from ...values.tasks import FINAL, Lease, Outcome, TaskState
from .clock import START_NS

Expected = Literal["unfinished", "expiries", "deaths", "writes"]
EXPECTABLE: tuple[Expected, ...] = get_args(Expected)
"""problems that `Colony.run` reports unless it is told to expect them"""
_SHOWN = 5


def _seconds(_: object, field: Any, value: Any) -> None:
    amount(value, field.name, zero=True)  # no timedelta, which a fault could not reckon with


def _end(_: object, field: Any, value: object) -> None:
    if value != math.inf:  # faults may never end
        amount(value, field.name, zero=True)


def _share(_: object, field: Any, value: object) -> None:
    amount(value, field.name, zero=True, most=1)


def _range(_: object, field: Any, value: Any) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"{field.name} must be (least, most) seconds, not {quoted(value)}")
    least, most = [amount(each, field.name, zero=True) for each in value]
    if least > most:
        raise ValueError(f"{field.name} must be (least, most) seconds, not {quoted(value)}")


@attrs.frozen
class Faults:
    """
    The faults to cause, and how often.

    Args:
        crash_every: mean seconds between crashes of an agent; 0 means never.
        down_for: least and most seconds that a crashed agent stays away.
        pause_every: mean seconds between pauses of an agent (a stopped process, a long collection).
        pause_for: least and most seconds that a pause lasts.
        clock_off: most seconds by which agents' clocks are off, in either direction.
        lost_reply: share of commands that are written although the caller gets an error.
        refused: share of commands that fail and are not written.
        duplicate: share of commands that are written twice.
        until: seconds after which there are no more faults; crashed agents come back once more.

    """

    crash_every: float = attrs.field(default=0.0, validator=_seconds)
    down_for: tuple[float, float] = attrs.field(default=(1.0, 30.0), validator=_range)
    pause_every: float = attrs.field(default=0.0, validator=_seconds)
    pause_for: tuple[float, float] = attrs.field(default=(5.0, 90.0), validator=_range)
    clock_off: float = attrs.field(default=0.0, validator=_seconds)
    lost_reply: float = attrs.field(default=0.0, validator=_share)
    refused: float = attrs.field(default=0.0, validator=_share)
    duplicate: float = attrs.field(default=0.0, validator=_share)
    until: float = attrs.field(default=math.inf, validator=_end)


@attrs.define
class Report:
    """The result of a colony's run."""

    seed: int
    seconds: float
    """virtual seconds that passed"""
    tasks: dict[str, int]
    """state -> number of tasks"""
    faults: dict[str, int]
    problems: list[str]
    """broken promises, and what the agents did wrong; empty if all is well"""
    digest: str
    story: str
    results: dict[str, Any] = attrs.field(factory=dict)
    """results of the tasks that are done"""
    longest_wait: float = 0.0
    """most virtual seconds for which somebody waited for something available"""
    deaths: list[str] = attrs.field(factory=list)
    """which agent died when, and of what; crashes are faults and do not count"""
    restarts: int = 0
    """how often an agent was restarted, after a crash or a death"""

    @property
    def done(self) -> int:
        """The number of tasks that are done."""
        return self.tasks["done"]

    @property
    def unfinished(self) -> int:
        """The number of tasks that have not ended."""
        return sum(number for state, number in self.tasks.items() if TaskState(state) not in FINAL)

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {state}" for state, number in self.tasks.items() if number)
        faults = ", ".join(f"{number} {what}" for what, number in self.faults.items() if number)
        after = f"after {self.seconds:.0f} s"
        died = f"; {len(self.deaths)} deaths" if self.deaths else ""
        return f"seed {self.seed}: {counts} {after}; {faults or 'no faults'}{died}; digest {self.digest[:12]}"


class Troubles:
    """When a fault hit which agent, which may excuse a lease that ran out."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[float, float]]] = {}

    def note(self, agent: str, start: float, end: float) -> None:
        """Note a crash (until the agent is back) or a pause."""
        self._of.setdefault(agent, []).append((start, end))

    def between(self, agent: str, start: float, end: float) -> bool:
        """Tell whether anything happened to an agent in that time."""
        return any(first <= end and last >= start for first, last in self._of.get(agent, ()))


def unexplained(events: Iterable[Event], troubles: Troubles) -> list[str]:
    """Return which leases ran out although their holders had no fault."""
    since: dict[int, float] = {}
    found = []
    for event in events:
        at = (event.at_ns - START_NS) / 1e9
        if event.type in ("claimed", "locked", "adopted"):
            since[event.token] = at
        elif _has_run_out(event) and event.agent is not None:
            start = since.get(event.token, 0.0)
            if not troubles.between(event.agent, start, at):
                what = event.task or ", ".join(event.detail["names"])
                held = f"{event.agent} held {what!r} from {start:.0f} s until the lease ran out"
                found.append(
                    f"{held} at {at:.0f} s; "
                    "nothing had happened to it, but it neither renewed nor ended the lease"
                )
    more = len(found) - _SHOWN
    return found if more <= 0 else [*found[:_SHOWN], f"... and {more} more leases that ran out"]


def _has_run_out(event: Event) -> bool:
    return event.type == "expired" or (event.type == "unlocked" and event.detail["why"] == "expired")


def broken_words(
    board: Any, told: list[tuple[str, Command[Any], Any]], *, may_lose_replies: bool
) -> list[str]:
    """Compare what agents were told with what the board says now."""
    broken: list[str] = []
    granted: dict[int, str] = {}
    for name, command, reply in told:
        if isinstance(command, Submit) and isinstance(reply, tuple):
            broken += [
                f"{name} was told that {ticket.id!r} was submitted, and it is gone"
                for ticket in reply
                if board.find(ticket.id) is None
            ]
        elif isinstance(reply, tuple) and reply and isinstance(reply[0], Lease):
            granted.update(dict.fromkeys([lease.token for lease in reply], name))
        elif isinstance(reply, Lease):
            if reply.token in granted and granted[reply.token] != name:
                broken.append(f"token {reply.token} was given to {granted[reply.token]} and to {name}")
            granted[reply.token] = name
        elif isinstance(command, Complete) and isinstance(reply, Outcome):
            record = board.find(reply.task)
            if reply.state is TaskState.DONE and (record is None or record.state is not TaskState.DONE):
                broken.append(f"{name} was told that {reply.task!r} is done, and it is not")
    if not may_lose_replies:  # if no reply is lost, each lease is known to its holder
        broken += [
            f"token {event.token} of {event.task!r} was granted to {event.agent}, who never heard of it"
            for event in board.events()
            if event.type == "claimed" and event.token not in granted
        ]
    return broken

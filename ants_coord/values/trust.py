"""
The words of trust: what a board knows of an agent, and what follows from it if the board is told to.

Standing is recorded on every board and readable by everybody. It has no effect
unless the board has a `TrustPolicy`.
"""

from __future__ import annotations

from .checks import amount, count, quoted
from .frozen import frozen

__all__ = ["Channel", "Record", "TrustPolicy"]

_set = object.__setattr__


@frozen
class TrustPolicy:
    """
    Let standing have effects.

    Args:
        claims_most: tasks that the most trusted agents may hold at a time; a newcomer holds one, and
            the number grows with what the agent has delivered.
        hold_most: leases cannot be renewed beyond this many times their length; 0 lets them.
        short_leases: newcomers' first leases are shorter (46 % of the length), until they have delivered,
            unless the caller or the task says how long; one that ends before its full length is no evidence.
        quarantine_after: bad outcomes in a row that open the breaker, whatever the history.
        cooldown: lengths of a lease for which an agent is quarantined first; it doubles with each relapse.
        quarantine_most: the share of established agents that may be in quarantine at once; one always may.
            If more would be, an outage is likelier than so many traitors: nobody is quarantined then, all
            hold one task at a time, and an alarm is raised.
        poison_after: different agents that may fail a task before the task is blamed, parked as FAILED,
            and the agents' records are mended; 0 is off.
        weigh_deposits: marks of agents count by their standing (Blackboard).
        strangers: agents that nobody vouches for may claim.
        newcomers: the share of claims that agents without a standing get, while three established ones
            are at work; None is any. For boards where anybody can invent a name: whoever comes back
            under a new one costs no more than this share.

    """

    claims_most: int = 4
    hold_most: float = 6.0
    short_leases: bool = True
    quarantine_after: int = 5
    cooldown: float = 10.0
    quarantine_most: float = 0.2
    poison_after: int = 3
    weigh_deposits: bool = True
    strangers: bool = True
    newcomers: float | None = None

    def __attrs_post_init__(self) -> None:
        count(self.claims_most, "claims_most", most=1_000_000)
        _set(self, "hold_most", amount(self.hold_most, "hold_most", zero=True, most=1e6))
        if 0 < self.hold_most < 1:
            raise ValueError(
                f"hold_most must be 0 (off) or at least 1 length of a lease, not {quoted(self.hold_most)}"
            )
        count(self.quarantine_after, "quarantine_after", most=1_000_000)
        _set(self, "cooldown", amount(self.cooldown, "cooldown", most=1e6))
        _set(self, "quarantine_most", amount(self.quarantine_most, "quarantine_most", most=1.0))
        if self.newcomers is not None:
            _set(self, "newcomers", amount(self.newcomers, "newcomers", zero=True, most=1.0))
        count(self.poison_after, "poison_after", least=0, most=1_000_000)
        for field in ("short_leases", "weigh_deposits", "strangers"):
            if not isinstance(getattr(self, field), bool):
                raise TypeError(f"{field} must be a bool, not {quoted(getattr(self, field))}")


@frozen
class Channel:
    """
    What has been seen of one side of an agent: a Beta distribution over how often it does well.

    `good` and `bad` are amounts of evidence that are forgotten with events and with time; `mean` is
    what to expect, `low` and `high` are one and 1.645 standard deviations below and above it.
    """

    good: float
    bad: float
    mean: float
    low: float
    high: float


@frozen
class Record:
    """What has been seen of an agent in one kind of task."""

    kind: str
    delivery: Channel
    failures: int
    """bad outcomes in a row"""
    quality: Channel | None = None
    """of its results that were checked; None if none was"""
    streak: int = 0
    """results in a row that stood a check"""

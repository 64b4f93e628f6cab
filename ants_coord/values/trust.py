"""
The values of trust: what a board knows about an agent, and the consequences if the board has any.

Standing is recorded on every board, and everybody who opens the board can read it. It has consequences only
if the board has a `TrustPolicy`.
"""

from __future__ import annotations

from ..frozen import frozen
from .checks import amount, count, quoted

_set = object.__setattr__


@frozen
class TrustPolicy:
    """
    The consequences of agents' standing on a board.

    Args:
        claims_most: tasks that the most trusted agents may hold at a time. A newcomer may hold one; the
            number grows with what the agent delivers.
        hold_most: leases cannot be renewed beyond this many times their length; 0 means no limit.
        short_leases: leases of newcomers are shorter (46 % of the length) until they have delivered, unless
            the caller or the task gives the length. If a shortened lease runs out, that is no evidence.
        quarantine_after: bad outcomes in a row that put an agent in quarantine, whatever its history.
        cooldown: length of the first quarantine, in lease lengths; it doubles with each relapse.
        quarantine_most: the share of established agents that may be in quarantine at once; one always may. If
            more would be, an outage is more likely than that many bad agents: then nobody is quarantined, all
            hold one task at a time, and an alarm is raised.
        poison_after: different agents that may fail a task before the task is blamed: it becomes FAILED, and
            the agents' records are corrected; 0 is off.
        weigh_deposits: marks count according to their agent's standing (Blackboard).
        strangers: agents that nobody vouches for may claim.
        newcomers: the share of claims that agents without a standing get, while three established ones are at
            work; None means no limit. This is for boards where anybody can invent a name: agents that return
            under new names get no more than this share.

    Example:
        >>> from ants_coord import ClaimQueue, Task, TrustPolicy
        >>> with ClaimQueue(trust=TrustPolicy(claims_most=4)) as board:
        ...     _ = board.submit_many([Task("a"), Task("b")])
        ...     [board.claim_nowait("newcomer").task, board.claim_nowait("newcomer")]
        ['a', None]

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
    One aspect of an agent's record: a Beta distribution over how often it does well.

    `good` and `bad` are amounts of evidence, which fade with events and with time. `mean` is what to expect;
    `low` and `high` are one standard deviation below and 1.645 above it.
    """

    good: float
    bad: float
    mean: float
    low: float
    high: float


@frozen
class Record:
    """An agent's record in one kind of task."""

    kind: str
    delivery: Channel
    failures: int
    """bad outcomes in a row"""
    quality: Channel | None = None
    """of its results that were checked; None if none was"""
    streak: int = 0
    """results in a row that passed a check"""

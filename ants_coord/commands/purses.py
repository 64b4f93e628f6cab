"""
Commands about what work consumes: purses, and what was spent from them.
"""

from __future__ import annotations

from ..values.frozen import record
from .shared import Command

__all__ = ["SetPurse", "Spend"]


@record
class SetPurse(Command[None]):
    """Give a purse its amount: for good, or for each window of `per_ns` of the board's calendar."""

    name: str
    amount: int
    per_ns: int | None = None


@record
class Spend(Command[int]):
    """Charge a purse for what work under a live lease has cost; answers what the purse has left."""

    task: str
    token: int
    name: str
    amount: int
    coordination: bool = False
    agent: str | None = None
    """who speaks: the lease must be its own; None speaks for the holder, whoever that is"""

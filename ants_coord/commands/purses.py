"""Commands about what work consumes: purses, and amounts spent from them."""

from __future__ import annotations

from ..frozen import record
from .shared import Command


@record
class SetPurse(Command[None]):
    """The command to set a purse's amount: once, or for each window of `per_ns` of the board's calendar."""

    name: str
    amount: int
    per_ns: int | None = None


@record
class Spend(Command[int]):
    """The command to charge a purse for work under a live lease; the reply is what is left in the purse."""

    task: str
    token: int
    name: str
    amount: int
    coordination: bool = False
    agent: str | None = None
    """the agent that acts, which must hold the lease; None acts for the present holder"""

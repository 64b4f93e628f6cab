"""
The pure core: a deterministic state machine for embedders and for every front.

Theory of operation. A board is a fold over an ordered log of commands.
`machine.apply(command, now_ns=...)` first lets time pass (leases expire,
delays end), then decides, then commits. Nothing here reads a clock, draws a
number, opens a file or starts a thread, and nothing iterates a container
whose order depends on hashing, so every replica of a log is equal.

Floors, from the bottom up (each imports only from the floors below it):

state       records, time, undo, the ledger
work        rules that every strategy shares: submit, lease, lock, end
matching    who can do what
board       trails, entries, reactions, and work that follows them
trust       standing, what follows from it, results that others check
sessions    requests that come twice
logged      the short way of the commands of a log
reading     queries
briefing    what an agent should know before it starts a task
strategies  which parts make a strategy
machine     dispatch; the one door
snapshot    the state as records, and its digest
"""

from typing import TYPE_CHECKING, Any

from .machine import COMMANDS, Machine
from .state.parts import Anyone, Eligibility, Order
from .state.records import TRANSITIONS
from .work.ready import ByPriority

if TYPE_CHECKING:
    from .snapshot import Cut, digest, restore

__all__ = [
    "COMMANDS",
    "TRANSITIONS",
    "Anyone",
    "ByPriority",
    "Cut",
    "Eligibility",
    "Machine",
    "Order",
    "digest",
    "restore",
]


def __getattr__(name: str) -> Any:
    # a board in memory takes no snapshots, so this import waits until somebody asks for one
    if name in ("Cut", "digest", "restore"):
        from . import snapshot  # noqa: PLC0415

        return getattr(snapshot, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

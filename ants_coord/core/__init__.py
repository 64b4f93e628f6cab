"""
The pure core: a deterministic state machine for embedders and for every front.

Theory of operation. A board is a fold over an ordered log of commands.
`machine.apply(command, now_ns=...)` first lets time pass (leases expire,
delays end), then decides, then commits. Nothing here reads a clock, draws a
number, opens a file or starts a thread, and nothing iterates a container
whose order depends on hashing, so every replica of a log is equal.

Floors, the lowest first; each imports only from lower ones:

state              what a board knows: records, time, undo, the ledger
work               the rules of work that every strategy shares: submitting, leases, locking, lifecycle
matching           who can do what
board              the shared environment: trails, entries, reactions, and the order of work
trust              standing: what was seen of an agent, and the consequences
strategies         which parts make a strategy
repeated_requests  requests that come twice
briefing           what is open to an agent that starts, what was tried, where others have been
reading            queries: pure looks at the state
machine            the machine: commands in, replies out, time as an argument
short_log          the short way of the commands of a log
snapshot           the state as records, and its digest
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

"""
The pure core: a deterministic state machine for embedders and for every front.

Theory of operation. A board is a fold over an ordered log of commands.
`machine.apply(command, now_ns=...)` first lets time pass (leases expire,
delays end), then decides, then commits. Nothing here reads a clock, draws a
number, opens a file or starts a thread, and nothing iterates a container
whose order depends on hashing, so every replica of a log is equal.

machine      dispatch; the one door
ledger       the tables, the indexes derived from them, `check`
states       the transition table and the private records
lifecycle    how tasks move and end; time passing; retention
submitting   batches, needs, keys, requeue
claiming     leases: grant, renew, complete, fail, release, adopt
locking      named locks; cancel, limits, pause, settings
reading      queries
sessions     requests that come twice
ready        the order of READY tasks
parts        what a strategy may replace: eligibility and order
timeline     two readings of one stamp, and the alarms set on them
undo         commands that are torn by an exception are taken back
content      equality of submissions
snapshot     the state as records, and its digest
"""

from .machine import COMMANDS, Machine
from .parts import Anyone, Eligibility, Order
from .ready import ByPriority
from .snapshot import Cut, digest, restore
from .states import TRANSITIONS

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

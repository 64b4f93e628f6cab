"""
Agents without a manager: coordination for AI agents, embeddable and in pure Python.

One `Coordinator` protocol, several strategies. `ClaimQueue` is claim-and-lock:
a shared task queue, atomic claims, leases with fencing tokens that expire when
their holder falls silent. `ants_coord.aio` has the same names for asyncio.
"""

from __future__ import annotations

from typing import Any

from .abc import AsyncCoordinator, Clock, Coordinator, Journal
from .errors import (
    ClosedError,
    CoordinationError,
    HeldError,
    JournalError,
    LeaseLostError,
    TaskDroppedError,
    TaskExistsError,
    TaskFailedError,
    TaskNotFoundError,
)
from .guard import Guard, SQLGuard, StaleTokenError
from .hold import GiveUp, Hold, RetryAfter
from .sync import ClaimQueue
from .values import Backoff, Lease, Outcome, Task, TaskRecord, TaskState, Ticket

__all__ = [
    "AsyncCoordinator",
    "Backoff",
    "ClaimQueue",
    "Clock",
    "ClosedError",
    "CoordinationError",
    "Coordinator",
    "GiveUp",
    "Guard",
    "HeldError",
    "Hold",
    "Journal",
    "JournalError",
    "Lease",
    "LeaseLostError",
    "Outcome",
    "RetryAfter",
    "SQLGuard",
    "StaleTokenError",
    "Task",
    "TaskDroppedError",
    "TaskExistsError",
    "TaskFailedError",
    "TaskNotFoundError",
    "TaskRecord",
    "TaskState",
    "Ticket",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from ._version import __version__  # noqa: PLC0415 - lazy, as most never ask

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

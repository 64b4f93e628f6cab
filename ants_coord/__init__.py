"""
Agents without a manager: coordination for AI agents, embeddable and in pure Python.

One `Coordinator` protocol, several strategies. `ClaimQueue` is claim-and-lock:
a shared task queue, atomic claims, leases with fencing tokens that expire when
their holder falls silent. `Matchmaker` is capability matching: agents broadcast
what they can do, tasks say what they require. `Blackboard` is stigmergic:
agents lay marks and write entries, and the work goes where these lead.
`ants_coord.aio` has the same names for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    ClosedError,
    CoordinationError,
    HeldError,
    LeaseLostError,
    TaskDroppedError,
    TaskFailedError,
)
from .fronts.hold import GiveUp, Hold, NotNow, RetryAfter
from .sync.board import Board
from .sync.claim_queue import ClaimQueue
from .values.tasks import Backoff, Lease, Outcome, Task, TaskRecord, TaskState, Ticket

if TYPE_CHECKING:
    from .abc import AsyncCoordinator, Coordinator
    from .sync.blackboard import Blackboard
    from .sync.matchmaker import Matchmaker
    from .values.adverts import Advert
    from .values.entries import Namespace
    from .values.marks import Mark, MarkKind
    from .values.trust import TrustPolicy
    from .values.verification import Verify

__all__ = [
    "Advert",
    "AsyncCoordinator",
    "Backoff",
    "Blackboard",
    "Board",
    "ClaimQueue",
    "ClosedError",
    "CoordinationError",
    "Coordinator",
    "GiveUp",
    "HeldError",
    "Hold",
    "Lease",
    "LeaseLostError",
    "Mark",
    "MarkKind",
    "Matchmaker",
    "Namespace",
    "NotNow",
    "Outcome",
    "RetryAfter",
    "Task",
    "TaskDroppedError",
    "TaskFailedError",
    "TaskRecord",
    "TaskState",
    "Ticket",
    "TrustPolicy",
    "Verify",
]
# the other names are where they belong: every error in `errors`, protocols and ports in `abc`, guards of
# outside resources in `guard`, handles of agents in `sync` and `aio`, the other values in `values`


# what only one strategy, or only a type checker, needs is imported when it is first asked for
_LATER = {
    "Advert": "values.adverts",
    "AsyncCoordinator": "abc",
    "Blackboard": "sync.blackboard",
    "Coordinator": "abc",
    "Mark": "values.marks",
    "MarkKind": "values.marks",
    "Matchmaker": "sync.matchmaker",
    "Namespace": "values.entries",
    "TrustPolicy": "values.trust",
    "Verify": "values.verification",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module  # noqa: PLC0415

        value = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return value
    if name == "aio":
        from importlib import import_module  # noqa: PLC0415

        return import_module(".aio", __name__)
    if name == "__version__":
        from ._version import __version__  # noqa: PLC0415 - lazy, as most never ask

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "aio", "sync", "__version__", "__doc__"])

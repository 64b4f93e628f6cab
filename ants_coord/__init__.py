"""
Coordination for AI agents without a manager: embeddable, in pure Python.

There is one `Coordinator` protocol and three strategies. `ClaimQueue` is claim-and-lock: a shared task queue
with atomic claims, and leases with fencing tokens that expire when their holder falls silent. `Matchmaker` is
capability matching: agents advertise what they can do, and tasks say what they require. `Blackboard` is
stigmergic: agents lay marks and write entries, and work follows them. `ants_coord.aio` has the same names for
asyncio.

The rooms, from the ground up:

frozen        classes like those of attrs that cost nothing until they are used
errors        the errors of coordinators, each an entry of a table
requirements  the language of what a task requires of an agent
values        the values that go in and out: Task, Lease, Outcome, Mark, ...
commands      the only ways to change a board or to ask it
guard         guards: fencing on the side of the resource
core          the deterministic state machine, for every front
strategies    your own strategies: parts that decide which agent may take which task
journals      where the log of a board is stored: memory, SQLite, PostgreSQL; clocks
engine        one machine, one lock, one lobby, two alarms, under both colours
fronts        the layer between the verbs of the two colours and the engine
aio           the coordinators for event loops
sync          the coordinators for threads, generated from aio
abc           what a coordinator is: protocols, in both colours
hub           one process of a machine that opens a board for others
testing       tools for testing coordination: controlled time, faults, every order of events
lab           the coordination tax, in figures
adapters      bridges to the outside: tools for agents, mirrored files, traces, reports
cli           the command line
__main__      `python -m ants_coord`
_version      the version
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than everything that is imported here
if TYPE_CHECKING:
    from typing import Any

    from .abc import AsyncCoordinator, Coordinator
    from .errors import (
        ClosedError,
        CoordinationError,
        HeldError,
        LeaseLostError,
        TaskDroppedError,
        TaskFailedError,
    )
    from .fronts.hold import GiveUp, Hold, NotNow, RetryAfter
    from .sync.blackboard import Blackboard
    from .sync.board import Board
    from .sync.claim_queue import ClaimQueue
    from .sync.matchmaker import Matchmaker
    from .values.adverts import Advert
    from .values.entries import Namespace
    from .values.marks import Mark, MarkKind
    from .values.tasks import Backoff, Lease, Outcome, Task, TaskRecord, TaskState, Ticket
    from .values.trust import TrustPolicy
    from .values.verification import Proof, Verify

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
    "Proof",
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
# the other names are in their modules: every error in `errors`, protocols and ports in `abc`, guards of
# outside resources in `guard`, handles of agents in `sync` and `aio`, the other values in `values`


# each is imported at its first use: a hook of a coding agent starts a Python process for every file that is
# written, and needs none of them
_HOMES = {
    "abc": ("AsyncCoordinator", "Coordinator"),
    "errors": (
        "ClosedError", "CoordinationError", "HeldError", "LeaseLostError", "TaskDroppedError",
        "TaskFailedError",
    ),
    "fronts.hold": ("GiveUp", "Hold", "NotNow", "RetryAfter"),
    "sync.blackboard": ("Blackboard",),
    "sync.board": ("Board",),
    "sync.claim_queue": ("ClaimQueue",),
    "sync.matchmaker": ("Matchmaker",),
    "values.adverts": ("Advert",),
    "values.entries": ("Namespace",),
    "values.marks": ("Mark", "MarkKind"),
    "values.tasks": ("Backoff", "Lease", "Outcome", "Task", "TaskRecord", "TaskState", "Ticket"),
    "values.trust": ("TrustPolicy",),
    "values.verification": ("Proof", "Verify"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_ROOMS = ("aio", "errors", "sync", "values")


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        from importlib import import_module  # noqa: PLC0415

        value = globals()[name] = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        return value
    if name in _ROOMS:
        from importlib import import_module  # noqa: PLC0415

        return import_module(f".{name}", __name__)
    if name == "__version__":
        from ._version import __version__  # noqa: PLC0415 - lazy, because few programs ask

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "aio", "sync", "__version__", "__doc__"])

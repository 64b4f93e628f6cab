"""
The coordinators for event loops: one class a strategy, the same verbs.

`Board` opens a board as whatever it is. ants_coord.aio and ants_coord.sync have the same
names, verbs and arguments.

Files: `bridge` and `worker` are what truly differs between the colours; `verbs` (of one line),
`board` (`Board`, `ClaimQueue`), `matchmaker` and `blackboard` say the same in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .board import Board, ClaimQueue

if TYPE_CHECKING:
    from .blackboard import Blackboard
    from .matchmaker import Matchmaker, Membership

__all__ = ["Blackboard", "Board", "ClaimQueue", "Matchmaker", "Membership"]

# the other strategies are imported when they are first asked for
_LATER = {"Blackboard": "blackboard", "Matchmaker": "matchmaker", "Membership": "matchmaker"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module  # noqa: PLC0415

        value = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""
The coordinators for event loops: one class per strategy, with the same verbs.

`Board` opens an existing board, whatever its strategy. ants_coord.aio and ants_coord.sync have the same
names, verbs and arguments.

Files: `bridge` and `worker` have everything that differs between the colours. `reading` (verbs that change
nothing), `verbs` (verbs that change something), `results`, `locks`, `board`, `claim_queue`, `matchmaker` and
`blackboard` are the same in both. `agent`, `match_agent` and `board_agent` are the handles of agents, and
`protocols` has the types for a function's arguments: these four are generated from the verbs. `outbox` writes
requests to a board together with a user's own rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import Agent
    from .blackboard import Blackboard, BoardMembership
    from .board import Board
    from .board_agent import BoardAgent
    from .claim_queue import ClaimQueue
    from .match_agent import MatchAgent
    from .matchmaker import Matchmaker, Membership

__all__ = [
    "Agent",
    "Blackboard",
    "Board",
    "BoardAgent",
    "BoardMembership",
    "ClaimQueue",
    "MatchAgent",
    "Matchmaker",
    "Membership",
]

# nothing is imported before it is used: a strategy brings its own values, an event loop brings asyncio
_LATER = {
    "Agent": "agent",
    "Blackboard": "blackboard",
    "Board": "board",
    "BoardAgent": "board_agent",
    "BoardMembership": "blackboard",
    "ClaimQueue": "claim_queue",
    "MatchAgent": "match_agent",
    "Matchmaker": "matchmaker",
    "Membership": "matchmaker",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module  # noqa: PLC0415

        value = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

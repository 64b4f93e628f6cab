# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
The coordinators for threads: one class per strategy, with the same verbs.

`Board` opens an existing board, whatever its strategy. ants_coord.aio and ants_coord.sync have the same
names, verbs and arguments.

bridge       what differs between the colours: file I/O, waits, scopes
worker       the worker; see fronts/serving.py
reading      the verbs that change nothing: looking, and following what happens
verbs        the verbs that change something: ending tasks, and steering the board
results      the verbs that wait for the ends of tasks
locks        the verbs that lock resources by name
board        submitting, claiming, holding; `Board`, with all that strategies share
claim_queue  claim-and-lock: a shared queue of tasks
matchmaker   capability matching: agents advertise what they can do, and claim tasks that fit
blackboard   the stigmergic blackboard: agents change a shared environment, others react to the change
agent        an agent's own handle: the verbs with the agent's name bound
match_agent  an agent's own handle on a Matchmaker
board_agent  an agent's own handle on a Blackboard
protocols    what a function may ask of a coordinator, by purpose
outbox       tasks and endings that are written in a user's own transaction

`bridge` and `worker` are written by hand in each colour, as are the scopes and attempts in fronts/ (hold,
aio_hold, aio_attempts). The handles and protocols of both colours are generated from the verbs, and all other
files of sync/ from those of aio/.
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

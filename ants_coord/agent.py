"""
Agent handles: the same verbs with the name bound, one per colour.

An agent that is handed its own handle cannot claim under another name by
mistake (models invent names). In one process this guards against bugs, not
against hostile code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import Board as AsyncBoard
    from .sync import Board

__all__ = ["Agent", "AsyncAgent"]

_BOUND_FIRST = frozenset(
    {
        "decline",
        "offers",
        "withdraw",
        "adopt",
        "claim",
        "claim_many",
        "claim_nowait",
        "claims",
        "explain_agent",
        "leases",
        "release_all",
        "standing",
        "thresholds",
    }
)
"""verbs whose first argument is the agent's name"""
_BOUND_BY_NAME = frozenset(
    {
        "deposit",
        "diffuse",
        "erase",
        "lock",
        "lock_nowait",
        "serve",
        "take",
        "take_nowait",
        "why_not",
        "write",
    }
)
"""verbs that take agent=... by keyword"""
_FREE = frozenset(
    {
        "complete",
        "complete_many",
        "entries",
        "explain",
        "fail",
        "find",
        "history",
        "keep_alive",
        "outcome",
        "progress",
        "read",
        "release",
        "renew",
        "result",
        "results",
        "sense",
        "strongest",
        "submit",
        "submit_many",
        "wait_for",
        "watch",
        "work",
    }
)
"""verbs that do not name an agent"""


class _Handle:
    """A coordinator seen by one agent."""

    def __init__(self, board: Any, name: str) -> None:
        self._board = board
        self.name = name

    def __getattr__(self, verb: str) -> Any:
        if verb in _BOUND_FIRST:
            method = getattr(self._board, verb)
            return lambda *args, **options: method(self.name, *args, **options)
        if verb in _BOUND_BY_NAME:
            method = getattr(self._board, verb)
            return lambda *args, **options: method(*args, agent=self.name, **options)
        if verb in _FREE:
            return getattr(self._board, verb)
        raise AttributeError(f"an agent has no verb {verb!r}; ask the coordinator itself")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_BOUND_FIRST, *_BOUND_BY_NAME, *_FREE})

    def __repr__(self) -> str:
        return f"<agent {self.name!r} of {self._board!r}>"


class Agent(_Handle):
    """An agent's own handle on a coordinator for threads; see `Board` for the verbs."""

    if TYPE_CHECKING:

        def __init__(self, board: Board, name: str) -> None: ...


class AsyncAgent(_Handle):
    """An agent's own handle on a coordinator for event loops; see `aio.Board` for the verbs."""

    if TYPE_CHECKING:

        def __init__(self, board: AsyncBoard, name: str) -> None: ...

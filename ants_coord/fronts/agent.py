"""
Agent handles: the same verbs with the name bound, one per colour.

An agent that is handed its own handle cannot claim under another name by
mistake (models invent names). In one process this guards against bugs, not
against hostile code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ForeignLeaseError, WrongKeyError
from . import arguments

if TYPE_CHECKING:
    from ..aio import Board as AsyncBoard
    from ..engine.engine import Engine
    from ..sync import Board

__all__ = ["Agent", "AsyncAgent", "Keys", "Shared"]

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
        self._is_keyed = False

    def _own(self, lease: Any) -> Any:
        """Return a lease of this agent, or refuse another's."""
        inner = getattr(lease, "lease", lease)
        holder = getattr(inner, "agent", None)
        if holder is None:
            raise TypeError(f"a handle with a key takes the Lease itself, not {lease!r}")
        if holder != self.name:
            raise ForeignLeaseError(self.name, str(inner.task), str(holder))
        return lease

    def __getattr__(self, verb: str) -> Any:
        if self._is_keyed and verb in _ON_A_LEASE:
            ending = getattr(self._board, verb)
            return lambda lease, *args, **options: ending(self._own(lease), *args, **options)
        if self._is_keyed and verb == "complete_many":
            together = self._board.complete_many
            return lambda endings, **options: together(
                [(self._own(lease), result) for lease, result in endings], **options
            )
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


_ON_A_LEASE = frozenset({"complete", "fail", "keep_alive", "progress", "release", "renew", "work"})
"""verbs whose first argument is a lease"""


class Shared:
    """
    A coordinator as many agents may be given it: each speaks through a handle, for which it needs its key.

    For hosts that pass agents' calls on (a tool server, a web service): the name comes with the call, the
    key shows that it is the caller's own. Handles take only leases of their agent.
    """

    def __init__(self, board: Any) -> None:
        self._board = board

    def as_agent(self, name: str, key: str) -> Any:
        """
        Return an agent's handle.

        Args:
            name: the agent.
            key: what the host's `key_of(name)` gave it.

        Raises:
            WrongKeyError: it is not this agent's key.

        """
        import hmac  # noqa: PLC0415 - 4 ms, for boards with a secret only

        expected = self._board.key_of(name)
        if not isinstance(key, str) or not hmac.compare_digest(expected.encode(), key.encode()):
            raise WrongKeyError(name)
        handle = self._board.as_agent(name)
        handle._is_keyed = True  # noqa: SLF001 - our own class
        return handle


class Keys:
    """What both colours say about keys."""

    _engine: Engine

    def key_of(self, agent: str) -> str:
        """
        Return the key with which an agent may speak through `shared()`.

        It is made from the secret, so it is the same whenever it is asked for, and nothing is stored.

        Args:
            agent: whose key.

        Raises:
            ValueError: the coordinator was made without `secret=`.

        """
        import hmac  # noqa: PLC0415

        name, secret = arguments.agent_name(agent), self._engine.secret
        if secret is None:
            raise ValueError(
                "keys are made from a secret: give the coordinator secret=secrets.token_bytes(16)"
            )
        return hmac.new(secret, f"agent\0{name}".encode(), "sha256").hexdigest()[:32]

    def shared(self) -> Shared:
        """Return this coordinator as many agents may be given it: each handle of it needs a key."""
        return Shared(self)


class Agent(_Handle):
    """An agent's own handle on a coordinator for threads; see `Board` for the verbs."""

    if TYPE_CHECKING:

        def __init__(self, board: Board, name: str) -> None: ...


class AsyncAgent(_Handle):
    """An agent's own handle on a coordinator for event loops; see `aio.Board` for the verbs."""

    if TYPE_CHECKING:

        def __init__(self, board: AsyncBoard, name: str) -> None: ...

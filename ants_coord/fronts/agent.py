"""
What the handles of agents in both colours are made of, and the keys that a host gives agents.

The handles themselves (`Agent`, `MatchAgent`, `BoardAgent` in aio/ and sync/) are generated from the verbs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import ForeignLeaseError, WrongKeyError
from . import arguments

if TYPE_CHECKING:
    from ..engine.engine import Engine

__all__ = ["Handle", "Keys", "Shared"]

A = TypeVar("A", covariant=True)
L = TypeVar("L")


class Handle:
    """A coordinator seen by one agent."""

    _board: Any

    def __init__(self, board: Any, name: str) -> None:
        self._board = board
        self.name = name
        self._is_keyed = False

    def _own(self, lease: L) -> L:
        """Return a lease of this agent, or refuse another's."""
        inner: Any = getattr(lease, "lease", lease)
        holder = getattr(inner, "agent", None)
        if holder is None:
            if self._is_keyed:
                raise TypeError(f"a handle with a key takes the Lease itself, not {lease!r}")
        elif holder != self.name:
            raise ForeignLeaseError(self.name, str(inner.task), str(holder))
        return lease

    if not TYPE_CHECKING:  # a type checker must go on refusing what there is not

        def __getattr__(self, verb: str) -> Any:
            if verb.startswith("_"):
                raise AttributeError(verb)
            raise AttributeError(f"an agent has no verb {verb!r}; ask the coordinator itself")

    def __repr__(self) -> str:
        return f"<agent {self.name!r} of {self._board!r}>"


class Shared(Generic[A]):
    """
    A coordinator as many agents may be given it: each speaks through a handle, for which it needs its key.

    For hosts that pass agents' calls on (a tool server, a web service): the name comes with the call, the
    key shows that it is the caller's own. Handles take only leases of their agent.
    """

    def __init__(self, board: Any) -> None:
        self._board = board

    def as_agent(self, name: str, key: str) -> A:
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
        handle: A = self._board.as_agent(name)
        handle._is_keyed = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own class
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

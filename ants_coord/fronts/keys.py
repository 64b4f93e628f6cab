"""
The keys with which agents speak through a host, made from the board's secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import WrongKeyError
from . import arguments

if TYPE_CHECKING:
    from ..engine.engine import Engine

__all__ = ["Keys", "Shared"]

A = TypeVar("A", covariant=True)


class Shared(Generic[A]):
    """
    A coordinator that many agents may share: each acts through a handle, for which it needs its key.

    For hosts that forward agents' calls (a tool server, a web service): the name comes with the call, and the
    key proves that it is the caller's own. A handle only accepts leases of its agent.
    """

    def __init__(self, board: Any) -> None:
        self._board = board

    def as_agent(self, name: str, key: str) -> A:
        """
        Return an agent's handle.

        Args:
            name: the agent.
            key: the key that the host's `key_of(name)` returned.

        Raises:
            WrongKeyError: this is not the agent's key; get it from the host's `key_of(name)`.

        """
        import hmac  # noqa: PLC0415 - 4 ms, for boards with a secret only

        expected = self._board.key_of(name)
        if not isinstance(key, str) or not hmac.compare_digest(expected.encode(), key.encode()):
            raise WrongKeyError(name)
        handle: A = self._board.as_agent(name)
        handle._spoken.is_keyed = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own class
        return handle


class Keys:
    """The verbs about keys, in both colours."""

    _engine: Engine

    def key_of(self, agent: str) -> str:
        """
        Return the key with which an agent may act through `shared()`.

        It is derived from the secret, so it never changes, and nothing is stored.

        Args:
            agent: name of the agent.

        Raises:
            ValueError: the coordinator was made without `secret=`; pass one to its constructor.

        """
        import hmac  # noqa: PLC0415

        name, secret = arguments.agent_name(agent), self._engine.secret
        if secret is None:
            raise ValueError(
                "keys are made from a secret: give the coordinator secret=secrets.token_bytes(16)"
            )
        return hmac.new(secret, f"agent\0{name}".encode(), "sha256").hexdigest()[:32]

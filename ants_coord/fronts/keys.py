"""
The keys with which agents speak through a host, made from the board's secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import arguments

if TYPE_CHECKING:
    from ..engine.engine import Engine


def is_same(given: object, secret: str) -> bool:
    """Compare what a caller shows with a secret, in a time that tells nothing about it."""
    import hmac  # noqa: PLC0415 - 4 ms, for boards with a secret only

    return isinstance(given, str) and hmac.compare_digest(given.encode(), secret.encode())


class Keys:
    """The verbs about keys, in both colours."""

    _engine: Engine

    def key_of(self, agent: str) -> str:
        """
        Return the key with which an agent may act through `shared()`.

        It is derived from the secret, so it never changes, and nothing is stored.

        Args:
            agent: name of the agent.

        Returns:
            The key, a string of 32 characters.

        Raises:
            ValueError: the coordinator was made without `secret=`; pass one to its constructor.

        Example:
            >>> board = ClaimQueue(secret=b"sixteen bytes...")
            >>> len(board.key_of("ann"))
            32

        """
        import hmac  # noqa: PLC0415 - as in is_same

        name, secret = arguments.agent_name(agent), self._engine.secret
        if secret is None:
            raise ValueError(
                "keys are made from a secret: give the coordinator secret=secrets.token_bytes(16)"
            )
        return hmac.new(secret, f"agent\0{name}".encode(), "sha256").hexdigest()[:32]

"""
The world outside the board: a resource that agents write to, and that notices wrong writes.

The board can promise that a task has one holder at a time. It cannot promise that a paused holder stops
writing to your database, or that the next holder does not send the same mail again. A `Resource` shows
whether your agents are safe against that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from ...values.checks import count


@attrs.frozen
class Written:
    """One write: when (virtual seconds), under which key and token, what."""

    at: float
    key: str
    token: int
    value: Any


class World:
    """What a resource knows about the colony: the time, and which leases live. Set when the colony runs."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = lambda: 0.0
        self.is_live: Callable[[int], bool] = lambda _: True


class Resource:
    """
    A resource outside the board: a database, a folder, a mailbox. Made by `Colony.resource`.

    Without fencing each write counts, like a mail that is sent. A second write under a key by another lease
    is *double*; a write by a lease that has ended is *late*; the report contains both. With fencing it
    behaves like a store with a `Guard`: a write with a newer token replaces the older one, and a token older
    than the newest is refused with StaleTokenError.
    """

    def __init__(self, name: str, *, fenced: bool, world: World) -> None:
        self.name, self.fenced = name, fenced
        self.writes: list[Written] = []
        """what was written, in order"""
        self.refused: list[Written] = []
        """writes that a fenced resource refused"""
        self.problems: list[str] = []
        self._world = world
        self._last: dict[str, Written] = {}

    def write(self, key: str, value: object = None, *, token: int) -> None:
        """
        Write a value under a key.

        Args:
            key: usually the task's id.
            value: any object.
            token: the token of the lease under which it is written, such as `job.token`.

        Raises:
            StaleTokenError: the resource is fenced and has seen a newer token: stop, the lease is lost.

        """
        count(token, "token", most=1 << 62)
        written, before = Written(self._world.now(), key, token, value), self._last.get(key)
        if self.fenced and before is not None and token < before.token:
            from ...guard import StaleTokenError  # noqa: PLC0415 - a colony needs no guard before

            self.refused.append(written)
            raise StaleTokenError(f"{self.name}/{key}", token, before.token)
        if not self.fenced:
            if before is not None and before.token != token:
                self.problems.append(
                    f"{self.name}: {key!r} was written twice: at {before.at:.0f} s under token "
                    f"{before.token} and at {written.at:.0f} s under token {token}"
                )
            if not self._world.is_live(token):
                self.problems.append(
                    f"{self.name}: {key!r} was written late, at {written.at:.0f} s: the lease with token "
                    f"{token} had ended"
                )
        self.writes.append(written)
        self._last[key] = written

    def __getitem__(self, key: str) -> Any:
        return self._last[key].value

    def __contains__(self, key: str) -> bool:
        return key in self._last

"""
The two orthogonal parts that make a strategy: who may, and in which order.

A machine is the shared ledger (tasks, leases, needs, limits, retention ...)
plus one part of each sort. The ledger asks the eligibility part for a task's
signature (tasks of one signature are open to the same agents) and for the
signatures open to an agent; the order part keeps READY tasks by signature and
finds the first. ClaimQueue is `Anyone` ordered by `ByPriority`.

A part may hold state of its own: it is told of every row through the same
calls in every replica, and it is rebuilt from the rows after a restore.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Protocol

from ..values import Task
from .states import Row

__all__ = ["Anyone", "Eligibility", "Order"]


class Eligibility(Protocol):
    """Who may take a task."""

    honours: frozenset[str]
    """names of the Task fields that this part gives a meaning to"""

    def signature(self, task: Task) -> Hashable:
        """Return what decides who may take this task; equal for interchangeable tasks."""
        ...

    def open_to(self, agent: str) -> Iterable[Hashable]:
        """Return the signatures that this agent may take from."""
        ...


class Order(Protocol):
    """In which order READY tasks are taken."""

    honours: frozenset[str]

    def add(self, row: Row, signature: Hashable) -> None:
        """Take in a row that has become READY."""
        ...

    def leave(self, row: Row) -> None:
        """Note that a READY row has left that state."""
        ...

    def reorder(self, row: Row) -> None:
        """Forget a row whose spec is about to be replaced."""
        ...

    def first(self, signatures: Iterable[Hashable], kinds: tuple[str, ...] | None) -> Row | None:
        """Return the best row of these signatures and kinds whose limit is open."""
        ...

    def reopen(self, limit: str) -> None:
        """Note that a named limit has a free slot again."""
        ...

    def check(self, rows: Iterable[Row]) -> None:
        """Assert the part's own invariants."""
        ...


class Anyone:
    """The eligibility part of the claim queue: every agent may take every task."""

    honours: frozenset[str] = frozenset()
    _ONE: tuple[None] = (None,)

    def signature(self, task: Task) -> Hashable:
        """Return the one signature there is."""
        return None

    def open_to(self, agent: str) -> Iterable[Hashable]:
        """Return the one signature there is."""
        return self._ONE

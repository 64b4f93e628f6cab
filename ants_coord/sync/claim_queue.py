# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""Claim-and-lock: a shared queue of tasks. All its verbs are common to every strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .board import Board

if TYPE_CHECKING:
    from .. import aio as other


class ClaimQueue(Board):
    """
    Claim-and-lock: a shared task queue, atomic claims, leases that expire.

    Every agent may take every task. The order is priority, then submission. See Board for the arguments and
    verbs.

    Example:
        >>> from ants_coord import Task
        >>> def hello() -> str:
        ...     with ClaimQueue() as board:
        ...         ticket = board.submit(Task("hello", payload={"to": "ants"}))
        ...         with board.work(board.claim("worker-1")) as job:
        ...             job.result = f"hello, {job.payload['to']}"
        ...         return board.result(ticket)
        >>> hello()
        'hello, ants'

    """

    _strategy = "claim"

    @property
    def aio(self) -> other.ClaimQueue:
        """The same board for event loops; closing either closes both."""
        from .. import aio as other  # noqa: PLC0415 - each colour knows the other only in these properties

        return other.ClaimQueue._over_engine(self._engine)  # noqa: SLF001 - our own class

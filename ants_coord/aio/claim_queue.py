"""Claim-and-lock: a shared queue of tasks. All its verbs are common to every strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .board import Board

if TYPE_CHECKING:
    from .. import sync as other


class ClaimQueue(Board):
    """
    Claim-and-lock: a shared task queue, atomic claims, leases that expire.

    Every agent may take every task. The order is priority, then submission. See Board for the arguments and
    verbs.

    Example:
        >>> import asyncio
        >>> from ants_coord import Task
        >>> async def hello() -> str:
        ...     async with ClaimQueue() as board:
        ...         ticket = await board.submit(Task("hello", payload={"to": "ants"}))
        ...         async with board.work(await board.claim("worker-1")) as job:
        ...             job.result = f"hello, {job.payload['to']}"
        ...         return await board.result(ticket)
        >>> asyncio.run(hello())
        'hello, ants'

    """

    _strategy = "claim"

    @property
    def sync(self) -> other.ClaimQueue:
        """The same board for threads; closing either closes both."""
        from .. import sync as other  # noqa: PLC0415 - each colour knows the other only in these properties

        return other.ClaimQueue._over_engine(self._engine)  # noqa: SLF001 - our own class

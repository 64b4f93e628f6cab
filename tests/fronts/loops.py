"""What tests for event loops need, under the names that conftest.py has for threads."""

from __future__ import annotations

import asyncio

from .conftest import standing


class Background:
    """A call in a task of its own, and its answer."""

    def __init__(self, call, *arguments, **options):
        self.done = asyncio.Event()
        self._task = asyncio.create_task(self._run(call, arguments, options))

    async def _run(self, call, arguments, options):
        try:
            return await call(*arguments, **options)
        finally:
            self.done.set()

    async def get(self):
        """Return the answer, or raise what the call raised."""
        return await self._task


async def until(is_so) -> None:
    """Return when something is so; the time limit is that of the whole test."""
    while not is_so():
        await asyncio.sleep(0)


async def waits(board, count: int = 1) -> None:
    """Return when `count` callers have entered the lobby."""
    await until(lambda: sum(not one.timed_out for one in standing(board)) >= count)


async def give_up(caller, other, turns) -> None:
    """Cancel a call some turns of the loop after it, or another one, has come to its end."""
    await asyncio.wait([caller, other], return_when=asyncio.FIRST_COMPLETED)
    for _ in range(turns):
        await asyncio.sleep(0)
    caller.cancel()


def finish(board) -> None:
    """Check and close what a fixture made, after the loop of the test."""
    if not board._engine.is_closed:
        board.check()
    board.sync.close()

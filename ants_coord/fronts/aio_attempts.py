"""
How an async handler runs in its scope: on the event loop of a coordinator, or of a worker thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..engine.engine import Engine
from ..errors import ClosedError, LeaseLostError
from ..values.tasks import Lease
from .aio_hold import AsyncHold
from .arguments import Seconds
from .serving import Failed, Handler

__all__ = ["LoopOfThread", "run_async"]


class LoopOfThread:
    """An event loop for the async handlers of one worker thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close the loop."""
        self._runner.close()

    def attempt(self, engine: Engine, lease: Lease, handler: Handler, timeout: Seconds | None) -> None:
        """Run one async handler in its scope, to the end."""

        async def run(command: Any) -> Any:
            return engine.execute(command)  # blocking is fine: the loop has nothing else to do

        self._runner.run(run_async(engine, lease, handler, timeout, run))


async def run_async(
    engine: Engine,
    lease: Lease,
    handler: Handler,
    timeout: Seconds | None,
    run: Callable[[Any], Awaitable[Any]],
) -> None:
    """Run an async handler in its scope."""
    failed: Exception | None = None
    try:
        async with AsyncHold(engine, lease, run, timeout) as job:
            try:
                job.result = await handler(job)
            except Exception as error:
                failed = error
                raise
    except (ClosedError, LeaseLostError):
        raise
    except Exception as error:
        raise Failed from error
    if failed is not None:
        raise Failed from failed

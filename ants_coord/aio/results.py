"""
The verbs that wait for the ends of tasks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from ..commands.shared import Unfinished
from ..engine.lobby import Waiter, mute
from ..errors import TaskFailedError
from ..fronts import arguments
from ..fronts.arguments import Seconds, TaskLike
from ..values.tasks import Outcome
from .verbs import Verbs

__all__ = ["ResultVerbs"]


class ResultVerbs(Verbs):
    """What waits for others to finish."""

    async def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """Wait for a task to end, however it does."""
        query = arguments.outcomes([task])
        waiter = Waiter(mute, ended=query.tasks)
        found = await self._wait(
            lambda w: self._engine.look_or_enter(query, lambda o: o[0] is not None, w),
            waiter,
            timeout,
        )
        assert found[0] is not None
        return found[0]

    async def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """Wait for a task's result; raises TaskFailedError or TaskDroppedError if there is none."""
        return arguments.result_of(await self.outcome(task, timeout=timeout))

    async def results(
        self,
        tasks: Iterable[TaskLike],
        *,
        timeout: Seconds | None = None,
        return_exceptions: bool = False,
    ) -> list[Any]:
        """
        Wait for all results, in the order of `tasks`.

        Args:
            tasks: what to wait for.
            timeout: seconds for all together; None waits for ever.
            return_exceptions: put the error of a task without a result where its result would be,
                instead of raising the first one.

        Raises:
            TaskFailedError, TaskDroppedError: a task has no result.
            TimeoutError: not all ended in time.

        """
        left = await self._countdown(timeout)
        found: list[Any] = []
        for task in tasks:
            try:
                found.append(await self.result(task, timeout=left()))
            except TaskFailedError as error:
                if not return_exceptions:
                    raise
                found.append(error)
        return found

    async def as_finished(
        self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None
    ) -> AsyncIterator[Outcome]:
        """Iterate over outcomes as tasks end; `timeout` is for all together."""
        left = await self._countdown(timeout)
        pending = arguments.outcomes(tasks).tasks
        while pending:
            query = arguments.outcomes(pending)
            found = await self._wait(
                lambda w, query=query: self._engine.look_or_enter(query, any, w),  # type: ignore[misc]
                Waiter(mute, ended=pending),
                left(),
            )
            pending = tuple([task for task, ended in zip(pending, found, strict=True) if ended is None])
            for ended in found:
                if ended is not None:
                    yield ended

    async def drain(self, *, timeout: Seconds | None = None) -> None:
        """Wait until no task is unfinished."""
        waiter = Waiter(mute, drained=True)
        query = Unfinished()
        await self._wait(
            lambda w: self._engine.look_or_enter(query, lambda n: n == 0, w) is not None or None,
            waiter,
            timeout,
        )

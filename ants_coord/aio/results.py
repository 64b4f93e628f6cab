"""
The verbs that wait for the ends of tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

from ..commands.reading import Unfinished
from ..engine.lobby import NEVER_NS, Waiter, mute
from ..errors import TaskDroppedError, TaskFailedError
from ..fronts import arguments
from ..fronts.arguments import Seconds, TaskLike
from ..values.checks import flag
from ..values.payloads import copy_json
from ..values.tasks import Outcome, TaskState
from .verbs import Verbs


class ResultVerbs(Verbs):
    """The verbs that wait for others to finish."""

    async def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """
        Wait for a task to end, successfully or not.

        Args:
            task: the task, its ticket or its id.
            timeout: seconds to wait; None waits for ever.

        Returns:
            An Outcome with the state in which the task ended, the result and the reason.

        Raises:
            TimeoutError: it has not ended; the message says why.
            TaskNotFoundError: it is unknown or forgotten.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> state = await board.fail(await board.claim("ann"), "a typo", retry=False)
            >>> outcome = await board.outcome("a", timeout=5)
            >>> (outcome.state.value, outcome.reason)
            ('failed', 'a typo')

        """
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
        """
        Wait for the result of a task.

        Args:
            task: the task, its ticket or its id.
            timeout: seconds to wait; None waits for ever.

        Returns:
            The JSON value with which it was completed.

        Raises:
            TaskFailedError: it failed; the error says why, and has the outcome. `requeue` starts it again.
            TaskDroppedError: it was cancelled.
            TimeoutError: it has not ended; the message says why.
            TaskNotFoundError: it is unknown or forgotten.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> outcome = await board.complete(await board.claim("ann"), [1, 2])
            >>> await board.result(ticket, timeout=5)
            [1, 2]

        """
        outcome = await self.outcome(task, timeout=timeout)
        if outcome.state is TaskState.DONE:
            return copy_json(outcome.result)
        if outcome.state is TaskState.CANCELLED:
            raise TaskDroppedError(outcome)
        raise TaskFailedError(outcome)

    async def results(
        self,
        tasks: Iterable[TaskLike],
        *,
        timeout: Seconds | None = None,
        return_exceptions: bool = False,
    ) -> list[Any]:
        """
        Wait for the results of several tasks.

        Args:
            tasks: tasks, tickets or ids.
            timeout: seconds to wait for all together; None waits for ever.
            return_exceptions: put the error of a task in the place of its result. By default the first one is
                raised.

        Returns:
            A list of the results in the order of `tasks`.

        Raises:
            TaskFailedError, TaskDroppedError, TimeoutError, TaskNotFoundError, DeadlockError, ClosedError: as
                in `result`, for the first task in this order without a result.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = await board.submit_many([Task("a"), Task("b")])
            >>> for lease in await board.claim_many("ann", 2):
            ...     outcome = await board.complete(lease, lease.task.upper())
            >>> await board.results(tickets, timeout=5)
            ['A', 'B']

        """
        flag(return_exceptions, "return_exceptions")
        left = await self._countdown(timeout)
        found: list[Any] = []
        for task in arguments.outcomes(tasks).tasks:
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
        """
        Iterate over outcomes as tasks end, whichever ends first.

        Args:
            tasks: tasks, tickets or ids.
            timeout: seconds to wait for all together; None waits for ever.

        Yields:
            An Outcome for each task, also for those that failed or were cancelled.

        Raises:
            TimeoutError: some have not ended.
            TaskNotFoundError: one is unknown or forgotten.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        Example:
            >>> board = ClaimQueue()
            >>> tickets = await board.submit_many([Task("a"), Task("b")])
            >>> for task in ("b", "a"):
            ...     outcome = await board.complete(await board.claim("ann", task=task))
            >>> sorted([outcome.task async for outcome in board.as_finished(tickets, timeout=5)])
            ['a', 'b']

        """
        left = await self._countdown(timeout)
        wanted = Counter(arguments.outcomes(tasks).tasks)
        waiter = Waiter(mute, ended=tuple(wanted), heard=[])
        try:
            while wanted:
                waiter.until_ns, waiter.timed_out = NEVER_NS, False
                if not waiter.stands:  # the first time, or after all were woken: look at everything
                    waiter.ended = tuple(wanted)
                for ended in await self._wait(self._engine.next_ended, waiter, left()):
                    for _ in range(wanted.pop(ended.task, 0)):
                        yield ended
        finally:
            self._engine.leave(waiter)

    async def drain(self, *, timeout: Seconds | None = None) -> None:
        """
        Wait until no task is unfinished.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError: some tasks are unfinished; the message says why.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        Example:
            >>> board = ClaimQueue()
            >>> ticket = await board.submit(Task("a"))
            >>> outcome = await board.complete(await board.claim("ann"))
            >>> await board.drain(timeout=5)

        """
        waiter = Waiter(mute, drained=True)
        query = Unfinished()
        await self._wait(
            lambda w: self._engine.look_or_enter(query, lambda n: n == 0, w) is not None or None,
            waiter,
            timeout,
        )

# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
An agent's own handle on a Matchmaker for threads; see Agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .agent import Agent

if TYPE_CHECKING:
    from ..fronts.arguments import TaskLike
    from ..values.adverts import Offer
    from ..values.tasks import Explanation
    from .matchmaker import MatchVerbs

__all__ = ["MatchAgent"]


class MatchAgent(Agent):
    """An agent's own handle on a Matchmaker for threads; see Agent."""

    _board: MatchVerbs

    def withdraw(self, *, request_id: str | None = None) -> bool:
        """
        Withdraw an agent's advert; leases that it holds continue.

        Args:
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            Whether there was one.

        """
        return self._board.withdraw(self.name, request_id=request_id)

    def offers(self, *, count: int = 20) -> list[Offer]:
        """
        List the tasks that an agent could claim now, best first; nothing is claimed.

        Args:
            count: most tasks to return.

        Returns:
            A list of Offers: the task's id, kind, priority and requirement, and how long it has waited.

        """
        return self._board.offers(self.name, count=count)

    def why_not(self, task: TaskLike) -> Explanation:
        """
        Explain why an agent does not get a task, clause by clause.

        Args:
            task: the task, its ticket or its id.

        Returns:
            An Explanation; `str()` of it has one sentence per line.

        Raises:
            TaskNotFoundError: the task is unknown or forgotten.

        """
        return self._board.why_not(task, agent=self.name)

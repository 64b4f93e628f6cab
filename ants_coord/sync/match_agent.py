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
        Take an agent's advert back; what it holds goes on.

        Args:
            request_id: makes a repeat of this call answer the first reply.

        Returns:
            Whether there was one.

        """
        return self._board.withdraw(self.name, request_id=request_id)

    def offers(self, *, count: int = 20) -> list[Offer]:
        """
        List what an agent could claim now, in the order in which it would get it; it claims nothing.

        Args:
            count: how many at most.

        """
        return self._board.offers(self.name, count=count)

    def why_not(self, task: TaskLike) -> Explanation:
        """
        Say why an agent does not get a task, clause by clause.

        Args:
            task: the task, its ticket or its id.

        Returns:
            An Explanation; `str` of it is a sentence a line.

        Raises:
            TaskNotFoundError: there is no such task (any more).

        """
        return self._board.why_not(task, agent=self.name)

# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
"""
An agent's own handle on a Matchmaker for threads; see Agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .agent import Agent

if TYPE_CHECKING:
    from ..fronts.arguments import Seconds, TaskLike
    from ..values.adverts import Offer
    from ..values.tasks import Explanation
    from .matchmaker import MatchVerbs

__all__ = ["MatchAgent"]


class MatchAgent(Agent):
    """An agent's own handle on a Matchmaker for threads; see Agent."""

    _board: MatchVerbs

    def withdraw(self, *, request_id: str | None = None) -> bool:
        """Take an agent's advert back; what it holds goes on. Returns whether there was one."""
        return self._board.withdraw(self.name, request_id=request_id)

    def decline(
        self,
        task: TaskLike,
        *,
        reason: str = "",
        retry_after: Seconds | None = None,
        request_id: str | None = None,
    ) -> None:
        """
        Say that an agent does not want a task that it could take; it never costs standing.

        Args:
            task: what is on offer to it now.
            reason: for `explain`.
            retry_after: seconds until it may be offered again; None: until the agent's advert or
                the task changes. Naming the task in a claim overrules it.
            request_id: makes a repeat of this call answer the first reply.

        Raises:
            NotOfferedError: the agent could not take this task now.

        """
        self._board.decline(
            self.name,
            task,
            reason=reason,
            retry_after=retry_after,
            request_id=request_id,
        )

    def offers(self, *, count: int = 20) -> list[Offer]:
        """List what an agent could claim now, in the order in which it would get it."""
        return self._board.offers(self.name, count=count)

    def why_not(self, task: TaskLike) -> Explanation:
        """Say why an agent does not get a task, clause by clause."""
        return self._board.why_not(task, agent=self.name)

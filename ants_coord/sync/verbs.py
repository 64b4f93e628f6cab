# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
"""
The verbs for what is there already: ending, steering, looking, and waiting for results.

Submitting, claiming, holding and locking are in board.py; `Board` there has all verbs.
"""

from __future__ import annotations

from collections.abc import Iterator, Iterable
from typing import Any, TypeVar

from ..commands.shared import (
    Adopt,
    Command,
    Configure,
    Explain,
    ExplainAgent,
    Holder,
    Leases,
    Pause,
    Query,
    ReleaseAll,
    Renewed,
    Resume,
    SettingsOf,
    StandingOf,
    StatisticsOf,
    Unfinished,
)
from ..core.reading import private
from ..engine.lobby import Waiter, mute
from ..errors import LeaseLostError
from ..fronts import arguments
from ..fronts.arguments import LeaseLike, Seconds, TaskLike
from ..fronts.build import changed
from ..values.checks import check_id
from ..values.settings import Settings
from ..values.tasks import Explanation, Lease, Outcome, Standing, Statistics, TaskRecord, TaskState, Ticket
from .bridge import Bridge

__all__ = ["Verbs"]

R = TypeVar("R")


class Verbs(Bridge):
    """The verbs that neither add nor take."""

    def execute(self, command: Command[R], *, request_id: str | None = None) -> R:
        """Carry any command out; raises what the core refuses."""
        return self._engine.execute(command, request_id)

    def query(self, query: Query[R]) -> R:
        """Answer any query; never logged."""
        return self._engine.ask(query)

    # -- one line each ------------------------------------------------------------------------

    def renew(
        self, lease: LeaseLike, *, lease_ttl: Seconds | None = None, request_id: str | None = None
    ) -> int:
        """Move a lease's deadline; returns it in board ns. Raises LeaseLostError."""
        answer = (self._engine.execute(arguments.renew((lease,), lease_ttl), request_id))[0]
        if isinstance(answer, Renewed):
            return answer.expires_ns
        raise LeaseLostError(arguments.pair(lease)[0], answer.token, answer.reason)

    def complete_many(
        self, endings: Iterable[tuple[LeaseLike, object]], *, request_id: str | None = None
    ) -> list[Outcome]:
        """End several tasks, (lease, result) each, in one step: all, or none if a lease is lost."""
        command = arguments.complete_many(endings)
        return [private(one) for one in self._engine.execute(command, request_id)]

    def fail(
        self,
        lease: LeaseLike,
        reason: str,
        *,
        retry: bool | Seconds = True,
        request_id: str | None = None,
    ) -> TaskState:
        """End an attempt; retry=False gives up, seconds retry after a pause of your own."""
        return self._engine.execute(arguments.fail(lease, reason, retry), request_id)

    def release(self, lease: LeaseLike, *, request_id: str | None = None) -> None:
        """Give a lease back; the attempt does not count."""
        self._engine.execute(arguments.release(lease), request_id)

    def progress(self, lease: LeaseLike, note: object, *, request_id: str | None = None) -> None:
        """Keep a progress note with a leased task."""
        self._engine.execute(arguments.note(lease, note), request_id)

    def adopt(self, agent: str, *, request_id: str | None = None) -> list[Lease]:
        """Take over an agent's own leases after a crash, under new tokens; the old ones are fenced off."""
        return list(self._engine.execute(Adopt(arguments.agent_name(agent)), request_id))

    def release_all(self, agent: str, *, request_id: str | None = None) -> int:
        """Give back everything an agent holds; returns how many leases."""
        return self._engine.execute(ReleaseAll(arguments.agent_name(agent)), request_id)

    def holder(self, name: str) -> Lease | None:
        """Return the lock that holds a name, or None."""
        return self._engine.ask(Holder(check_id(name, "name")))

    def cancel(
        self, task: TaskLike, *, reason: str = "cancelled", request_id: str | None = None
    ) -> None:
        """Drop a task now, and what needs it; a holder learns at once or at its next call."""
        self._engine.execute(arguments.cancel(task, reason), request_id)

    def requeue(self, task: TaskLike, *, request_id: str | None = None) -> Ticket:
        """Bring a FAILED task back with fresh attempts, and the dependents it took along."""
        return self._engine.execute(arguments.requeue(task), request_id)

    def limit(self, name: str, n: int, *, request_id: str | None = None) -> None:
        """Let at most `n` tasks that name this limit be leased at once (1 until told)."""
        self._engine.execute(arguments.limit(name, n), request_id)

    def pause(self, *, request_id: str | None = None) -> None:
        """Stop claims; what is held goes on."""
        self._engine.execute(Pause(), request_id)

    def resume(self, *, request_id: str | None = None) -> None:
        """Allow claims again."""
        self._engine.execute(Resume(), request_id)

    def configure(self, *, request_id: str | None = None, **changes: Any) -> Settings:
        """Change settings for everybody who uses this board; see Settings for the names."""
        command = Configure(changed(self.settings(), changes))
        return self._engine.execute(command, request_id)

    def settings(self) -> Settings:
        """Return the board's settings."""
        return self._engine.ask(SettingsOf())

    def find(self, task: TaskLike) -> TaskRecord | None:
        """Look a task up; None if there is none (any more)."""
        return self._engine.ask(arguments.find(task))

    def tasks(
        self,
        *,
        state: TaskState | str | Iterable[TaskState | str] | None = None,
        kinds: Iterable[str] | None = None,
        tag: str | None = None,
        after: TaskLike | None = None,
        count: int = 100,
    ) -> list[TaskRecord]:
        """List tasks in submission order, a page of `count` after the task `after`."""
        return list(self._engine.ask(arguments.tasks(state, kinds, tag, after, count)))

    def leases(self, agent: str | None = None) -> list[Lease]:
        """List live leases, of one agent or of all, oldest first."""
        return list(self._engine.ask(Leases(None if agent is None else arguments.agent_name(agent))))

    def explain(self, task: TaskLike) -> Explanation:
        """Say why a task is where it is."""
        return self._engine.ask(Explain(arguments.task_id(task)))

    def explain_agent(self, agent: str) -> Explanation:
        """Say what an agent holds and why it gets work, or does not."""
        return self._engine.ask(ExplainAgent(arguments.agent_name(agent)))

    def standing(self, agent: str) -> Standing:
        """Return what has been seen of an agent."""
        return self._engine.ask(StandingOf(arguments.agent_name(agent)))

    def vouch(self, agent: str, principal: str, *, by: str) -> bool:
        """
        Say who vouches for an agent: agents of one principal do not check each other's results.

        Args:
            agent: whom it is about; an agent that nobody vouches for is its own principal.
            principal: who vouches for it, a name: a person, a team, a provider.
            by: who says so; it stands in the event.

        Returns:
            Whether that was news.

        """
        return self._engine.execute(arguments.vouch(agent, principal, by))

    def statistics(self) -> Statistics:
        """Count everything."""
        return self._engine.ask(StatisticsOf())

    # -- results ------------------------------------------------------------------------------

    def outcome(self, task: TaskLike, *, timeout: Seconds | None = None) -> Outcome:
        """Wait for a task to end, however it does."""
        query = arguments.outcomes([task])
        waiter = Waiter(mute, ended=query.tasks)
        found = self._wait(
            lambda w: self._engine.look_or_enter(query, lambda o: o[0] is not None, w),
            waiter,
            timeout,
        )
        assert found[0] is not None
        return found[0]

    def result(self, task: TaskLike, *, timeout: Seconds | None = None) -> Any:
        """Wait for a task's result; raises TaskFailedError or TaskDroppedError if there is none."""
        return arguments.result_of(self.outcome(task, timeout=timeout))

    def results(self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None) -> list[Any]:
        """Wait for all results, in the order of `tasks`; `timeout` is for all together."""
        left = self._countdown(timeout)
        return [self.result(task, timeout=left()) for task in tasks]

    def as_finished(
        self, tasks: Iterable[TaskLike], *, timeout: Seconds | None = None
    ) -> Iterator[Outcome]:
        """Iterate over outcomes as tasks end; `timeout` is for all together."""
        left = self._countdown(timeout)
        pending = arguments.outcomes(tasks).tasks
        while pending:
            query = arguments.outcomes(pending)
            found = self._wait(
                lambda w, query=query: self._engine.look_or_enter(query, any, w),  # type: ignore[misc]
                Waiter(mute, ended=pending),
                left(),
            )
            pending = tuple([task for task, ended in zip(pending, found, strict=True) if ended is None])
            for ended in found:
                if ended is not None:
                    yield ended

    def drain(self, *, timeout: Seconds | None = None) -> None:
        """Wait until no task is unfinished."""
        waiter = Waiter(mute, drained=True)
        query = Unfinished()
        self._wait(
            lambda w: self._engine.look_or_enter(query, lambda n: n == 0, w) is not None or None,
            waiter,
            timeout,
        )

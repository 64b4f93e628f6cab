"""
tinycrew: a home-made agent framework, as an example of how to build one over any coordinator.

A crew has roles; a role is a function that does steps of some kinds. Which threads run,
what happens when a role raises, hangs or dies, and who does a step again, is the coordinator's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ants_coord import Hold, Task
from ants_coord.abc import Coordinator

__all__ = ["Crew", "Role", "Step"]


@dataclass(frozen=True)
class Step:
    """What a role gets: its job, and ways to plan more steps and to say how far it is."""

    crew: Crew
    job: Hold

    def plan(self, kind: str, payload: Any, *, after: Iterable[str] = ()) -> str:
        """Add a step for an agent that does this kind, and return its id; `after` are the steps it needs."""
        return self.crew.add(kind, payload, after=after)

    def report(self, note: Any) -> None:
        """Show a sign of life; the next agent sees it if it has to begin again."""
        self.job.progress(note)


@dataclass(frozen=True)
class Role:
    """A member of a crew: a name, the kinds of step that it does, and how."""

    name: str
    kinds: tuple[str, ...]
    act: Callable[[Step], Any]


class Crew:
    """Roles over a coordinator: in memory or in a file, of any strategy, shared with other crews or not."""

    def __init__(self, coordinator: Coordinator, roles: Iterable[Role]) -> None:
        self.coordinator = coordinator
        self.roles = tuple(roles)

    def add(self, kind: str, payload: Any, *, after: Iterable[str] = ()) -> str:
        """Add a step; a kind that nobody does is refused here and not waited for."""
        known = sorted({kind for role in self.roles for kind in role.kinds})
        if kind not in known:
            raise ValueError(f"no role does {kind!r}; there are {', '.join(known)}")
        return self.coordinator.submit(Task(kind=kind, payload=payload, needs=tuple(after))).id

    def run(self, kind: str, payload: Any) -> Any:
        """Do one step and all that are planned on the way, and return the first one's result."""
        first = self.add(kind, payload)
        with ThreadPoolExecutor(len(self.roles)) as pool:
            for end in [pool.submit(self._work, role) for role in self.roles]:
                end.result()
        return self.coordinator.result(first)

    def _work(self, role: Role) -> None:
        me = self.coordinator.as_agent(role.name)
        for lease in me.claims(kinds=role.kinds, until="drained"):
            with me.work(lease, on_error="log") as job:
                job.result = role.act(Step(self, job))

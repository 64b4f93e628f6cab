"""
The demo by capability matching: five skills per file, agents that differ, one that lies, one that leaves.

`ant-1` can do everything; the others are specialists. The liar advertises a skill that it does not have: it
fails at it, is benched for failing several times in a row, and others do the work. The silent agent stops
refreshing its advert while it holds a task: the lease runs out, and so does the advert.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from ...sync import Matchmaker
from ...values.adverts import Advert
from ...values.tasks import Lease, Task
from . import skill_job
from .colony import AgentTimes, Colony, tasks_for

_ADVERT_TTL = 1.5
_LIE = "ast.docstrings"
_SPECIALISTS = (
    ("text.count", "text.tokenise"),
    ("ast.parse", "hash.sha256"),
    ("ast.docstrings", "ast.parse"),
    ("hash.sha256", "text.count", "text.tokenise"),
)
_ATTEMPTS = 50
"""a task must not fail for good only because of liars"""


class MatchColony(Colony):
    """The colony of colony.py around a Matchmaker."""

    board: Matchmaker

    def __init__(self, board: Matchmaker, root: Path, agents: int, seed: int) -> None:
        super().__init__(board, root, agents, seed)
        everything = tuple(skill_job.SKILLS)
        skills = [everything, *[_SPECIALISTS[number % 4] for number in range(agents - 1)]]
        self.skills = dict(zip(self.names, skills, strict=True))
        honest = [name for name in self.names[1:] if name != self.silent]
        self.liar = honest[-1] if honest else None
        if self.liar is not None:
            self.skills[self.liar] = ("text.count", _LIE)
        self.lies = 0
        """how often the liar failed at what it had claimed to do"""

    def tasks_for(self, root: Path) -> list[Task]:
        """Return the job: five tasks per file, a join per package, and the report."""
        return [
            attrs.evolve(task, requires=task.id.partition("/")[0]) if task.kind == "file" else task
            for task in tasks_for(root, skill_job.SKILLS, _ATTEMPTS)
        ]

    def handle(self, lease: Lease) -> Any:
        """Do one task."""
        if lease.kind == "file":
            skill = lease.task.partition("/")[0]
            if lease.agent == self.liar and skill == _LIE:
                self.lies += 1
                raise RuntimeError(f"{self.liar} cannot do {skill}, whatever its advert says")
            return skill_job.SKILLS[skill](Path(lease.payload["root"], lease.payload["path"]).read_bytes())
        if lease.kind == "package":
            return skill_job.join_package((id_.partition("/")[2], part) for id_, part in lease.inputs.items())
        return skill_job.report({id_.removeprefix("package/"): part for id_, part in lease.inputs.items()})

    def remarks(self) -> list[str]:
        """Say what happened to the liar and to the silent agent's advert."""
        said = []
        if self.liar is not None:
            why = [event for event in self.board.events() if event.type == "benched"]
            said.append(
                f"{self.liar} advertised {_LIE} and failed at it {self.lies} times: "
                f"benched {len(why)} times, and others did that work"
            )
        for event in self.board.events():
            if event.type in ("fading", "departed") and event.agent == self.silent:
                said.append(f"the advert of {self.silent} is {event.type}")
        return said

    def _live(self, name: str) -> None:
        if name == self.silent:
            super()._live(name)  # it advertises by hand, and nobody refreshes the advert once it is silent
            return
        with self.board.join(name, self.skills[name], ttl=_ADVERT_TTL):
            super()._live(name)

    def _claims(self, name: str, times: AgentTimes) -> Iterator[Lease]:
        if name == self.silent:
            self.board.advertise(Advert(name, self.skills[name], ttl=_ADVERT_TTL))
        yield from super()._claims(name, times)

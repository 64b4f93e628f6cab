"""
The demo with standing: one agent never works, one invents its results, and the report is right.

Each file's result is checked by a quorum of two, less often as agents earn trust. The ghost claims and falls
silent, again and again, until its standing excludes it. The liar returns the figures of an empty file, is
outvoted, and is excluded in the same way. Nobody knows beforehand which agents they are.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import attrs

from ...errors import ClosedError
from ...sync import Board
from ...values.tasks import Lease, Task
from ...values.trust import TrustPolicy
from ...values.verification import Verify
from ..common.show import BAD_INPUT, fail
from . import index_job
from .colony import Colony, tasks_for

LEAST_AGENTS = 4
"""a ghost, a liar, and two whose results can agree"""
_CHECKED = Verify.by_quorum(2, of=3, error=0.05)
_ATTEMPTS = 50
"""a task must not fail for good only because of a ghost"""


def with_trust(strategy: str, agents: int) -> dict[str, Any]:
    """Return the further settings of a demo with standing."""
    if strategy != "claim":
        raise fail("--trust: this demo needs --strategy claim", BAD_INPUT)
    if agents < LEAST_AGENTS:
        raise fail(
            f"--trust: needs at least {LEAST_AGENTS} agents: a ghost, a liar and two others", BAD_INPUT
        )
    return {"trust": TrustPolicy(), "secret": secrets.token_bytes(16)}


class TrustColony(Colony):
    """The colony of colony.py with two bad agents."""

    def __init__(self, board: Board, root: Path, agents: int, seed: int) -> None:
        super().__init__(board, root, agents, seed)
        self.silent = None  # the ghost does that, and more than once
        self.ghost, self.liar = self.names[-1], self.names[-2]

    def tasks_for(self, root: Path) -> list[Task]:
        """Return the job; the results for files are checked."""
        return [
            attrs.evolve(task, verify=_CHECKED) if task.kind == "file" else task
            for task in tasks_for(root, attempts=_ATTEMPTS)
        ]

    def handle(self, lease: Lease) -> Any:
        """Do one task, or pretend to."""
        if lease.agent == self.liar and lease.kind == "file":
            return index_job.index_file(b"")
        return super().handle(lease)

    def _live(self, name: str) -> None:
        if name != self.ghost:
            super()._live(name)
            return
        try:
            for _ in self.board.claims(name, until="drained"):
                continue  # no work, no report
        except ClosedError:
            return

    def remarks(self) -> list[str]:
        """Say what happened to the ghost and to the liar."""
        said = []
        for name, what in ((self.ghost, "never worked"), (self.liar, "made its results up")):
            seen = self.board.standing(name)
            out = next((e for e in self.board.events() if e.type == "quarantined" and e.agent == name), None)
            fate = f"in quarantine: {out.detail['why']}" if out is not None else "not shut out before the end"
            said.append(f"{name} {what}: {seen.claimed} claims, {fate}")
        checked = sum(event.type == "handed in" for event in self.board.events())
        said.append(f"{checked:,} results waited for another agent's; the others were taken on trust")
        return said

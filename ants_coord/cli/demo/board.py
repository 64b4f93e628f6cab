"""
The demo by stigmergy: an agent that parses a file lays a mark on every module that it imports.

No agent counts imports or ranks files. The marks attract the colony to the modules that most others depend
on, long before it has seen them all. For comparison, a plain claim queue does the same job in the same run.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from ...sync import Blackboard, Board, ClaimQueue
from ...values.marks import Mark
from ...values.tasks import Lease, Task
from .colony import Colony, settings, tasks_for

KIND = "imported"


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's rank correlation; equal values share their mean rank. 0.0 if nothing varies."""
    ranks = []
    for values in (first, second):
        order = sorted(values)
        ranks.append([bisect_left(order, value) + bisect_right(order, value) for value in values])
    try:
        return statistics.correlation(*ranks)
    except statistics.StatisticsError:
        return 0.0


def modules_of(files: list[str]) -> dict[str, str]:
    """Return the top-level modules of a tree: name -> file."""
    found = {}
    for path in files:
        parts = path.removesuffix(".py").split("/")
        if len(parts) == 1 or (len(parts) == 2 and parts[1] == "__init__"):
            found[parts[0]] = path
    return found


class BoardColony(Colony):
    """The colony of colony.py around a Blackboard."""

    board: Blackboard

    def __init__(self, board: Blackboard, root: Path, agents: int, seed: int) -> None:
        super().__init__(board, root, agents, seed)
        self.root = root
        self.files = [task.payload["path"] for task in self.tasks if task.kind == "file"]
        self.modules = modules_of(self.files)

    def tasks_for(self, root: Path) -> list[Task]:
        """Return the job: each file's task is at the place of the file."""
        return [
            attrs.evolve(task, place=task.payload["path"]) if task.kind == "file" else task
            for task in tasks_for(root)
        ]

    def handle(self, lease: Lease) -> Any:
        """Do one task; lay a mark at each module that the file imports."""
        result = super().handle(lease)
        if lease.kind == "file":
            for module in result["imports"]:
                place = self.modules.get(module)
                if place is not None:
                    self.board.deposit(Mark(KIND, place), agent=lease.agent)
        return result

    def remarks(self) -> list[str]:
        """Compare the order of work with the number of dependents of each file, here and in a claim queue."""
        imported: Counter[str] = Counter()
        for path in self.files:
            record = self.board.find(f"file/{path}")
            if record is not None and record.outcome is not None and record.outcome.result is not None:
                imported.update(
                    self.modules[name] for name in record.outcome.result["imports"] if name in self.modules
                )
        with ClaimQueue(**settings()) as queue:
            plain = Colony(queue, self.root, len(self.names), 0)
            plain.silent = None
            plain.submit()
            plain.run(lambda: None)
            theirs = self._order(queue)
        ours = self._order(self.board)
        wanted = [float(imported[path]) for path in self.files]
        said = []
        for name, order in (("the blackboard", ours), ("a claim queue", theirs)):
            early = [-float(order.get(path, len(order))) for path in self.files]
            said.append(
                f"by {name}: rank correlation of early work with being imported "
                f"{correlation(early, wanted):+.2f}; of the 20 most imported modules, "
                f"{self._early(order, imported)} are among the first tenth"
            )
        trails = ", ".join(
            f"{trail.place} ({trail.strength:.0f})" for trail in self.board.strongest(KIND, count=5)
        )
        return [*said, f"the strongest trails: {trails}"]

    def _order(self, board: Board) -> dict[str, int]:
        """Return the position in which each file was first claimed."""
        order: dict[str, int] = {}
        for event in board.events():
            if event.type == "claimed" and event.task is not None and event.task.startswith("file/"):
                order.setdefault(event.task.removeprefix("file/"), len(order))
        return order

    def _early(self, order: dict[str, int], imported: Counter[str]) -> int:
        first = len(order) / 10
        return sum(order.get(path, len(order)) < first for path, _ in imported.most_common(20))

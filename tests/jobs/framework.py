"""A small framework over the protocol: one crew, and its users choose the board."""

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ants_coord import Blackboard, ClaimQueue, Coordinator, Matchmaker, Task


@dataclass
class Role:
    """What an agent is called, which kind of task it takes, and what it does with one."""

    name: str
    kind: str
    act: Callable[[Any], Any]


class Crew:
    """Roles that work on one board, each in a thread of its own."""

    def __init__(self, coordinator: Coordinator, roles: list[Role]) -> None:
        self.coordinator = coordinator
        self.roles = roles

    def run(self, tasks: list[Task]) -> None:
        """Submit, and work until all is done."""
        self.coordinator.submit_many(tasks)
        threads = [threading.Thread(target=self._work, args=(role,)) for role in self.roles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, role: Role) -> None:
        me = self.coordinator.as_agent(role.name)
        for lease in me.claims(kinds=[role.kind], until="drained"):
            with me.work(lease, on_error="log") as job:
                job.result = role.act(job)


def fetch(job: Any) -> str:
    return f"text of {job.payload}"


def judge(job: Any) -> int:
    return sum(len(text) for text in job.inputs.values())


roles = [Role("fred", "fetch", fetch), Role("fay", "fetch", fetch), Role("jo", "judge", judge)]
found = []
folder = Path(tempfile.mkdtemp())
for board in (ClaimQueue(), Matchmaker(folder / "market.db"), Blackboard()):
    with board:
        if isinstance(board, Matchmaker):
            members = [board.join(role.name, slots=2) for role in roles]
            for member in members:
                member.__enter__()
        pages = [Task(f"page-{n}", kind="fetch", payload=n) for n in range(5)]
        Crew(board, roles).run([*pages, Task("verdict", kind="judge", needs=pages)])
        found.append(board.result("verdict"))
        assert {board.outcome(page).by for page in pages} <= {"fred", "fay"}
assert found == [45, 45, 45]
print("done:", found)

"""
The demo: several agents index a real source tree, without a manager.

Each file is a task, each package is a task that needs its files, and the report is a task that needs the
packages. One agent falls silent while it holds a task, and one task fails at its first attempt, to show
expiry and retry. The report is complete and correct all the same.
"""

from __future__ import annotations

import random
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from ...errors import ClosedError
from ...sync import Board
from ...values.tasks import Backoff, Lease, Task
from . import index_job

LEASE_TTL = 2.0
"""short, so that the silent agent's task comes back while you watch"""


@attrs.define
class AgentTimes:
    """The processor time of an agent; waiting costs none."""

    work: float = 0.0
    coordination: float = 0.0


def default_tree() -> Path:
    """Return the running interpreter's own standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def tasks_for(root: Path, jobs: Iterable[str] = ("file",), attempts: int = 5) -> list[Task]:
    """
    Return the whole job as tasks: files, packages that need them, and the report that needs those.

    Args:
        root: the source tree.
        jobs: what is done with each file, a task each.
        attempts: how often each task may be tried.

    """
    tasks: list[Task] = []
    members: dict[str, list[str]] = {}
    for path in index_job.find_files(root):
        payload = {"root": str(root), "path": path}
        for job in jobs:
            tasks.append(Task(f"{job}/{path}", kind="file", payload=payload, max_attempts=attempts))
            members.setdefault(index_job.package_of(path), []).append(tasks[-1].id)
    tasks += [
        Task(f"package/{name}", kind="package", needs=needs, max_attempts=attempts)
        for name, needs in members.items()
    ]
    packages = [f"package/{name}" for name in members]
    return [*tasks, Task("report", kind="report", needs=packages, priority=1, max_attempts=attempts)]


def handle(lease: Lease) -> Any:
    """Do one task, as the handlers of a real worker would."""
    if lease.kind == "file":
        return index_job.index_file(Path(lease.payload["root"], lease.payload["path"]).read_bytes())
    if lease.kind == "package":
        return index_job.join_package(lease.inputs.values())
    return index_job.report({task.removeprefix("package/"): part for task, part in lease.inputs.items()})


class Colony:
    """
    Agents in threads around one board.

    Args:
        board: the board with the job.
        root: the source tree.
        agents: number of agents.
        seed: chooses the agent that falls silent, the time, and the task that fails once.

    """

    def __init__(self, board: Board, root: Path, agents: int, seed: int) -> None:
        self.board = board
        self.tasks = self.tasks_for(root)
        self.names = [f"ant-{number}" for number in range(1, agents + 1)]
        self.times = {name: AgentTimes() for name in self.names}
        dice = random.Random(seed)  # noqa: S311 - which of our own agents plays dead is no secret
        files = [task.id for task in self.tasks if task.kind == "file"]
        self.silent = dice.choice(self.names[1:] or self.names) if agents > 1 else None
        self.silent_after = dice.randrange(3, 10)
        self.fails_once = dice.choice(files) if files else None
        self.left_behind: str | None = None
        """the task that the silent agent held when it fell silent"""

    def tasks_for(self, root: Path) -> list[Task]:
        """Return the whole job."""
        return tasks_for(root)

    def handle(self, lease: Lease) -> Any:
        """Do one task."""
        return handle(lease)

    def submit(self) -> int:
        """Put the job on the board; if it is there already, nothing changes."""
        step = 5_000
        made = 0
        for start in range(0, len(self.tasks), step):
            made += sum(ticket.created for ticket in self.board.submit_many(self.tasks[start : start + step]))
        return made

    def remarks(self) -> list[str]:
        """Return further remarks for the end."""
        return []

    def run(self, watch: Callable[[], None]) -> Any:
        """Let the agents work until the report is done; `watch` is called several times a second."""
        crowd = {name: threading.Thread(target=self._live, args=(name,), name=name) for name in self.names}
        if self.silent is not None:
            # it starts first and alone until it falls silent: on a small tree the others would finish before
            # it has a task to die with
            crowd[self.silent].start()
            crowd[self.silent].join()
        for name, ant in crowd.items():
            if name != self.silent:
                ant.start()
        try:
            while True:
                try:
                    return self.board.result("report", timeout=0.125)
                except TimeoutError:
                    watch()
        finally:
            for ant in crowd.values():
                ant.join()

    def _live(self, name: str) -> None:
        """One agent's loop: claim, work, complete, until nothing is left."""
        times, done = self.times[name], 0
        try:
            for lease in self._claims(name, times):
                if name == self.silent and done >= self.silent_after and lease.kind == "file":
                    self.left_behind = lease.task
                    return  # it tells nobody: its lease will run out
                self._work(lease, times)
                done += 1
        except ClosedError:
            return

    def _claims(self, name: str, times: AgentTimes) -> Iterator[Lease]:
        waiting = self.board.claims(name, until="drained")
        while True:
            started = time.thread_time()
            lease = self.board.claim_nowait(name)
            times.coordination += time.thread_time() - started
            if lease is None:
                lease = next(waiting, None)
                if lease is None:
                    return
            yield lease

    def _work(self, lease: Lease, times: AgentTimes) -> None:
        started = time.thread_time()
        spent = 0.0
        try:
            with self.board.work(lease) as job:
                begun = time.thread_time()
                try:
                    if lease.task == self.fails_once:
                        self.fails_once = None
                        raise RuntimeError("planned: this task fails at its first attempt")
                    job.result = self.handle(lease)
                finally:
                    spent = time.thread_time() - begun
        except RuntimeError:
            pass  # the scope reports it to the board; the task will be retried
        finally:
            times.work += spent
            times.coordination += time.thread_time() - started - spent


def settings() -> dict[str, Any]:
    """Return the settings of a demo board: short leases, everything kept."""
    return {
        "lease_ttl": LEASE_TTL,
        "backoff": Backoff(first=0.2),
        "retention_count": 1_000_000,
        "event_count": 100_000,
    }

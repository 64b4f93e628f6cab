"""Agents that submit, claim and complete while something is done to their server, and what must hold then."""

from __future__ import annotations

import queue
import threading

from ants_coord import ClaimQueue, CoordinationError, Task

LIMIT_S = 60


class Agent(threading.Thread):
    """A process's worth of board: a connection, a replica and a session of its own."""

    def __init__(self, dsn: str, name: str, cycles: int, heard: queue.Queue, **settings) -> None:
        super().__init__(daemon=True)
        self.board = ClaimQueue(dsn, **settings)
        self.agent, self.cycles, self.heard = name, cycles, heard
        self.acked: list[str] = []
        self.done: list[tuple[str, int]] = []
        self.errors: list[str] = []

    def run(self) -> None:
        with self.board as board:
            for number in range(self.cycles):
                self.cycle(board, f"{self.agent}/{number}")
                self.heard.put(number)

    def cycle(self, board: ClaimQueue, task: str) -> None:
        try:
            board.submit(Task(task))
            self.acked.append(task)
            lease = board.claim_nowait(self.agent)
            if lease is not None:
                board.complete(lease, self.agent)
                self.done.append((lease.task, lease.token))
        except CoordinationError as problem:
            self.errors.append(f"{type(problem).__name__}: {problem}")


def under_load(dsn, fault, *, agents=3, cycles=30, faults=3, direct=None, **settings) -> list[Agent]:
    """Let agents work, do `fault()` several times on the way, and check that nothing was lost or doubled."""
    heard: queue.Queue = queue.Queue()
    crowd = [Agent(dsn, f"w{n}", cycles, heard, **settings) for n in range(agents)]
    for one in crowd:
        one.board.statistics()  # open, each with its connection
        one.start()
    step = agents * cycles // (faults + 1)
    for _ in range(faults):
        for _ in range(step):
            heard.get(timeout=LIMIT_S)
        fault()
    for one in crowd:
        one.join(LIMIT_S)
        assert not one.is_alive(), "an agent hangs"
    check(crowd, direct or dsn)
    return crowd


def check(crowd: list[Agent], dsn: str) -> None:
    """Every acknowledged task is there; each was completed once by the one who heard so; tokens are unique."""
    with ClaimQueue(dsn) as board:
        board.check()
        done = [pair for one in crowd for pair in one.done]
        acked = [task for one in crowd for task in one.acked]
        assert [task for task in acked if board.find(task) is None] == []
        assert len({task for task, _ in done}) == len({token for _, token in done}) == len(done)
        for one in crowd:
            for task, _ in one.done:
                record = board.find(task)
                assert (record.state.value, board.result(task, timeout=0)) == ("done", one.agent)
        ended = [event.task for event in board.events() if event.type == "completed"]
        assert len(ended) == len(set(ended))
        with ClaimQueue(dsn) as other:
            assert other._engine.digest() == board._engine.digest()

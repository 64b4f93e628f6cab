"""
Hubs that die between writing and answering, under coordinators: nothing is lost, nothing is done twice.

Deaths at random moments alone would not do: most fall where nothing is under way.
"""

from __future__ import annotations

import subprocess
import sys
import threading

from ants_coord import Board, ClaimQueue, Task
from tests.cli.command import ENVIRONMENT, ROOT
from tests.scale import of

DEATHS = of(3, 12, 40)
WORKERS = 3
ANSWERS = 25
"""lines that a hub answers before it dies"""

DYING = """
import os, sys
from ants_coord import Board
from ants_coord.hub.loop import Hub

board, address, answers = sys.argv[1], sys.argv[2], int(sys.argv[3])

class Dying(Hub):
    def _flush(self, peer):
        global answers
        if peer.unsent:  # written, and its answer is not sent
            answers -= 1
            if answers == 0:
                os._exit(9)
        super()._flush(peer)

hub = Dying(Board(board), address)
print("ready", flush=True)
hub.serve()
"""


class Hubs(threading.Thread):
    """One hub after the other at one address; the last one lives until it is told to end."""

    def __init__(self, board, address, most):
        super().__init__()
        self.board, self.address, self.most = str(board), str(address), most
        self.deaths, self.up = 0, threading.Event()

    def run(self):
        while True:
            answers = ANSWERS if self.deaths < self.most else -1
            self.process = subprocess.Popen(
                [sys.executable, "-c", DYING, self.board, self.address, str(answers)],
                stdout=subprocess.PIPE,
                env=ENVIRONMENT,
                cwd=ROOT,
            )
            with self.process.stdout:
                self.process.stdout.readline()
                self.up.set()
                if self.process.wait(300) != 9:
                    return
            self.deaths += 1

    def end(self):
        self.process.terminate()
        self.join(60)


def work(queue, name, done):
    """Wait for each task, hold it, finish it."""
    for lease in queue.claims(name, until="drained"):
        done.append((lease.task, lease.attempt))
        queue.complete(lease, name)


def test_hubs_that_die_between_write_and_answer_under_coordinators(tmp_path):
    """Each task is done once, at its first attempt, by who was granted it; no verb raises, nobody holds anything."""
    outlive(tmp_path / "board.db", tmp_path / "board.db.hub", DEATHS)


def outlive(path, address, deaths):
    """Work through hubs of a board that die so often."""
    tasks = 8 * deaths
    ClaimQueue(path, lease_ttl=600).__enter__().close()
    hubs, done = Hubs(path, address, deaths), {f"w{n}": [] for n in range(WORKERS)}
    hubs.start()
    assert hubs.up.wait(60)
    queues = [ClaimQueue(f"hub:{address}") for _ in range(WORKERS)]
    errors = []

    def guarded(*call):
        try:
            work(*call)
        except BaseException as problem:
            errors.append(problem)

    with ClaimQueue(f"hub:{address}") as boss:
        boss.submit(Task("first"))
        threads = [
            threading.Thread(target=guarded, args=(q, *each))
            for q, each in zip(queues, done.items(), strict=True)
        ]
        lease = boss.claim("boss")  # until this ends nothing is drained
        for thread in threads:
            thread.start()
        tickets = [boss.submit(Task(f"t{number}")) for number in range(tasks)]
        results = boss.results(tickets)
        boss.complete(lease)
        for thread in threads:
            thread.join(300)
            assert not thread.is_alive()
    for queue in queues:
        queue.close()
    hubs.end()
    assert errors == []
    assert hubs.deaths == deaths
    told = sorted(task for each in done.values() for task, _ in each)
    assert told == sorted(f"t{number}" for number in range(tasks))
    with Board(path) as board:
        for name, each in done.items():
            for task, attempt in each:
                found = board.find(task)
                assert (found.state, found.attempts, attempt, found.outcome.by) == ("done", 1, 1, name)
        assert results == [board.find(ticket.id).outcome.by for ticket in tickets]
        assert board.leases() == []

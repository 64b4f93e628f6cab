"""Hubs that die between writing and answering, and clients that ask again: nothing is lost, nothing is done twice."""

from __future__ import annotations

import subprocess
import sys
import threading

from ants_coord import Board, ClaimQueue, Task
from ants_coord.hub.thin import Client
from tests.cli.command import ENVIRONMENT, ROOT
from tests.scale import of

DEATHS = of(3, 12, 40)
TASKS = 12 * DEATHS
CLIENTS = 3

DYING = """
import os, sys
from ants_coord import Board
from ants_coord.hub.loop import Hub

turns = int(sys.argv[2])

class Dying(Hub):
    def _answer(self, lines):
        global turns
        super()._answer(lines)  # written; what is answered is sent after this
        turns -= bool(lines)
        if turns == 0 and lines:
            os._exit(9)

hub = Dying(Board(sys.argv[1]), sys.argv[1] + ".hub")
print("ready", flush=True)
hub.serve()
"""


class Hubs:
    """One hub after the other; the last one lives."""

    def __init__(self, board):
        self.board, self.deaths, self.turn = str(board), 0, threading.Lock()
        self.start()

    def start(self):
        turns = 6 if self.deaths < DEATHS else -1
        self.process = subprocess.Popen(
            [sys.executable, "-c", DYING, self.board, str(turns)],
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd=ROOT,
        )
        self.process.stdout.readline()

    def again(self):
        """Start the next one, if this one is dead."""
        with self.turn:
            if self.process.poll() is None:
                return
            assert self.process.returncode == 9
            self.process.stdout.close()
            self.deaths += 1
            self.start()

    def end(self):
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()


def ask(hubs, place, question):
    """Ask until there is an answer, as a client should that named its request."""
    while True:
        try:
            if place[0] is None:
                place[1] = hubs.process
                place[0] = Client(hubs.board + ".hub", timeout=60)
            return place[0].ask(question)
        except OSError:
            if place[0] is not None:
                place[0].close()
            place[0] = None
            place[1].wait(60)  # the one that was asked, which may have a successor by now
            hubs.again()


def work(hubs, name, done):
    place, number = [None, None], 0
    while True:
        number += 1
        got = ask(hubs, place, {"verb": "claim", "agent": name, "id": f"{name}-c{number}", "lease_ttl": 3600})
        if got["lease"] is None:
            break
        ended = ask(
            hubs,
            place,
            {"verb": "complete", "lease": got["lease"], "result": name, "id": f"{name}-e{number}"},
        )
        done.append((got["task"], ended["ok"]))
    if place[0] is not None:
        place[0].close()


def test_a_hub_that_dies_between_write_and_answer(tmp_path):
    """Each task is done once, at its first attempt, by who was told that it was."""
    path = tmp_path / "board.db"
    with ClaimQueue(path) as board:
        board.submit_many([Task(f"t{number}") for number in range(TASKS)])
    hubs, done = Hubs(path), {f"w{number}": [] for number in range(CLIENTS)}
    threads = [threading.Thread(target=work, args=(hubs, *each)) for each in done.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    hubs.end()
    assert hubs.deaths == DEATHS
    told = sorted(task for each in done.values() for task, ok in each if ok)
    assert told == sorted(f"t{number}" for number in range(TASKS))
    with Board(path) as board:
        for name, each in done.items():
            for task, _ in each:
                found = board.find(task)
                assert (found.state, found.attempts, found.outcome.by) == ("done", 1, name)
        assert board.leases() == []

"""
A bazaar that nobody manages: agents in several processes join, leave, decline, hang, are limited, lie and die.

Every task is done, with the right result. There is no trust= here: what keeps a hanging agent from holding the
last task is `stall_after`, and what keeps a liar's result from counting is that two agents must agree.
"""

import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from ants_coord import LeaseLostError, Matchmaker, NotNow, Task, Verify

IS_QUICK = os.environ.get("ANTS_COORD_PROFILE", "quick") == "quick"
TASKS = 200 if IS_QUICK else 2_000
PROCESSES = 3 if IS_QUICK else 6
CROWD = (
    ["diligent"] * 13 + ["leaver"] * 5 + ["decliner"] * 4 + ["limited"] * 4 + ["liar"] * 4 + ["hanging"] * 4
)
AGENTS = CROWD[::3] if IS_QUICK else CROWD
LANGUAGES = ("de", "fr", "it")


def right(payload):
    return payload["n"] ** 2


class Agent(threading.Thread):
    """One agent with a character; it has a handle of its own, and knows nobody."""

    def __init__(self, board, name, character, over, doomed):
        super().__init__(name=name, daemon=True)
        self.board, self.character, self.over, self.doomed = board, character, over, doomed
        self.done = 0

    def run(self):
        for life in itertools.count():
            name = f"{self.name}.{life}"
            with self.board.join(name, LANGUAGES[life % 3 :], accepts="load < 1") as me:
                for lease in me.claims(until="drained"):
                    try:
                        with me.work(lease) as job:
                            job.result = getattr(self, self.character)(job)
                    except (LeaseLostError, NotNow):
                        continue
                    self.done += 1
                    if self.character == "leaver" and self.done % 5 == 0:
                        break  # and comes back as somebody else, who can do something else
                else:
                    return

    def diligent(self, job):
        if self.doomed and self.done >= 3:
            os.kill(os.getpid(), signal.SIGKILL)  # and all its neighbours in this process die with it
        job.progress("at it")
        return right(job.payload)

    leaver = diligent

    def decliner(self, job):
        if job.payload["n"] % 3 == 0:
            raise NotNow(0.2, "not my subject")
        return right(job.payload)

    def limited(self, job):
        if self.done % 4 == 3:
            self.done += 1
            raise NotNow(0.05, "429", all=True)
        return right(job.payload)

    def liar(self, job):
        return f"{self.name} says so"

    def hanging(self, job):
        self.over.wait()  # a call that does not return while anybody is at work
        return right(job.payload)


def process(path, number):
    over = threading.Event()
    with Matchmaker(path) as board:
        agents = [
            Agent(board, f"p{number}-{place}-{character}", character, over, number == 1)
            for place, character in enumerate(AGENTS)
            if place % PROCESSES == number
        ]
        for agent in agents:
            agent.start()
        for agent in agents:
            if agent.character != "hanging":
                agent.join()
        over.set()
        for agent in agents:
            agent.join()


def main():
    path = Path(tempfile.mkdtemp()) / "bazaar.db"
    context = multiprocessing.get_context("spawn")
    with Matchmaker(
        path, lease_ttl=1, stall_after=0.5, max_attempts=10_000, durability="process", event_count=100_000
    ) as board:
        board.pause()
        board.submit_many(
            Task(
                f"t{n}",
                payload={"n": n},
                requires=LANGUAGES[n % 3] if n % 2 else None,
                verify=Verify.by_quorum(2, of=8),
            )
            for n in range(TASKS)
        )
        people = [context.Process(target=process, args=(path, number)) for number in range(PROCESSES)]
        for one in people:
            one.start()
        here = set()
        for change in board.watch_agents():
            here.add(change.agent)
            if len(here) == len(AGENTS):
                break
        board.resume()  # the market opens when all have come; from here on nobody manages
        results = board.results([f"t{n}" for n in range(TASKS)])
        wrong = sum(result != right({"n": n}) for n, result in enumerate(results))
        for one in people:
            one.join()
        seen, kinds = board.statistics(), {}
        for event in board.events():
            kinds[event.type] = kinds.get(event.type, 0) + 1
    codes = sorted(one.exitcode for one in people)
    assert codes == [-signal.SIGKILL] + [0] * (PROCESSES - 1), codes
    assert (seen.tasks["done"], wrong, seen.unfinished) == (TASKS, 0, 0), (seen, wrong)
    for kind in ("stalled", "declined", "departed", "expired"):
        assert kinds.get(kind), (kind, kinds)
    assert kinds["handed in"] > TASKS, kinds  # two that agree would do, if nobody had lied
    print(f"done: {TASKS} tasks by {len(AGENTS)} agents in {PROCESSES} processes, one killed; {kinds}")


if __name__ == "__main__":
    sys.exit(main())

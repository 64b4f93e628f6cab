"""
A bazaar: 34 agents in six processes that join, leave, decline, hang, hit limits, overstate, lie and die.

There is no manager. `stall_after` keeps a hanging agent from holding the last task; a liar's result does not
count, because two agents must agree; and an agent that overstates its skills gets no work that it cannot do,
because each capability must be proved first. There is no `trust=`.

    python -m ants_coord.cli.demo.bazaar BOARD NUMBER PROCESSES SHARE    one of the processes
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs

from ...errors import LeaseLostError
from ...fronts.hold import Hold, NotNow
from ...sync import Matchmaker
from ...values.events import Event
from ...values.tasks import Task
from ...values.verification import Proof, Verify

CROWD = (
    *["diligent"] * 11, *["boaster"] * 2, *["leaver"] * 5, *["decliner"] * 4, *["limited"] * 4,
    *["liar"] * 4, *["hanging"] * 4,
)  # fmt: skip
PROCESSES, TASKS = 6, 600
LANGUAGES = ("de", "fr", "it")
_DOOMED = 1
"""the process that dies, with all its agents"""
_LOOK_S, _SAY_S = 0.1, 1.0
_SHOWN = 2
"""how many events of a kind are reported"""


def right(payload: dict[str, Any]) -> int:
    """Return the right result of a task."""
    result: int = payload["n"] ** 2
    return result


class Agent(threading.Thread):
    """One agent with a character; it knows no other agent."""

    def __init__(
        self, board: Matchmaker, name: str, character: str, over: threading.Event, *, is_doomed: bool
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.board, self.character, self.over, self.is_doomed = board, character, over, is_doomed
        self.done = 0

    def run(self) -> None:
        """Join, work until nothing is left, and leave; an agent that leaves returns under another name."""
        for life in itertools.count():
            name = f"{self.name}.{life}"
            with self.board.join(name, LANGUAGES[life % 3 :], accepts="load < 1") as me:
                for lease in me.claims(until="drained"):
                    try:
                        with me.work(lease) as job:
                            job.result = getattr(self, f"_{self.character}")(job)
                    except (LeaseLostError, NotNow):
                        continue
                    self.done += 1
                    if self.character == "leaver" and self.done % 5 == 0:
                        break
                else:
                    return

    def _diligent(self, job: Hold) -> Any:
        if self.is_doomed and self.done >= 6:
            os.kill(os.getpid(), signal.SIGKILL)  # and all its neighbours in this process die with it
        job.progress("at it")
        return right(job.payload)

    _leaver = _diligent

    def _boaster(self, job: Hold) -> Any:
        return right(job.payload) if job.payload["in"] in ("de", None) else "it sounds like this"

    def _decliner(self, job: Hold) -> Any:
        if job.payload["n"] % 3 == 0:
            raise NotNow(0.2, "not my subject")
        return right(job.payload)

    def _limited(self, job: Hold) -> Any:
        if self.done % 4 == 3:
            self.done += 1
            raise NotNow(0.05, "429", all=True)
        return right(job.payload)

    def _liar(self, job: Hold) -> Any:
        return f"{self.name} says so"

    def _hanging(self, job: Hold) -> Any:
        if self.done >= len(LANGUAGES):  # it has proved every capability that it has
            self.over.wait()  # a call that does not return while anybody is at work
        return right(job.payload)


def one_process(path: str, number: int, processes: int, share: int) -> None:
    """Run one of the processes with its share of the agents, until no task is left."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    over = threading.Event()
    with Matchmaker(path) as board:
        agents = [
            Agent(board, f"p{number}-{place}-{who}", who, over, is_doomed=number == _DOOMED)
            for place, who in enumerate(CROWD[::share])
            if place % processes == number
        ]
        for agent in agents:
            agent.start()
        for agent in agents:
            if agent.character != "hanging":
                agent.join()
        over.set()
        for agent in agents:
            agent.join()


def _end_with_parent() -> None:
    """End at once when the parent process is gone: nobody would wait for the results."""
    while os.read(0, 1):  # not sys.stdin: its lock would still be held when the interpreter ends
        pass
    os._exit(1)


@attrs.frozen
class Found:
    """The outcome of a bazaar: tasks done, wrong results, seconds, events by type, exit codes."""

    tasks: int
    done: int
    wrong: int
    seconds: float
    agents: int
    events: dict[str, int]
    codes: tuple[int, ...]


def run(
    path: str, *, tasks: int = TASKS, processes: int = PROCESSES, share: int = 1, say: Callable[[str], None]
) -> Found:
    """
    Run a bazaar to its end on a new board.

    Args:
        path: the board's file.
        tasks: number of tasks.
        processes: number of processes.
        share: every how many-th agent of the crowd takes part.
        say: called with what happens, one line at a time.

    """
    number_of_agents = len(CROWD[::share])
    proofs = [Proof(name, {"n": n, "in": name}, answer=n * n) for name in LANGUAGES for n in (1_001, 1_003)]
    with Matchmaker(
        path, lease_ttl=1, stall_after=0.5, max_attempts=10_000, event_count=100_000, proofs=proofs,
        durability="process",
    ) as board:  # fmt: skip
        board.pause()
        ids = _submit(board, tasks)
        say(
            f"{tasks:,} tasks, and {number_of_agents} agents in {processes} processes who do not know each "
            "other; nobody manages them"
        )
        children: list[subprocess.Popen[bytes]] = []
        try:
            for number in range(processes):
                children.append(_child(path, number, processes, share))
            here: set[str] = set()
            for change in board.watch_agents():
                here.add(change.agent)
                if len(here) == number_of_agents:
                    break
            say("all have come: the market is open")
            board.resume()
            started = time.monotonic()
            _watch(board, tasks, children, say)
            seconds = time.monotonic() - started
            results = board.results(ids)
            codes = [child.wait() for child in children]
        finally:
            for child in children:
                child.kill()
                child.wait()
        kinds = Counter(event.type for event in board.events())
    wrong = sum(result != right({"n": n}) for n, result in enumerate(results))
    return Found(tasks, len(results), wrong, seconds, number_of_agents, kinds, tuple(codes))


def _submit(board: Matchmaker, tasks: int) -> list[str]:
    made = []
    for n in range(tasks):
        language = LANGUAGES[n % 3] if n % 2 else None
        payload = {"n": n, "in": language}
        made.append(Task(f"t{n}", payload=payload, requires=language, verify=Verify.by_quorum(2, of=8)))
    return [ticket.id for ticket in board.submit_many(made)]


def _child(*words: object) -> subprocess.Popen[bytes]:
    # a session of its own: Ctrl-C goes to the parent, which ends the others
    return subprocess.Popen(
        [sys.executable, "-m", "ants_coord.cli.demo.bazaar", *map(str, words)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _watch(
    board: Matchmaker, tasks: int, children: list[subprocess.Popen[bytes]], say: Callable[[str], None]
) -> None:
    """Report what happens until no task is left."""
    started = told = time.monotonic()
    cursor, kinds, dead = board.statistics().cursor, Counter[str](), 0
    while True:
        left = board.statistics().unfinished
        for event in board.events(since=cursor):
            cursor = event.cursor
            line = _sentence(event)
            if line is not None:
                kinds[line[0]] += 1
                if kinds[line[0]] <= _SHOWN:
                    say(f"{time.monotonic() - started:5.1f} s  {line[1]}")
        died = sum(child.poll() == -signal.SIGKILL for child in children)
        if died > dead:
            dead = died
            say(f"{time.monotonic() - started:5.1f} s  a process is killed, and with it every agent in it")
        if not left:
            return
        if time.monotonic() - told >= _SAY_S:
            told = time.monotonic()
            say(f"{told - started:5.1f} s  {tasks - left:,} of {tasks:,} tasks are done")
        time.sleep(_LOOK_S)


def _sentence(event: Event) -> tuple[str, str] | None:
    """Return (kind of news, sentence) for an event worth reporting."""
    agent, task, detail = event.agent, event.task, event.detail
    if event.type == "declined":
        if detail["all"]:
            return "limited", f"{agent} wants nothing for a moment ({detail['reason']})"
        return "declined", f"{agent} does not want {task} now ({detail['reason']})"
    sentences = {
        "proved": f"{agent} has proved a capability that it claims",
        "refuted": f"{agent} has not what it claims, and goes on without",
        "stalled": f"{agent} shows no sign of work at {task}: its lease will run out",
        "expired": f"{agent} has lost {task}: others may have it",
        "departed": f"{agent} has left ({detail})",
    }
    line = sentences.get(event.type)
    return None if line is None else (event.type, line)


if __name__ == "__main__":
    one_process(sys.argv[1], *[int(word) for word in sys.argv[2:]])

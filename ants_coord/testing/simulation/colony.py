"""
A colony in virtual time: your agents, the real coordinators, and everything that goes wrong.

Each agent is a process of its own: it has its own coordinator over a shared
log, its own clock, and its own fate. It crashes (without a word, in the middle
of a line that waits) and comes back; it is paused for longer than its leases;
its clock is off; replies to its commands are lost, or its commands are written
twice. One seed decides everything, so what a seed has shown it shows again.

While it runs and at the end the promises are held against what the agents were
told: no task had two holders, tokens only grew, what was acknowledged is there,
every process has the same state; and the leases of the dead ended, and nobody
went on waiting for what it could have had.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import random
import types
from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import Any

import attrs

from ...aio import Board as AsyncBoard
from ...aio import ClaimQueue
from ...commands.shared import Command, Complete, Submit
from ...errors import ClosedError, JournalError, LeaseLostError
from ...fronts.hold import SimulatedCrash
from ...values.tasks import FINAL, Lease, Outcome, Task, TaskState
from ..story import double_grants, story
from .liveness import Vigil
from .log import SimulatedClock, SimulatedLog
from .loop import VirtualLoop

__all__ = ["Behaviour", "Colony", "Faults", "Report"]

Behaviour = Callable[[Any], Awaitable[None] | Generator[float, None, None]]
"""
What an agent does: an async function of its `AsyncAgent` handle, or a generator function of its `Agent`
handle that yields how many seconds to sleep.
"""

_TICK_S = 1.0


@attrs.frozen
class Faults:
    """
    What goes wrong, and how often.

    Args:
        crash_every: mean seconds between crashes of an agent; 0 is never.
        down_for: seconds that a crashed agent stays away, at least and at most.
        pause_every: mean seconds between pauses of an agent (a stopped process, a long collection).
        pause_for: seconds that a pause lasts, at least and at most.
        clock_off: seconds by which agents' clocks are off at most, to either side.
        lost_reply: share of commands that are written although the caller gets an error.
        refused: share of commands that fail and are not written.
        duplicate: share of commands that are written twice.
        until: seconds after which nothing goes wrong any more; what has crashed comes back once more.

    """

    crash_every: float = 0.0
    down_for: tuple[float, float] = (1.0, 30.0)
    pause_every: float = 0.0
    pause_for: tuple[float, float] = (5.0, 90.0)
    clock_off: float = 0.0
    lost_reply: float = 0.0
    refused: float = 0.0
    duplicate: float = 0.0
    until: float = math.inf


@attrs.define
class Report:
    """What a colony's run came to."""

    seed: int
    seconds: float
    """virtual seconds that passed"""
    tasks: dict[str, int]
    """state -> number of tasks"""
    faults: dict[str, int]
    problems: list[str]
    """promises that were broken; empty if all is well"""
    digest: str
    story: str
    results: dict[str, Any] = attrs.field(factory=dict)
    """results of the tasks that are done"""
    longest_wait: float = 0.0
    """virtual seconds for which somebody waited at most although there was something for it"""

    @property
    def done(self) -> int:
        """How many tasks are done."""
        return self.tasks["done"]

    @property
    def unfinished(self) -> int:
        """How many tasks have not ended."""
        return sum(number for state, number in self.tasks.items() if TaskState(state) not in FINAL)

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {state}" for state, number in self.tasks.items() if number)
        faults = ", ".join(f"{number} {what}" for what, number in self.faults.items() if number)
        after = f"after {self.seconds:.0f} s"
        return f"seed {self.seed}: {counts} {after}; {faults or 'no faults'}; digest {self.digest[:12]}"


@attrs.define(eq=False)
class _Fate:
    """What is to happen to one agent."""

    clock: SimulatedClock
    is_crashing: bool = False
    task: asyncio.Task[None] | None = None


class Colony:
    """
    Agents in virtual time around one board.

    Args:
        strategy: the coordinator, of either colour: ClaimQueue, Matchmaker or Blackboard.
        seed: decides about everything that is left to chance.
        faults: what goes wrong.
        settings: settings of the board.

    Example:
        >>> import asyncio
        >>> from ants_coord import Task
        >>> from ants_coord.testing import Colony, Faults
        >>> async def agent(me):
        ...     async for lease in me.claims(until="drained"):
        ...         async with me.work(lease) as job:
        ...             await asyncio.sleep(5)
        ...             job.result = lease.task
        >>> colony = Colony(seed=3, faults=Faults(crash_every=40, pause_every=60))
        >>> colony.submit(Task(f"t{n}", max_attempts=50) for n in range(40))
        >>> colony.add(agent, count=3)
        >>> report = colony.run()
        >>> report.done, report.problems, report.faults["crashes"] > 0
        (40, [], True)

    """

    def __init__(
        self,
        strategy: type[Any] = ClaimQueue,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        **settings: Any,
    ) -> None:
        from ... import aio  # noqa: PLC0415 - whichever colour was named

        self._strategy: type[AsyncBoard] = getattr(aio, strategy.__name__)
        self.seed = seed
        self.faults = Faults() if faults is None else faults
        self._settings = {"event_count": 1_000_000, "retention_count": 1_000_000, **settings}
        self._batches: list[tuple[float, tuple[Task, ...]]] = []
        self._agents: list[tuple[str, Behaviour]] = []
        self._told: list[tuple[str, Command[Any], Any]] = []
        self._counts = {"crashes": 0, "pauses": 0, "lost replies": 0, "refused appends": 0, "duplicates": 0}
        self._log = SimulatedLog()

    def submit(self, tasks: Task | Iterable[Task], *, after: float = 0.0) -> None:
        """Have tasks submitted, `after` seconds from the start."""
        batch = (tasks,) if isinstance(tasks, Task) else tuple(tasks)
        self._batches.append((after, batch))

    def add(self, behaviour: Behaviour, name: str | None = None, *, count: int = 1) -> None:
        """
        Add agents.

        Args:
            behaviour: what each does.
            name: its name; made from the function's if not given. With `count` a number is appended.
            count: how many.

        """
        stem = name or getattr(behaviour, "__name__", getattr(behaviour, "name", "agent")).replace(
            "_", "-"
        ).strip("<>")
        known = {known for known, _ in self._agents}
        for number in range(1, count + 1):
            one = stem if count == 1 and stem not in known else f"{stem}-{len(known) + number}"
            self._agents.append((one, behaviour))

    def run(self, *, until: str = "drained", limit: float = 3_600.0, check: bool = True) -> Report:
        """
        Let the colony live.

        Args:
            until: "drained" ends when no task is unfinished; "limit" goes on until then.
            limit: virtual seconds at most.
            check: raise AssertionError if a promise was broken.

        Returns:
            What came of it.

        """
        if until not in ("drained", "limit"):
            raise ValueError(f"until must be 'drained' or 'limit', not {until!r}")
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            report = runner.run(self._live(until, limit))
        if check and report.problems:
            raise AssertionError(f"{report}\n" + "\n".join(report.problems) + f"\n{report.story}")
        return report

    # -- the life of the colony ----------------------------------------------------------------

    async def _live(self, until: str, limit: float) -> Report:
        loop = asyncio.get_running_loop()
        host, _ = self._process("host", faults=Faults())
        async with host:
            await host.submit_many(())
            self._vigil = vigil = Vigil(host, self.faults.clock_off)
            lives = [loop.create_task(self._feed(host))]
            fed = lives[0]
            lives += [loop.create_task(self._be(name, do), name=name) for name, do in self._agents]
            while loop.time() < limit:
                await asyncio.sleep(_TICK_S)
                unfinished = (await host.statistics()).unfinished
                vigil.look(loop.time())
                if until == "drained" and fed.done() and not unfinished:
                    break
                if all(life.done() for life in lives):
                    break
            for life in lives:
                life.cancel()
            ended = await asyncio.gather(*lives, return_exceptions=True)
            for problem in ended:
                if isinstance(problem, Exception):
                    raise problem
            return await self._report(host, loop.time())

    async def _feed(self, host: AsyncBoard) -> None:
        for after, batch in sorted(self._batches, key=lambda one: one[0]):
            await asyncio.sleep(after - asyncio.get_running_loop().time())
            for start in range(0, len(batch), 5_000):
                await host.submit_many(batch[start : start + 5_000])

    def _process(self, name: str, faults: Faults, start: int = 0) -> tuple[AsyncBoard, SimulatedClock]:
        """Start a process: a coordinator with a view of the log."""
        dice = random.Random(f"{self.seed} {name} {start}")  # noqa: S311
        off_ns = round(dice.uniform(-faults.clock_off, faults.clock_off) * 1e9)
        clock = SimulatedClock(asyncio.get_running_loop(), off_ns)
        view = self._log.view(
            clock,
            dice=dice,
            lost_reply=faults.lost_reply,
            refused=faults.refused,
            duplicate=faults.duplicate,
            until=faults.until,
        )
        view.faults = self._counts
        board = self._strategy(view, **self._settings)
        engine: Any = board._engine  # noqa: SLF001 - the kit's own
        engine.blocking = False  # the log is in memory: no thread may make the order depend on chance
        engine._session = f"{name}-{start}"  # noqa: SLF001 - a random one would not repeat
        execute, try_ = engine.execute, engine._try  # noqa: SLF001

        def heard(command: Command[Any], request_id: str | None = None) -> Any:
            reply = execute(command, request_id)
            self._told.append((name, command, reply))
            return reply

        def tried(command: Command[Any]) -> Any:
            reply = try_(command)
            self._told.append((name, command, reply))
            return reply

        engine.execute, engine._try = heard, tried  # noqa: SLF001
        return board, clock

    async def _be(self, name: str, behaviour: Behaviour) -> None:
        """One agent: alive, dead, alive again."""
        dice = random.Random(f"{self.seed} fate of {name}")  # noqa: S311
        loop, faults = asyncio.get_running_loop(), self.faults
        for start in range(1, 1_000_000):
            board, clock = self._process(name, faults, start)
            self._vigil.born(name, board, clock)
            fate = _Fate(clock)
            trouble = [
                loop.create_task(self._strike(fate, dice, every, kind))
                for kind, every in (("crash", faults.crash_every), ("pause", faults.pause_every))
                if every
            ]
            fate.task = loop.create_task(_fated(_behave(behaviour, board, name), fate), name=name)
            try:
                await asyncio.shield(fate.task)
                await board.close()
                self._vigil.ended(name)
                return  # noqa: TRY300 - the others begin anew
            except SimulatedCrash:
                self._counts["crashes"] += 1
            except JournalError:
                pass  # nobody knows what became of the last command: the agent gives up and starts anew
            except asyncio.CancelledError:
                fate.task.cancel()
                await asyncio.gather(fate.task, return_exceptions=True)
                _vanish(board, clock)
                raise
            except (ClosedError, LeaseLostError):
                pass  # an agent that does not handle it ends like any program
            finally:
                for one in trouble:
                    one.cancel()
            _vanish(board, clock)
            self._vigil.died(name, loop.time())
            await asyncio.sleep(dice.uniform(*faults.down_for))

    async def _strike(self, fate: _Fate, dice: random.Random, every: float, kind: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(dice.expovariate(1.0 / every))
            assert fate.task is not None
            if loop.time() >= self.faults.until:
                return
            if kind == "crash":
                fate.is_crashing = True
                fate.clock.is_dead = True
                fate.task.cancel()
                return
            self._counts["pauses"] += 1
            until = loop.time() + dice.uniform(*self.faults.pause_for)
            # never earlier than before: what was put off until then must not find the process awake already
            fate.clock.paused_until = max(fate.clock.paused_until, until)

    # -- what came of it -----------------------------------------------------------------------

    async def _report(self, host: AsyncBoard, seconds: float) -> Report:
        board = host.sync
        problems = self._vigil.problems[:10]
        try:
            board.check()
        except AssertionError as problem:
            problems.append(f"an invariant of the state does not hold: {problem}")
        digest = board._engine.digest()  # noqa: SLF001
        again, _ = self._process("reader", Faults())
        async with again:
            if again.sync._engine.digest() != digest:  # noqa: SLF001
                problems.append("a process that reads the log anew has another state")
        problems += double_grants(board.events())
        problems += self._broken_words(board)
        records = [record for page in _pages(board) for record in page]
        tasks = {str(state): 0 for state in TaskState}
        for record in records:
            tasks[str(record.state)] += 1
        results = {
            record.task.id: record.outcome.result
            for record in records
            if record.state is TaskState.DONE and record.outcome is not None
        }
        return Report(
            self.seed,
            seconds,
            tasks,
            dict(self._counts),
            problems,
            digest,
            story(board),
            results,
            self._vigil.longest_wait,
        )

    def _broken_words(self, board: Any) -> list[str]:
        """Hold what agents were told against what the board says now."""
        broken: list[str] = []
        granted: dict[int, str] = {}
        for name, command, reply in self._told:
            if isinstance(command, Submit) and isinstance(reply, tuple):
                broken += [
                    f"{name} was told that {ticket.id!r} was submitted, and it is gone"
                    for ticket in reply
                    if board.find(ticket.id) is None
                ]
            elif isinstance(reply, tuple) and reply and isinstance(reply[0], Lease):
                granted.update(dict.fromkeys([lease.token for lease in reply], name))
            elif isinstance(reply, Lease):
                if reply.token in granted and granted[reply.token] != name:
                    broken.append(f"token {reply.token} was given to {granted[reply.token]} and to {name}")
                granted[reply.token] = name
            elif isinstance(command, Complete) and isinstance(reply, Outcome):
                record = board.find(reply.task)
                if reply.state is TaskState.DONE and (record is None or record.state is not TaskState.DONE):
                    broken.append(f"{name} was told that {reply.task!r} is done, and it is not")
        if not self.faults.lost_reply:  # where no reply is lost, each lease is known to somebody
            broken += [
                f"token {event.token} of {event.task!r} was granted to {event.agent}, who never heard of it"
                for event in board.events()
                if event.type == "claimed" and event.token not in granted
            ]
        return broken


def _vanish(board: AsyncBoard, clock: SimulatedClock) -> None:
    """Make a process disappear: it renews nothing, gives nothing back, and hears nothing."""
    clock.is_dead = True
    engine: Any = board._engine  # noqa: SLF001 - the kit's own
    if engine._alarm is not None:  # noqa: SLF001
        engine._alarm.close()  # noqa: SLF001
    engine._kept, engine._kept_of = {}, {}  # noqa: SLF001
    engine._why_closed = "the simulated process is dead"  # noqa: SLF001
    journal = getattr(engine, "_journal", None)
    if journal is not None:
        journal.close()


def _pages(board: Any) -> Iterable[list[Any]]:
    after = None
    while True:
        page = board.tasks(after=after, count=1_000)
        if not page:
            return
        yield page
        after = page[-1].task.id


async def _behave(behaviour: Behaviour, board: AsyncBoard, name: str) -> None:
    thing: Any = behaviour
    call = thing if inspect.isroutine(thing) else thing.__call__
    if inspect.isgeneratorfunction(call):
        for pause in call(board.sync.as_agent(name)):
            await asyncio.sleep(pause)
        return
    await call(board.as_agent(name))


async def _fated(life: Any, fate: _Fate) -> None:
    await _suffer(life, fate)  # tasks take coroutines only, and since Python 3.12 no generators


@types.coroutine
def _suffer(life: Any, fate: _Fate) -> Generator[Any, Any, None]:
    """
    Drive an agent's coroutine, and let its fate strike where it waits.

    A crash is thrown into it as SimulatedCrash, so that scopes do what a dead process does; while it is
    paused it does not go on, whatever happens around it.
    """
    loop = asyncio.get_running_loop()
    error: BaseException | None = None
    while True:
        try:
            waited_for = life.send(None) if error is None else life.throw(error)
        except StopIteration:
            return
        error = None
        try:
            yield waited_for
        except asyncio.CancelledError as cancelled:
            error = cancelled
        except BaseException as problem:  # noqa: BLE001 - it belongs to the agent
            error = problem
        while error is None and loop.time() < fate.clock.paused_until:
            try:
                yield from asyncio.sleep(fate.clock.paused_until - loop.time()).__await__()
            except asyncio.CancelledError as cancelled:
                error = cancelled
        if fate.is_crashing:
            error = SimulatedCrash()

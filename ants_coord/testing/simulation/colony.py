"""
A colony in virtual time: your agents, real coordinators, and faults.

Each agent behaves like a separate process: it has its own coordinator over a shared log, its own clock, and
its own faults. It crashes (without notice, at any point where it waits) and comes back; it is paused for
longer than its leases; its clock is off; replies to its commands are lost, or its commands are written twice.
One seed decides everything, so a run can be repeated exactly.

During the run and at its end, the library's promises are compared with what the agents were told: no task had
two holders, tokens only grew, everything acknowledged is there, every process has the same state, the leases
of dead processes ended, and nobody went on waiting for something available. The agents are judged, too: all
tasks ended, no lease ran out without a fault, no agent died of an error, and nothing outside was written
twice or too late.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import random
import types
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from ... import aio
from ...aio import Board as AsyncBoard
from ...aio import ClaimQueue
from ...commands.shared import Command
from ...errors import CoordinationError, JournalError
from ...fronts.hold import SimulatedCrash
from ...frozen import evolve
from ...values import checks
from ...values.tasks import FINAL, Task, TaskRecord, TaskState
from .liveness import Vigil
from .lockstep import drive, sleeping_in_virtual_time
from .log import LogView, SimulatedClock, SimulatedLog
from .loop import VirtualLoop
from .report import EXPECTABLE, Expected, Faults, Report, Troubles, broken_words, unexplained
from .story import double_grants, story
from .world import Resource, World

__all__ = ["Colony", "Faults", "Report"]

Behaviour = Callable[[Any], Awaitable[None] | None]
"""What an agent does: an async function of its handle (an `Agent` of aio), or a plain function of its handle
(an `Agent` of sync), which runs in a thread in lockstep with the others."""

_TICK_S = 1.0


@attrs.define(eq=False)
class _Fate:
    """What will happen to one agent."""

    clock: SimulatedClock
    task: asyncio.Task[None] = attrs.field(init=False)


class Colony:
    """
    Agents in virtual time around one board.

    Args:
        strategy: the coordinator, of either colour: ClaimQueue, Matchmaker or Blackboard.
        seed: decides everything that is random.
        faults: the faults to cause.
        settings: settings of the board.

    Example:
        >>> import time
        >>> from ants_coord import LeaseLostError, Task
        >>> from ants_coord.testing import Colony, Faults
        >>> def agent(me):
        ...     for lease in me.claims(until="drained"):
        ...         try:
        ...             with me.work(lease) as job:
        ...                 time.sleep(5)  # virtual seconds
        ...                 job.result = lease.task
        ...         except LeaseLostError:
        ...             pass  # it was paused for too long; another agent has the task
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
        found = getattr(aio, getattr(strategy, "__name__", ""), None)
        if found is None:
            raise TypeError(f"strategy must be a class such as ClaimQueue, not {checks.quoted(strategy)}")
        self._strategy: type[AsyncBoard] = found
        self.seed = seed
        self.faults = Faults() if faults is None else faults
        if not isinstance(self.faults, Faults):
            raise TypeError(f"faults must be Faults(...), not {checks.quoted(faults)}")
        self._settings = {"event_count": 1_000_000, "retention_count": 1_000_000, **settings}
        self._batches: list[tuple[float, tuple[Task, ...]]] = []
        self._numbers = itertools.count(1)
        self._ids: dict[str, str] = {}
        """a task's id that was drawn outside -> the one that it has here"""
        self._agents: list[tuple[str, Behaviour]] = []
        self._told: list[tuple[str, Command[Any], Any]] = []
        self._counts = {"crashes": 0, "pauses": 0, "lost replies": 0, "refused appends": 0, "duplicates": 0}
        self._log = SimulatedLog()
        self._troubles = Troubles()
        self._resources: list[Resource] = []
        self._deaths: list[str] = []
        self._restarts = 0
        self._world = World()

    def resource(self, name: str, *, fenced: bool = False) -> Resource:
        """
        Return a resource outside the board that agents write to.

        Args:
            name: its name in the report.
            fenced: whether it refuses tokens older than the newest one it has seen, as `Guard` does.

        """
        made = Resource(name, fenced=fenced, world=self._world)
        self._resources.append(made)
        return made

    def submit(self, tasks: Task | Iterable[Task], *, after: float = 0.0) -> None:
        """Have tasks submitted, `after` seconds from the start."""
        batch = (tasks,) if isinstance(tasks, Task) else tuple(tasks)
        self._batches.append((checks.seconds(after, "after", zero=True), tuple(map(self._named, batch))))

    def _named(self, task: Task) -> Task:
        """Return a task whose id, if it was drawn, is drawn again from the seed: pauses depend on it."""
        if not isinstance(task, Task):
            return task  # refused when it is submitted
        if checks.is_fresh_id(task.id) and task.id not in self._ids:
            self._ids[task.id] = f"{checks.FRESH_MARK}{self.seed}-{next(self._numbers)}"
        needs = [self._ids.get(need, need) for need in task.needs]
        return evolve(task, id=self._ids.get(task.id, task.id), needs=needs)

    def add(self, behaviour: Behaviour, name: str | None = None, *, count: int = 1) -> None:
        """
        Add agents.

        Args:
            behaviour: the function that each agent runs.
            name: name of the agent; by default the function's. With `count`, a number is appended.
            count: number of agents.

        """
        stem = name or getattr(behaviour, "__name__", getattr(behaviour, "name", "agent")).replace(
            "_", "-"
        ).strip("<>")
        if not callable(behaviour):
            raise TypeError(
                f"behaviour must be a function of an agent's handle, not {checks.quoted(behaviour)}"
            )
        checks.check_name(stem, "name")
        checks.count(count, "count")
        thing: Any = behaviour
        is_function = inspect.isroutine(thing) or isinstance(thing, functools.partial)
        call = thing if is_function else thing.__call__
        if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
            raise TypeError(f"an agent is an async function or a plain one; {stem} is a generator function")
        known = {known for known, _ in self._agents}
        for number in range(1, count + 1):
            one = stem if count == 1 and stem not in known else f"{stem}-{len(known) + number}"
            self._agents.append((one, call))

    def run(
        self,
        *,
        until: str = "drained",
        limit: float = 3_600.0,
        expect: Iterable[Expected] = (),
        check: bool = True,
    ) -> Report:
        """
        Run the colony.

        Args:
            until: "drained" ends when no task is unfinished; "limit" runs until `limit`.
            limit: most virtual seconds.
            expect: problems to accept: "unfinished" tasks at the end, "expiries" of leases whose holders had
                no fault, "deaths" of agents, "writes" outside that are double or late.
            check: raise AssertionError if there is a problem.

        Returns:
            The report of the run.

        Raises:
            AssertionError: the report, its problems and the last events.
            RuntimeError: it has run before; a colony runs once.

        """
        expected = frozenset(checks.listed(expect, "expect", "a list such as ['deaths']"))
        limit = checks.seconds(limit, "limit")
        if unknown := sorted(expected - set(EXPECTABLE)):
            raise ValueError(f"expect knows {', '.join(EXPECTABLE)}, not {', '.join(map(repr, unknown))}")
        if until not in ("drained", "limit"):
            raise ValueError(f"until must be 'drained' or 'limit', not {until!r}")
        if self._told:
            raise RuntimeError(
                "this colony has run already; make another one with the same seed to repeat it"
            )
        with (
            sleeping_in_virtual_time(),
            _drawing_names_from(self.seed, self._numbers),
            asyncio.Runner(loop_factory=VirtualLoop) as runner,
        ):
            report = runner.run(self._live(until, limit, expected))
        if check and report.problems:
            raise AssertionError(f"{report}\n" + "\n".join(report.problems) + f"\n{report.story}")
        return report

    # -- the life of the colony ----------------------------------------------------------------

    async def _live(self, until: str, limit: float, expected: frozenset[str]) -> Report:
        loop = asyncio.get_running_loop()
        host, _ = self._process("host", faults=Faults())
        self._world.now = loop.time
        self._world.is_live = lambda token: any(lease.token == token for lease in host.sync.leases())
        async with host:
            await host.submit_many(())
            self._vigil = vigil = Vigil(host, self.faults.clock_off)
            fed = loop.create_task(self._feed(host))
            lives = [fed, *[loop.create_task(self._be(name, do), name=name) for name, do in self._agents]]
            try:
                while loop.time() < limit and not all(life.done() for life in lives):
                    await asyncio.sleep(_TICK_S)
                    unfinished = (await host.statistics()).unfinished
                    vigil.look(loop.time())
                    if until == "drained" and fed.done() and not unfinished:
                        break
            finally:
                for life in lives:
                    life.cancel()
                ended = await asyncio.gather(*lives, return_exceptions=True)
            for problem in ended:
                if isinstance(problem, Exception):
                    raise problem
            return await self._report(host, loop.time(), expected, to_drain=until == "drained")

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
        board = self._strategy(LogView(self._log, clock, faults, dice, self._counts), **self._settings)
        engine: Any = board._engine  # noqa: SLF001 - the kit's own
        engine.blocking = False  # the log is in memory: no thread may make the order random
        engine._session = f"{name}-{start}"  # noqa: SLF001 - a random name would not repeat
        engine._name_session = lambda: None  # noqa: SLF001

        def noting(execute: Callable[..., Any]) -> Callable[..., Any]:
            def noted(command: Command[Any], *request: Any) -> Any:
                reply = execute(command, *request)
                self._told.append((name, command, reply))
                return reply

            return noted

        engine.execute, engine._try = noting(engine.execute), noting(engine._try)  # noqa: SLF001
        return board, clock

    async def _be(self, name: str, behaviour: Behaviour) -> None:
        """Run one agent: alive, dead, alive again."""
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
                return  # noqa: TRY300 - the others start again
            except SimulatedCrash:
                self._counts["crashes"] += 1
            except JournalError as problem:
                # the outcome of the last command is unknown: giving up and starting again is right, if such a
                # fault was asked for
                if not faults.lost_reply and not faults.refused:
                    self._note_death(name, problem)
            except asyncio.CancelledError:
                fate.task.cancel()
                await asyncio.gather(fate.task, return_exceptions=True)
                _vanish(board, clock)
                raise
            except CoordinationError as problem:
                self._note_death(name, problem)  # an agent that does not handle it ends like any program
            except BaseException:
                _vanish(board, clock)
                raise
            finally:
                for one in trouble:
                    one.cancel()
            _vanish(board, clock)
            self._vigil.died(name, loop.time())
            down = dice.uniform(*faults.down_for)
            self._troubles.note(name, loop.time(), loop.time() + down)
            await asyncio.sleep(down)
            self._restarts += 1

    def _note_death(self, name: str, problem: BaseException) -> None:
        self._deaths.append(
            f"{name} died at {self._world.now():.0f} s of {type(problem).__name__}: {problem}"
        )

    async def _strike(self, fate: _Fate, dice: random.Random, every: float, kind: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(dice.expovariate(1.0 / every))
            if loop.time() >= self.faults.until:
                return
            if kind == "crash":
                fate.clock.is_dead = True
                fate.task.cancel()
                return
            self._counts["pauses"] += 1
            until = loop.time() + dice.uniform(*self.faults.pause_for)
            # never earlier than before: work that was postponed until then must not find the process awake
            # already
            fate.clock.paused_until = max(fate.clock.paused_until, until)
            self._troubles.note(fate.task.get_name(), loop.time(), until)

    # -- what came of it -----------------------------------------------------------------------

    async def _report(
        self, host: AsyncBoard, seconds: float, expected: frozenset[str], *, to_drain: bool
    ) -> Report:
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
                problems.append("a process that reads the log again has another state")
        problems += double_grants(board.events())
        problems += broken_words(board, self._told, may_lose_replies=bool(self.faults.lost_reply))
        records = _records(board)
        problems += self._misdeeds(board, records, expected, to_drain=to_drain)
        tasks = {str(state): 0 for state in TaskState}
        for record in records:
            tasks[str(record.state)] += 1
        outside = {here: drawn for drawn, here in self._ids.items()}
        results = {
            outside.get(record.task.id, record.task.id): record.outcome.result
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
            self._deaths,
            self._restarts,
        )

    def _misdeeds(
        self, board: Any, records: list[TaskRecord], expected: frozenset[str], *, to_drain: bool
    ) -> list[str]:
        """Return what the agents did wrong, apart from what was expected."""
        found: list[str] = []
        left = [record for record in records if record.state not in FINAL]
        if left and to_drain and "unfinished" not in expected:
            few = ", ".join(f"{record.task.id!r} is {record.state}" for record in left[:5])
            found.append(f"{len(left)} tasks are unfinished: {few}{', ...' if len(left) > 5 else ''}")
        faults = self.faults
        # a lost reply or a wrong clock may cost a lease at any time, and it is impossible to tell which
        if "expiries" not in expected and not (faults.lost_reply or faults.refused or faults.clock_off):
            found += unexplained(board.events(), self._troubles)
        if "deaths" not in expected:
            found += self._deaths[:5]
        if "writes" not in expected:
            found += [problem for resource in self._resources for problem in resource.problems[:5]]
        return found


@contextmanager
def _drawing_names_from(seed: int, numbers: itertools.count[int]) -> Iterator[None]:
    """Make fresh ids and holders depend on the seed only: random ones are logged, and would not repeat."""
    outside = checks.fresh.prefix, checks.fresh.numbers
    checks.fresh.prefix, checks.fresh.numbers = f"{checks.FRESH_MARK}{seed}-", numbers
    try:
        yield
    finally:
        checks.fresh.prefix, checks.fresh.numbers = outside


def _vanish(board: AsyncBoard, clock: SimulatedClock) -> None:
    """Make a process disappear: it renews nothing, gives nothing back, and receives nothing."""
    clock.is_dead = True
    engine: Any = board._engine  # noqa: SLF001 - the kit's own
    for alarm in (engine._alarm, engine._deadlines):  # noqa: SLF001
        if alarm is not None:
            alarm.close()
    engine._keeper.drop_all()  # noqa: SLF001
    engine._why_closed, engine.is_short = "the simulated process is dead", False  # noqa: SLF001
    journal = getattr(engine, "_journal", None)  # none before its first verb
    if journal is not None:
        journal.close()


def _records(board: Any) -> list[TaskRecord]:
    records: list[TaskRecord] = []
    while page := board.tasks(after=records[-1].task.id if records else None, count=1_000):
        records += page
    return records


async def _behave(behaviour: Any, board: AsyncBoard, name: str) -> None:
    if inspect.iscoroutinefunction(behaviour):
        await behaviour(board.as_agent(name))
    else:
        await drive(behaviour, board, name)


async def _fated(life: Any, fate: _Fate) -> None:
    await _suffer(life, fate)  # tasks take coroutines only, and since Python 3.12 no generators


@types.coroutine
def _suffer(life: Any, fate: _Fate) -> Generator[Any, Any, None]:
    """
    Drive an agent's coroutine, and let faults strike where it waits.

    A crash is thrown into it as SimulatedCrash, so that scopes do what a dead process does. While it is
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
        except BaseException as problem:  # noqa: BLE001 - it belongs to the agent
            error = problem
        while error is None and loop.time() < fate.clock.paused_until:
            try:
                yield from asyncio.sleep(fate.clock.paused_until - loop.time()).__await__()
            except asyncio.CancelledError as cancelled:
                error = cancelled
        if fate.clock.is_dead:
            error = SimulatedCrash()

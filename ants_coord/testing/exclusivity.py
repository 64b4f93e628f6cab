"""
The two promises of every coordinator, tested by Hypothesis from the holders' point of view.

*Exclusive*: a task or a name has at most one holder at any moment. *Until the deadline*: a holder keeps it
until the instant that it was told, and at that instant it is free. Nothing is computed twice here: the
machine only knows what holders were told (what they hold, under which token, until when) and compares the
coordinator's next answers with its earlier ones. Needs the package `hypothesis`.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from ..errors import HeldError, LeaseLostError
from ..values.tasks import Backoff, Lease, Task
from .conformance import OnItsLoop
from .simulation.clock import ManualClock

_AGENTS = ("ann", "bob", "cy")
_TTLS = (None, 7, 30, 90)
_VERBS = ("renew", "renew", "complete", "fail", "release", "progress")


@attrs.define(eq=False)
class _Told:
    """What a holder was told, and has not given up."""

    things: tuple[str, ...]
    lease: Lease
    until_ns: int
    entries: int = 1
    """how often the same holder has entered this lock; 0: given up"""
    holder: str = ""
    is_done: bool = False
    """whether it was given up by completing the task"""

    def is_entered_by(self, agent: str, names: tuple[str, ...]) -> bool:
        """Tell whether an agent that asks for these names enters this lock once more."""
        return self.lease.agent == agent and set(names) <= set(self.things)

    def holds(self, now_ns: int) -> bool:
        return self.entries > 0 and now_ns < self.until_ns

    def __str__(self) -> str:
        return f"{self.lease.agent}, token {self.lease.token}, until {self.until_ns}"


class ExclusivityMachine(RuleBasedStateMachine):
    """
    A Hypothesis state machine that tries to give one thing to two holders; subclass it and override `make`.

    It claims (any task, one by name, many), locks one or several names, renews, moves to a deadline (a tick
    before, at, a tick after), and ends leases with any token that was ever granted. It fails when

    - something is granted while an earlier holder was told that it still holds it,
    - a token is not above all earlier tokens of the same thing,
    - a holder is refused before its deadline, or accepted after it,
    - something that nobody holds is not granted.

    `TASKS` and `NAMES` are the things to hold; an empty one turns off its rules. `seen` counts what a run has
    met; the same words are passed to Hypothesis' `event`.

    Example:
        >>> from hypothesis import settings
        >>> from ants_coord import ClaimQueue
        >>> from ants_coord.testing import ExclusivityMachine
        >>> class MyQueue(ExclusivityMachine):
        ...     def make(self, clock, **settings):
        ...         return ClaimQueue(clock=clock, **settings)
        >>> MyQueue.TestCase.settings = settings(max_examples=5, stateful_step_count=20)
        >>> MyQueue.TestCase().runTest()

    """

    TASKS: tuple[str, ...] = ("t1", "t2", "t3")
    NAMES: tuple[str, ...] = ("x", "y", "z")

    def make(self, clock: ManualClock, **settings: Any) -> Any:
        """
        Return your coordinator, of either colour, in which any agent may claim any task at any time.

        Args:
            clock: the clock that it must use.
            settings: `lease_ttl`, `backoff` and `max_attempts`, so that tasks can be claimed again and again.

        """
        raise NotImplementedError("make(self, clock, **settings) must return the coordinator to be tried")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.seen: Counter[str] = Counter()
        self._held: dict[str, _Told] = {}
        self._past: list[_Told] = []
        self._last: dict[str, int] = {}
        made = self.make(self.clock, lease_ttl=30, backoff=Backoff(0), max_attempts=1_000_000)
        self.board = OnItsLoop(made, self.clock) if inspect.iscoroutinefunction(made.submit) else made
        self._tasks = list(self.TASKS)
        for task in self._tasks:
            self.board.submit(Task(task))

    def teardown(self) -> None:
        """Close the coordinator; its own invariants must hold."""
        try:
            self.board.check()
        finally:
            self.board.close()
            if isinstance(self.board, OnItsLoop):
                self.board.end()

    # -- taking -------------------------------------------------------------------------------

    @precondition(lambda self: self.TASKS)
    @rule(agent=st.sampled_from(_AGENTS), ttl=st.sampled_from(_TTLS))
    def claim(self, agent: str, ttl: float | None) -> None:
        """Ask for any task: None only if all of them are held."""
        lease = self.board.claim_nowait(agent, lease_ttl=ttl)
        if lease is None:
            assert not (free := self._free()), f"{free} could be claimed, and {agent} was given nothing"
        else:
            self._granted((lease.task,), lease, agent)

    @precondition(lambda self: self.TASKS)
    @rule(agent=st.sampled_from(_AGENTS), which=st.integers(0, 9), ttl=st.sampled_from(_TTLS))
    def claim_by_name(self, agent: str, which: int, ttl: float | None) -> None:
        """Ask for one task: granted if and only if nobody holds it."""
        self._take(self._tasks[which % len(self._tasks)], agent, ttl)

    @precondition(lambda self: self.TASKS)
    @rule(agent=st.sampled_from(_AGENTS), count=st.integers(1, 4), ttl=st.sampled_from(_TTLS))
    def claim_many(self, agent: str, count: int, ttl: float | None) -> None:
        """Ask for several: fewer only if there are no more."""
        leases = self.board.claim_many(agent, count, lease_ttl=ttl)
        for lease in leases:
            self._granted((lease.task,), lease, agent)
        assert len(leases) == count or not self._free(), f"{self._free()} could be claimed as well"

    @precondition(lambda self: self.NAMES)
    @rule(
        agent=st.sampled_from(_AGENTS),
        which=st.permutations(range(3)),
        count=st.integers(1, 3),
        ttl=st.sampled_from(_TTLS),
    )
    def lock(self, agent: str, which: list[int], count: int, ttl: float | None) -> None:
        """Lock one or several names: all if nobody else holds one of them, or none."""
        names = dict.fromkeys(self.NAMES[number % len(self.NAMES)] for number in which[:count])
        self._lock(tuple(names), agent, ttl)

    @precondition(lambda self: self.NAMES)
    @rule(which=st.integers(0, 9), rival=st.sampled_from(_AGENTS), ttl=st.sampled_from(_TTLS))
    def enter_again(self, which: int, rival: str, ttl: float | None) -> None:
        """Re-enter a lock, leave it once, and let somebody ask: it is held until it is left again."""
        held = [told for told in self._live() if told.things[0] in self.NAMES]
        if not held:
            self._lock((self.NAMES[which % len(self.NAMES)],), rival, ttl)
            return
        told = held[which % len(held)]
        self._lock(told.things, told.lease.agent, ttl)
        self._use(told, "release", None)
        self._lock(told.things, rival, ttl)

    # -- holding ------------------------------------------------------------------------------

    @precondition(lambda self: self._past)
    @rule(which=st.integers(0, 30), verb=st.sampled_from(_VERBS), ttl=st.sampled_from(_TTLS))
    def use_a_token(self, which: int, verb: str, ttl: float | None) -> None:
        """Renew or end with any token that was ever granted; newer ones are tried more often."""
        self._use(self._past[-1 - which % len(self._past)], verb, ttl)

    # -- time ---------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.001, 1, 5, 20, 100)))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(which=st.integers(0, 9), agent=st.sampled_from(_AGENTS), holder_is_first=st.booleans())
    def meet_a_deadline(self, which: int, agent: str, holder_is_first: bool) -> None:
        """Move to the exact nanosecond of a deadline: the holder renews in vain, and another one gets it."""
        self._go_to_a_deadline(which, 0, agent, holder_is_first)

    @rule(
        which=st.integers(0, 9),
        ticks=st.sampled_from((0, -1, 0, 1)),
        agent=st.sampled_from(_AGENTS),
        holder_is_first=st.booleans(),
    )
    def pass_by_a_deadline(self, which: int, ticks: int, agent: str, holder_is_first: bool) -> None:
        """Move to a nanosecond before a deadline, to it, or past it; the holder renews and somebody asks."""
        self._go_to_a_deadline(which, ticks, agent, holder_is_first)

    def _go_to_a_deadline(self, which: int, ticks: int, agent: str, holder_is_first: bool) -> None:
        things = (*self._tasks, *self.NAMES)
        if not any(self._live()):  # somebody must hold something
            self._ask_for(things[which % len(things)], agent)
        live = list(self._live())
        told = live[which % len(live)]
        self.clock.advance(max(0, told.until_ns + ticks - self.clock.now_ns()) / 1e9)
        if holder_is_first:
            self._use(told, "renew", None)
        self._ask_for(told.things[0], agent)
        if not holder_is_first:
            self._use(told, "renew", None)

    # -- what was told ------------------------------------------------------------------------

    def _live(self) -> Iterator[_Told]:
        now = self.clock.now_ns()
        yield from {id(told): told for told in self._held.values() if told.holds(now)}.values()

    def _free(self) -> list[str]:
        now = self.clock.now_ns()
        return [task for task in self._tasks if task not in self._held or not self._held[task].holds(now)]

    def _ask_for(self, thing: str, agent: str) -> None:
        if thing in self.NAMES:
            self._lock((thing,), agent, None)
        else:
            self._take(thing, agent, None)

    def _take(self, task: str, agent: str, ttl: float | None) -> None:
        is_free = task in self._free()
        lease = self.board.claim_nowait(agent, task=task, lease_ttl=ttl)
        if lease is not None:
            assert lease.task == task
            self._granted((task,), lease, agent)
        assert (lease is not None) == is_free, f"nobody holds {task}, and {agent} was not given it"

    def _lock(self, names: tuple[str, ...], agent: str, ttl: float | None) -> None:
        now = self.clock.now_ns()
        live = {
            name: self._held[name] for name in names if name in self._held and self._held[name].holds(now)
        }
        mine = next((one for one in live.values() if one.is_entered_by(agent, names)), None)
        rivals = {name: str(told) for name, told in live.items() if told is not mine}
        # re-entering is for the same holder; any other scope of the same agent is a rival like others
        holder = mine.holder if mine is not None else f"scope-{len(self._past)}"
        lease, refusal = None, ""
        try:
            lease = self.board.lock_nowait(*names, agent=agent, lease_ttl=ttl, holder=holder)
        except HeldError as problem:
            refusal = str(problem)
        if lease is None:
            assert rivals, f"nobody else holds any of {names}, and {agent} was refused: {refusal}"
            return
        assert not rivals, f"{agent} was given {names} while others were told that they hold {rivals}"
        again = next((told for told in live.values() if told.lease.token == lease.token), None)
        if again is None:
            self._granted(lease.names, lease, agent, holder)
        else:
            assert lease.expires_ns >= again.until_ns, f"entering again made it shorter for {again}"
            again.until_ns = lease.expires_ns
            again.entries += 1

    def _granted(self, things: tuple[str, ...], lease: Lease, agent: str, holder: str = "") -> None:
        now, told = self.clock.now_ns(), _Told(things, lease, lease.expires_ns, holder=holder)
        assert lease.agent == agent
        assert told.holds(now), f"{agent} was given {things} until {told.until_ns}; it is {now}"
        for thing in things:
            held = self._held.get(thing)
            if held is not None and held.entries:
                assert not held.holds(now), f"{thing} was given to {agent}, while it is held: {held}"
                self._see("takeover after a deadline")
                if held.until_ns == now:
                    self._see("takeover exactly at a deadline")
            last = self._last.get(thing, 0)
            assert lease.token > last, f"the token {lease.token} of {thing} is not above {last}"
            self._held[thing], self._last[thing] = told, lease.token
        if things:  # asking again for something held under two leases gets a lease without names
            self._past.append(told)

    def _use(self, told: _Told, verb: str, ttl: float | None) -> None:
        """Renew or end: accepted if the holder was told that it still holds it, refused otherwise."""
        if told.things[0] in self.NAMES and verb != "renew":
            verb = "release"  # a lock can only be released
        call = self._call(verb, told, ttl)
        if told.holds(self.clock.now_ns()):
            self._ended(told, verb, call())
            return
        if told.is_done and verb == "complete":
            assert call().result == told.lease.token, "completing once more must repeat the first answer"
            return
        self._see("stale token tried")
        try:
            answer = call()
        except LeaseLostError:
            return
        raise AssertionError(f"{verb} by a holder whose time is over was answered {answer!r}: {told}")

    def _call(self, verb: str, told: _Told, ttl: float | None) -> Callable[[], Any]:
        board, lease = self.board, told.lease
        calls: dict[str, Callable[[], Any]] = {
            "renew": lambda: board.renew(lease, lease_ttl=ttl),
            "complete": lambda: board.complete(lease, lease.token),
            "fail": lambda: board.fail(lease, "tried"),
            "release": lambda: board.release(lease),
            "progress": lambda: board.progress(lease, lease.token),
        }
        return calls[verb]

    def _ended(self, told: _Told, verb: str, answer: Any) -> None:
        if verb == "renew":
            assert answer > self.clock.now_ns()
            told.until_ns = answer
        elif verb != "progress":
            told.entries -= 1
        if verb == "complete":  # done for good: another task takes its place
            told.is_done = True
            following = f"t{len(self._past)}.{told.lease.token}"
            self._tasks[self._tasks.index(told.things[0])] = following
            self.board.submit(Task(following))

    def _see(self, what: str) -> None:
        self.seen[what] += 1
        event(what)

"""
An agent whose every step is written down: typed steps, played one by one.

For tests of a certain story: "ann claims, works, falls silent; bob takes over;
ann reports late". `ScriptedAgent.step` plays the next step, so a test decides
who moves when; in a Colony the whole script is a behaviour.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import attrs

from ...errors import CoordinationError, IllegalTransitionError
from ...fronts.hold import SimulatedCrash
from ...values.tasks import Lease

__all__ = ["Claim", "Complete", "Crash", "Fail", "Release", "Renew", "ScriptedAgent", "Step", "Wait"]


@attrs.frozen
class Claim:
    """Claim what comes first, or a certain task; `expect` says whether it must be granted (None: either)."""

    task: str | None = None
    kinds: tuple[str, ...] | None = None
    lease_ttl: float | None = None
    expect: bool | None = True


@attrs.frozen
class Wait:
    """Let `seconds` pass: in a Colony by sleeping, by hand on the clock that the agent was given."""

    seconds: float


@attrs.frozen
class Renew:
    """Renew the lease; `refused` says that this must be refused."""

    refused: bool = False


@attrs.frozen
class Complete:
    """Complete the task of the lease; `refused` says that this must be refused."""

    result: Any = None
    refused: bool = False


@attrs.frozen
class Fail:
    """Fail the attempt."""

    reason: str = "as the script says"
    retry: bool = True
    refused: bool = False


@attrs.frozen
class Release:
    """Give the lease back."""

    refused: bool = False


@attrs.frozen
class Crash:
    """Be gone, without a word."""


Step = Claim | Wait | Renew | Complete | Fail | Release | Crash


class ScriptedAgent:
    """
    An agent that follows a script.

    Args:
        name: its name.
        steps: what it does, in order.
        clock: the ManualClock that `Wait` advances when the script is played by hand.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> from ants_coord.testing import ManualClock, ScriptedAgent
        >>> from ants_coord.testing.simulation.scripted import Claim, Complete, Wait
        >>> clock = ManualClock()
        >>> board = ClaimQueue(clock=clock, lease_ttl=30)
        >>> _ = board.submit(Task("a"))
        >>> late = ScriptedAgent("ann", [Claim("a"), Wait(31), Complete(refused=True)], clock)
        >>> heir = ScriptedAgent("bob", [Claim("a"), Complete("done")], clock)
        >>> late.step(board); late.step(board)     # claims, and falls silent
        >>> heir.play(board)
        >>> late.step(board)                       # refused, as the script expects
        >>> board.result("a")
        'done'

    """

    def __init__(self, name: str, steps: Sequence[Step], clock: Any = None) -> None:
        self.name = name
        self.steps = tuple(steps)
        self.lease: Lease | None = None
        """what it holds, as far as it knows"""
        self.at = 0
        """how many steps it has taken"""
        self._clock = clock

    @property
    def is_done(self) -> bool:
        """Whether every step has been taken."""
        return self.at >= len(self.steps)

    def play(self, board: Any) -> None:
        """Take all steps that are left."""
        while not self.is_done:
            self.step(board)

    def step(self, board: Any) -> None:
        """
        Take the next step on a coordinator for threads.

        Raises:
            AssertionError: the board answers otherwise than the script expects.
            SimulatedCrash: the step is a crash.

        """
        step = self.steps[self.at]
        self.at += 1
        if isinstance(step, Wait):
            if self._clock is None:
                raise TypeError("Wait needs the ManualClock of the board: ScriptedAgent(name, steps, clock)")
            self._clock.advance(step.seconds)
        else:
            self._act(board, step)

    def __call__(self, me: Any) -> Generator[float, None, None]:
        """Be a behaviour of a Colony."""
        self.at = 0
        while not self.is_done:
            step = self.steps[self.at]
            self.at += 1
            if isinstance(step, Wait):
                yield step.seconds
            else:
                self._act(me._board, step)  # noqa: SLF001 - the kit's own

    def _act(self, board: Any, step: Step) -> None:
        if isinstance(step, Crash):
            raise SimulatedCrash
        if isinstance(step, Claim):
            try:
                lease = board.claim_nowait(
                    self.name, task=step.task, kinds=step.kinds, lease_ttl=step.lease_ttl
                )
            except IllegalTransitionError:
                lease = None  # the task has ended
            if step.expect is not None and (lease is not None) is not step.expect:
                raise AssertionError(f"step {self.at} of {self.name}: {step} was answered with {lease}")
            self.lease = lease if lease is not None else self.lease
            return
        if self.lease is None:
            raise AssertionError(f"step {self.at} of {self.name}: {step} without a lease")
        actions: dict[type, Callable[[Lease], Any]] = {
            Renew: board.renew,
            Release: board.release,
            Complete: lambda lease: board.complete(lease, step.result),  # type: ignore[union-attr]
            Fail: lambda lease: board.fail(lease, step.reason, retry=step.retry),  # type: ignore[union-attr]
        }
        try:
            actions[type(step)](self.lease)
        except CoordinationError as problem:
            if not step.refused:  # type: ignore[union-attr]
                raise AssertionError(
                    f"step {self.at} of {self.name}: {step} was refused: {problem}"
                ) from problem
        else:
            if step.refused:  # type: ignore[union-attr]
                raise AssertionError(f"step {self.at} of {self.name}: {step} was not refused")

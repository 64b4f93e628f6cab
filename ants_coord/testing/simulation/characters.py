"""
Agents with characters, for a Colony: diligent ones, and those that a colony must survive.

Each function returns a behaviour for `Colony.add`. All agents claim until nothing is left; they differ in
what they do with a lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

from ...errors import LeaseLostError
from ...fronts.hold import SimulatedCrash

_Me = Any
_Async = Callable[[_Me], Awaitable[None]]


def _result_of(lease: Any) -> Any:
    return {"done": lease.task}  # the same for every agent, so that results can agree


async def _do(me: _Me, lease: Any, work: float, result_of: Callable[[Any], Any] = _result_of) -> None:
    """Hold a lease for as long as its task takes, and complete it, unless somebody else has it by then."""
    with contextlib.suppress(LeaseLostError):
        async with me.work(lease) as job:
            await asyncio.sleep(work)
            job.result = result_of(lease)


def diligent(work: float = 3.0) -> _Async:
    """
    Return an agent that does what it claims.

    Args:
        work: seconds that a task takes.

    """

    async def diligent_agent(me: _Me) -> None:
        async for lease in me.claims(until="drained"):
            await _do(me, lease, work)

    return diligent_agent


def crasher(work: float = 3.0, *, after: int = 3) -> _Async:
    """
    Return an agent that dies in the middle of every `after`-th task (and is started again by the Colony).

    Args:
        work: seconds that a task takes.
        after: tasks from start to crash.

    """

    async def crashing_agent(me: _Me) -> None:
        done = 0
        async for lease in me.claims(until="drained"):
            async with me.work(lease) as job:
                await asyncio.sleep(work / 2)
                done += 1
                if done >= after:
                    raise SimulatedCrash
                await asyncio.sleep(work / 2)
                job.result = _result_of(lease)

    return crashing_agent


def sleeper(work: float = 3.0, *, nap: float = 100.0) -> _Async:
    """
    Return an agent that sleeps without renewing its lease, and reports its result all the same.

    Args:
        work: seconds that a task takes.
        nap: seconds that it sleeps before it reports; choose more than a lease.

    """

    async def sleeping_agent(me: _Me) -> None:
        async for lease in me.claims(until="drained"):
            await asyncio.sleep(work + nap)
            with contextlib.suppress(LeaseLostError):  # refused, as it must be
                await me.complete(lease, _result_of(lease))

    return sleeping_agent


def greedy(work: float = 3.0, *, count: int = 10) -> _Async:
    """
    Return an agent that claims many tasks at once and does them one by one.

    Args:
        work: seconds that a task takes.
        count: tasks per claim.

    """

    async def greedy_agent(me: _Me) -> None:
        async for first in me.claims(until="drained"):
            for lease in [first, *await me.claim_many(count - 1)]:
                await _do(me, lease, work)

    return greedy_agent


def liar(work: float = 0.5, *, share: float = 1.0, seed: int = 0) -> _Async:
    """
    Return an agent that invents results.

    Args:
        work: seconds that an invented result takes.
        share: share of invented results.
        seed: decides which results are invented.

    """

    async def lying_agent(me: _Me) -> None:
        dice = random.Random(f"{seed} {me.name}")  # noqa: S311 - which lies it tells is no secret

        def told_of(lease: Any) -> Any:
            return f"made up {dice.random()}" if dice.random() < share else _result_of(lease)

        async for lease in me.claims(until="drained"):
            await _do(me, lease, work, told_of)

    return lying_agent


def ghost(*, pause: float = 1.0) -> _Async:
    """
    Return an agent that claims and then is silent until its next claim.

    Args:
        pause: seconds between its claims.

    """

    async def ghostly_agent(me: _Me) -> None:
        async for _ in me.claims(until="drained"):
            await asyncio.sleep(pause)

    return ghostly_agent


def decliner(work: float = 3.0, *, share: float = 0.5, seed: int = 0) -> _Async:
    """
    Return an agent that declines some of its tasks: they go back, and it is not offered them for a while.

    Args:
        work: seconds that a task takes.
        share: share of tasks that it declines.
        seed: decides which tasks it declines.

    """

    async def declining_agent(me: _Me) -> None:
        dice = random.Random(f"{seed} {me.name}")  # noqa: S311
        async for lease in me.claims(until="drained"):
            if dice.random() < share:
                await me.decline(lease, work, "not in the mood")
                await asyncio.sleep(work)
                continue
            await _do(me, lease, work)

    return declining_agent

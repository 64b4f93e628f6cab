"""Every order in which short scripts can interleave, not only the one that a test run happens to take."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, TypeVar

import attrs

from ..values.checks import quoted

W = TypeVar("W")
_Script = Callable[[W], Generator[Any, None, Any]]


@attrs.define
class Interleaving(Generic[W]):
    """
    One order, played to its end.

    `world` is the object that the scripts shared, `order` says which script took each step (by number),
    `results` what each returned, and `errors` what each raised (None if nothing).
    """

    world: W
    order: tuple[int, ...]
    results: list[Any]
    errors: list[Exception | None]


def interleavings(
    make: Callable[[], W], *scripts: _Script[W], most: int = 100_000
) -> Iterator[Interleaving[W]]:
    """
    Play scripts in every order of their steps, each time in a new world.

    A script is a generator function that gets the world; at each `yield` other scripts may run. Two scripts
    of n and m steps have (n + m)! / (n! m!) orders, so keep them short.

    Args:
        make: makes a new world, such as a board with a task.
        scripts: the agents' scripts.
        most: stop with an error beyond this many orders.

    Yields:
        Each order after it has been played, for your assertions.

    Raises:
        ValueError: there are more orders than `most`.
        TypeError: a script is no generator function.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> from ants_coord.testing import ManualClock, interleavings
        >>> def make():
        ...     board = ClaimQueue(clock=ManualClock())
        ...     board.submit(Task("a"))
        ...     return board
        >>> def agent(name):
        ...     def script(board):
        ...         lease = board.claim_nowait(name)
        ...         yield
        ...         return lease and board.complete(lease, name).by
        ...     return script
        >>> runs = list(interleavings(make, agent("ann"), agent("bob")))
        >>> len(runs), {sum(by is not None for by in run.results) for run in runs}
        (6, {1})

    """
    pending: list[tuple[int, ...]] = [()]
    played = 0
    while pending:
        prefix = pending.pop()
        played += 1
        if played > most:
            raise ValueError(f"more than {most} orders; make the scripts shorter")
        run, choices = _play(make(), scripts, prefix)
        # after the end of the prefix, the first script that could run continued: the other choices come later
        for depth in range(len(run.order) - 1, len(prefix) - 1, -1):
            pending.extend((*run.order[:depth], other) for other in reversed(choices[depth][1:]))
        yield run


def _play(
    world: W, scripts: tuple[_Script[W], ...], prefix: tuple[int, ...]
) -> tuple[Interleaving[W], list[list[int]]]:
    live = {number: script(world) for number, script in enumerate(scripts)}
    for begun in live.values():
        if not isinstance(begun, Generator):
            raise TypeError(f"each script must be a generator function; one returned {quoted(begun)}")
    order: list[int] = []
    choices: list[list[int]] = []
    results: list[Any] = [None] * len(scripts)
    errors: list[Exception | None] = [None] * len(scripts)
    while live:
        here = sorted(live)
        chosen = prefix[len(order)] if len(order) < len(prefix) else here[0]
        choices.append([chosen, *[other for other in here if other > chosen]])
        order.append(chosen)
        try:
            next(live[chosen])
        except StopIteration as stop:
            results[chosen] = stop.value
            del live[chosen]
        except Exception as error:  # noqa: BLE001 - a script may fail; whether it should is the test's business
            errors[chosen] = error
            del live[chosen]
    return Interleaving(world, tuple(order), results, errors), choices

"""
A tap: it passes the events of a board to sinks, each once and in order.

A sink is any object with `event(event)`. It may also have `gap(first, last)`, which is called when events
were trimmed before the tap had read them: then results derived from earlier events may be incomplete, and the
sink should say so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Protocol

from ..errors import CursorTooOld
from ..sync import Board
from ..values.events import Event

__all__ = ["LoggingSink", "Tap"]

_LOUD = frozenset(
    {"failed", "expired", "stalled", "quarantined", "alarm", "unreacted", "disbanded", "rejected"}
)


class Sink(Protocol):
    """A receiver of events."""

    def event(self, event: Event) -> None:
        """Take one event."""
        ...


class Tap:
    """
    A reader that follows a board's events and passes them to sinks.

    Args:
        board: the board to follow.
        sinks: the receivers, in this order. An exception of a sink is logged, and the others continue.
        since: the cursor after which to start; 0 starts with the oldest event that is kept. Store the tap's
            `cursor` and pass it to a later tap, so that nothing is seen twice.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> class Seen(list):
        ...     def event(self, event):
        ...         self.append(event.type)
        >>> with ClaimQueue() as board:
        ...     seen = Seen()
        ...     tap = Tap(board, [seen])
        ...     _ = board.submit(Task("a"))
        ...     tap.drain()
        ...     _ = board.complete(board.claim("ann"))
        ...     tap.drain()
        ...     seen
        2
        2
        ['configured', 'submitted', 'claimed', 'completed']

    """

    def __init__(self, board: Board, sinks: Iterable[Sink], *, since: int = 0) -> None:
        self._board = board
        self._sinks = tuple(sinks)
        self.cursor: int = since
        self.missed: int = 0
        """events that were trimmed before they were read"""

    def drain(self) -> int:
        """Pass on what has happened since the last call; return the number of events."""
        return self._pass(follow=False)

    def follow(self) -> None:
        """Pass on events as they happen, until the board closes; it blocks, so give it a thread."""
        self._pass(follow=True)

    def _pass(self, *, follow: bool) -> int:
        count = 0
        while True:
            try:
                for event in self._board.events(since=self.cursor, follow=follow):
                    self._hand(event)
                    count += 1
            except CursorTooOld as problem:
                self._resynchronise(problem)
            else:
                return count

    def _hand(self, event: Event) -> None:
        self.cursor = event.cursor
        for sink in self._sinks:
            try:
                sink.event(event)
            except Exception:
                # a broken exporter must neither stop the others nor make an event be seen twice
                logging.getLogger("ants_coord").exception("a sink failed at event %d", event.cursor)

    def _resynchronise(self, problem: CursorTooOld) -> None:
        first, last = self.cursor + 1, problem.oldest - 1
        self.missed += last - first + 1
        self.cursor = last
        for sink in self._sinks:
            gap: Any = getattr(sink, "gap", None)
            if gap is not None:
                gap(first, last)


class LoggingSink:
    """
    A sink that logs each event: what needs attention as a warning, the rest as info.

    Args:
        logger: the logger to use; by default "ants_coord.events".

    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logging.getLogger("ants_coord.events") if logger is None else logger

    def event(self, event: Event) -> None:
        """Log one event."""
        level = logging.WARNING if event.type in _LOUD else logging.INFO
        detail = "" if event.detail is None else f" {event.detail!s:.200}"
        about = (event.type, event.task, event.agent, event.token or None, detail)
        self._logger.log(level, "%s task=%s agent=%s token=%s%s", *about)

    def gap(self, first: int, last: int) -> None:
        """Log that events were missed."""
        self._logger.warning("events %d to %d were trimmed before they were read", first, last)

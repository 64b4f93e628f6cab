"""
From events to leases: who held what, from when until when, and how it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from ..values.events import LEASE_ENDS, WAITS_AGAIN, Event

__all__ = ["Span", "Spans", "spans"]

_BEGINS = frozenset({"claimed", "locked", "adopted"})
_ENDS = LEASE_ENDS | {"unlocked"}
LOST = frozenset({"expired", "retried", "failed", "rejected", "superseded"})
"""ways to end without a result"""


@attrs.define
class Span:
    """
    One lease, of a task or of names.

    `attempt` is 0 for locks; `is_check` says that a result was checked; `kind` is the task's, if its
    submission was seen. `ready_ns` is when the task became claimable, if that was seen. `end_ns` is None
    while the lease lives, and `how` is then "open"; otherwise `how` is the type of the event that ended it
    ("superseded" if a newer lease did; a verdict for the result is "completed").
    """

    name: str
    agent: str
    token: int
    start_ns: int
    attempt: int = 0
    is_check: bool = False
    kind: str = ""
    ready_ns: int | None = None
    end_ns: int | None = None
    how: str = "open"
    detail: str = ""

    @property
    def is_lock(self) -> bool:
        """Whether names were locked, instead of a task claimed."""
        return not self.attempt

    @property
    def held_ns(self) -> int:
        """How long the lease lived; 0 while it lives."""
        return 0 if self.end_ns is None else self.end_ns - self.start_ns

    @property
    def waited_ns(self) -> int | None:
        """How long the task had been claimable before this lease; None if that was not seen."""
        return None if self.ready_ns is None else max(0, self.start_ns - self.ready_ns)


class Spans:
    """A fold of events, in order, into leases. A lease whose start was trimmed is left out."""

    def __init__(self) -> None:
        self._open: dict[int, Span] = {}
        self._of_task: dict[str, int] = {}
        self._ready: dict[str, int] = {}
        self._kinds: dict[str, str] = {}

    @property
    def open(self) -> list[Span]:
        """The leases that have not ended, oldest first."""
        return list(self._open.values())

    def take(self, event: Event) -> Iterator[Span]:
        """Take one event; yield the leases that it ended, before it starts another."""
        what, task = event.type, event.task
        if what in _BEGINS:
            before = self._open.get(self._of_task.get(task or "", 0))
            if before is not None:
                yield from self._end(before.token, event, "superseded")
            self._begin(event, before)
        elif what in _ENDS and not (what == "judged" and event.detail):  # then the task is completed, too
            token = event.token if event.token in self._open else self._of_task.get(task or "", 0)
            yield from self._end(token, event, what)
        if what == "submitted" and task is not None and isinstance(event.detail, str):
            is_new = event.detail != "replaced" or task not in self._kinds
            self._kinds[task] = event.detail if is_new else ""
        if task is not None and what in WAITS_AGAIN:
            self._ready[task] = event.at_ns
        elif task is not None and what in ("completed", "failed", "cancelled"):
            self._ready.pop(task, None)
            if what == "completed":  # other tasks may be brought back, and their kind is only reported once
                self._kinds.pop(task, None)

    def _begin(self, event: Event, before: Span | None) -> None:
        detail = event.detail
        if event.type == "adopted":  # the same attempt goes on; its detail is the token before
            detail = 1 if before is None else "check" if before.is_check else before.attempt
        names = detail.get("names", ()) if isinstance(detail, dict) else ()
        name = event.task if event.task is not None else ", ".join(names) or "lock"
        self._open[event.token] = Span(
            name,
            event.agent or "?",
            event.token,
            event.at_ns,
            0 if event.task is None else detail if isinstance(detail, int) else 1,
            detail == "check",
            self._kinds.get(event.task or "", ""),
            self._ready.pop(event.task or "", None),
        )
        if event.task is not None:
            self._of_task[event.task] = event.token

    def _end(self, token: int, event: Event, how: str) -> Iterator[Span]:
        span = self._open.pop(token, None)
        if span is None:
            return
        if self._of_task.get(span.name) == token:
            del self._of_task[span.name]
        span.end_ns, span.how = event.at_ns, how
        if isinstance(event.detail, str):
            span.detail = event.detail
        elif isinstance(event.detail, dict) and isinstance(event.detail.get("reason"), str):
            span.detail = event.detail["reason"]
        yield span


def spans(events: Iterable[Event]) -> list[Span]:
    """
    Return every lease in some events, in order of their start.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> with ClaimQueue() as board:
        ...     _ = board.submit(Task("a"))
        ...     _ = board.fail(board.claim("ann"), "boom", retry=0)
        ...     _ = board.complete(board.claim("bob"))
        ...     [(span.name, span.agent, span.attempt, span.how) for span in spans(board.events())]
        [('a', 'ann', 1, 'retried'), ('a', 'bob', 2, 'completed')]

    """
    fold = Spans()
    found: list[Span] = []
    for event in events:
        found.extend(fold.take(event))
    return sorted([*found, *fold.open], key=lambda span: (span.start_ns, span.token))

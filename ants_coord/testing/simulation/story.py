"""Assertions that show the story: when one fails, it prints the last events as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, Protocol

from ...values.events import LEASE_ENDS, Event
from ...values.tasks import Lease, TaskRecord, TaskState

_SHOWN = 25


class _Board(Protocol):
    def events(self, *, since: int = 0, follow: bool = False) -> Iterable[Event]: ...
    def find(self, task: Any) -> TaskRecord | None: ...


def story(board: _Board, last: int = _SHOWN) -> str:
    """
    Return the last events of a board as a table.

    Args:
        board: a coordinator for threads (`.sync` of one for event loops).
        last: number of events.

    """
    events = list(board.events())
    if not events:
        return "nothing has happened"
    first, shown = events[0].at_ns, events[-last:]
    rows = [("seconds", "what", "task", "agent", "token", "detail")]
    rows += [
        (
            f"{(event.at_ns - first) / 1e9:.3f}",
            event.type,
            event.task or "",
            event.agent or "",
            str(event.token or ""),
            "" if event.detail is None else str(event.detail)[:60],
        )
        for event in shown
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    left_out = len(events) - len(shown)
    return "\n".join([*([f"({left_out} earlier events)"] if left_out else []), *lines])


def _fail(board: _Board, what: str) -> NoReturn:
    raise AssertionError(f"{what}\n{story(board)}")


def assert_held(board: _Board, task: Any, by: str | None = None) -> Lease:
    """
    Assert that a task is leased (to a certain agent), and return the lease.

    Args:
        board: a coordinator for threads.
        task: the task, or its id.
        by: the agent that must hold it; None for any.

    Raises:
        AssertionError: it is not held, or by another agent; the message ends with the board's last events.

    """
    record = board.find(task)
    if record is None:
        _fail(board, f"there is no task {task!r}")
    if record.lease is None:
        _fail(board, f"task {record.task.id!r} is {record.state}, held by nobody")
    if by is not None and record.lease.agent != by:
        _fail(board, f"task {record.task.id!r} is held by {record.lease.agent!r}, not by {by!r}")
    return record.lease


def assert_lost(board: _Board, lease: Any) -> None:
    """
    Assert that a lease (or its scope) is no longer the live one of its task.

    Args:
        board: a coordinator for threads.
        lease: a Lease, or a scope.

    Raises:
        AssertionError: it is still live; the message ends with the board's last events.

    """
    inner: Lease = getattr(lease, "lease", lease)
    record = board.find(inner.task)
    if record is not None and record.lease is not None and record.lease.token == inner.token:
        _fail(board, f"lease {inner.handle} is still held by {inner.agent!r}")


def assert_done(board: _Board, *tasks: Any) -> None:
    """
    Assert that tasks are DONE.

    Args:
        board: a coordinator for threads.
        tasks: tasks, or ids.

    Raises:
        AssertionError: naming those that are not, and why.

    """
    found = {str(getattr(task, "id", task)): board.find(task) for task in tasks}
    told = []
    for name, record in found.items():
        if record is None:
            told.append(f"{name!r} is unknown")
        elif record.state is not TaskState.DONE:
            why = f" ({record.outcome.reason})" if record.outcome is not None else ""
            told.append(f"{name!r} is {record.state}{why}")
    if told:
        _fail(board, "not done: " + ", ".join(told))


def double_grants(events: Iterable[Event]) -> list[str]:
    """Return a sentence for each grant of a task whose earlier lease had not ended."""
    held: dict[str, tuple[str | None, int]] = {}
    found, highest = [], 0
    for event in events:
        if event.task is None:
            continue
        if event.type in ("claimed", "adopted"):
            before = held.get(event.task)
            if event.type == "claimed" and before is not None:
                found.append(
                    f"{event.task!r} was granted to {event.agent!r} (token {event.token}) "
                    f"while {before[0]!r} held it (token {before[1]})"
                )
            if event.token <= highest:
                found.append(f"token {event.token} of {event.task!r} is not above {highest}")
            highest = max(highest, event.token)
            held[event.task] = (event.agent, event.token)
        elif event.type in LEASE_ENDS:
            held.pop(event.task, None)
    return found


def assert_no_double_grant(board: _Board) -> None:
    """
    Assert that no task was ever leased to two agents at once, and that tokens only grew.

    Args:
        board: a coordinator for threads; the events that it still keeps are examined (`event_count`).

    Raises:
        AssertionError: naming the grants.

    """
    found = double_grants(board.events())
    if found:
        _fail(board, "; ".join(found))

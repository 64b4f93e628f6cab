"""
Undo: an exception inside a command leaves either the old state or the new one, never a mixture.

KeyboardInterrupt and signal handlers that raise can strike between any two byte codes; measured on a
three-field update, 89 % of them left it half done. So every command decides first, then commits, and while it
commits each primary change is preceded by an entry that can undo it. The list being non-empty IS the
torn flag: it is emptied by one C call when the command is through, and the next command that finds it
non-empty rolls back and rebuilds every index.

Restoring is idempotent (entries set old values, last first, and are only dropped at the end), so an interrupt
inside the repair is repaired too. Rejected: building a new state and swapping one reference (a persistent map
costs ten times the whole cycle), and copying the record at each change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .records import LEASED, READY, AgentRow, LockRow, Row, SessionRow

ABSENT: Any = object()
"""Stands for "was not in the dict"."""


def put_back(table: dict[Any, Any], key: Any, old: Any) -> None:
    """Restore one key of a dict; `old` is ABSENT if it was not there."""
    if old is ABSENT:
        table.pop(key, None)
    else:
        table[key] = old


def _nothing() -> None:
    """Do nothing: the entry only marks the command as torn, so that indexes are rebuilt."""


def _row_back(row: Row, old: tuple[Any, ...]) -> None:
    (
        row.spec, row.payload, row.state, row.attempts, row.token, row.agent, row.deadline_ns, row.ttl_ns,
        row.ready_ns, row.lost, row.ended, row.note, row.idle_no, row.idle_ns, row.seldom, row.result,
    ) = old  # fmt: skip


def _agent_back(agent: AgentRow, old: tuple[int, int, int, int, int]) -> None:
    agent.claimed, agent.completed, agent.failed, agent.expired, agent.released = old


def ungrant(
    row: Row,
    holder: AgentRow,
    claimed: int,
    attempts: int,
    token: int,
    agent: str | None,
    deadline_ns: int,
    ttl_ns: int,
    lost: str,
    note: Any,
) -> None:
    """Undo a grant: restore what it changes of a READY row and of its agent."""
    row.state, row.attempts, row.token, row.agent = READY, attempts, token, agent
    row.deadline_ns, row.ttl_ns, row.lost, row.note = deadline_ns, ttl_ns, lost, note
    holder.claimed = claimed


def unfinish(row: Row, holder: AgentRow, completed: int, lost: str) -> None:
    """Undo an end: restore what it changes of a LEASED row, which is not idle, and of its agent."""
    row.state, row.lost, row.idle_no, row.idle_ns = LEASED, lost, 0, 0
    row.ended = row.result = None
    holder.completed = completed


def _lock_back(lock: LockRow, old: tuple[int, int, int]) -> None:
    lock.deadline_ns, lock.ttl_ns, lock.depth = old


def _session_back(session: SessionRow, old: tuple[int, int, int, dict[int, Any]]) -> None:
    session.number, session.seen_ns, session.low, session.replies = old


class Undo:
    """The undo entries of the present command. Not thread-safe, like the whole core."""

    __slots__ = ("before_change", "entries")

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.before_change: Callable[[Row], None] | None = None
        """called with a row that is about to change: a snapshot in progress packs its old form"""

    def touch(self, row: Row) -> None:
        """Save a row's primary fields; call before the first change."""
        if self.before_change is not None:
            self.before_change(row)
        old = (
            row.spec, row.payload, row.state, row.attempts, row.token, row.agent, row.deadline_ns,
            row.ttl_ns, row.ready_ns, row.lost, row.ended, row.note, row.idle_no, row.idle_ns, row.seldom,
            row.result,
        )  # fmt: skip
        self.entries.append((_row_back, row, old))

    def touch_agent(self, agent: AgentRow) -> None:
        """Save an agent's tallies."""
        self.entries.append(
            (
                _agent_back,
                agent,
                (agent.claimed, agent.completed, agent.failed, agent.expired, agent.released),
            )
        )

    def touch_lock(self, lock: LockRow) -> None:
        """Save a lock's deadline and depth."""
        self.entries.append((_lock_back, lock, (lock.deadline_ns, lock.ttl_ns, lock.depth)))

    def touch_session(self, session: SessionRow) -> None:
        """Save when a session was last seen and what it has forgotten."""
        old = (session.number, session.seen_ns, session.low, session.replies)
        self.entries.append((_session_back, session, old))

    def look(self) -> None:
        """
        Mark a query that corrects lazy heaps as torn, until `entries.clear()` ends it.

        A heap entry and the note that it is listed change in two steps. An exception between the two would
        hide a lane, with its tasks, for ever.
        """
        self.entries.append((_nothing,))

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Set one key of a primary dict."""
        self.entries.append((put_back, table, key, table.get(key, ABSENT)))
        table[key] = value

    def drop(self, table: dict[Any, Any], key: Any) -> None:
        """Remove one key of a primary dict."""
        self.entries.append((put_back, table, key, table[key]))
        del table[key]

    def roll_back(self) -> None:
        """Undo everything, last first. May be called again if it is interrupted itself."""
        for restore, *arguments in reversed(self.entries):
            restore(*arguments)

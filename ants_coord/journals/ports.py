"""The ports: what a clock, an alarm and a journal must do. Only protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol


class Alarm(Protocol):
    """Something that rings once at about a given time, and can be set again."""

    def set(self, at_ns: int) -> None:
        """Ring at `at_ns`, or earlier if it is already set to an earlier time."""
        ...

    def close(self) -> None:
        """Never ring again."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    def now_ns(self) -> int:
        """Return the stamp of this instant, integer nanoseconds since the epoch."""
        ...

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that calls `ring` when it is due."""
        ...


class Entry(NamedTuple):
    """One line of the log: its position (from 1, no gaps), the journal's raw stamp, the command."""

    position: int
    stamp_ns: int
    body: bytes


class Journal(Protocol):
    """
    A dumb ordered log: total order, dense positions, durable when append returns.

    All meaning is in the machine. Methods block and are called by one thread at a time.
    """

    @property
    def clock(self) -> Clock:
        """The clock whose stamps the journal gives its entries."""
        ...

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """
        Append all bodies, or none, and return every entry after position `after`, including ours.

        Entries up to some position may have been trimmed. Then the first one returned is not `after + 1`, and
        the caller starts again from `load`.
        """
        ...

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position; cheap if nothing was written since the last call."""
        ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """
        Call `changed` from another thread whenever others may have appended; return what stops it.

        `changed` raises nothing, since this thread wakes every waiter of the process.
        """
        ...

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest complete snapshot as (position, pieces), or None."""
        ...

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """
        Keep one piece of a snapshot; None says that it is complete: older ones and entries may be dropped.
        """
        ...

    def close(self) -> None:
        """Release everything. May be called again."""
        ...


class Chore(Protocol):
    """Something that the alarm must do from time to time, besides renewing leases."""

    @property
    def at_ns(self) -> int:
        """When it is due."""
        ...

    def run(self, now_ns: int, try_: Callable[[Any], Any]) -> None:
        """Do what is due, under the board's lock."""
        ...

    def close(self, try_: Callable[[Any], Any]) -> None:
        """Do what must be done before the board closes."""
        ...

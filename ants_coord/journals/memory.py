"""
A journal in memory: a list.

A board without a journal keeps no log at all, which is faster. This journal is for tests and simulations that
need the log, or several replicas in one process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence

from .clocks import SystemClock
from .ports import Clock, Entry


class MemoryJournal:
    """
    An ordered log in a list, shared by every coordinator that gets it. Thread-safe.

    Args:
        clock: gives the stamps of entries.

    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = SystemClock() if clock is None else clock
        self.entries: list[Entry] = []
        """entries that have been appended and not trimmed"""
        self._trimmed = 0
        self._lock = threading.Lock()
        self._watchers: dict[object, Callable[[], None]] = {}
        self._bell: queue.SimpleQueue[bool] | None = None
        self._pieces: dict[int, list[bytes]] = {}
        self._whole: int | None = None

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append all bodies and return every entry after `after`."""
        with self._lock:
            for body in bodies:
                position = self._trimmed + len(self.entries) + 1
                self.entries.append(Entry(position, self.clock.now_ns(), body))
            fresh = self.entries[max(0, after - self._trimmed) :]
            if self._bell is not None:
                self._bell.put(True)
        return fresh

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position."""
        with self._lock:
            return self.entries[max(0, after - self._trimmed) :]

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` after every append."""
        key = object()
        with self._lock:
            self._watchers[key] = changed
            if self._bell is None:
                self._bell = queue.SimpleQueue()
                threading.Thread(
                    target=self._tell, args=(self._bell,), name="ants_coord journal", daemon=True
                ).start()

        def stop() -> None:
            with self._lock:
                self._watchers.pop(key, None)
                if not self._watchers and self._bell is not None:
                    self._bell.put(False)
                    self._bell = None

        return stop

    def _tell(self, bell: queue.SimpleQueue[bool]) -> None:
        """
        Call the watchers from a thread of our own: the caller that appends may hold a lock that they want.
        """
        while bell.get():
            with self._lock:
                watchers = list(self._watchers.values())
            for changed in watchers:
                changed()

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest complete snapshot."""
        with self._lock:
            return None if self._whole is None else (self._whole, list(self._pieces[self._whole]))

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep a piece; None trims the log up to `position`."""
        with self._lock:
            if piece is not None:
                self._pieces.setdefault(position, [])[part:] = [piece]
                return
            self._whole = position
            self._pieces = {p: pieces for p, pieces in self._pieces.items() if p >= position}
            del self.entries[: max(0, position - self._trimmed)]
            self._trimmed = max(self._trimmed, position)

    def close(self) -> None:
        """Keep the log: somebody else may be using it."""

"""
The lock of a board, which refuses a second entry by the same thread.

Signal handlers, `__del__` and interpreter exit run a user's code in the middle of a verb, on the same thread;
a plain lock would wait for itself for ever. This module also handles what nobody closes properly: forks, the
end of the interpreter, and boards that are dropped.
"""

from __future__ import annotations

import _thread
import atexit
import functools
import itertools
import os
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ..errors import ClosedError, ReentrantCallError

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D", bound="LockedBoard")

FORKED = (
    "this coordinator was opened before a fork and belongs to the parent process; "
    "spawn, or close it before forking"
)
_FORK_PATIENCE_S = 5.0
_numbers = itertools.count(1)
CLOSED = "the coordinator is closed; open a new one"
EXITING: list[bool] = []
"""not empty if the interpreter is about to end: threads may have been stopped anywhere, holding any lock"""
LAST_S = 0.5
"""how long the last verbs of an ending interpreter wait for a lock that a stopped thread may hold"""


def entering(method: Callable[Concatenate[D, P], R]) -> Callable[Concatenate[D, P], R]:
    """Run a method under the board's lock; refuse it inside another verb of the same thread."""

    # `with` on a lock made in C and nothing cleverer: CPython delivers no signal between taking it and the
    # body, nor between the body and releasing it, so an interrupt leaves it free. A context manager written
    # in Python would not do
    @functools.wraps(method)
    def entered(self: D, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._is_busy or EXITING:
            self._hurdle()
        try:
            with self._lock:
                self._is_busy = True
                try:
                    return method(self, *args, **kwargs)
                finally:
                    self._is_busy = False
        finally:
            # after the lock is free, so that a waiter that found it busy has been noted by the thread that
            # held it
            if self._left:
                self._see_off_now()
            if self._close_wanted:
                self.close()

    return entered


class LockedBoard:
    """A board behind one lock: one thread at a time may enter, and any thread may close it."""

    def __init__(self) -> None:
        self._hang_new()
        self._number = next(_numbers)
        _boards.add(self)

    @property
    def whole(self) -> Self:
        """This engine; asked of what speaks for one agent, it is the engine behind it."""
        return self

    def _hang_new(self) -> None:
        self._lock: Any = threading.RLock()
        self._is_busy = False
        """whether somebody is inside; only a hint, the lock itself is authoritative"""
        self._close_wanted = False
        self._left: deque[Any] = deque()
        """waiters that left while the lock was busy"""

    @property
    def _is_inside(self) -> bool:
        """Whether this thread is inside already."""
        return bool(self._lock._is_owned())  # noqa: SLF001 - what threading.Condition asks, too

    def _hurdle(self) -> None:
        """
        Refuse a thread that is inside already.

        Do not wait for ever for a thread that the interpreter stopped.
        """
        if self._is_inside:
            raise ReentrantCallError
        if self._close_wanted:
            raise ClosedError(CLOSED)
        if EXITING:
            if not self._lock.acquire(timeout=LAST_S):
                raise ClosedError("the interpreter is ending, and a thread was stopped inside a verb")
            self._lock.release()

    def held_in_forks(self) -> list[Any]:
        """Return the locks that a fork takes first, so that no child finds half-done changes under them."""
        return [self._lock]

    def refuse_reentry(self) -> None:
        """Refuse a call inside a verb of this thread even if another thread would carry it out."""
        if self._is_inside:
            raise ReentrantCallError

    def _have_lock(self, timeout: float) -> bool:
        """
        Take the lock if it can be had in time.

        On success, use `with lock: lock.release()`. The lock is held twice for a moment, since only a `with`
        releases it in spite of an interrupt.
        """
        try:
            got: bool = self._lock.acquire(timeout=timeout)
        except BaseException:
            if self._is_inside:
                self._lock.release()
            raise
        return got

    def close(self) -> None:
        """
        Wake every waiter with ClosedError and release everything. May be called again.

        Inside a verb of the same thread (a signal handler, `__del__`), it wakes the waiters and leaves the
        rest to that verb, which closes the board when it ends.
        """
        try:
            self._close_wanted = False
            self._hurdle()
        except ReentrantCallError:
            self._close_wanted = True
            self._wake_waiters()
            return
        except ClosedError:
            return  # the interpreter ends with a thread stopped inside; leases run out by themselves
        with self._lock:
            self._is_busy = True
            try:
                self._close_locked()
            finally:
                self._is_busy = False

    def _see_off_now(self) -> bool:
        """
        Remove the waiters that left while the lock was busy, if it is free; otherwise its holder does it.
        """
        raise NotImplementedError

    def _wake_waiters(self) -> None:
        """Make everybody try again, and so notice that the board is closing; without the lock."""
        raise NotImplementedError

    def _close_locked(self) -> None:
        raise NotImplementedError

    def _forked(self) -> None:
        raise NotImplementedError


_boards: weakref.WeakSet[LockedBoard] = weakref.WeakSet()


def weakly(method: Callable[P, R]) -> Callable[P, R | None]:
    """Return a function that calls a method while its object exists, without keeping it alive."""
    found = weakref.WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        bound = found()
        return None if bound is None else bound(*args, **kwargs)

    return call


def dropped(what: str, let_go: Callable[[], object]) -> None:
    """Warn of a board that was dropped without close(), and release its files."""
    if EXITING or sys.is_finalizing():
        return  # the system does it now, and a script need not close a board that lives as long as itself
    # in a thread of its own: the garbage collector may run inside a verb of another board on the same file,
    # whose lock we would wait for. Not a threading.Thread, whose start takes a lock, too
    _thread.start_new_thread(let_go, ())
    warnings.warn(f"{what} was dropped without close()", ResourceWarning, stacklevel=3)


# -- forks ----------------------------------------------------------------------------------------

_held_for_fork: dict[int, list[Any]] = {}
"""locks that a forking thread has taken, by thread: two may fork at once"""


def _before_fork() -> None:
    # a fork during a write would copy SQLite's own locks in their momentary state, and the child could open
    # no database at all. Always in the same order, because two threads may fork at once
    ours = sorted(
        ((board._number, lock) for board in list(_boards) for lock in board.held_in_forks()),  # noqa: SLF001 - same room
        key=itemgetter(0),
    )
    held = _held_for_fork[threading.get_ident()] = []
    # for all locks together: a journal that hangs must not stop a fork
    deadline = time.monotonic() + _FORK_PATIENCE_S
    for _, lock in ours:
        if lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            held.append(lock)


def _after_fork_in_parent() -> None:
    for lock in _held_for_fork.pop(threading.get_ident(), ()):
        lock.release()


def _after_fork_in_child() -> None:
    _held_for_fork.clear()
    for board in list(_boards):
        board._forked()  # noqa: SLF001 - same room


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )


# -- the end of the interpreter -------------------------------------------------------------------


@atexit.register
def _exit() -> None:
    EXITING.append(True)

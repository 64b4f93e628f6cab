"""
The threads for an event loop's file I/O, and for what must return in time while a journal may hang.

Daemon threads and not concurrent.futures' own pool, whose threads are joined
at interpreter exit: one call that a journal never answers would keep the whole
program from ending.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

__all__ = ["IOThreads"]

R = TypeVar("R")

_IDLE_S = 10.0
Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class IOThreads(Executor):
    """
    Threads that are started as they are needed, and end when they are not.

    Args:
        most: how many there may be.
        name: what they are called.

    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(0)
        self._lock = threading.RLock()
        self._count = 0
        self._is_shut = False

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Run a function in a thread; raises RuntimeError after shutdown, or if no thread can be had."""
        assert not kwargs
        if self._is_shut:
            raise RuntimeError("the threads have been shut down")
        future: Future[R] = Future()
        if not self._free.acquire(blocking=False):
            self._start_one()
        self._jobs.put((future, fn, args))
        return future

    def _start_one(self) -> None:
        with self._lock:
            if self._count >= self._most:
                return  # one of those that are busy will come to it
            try:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            except RuntimeError:
                if not self._count:
                    raise
            else:
                self._count += 1

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Let the threads end when they have nothing more to do; never waits."""
        self._is_shut = True
        for _ in range(self._most):
            self._jobs.put(None)

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                _carry_out(*job)
                del job  # it holds what it was about, else until the next
        finally:
            with self._lock:
                self._count -= 1

    def _next(self) -> Job | None:
        """Return the next job; None when there has been none for a while, or after shutdown."""
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            self._free.release()
        while True:
            try:
                return self._jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                if self._free.acquire(blocking=False):
                    return None
                # somebody counts on this thread and is about to hand it a job


def _carry_out(future: Future[Any], call: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        answer = call(*args)
    except BaseException as problem:  # noqa: BLE001 - handed to whoever asked
        future.set_exception(problem)
    else:
        future.set_result(answer)

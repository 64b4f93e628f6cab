"""
Threads for an event loop's file I/O, and for calls that must return in time while a journal may hang.

They are daemon threads and not a pool of concurrent.futures, whose threads are joined at interpreter exit:
one call that a journal never answers would keep the whole program from ending.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

R = TypeVar("R")

_IDLE_S = 10.0
Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class IOThreads(Executor):
    """
    Threads that are started when they are needed, and end when they are idle.

    Args:
        most: the most threads at one time.
        name: the prefix of their names.

    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.RLock()  # the garbage collector may re-enter here
        self._threads = 0
        self._unfinished = 0
        """jobs that wait or run: as long as there are no more of them than threads, each has one.

        A count of free threads would not do: a thread that starts before its job is in the line
        counts itself free, takes it, and the next job waits behind it for nobody.
        """
        self._is_shut = False

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Run a function in a thread; raises RuntimeError after shutdown, or if no thread can be started."""
        assert not kwargs
        if self._is_shut:
            raise RuntimeError("the threads have been shut down")
        future: Future[R] = Future()
        with self._lock:
            self._unfinished += 1
            try:
                if self._threads < min(self._unfinished, self._most):
                    self._start_one()
            except BaseException:
                self._unfinished -= 1
                raise
            self._jobs.put((future, fn, args))
        return future

    def _start_one(self) -> None:
        try:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        except RuntimeError:
            if not self._threads:
                raise
            # no thread can be started: one of the busy ones will get to it
        else:
            self._threads += 1

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Let the threads end when they have nothing more to do; never blocks."""
        self._is_shut = True
        for _ in range(self._most):
            self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            _carry_out(*job)
            del job  # it would keep its objects alive until the next job
            with self._lock:
                self._unfinished -= 1

    def _next(self) -> Job | None:
        """Return the next job; None when there has been none for a while, or after shutdown."""
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                job = None
            with self._lock:
                if job is None and (self._is_shut or self._jobs.empty()):
                    self._threads -= 1
                    return None
            if job is not None:
                return job


def _carry_out(future: Future[Any], call: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        answer = call(*args)
    except BaseException as problem:  # noqa: BLE001 - handed to the caller
        future.set_exception(problem)
        del future, call, args  # a cycle (its traceback has this frame) would keep the caller's board alive
    else:
        future.set_result(answer)

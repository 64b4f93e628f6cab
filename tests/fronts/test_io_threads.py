"""The threads for an event loop's file I/O: no job waits for another while there may be one more thread."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from ants_coord.engine.io_threads import IOThreads

from .conftest import LIMIT_S

MOST = 4


@given(st.lists(st.sampled_from(["begin", "end", "quick"]), max_size=20))
def test_each_job_has_a_thread_as_long_as_there_may_be_one(steps):
    """However many hang, the next is done, until there are as many as there may be."""
    threads = IOThreads(MOST, "test")
    hanging = []
    try:
        for step in steps:
            if step == "end" and hanging:
                go_on, job = hanging.pop()
                go_on.set()
                assert job.result(LIMIT_S)
            elif step == "begin" and len(hanging) < MOST:
                go_on, begun = threading.Event(), threading.Event()
                hanging.append((go_on, threads.submit(hang, begun, go_on)))
                assert begun.wait(LIMIT_S)
            elif len(hanging) < MOST:
                assert threads.submit(int, "7").result(LIMIT_S) == 7
    finally:
        for go_on, _ in hanging:
            go_on.set()
        threads.shutdown()


def hang(begun, go_on):
    """Say that it has begun, and wait."""
    begun.set()
    return go_on.wait(LIMIT_S)

"""
The floor: what somebody would write by hand for exactly this job, and nothing else.

A heap of ready tasks, a dict of leases, a heap of deadlines, a fencing token
and a lock, with the checks that such code needs to be right: arguments,
expiry before every operation, a token compared before every ending, attempts
counted, results kept for readers, up to a fixed number.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import OrderedDict


class Floor:
    def __init__(self, ttl_s: float = 30.0, keep: int = 10_000, max_attempts: int = 3) -> None:
        self.ttl_ns = round(ttl_s * 1e9)
        self.keep, self.max_attempts = keep, max_attempts
        self.lock = threading.Lock()
        self.heap: list[tuple[int, int, str]] = []
        self.tasks: dict[str, list] = {}  # id -> [state, payload, priority, seq, attempts]
        self.leases: dict[int, tuple[str, str, int]] = {}
        self.deadlines: list[tuple[int, int]] = []
        self.results: OrderedDict[str, object] = OrderedDict()
        self.seq = self.token = 0

    def submit(self, payload: object, priority: int = 0) -> str:
        if not isinstance(priority, int):
            raise TypeError("priority")
        with self.lock:
            self.seq = seq = self.seq + 1
            task_id = f"t{seq:x}"
            self.tasks[task_id] = ["ready", payload, priority, seq, 0]
            heapq.heappush(self.heap, (-priority, seq, task_id))
        return task_id

    def _expire(self, now: int) -> None:
        deadlines, leases = self.deadlines, self.leases
        while deadlines and deadlines[0][0] <= now:
            _, token = heapq.heappop(deadlines)
            lease = leases.pop(token, None)
            if lease is None:
                continue
            task = self.tasks[lease[0]]
            if task[4] >= self.max_attempts:
                task[0] = "failed"
                continue
            task[0] = "ready"
            heapq.heappush(self.heap, (-task[2], task[3], lease[0]))
        if len(deadlines) > 2 * len(leases) + 64:
            self.deadlines = [entry for entry in deadlines if entry[1] in leases]
            heapq.heapify(self.deadlines)

    def claim(self, agent: str) -> tuple[int, str, object] | None:
        if not isinstance(agent, str) or not agent:
            raise TypeError("agent")
        with self.lock:
            now = time.monotonic_ns()
            self._expire(now)
            heap = self.heap
            while heap:
                _, _, task_id = heapq.heappop(heap)
                task = self.tasks.get(task_id)
                if task is None or task[0] != "ready":
                    continue
                task[0] = "leased"
                task[4] += 1
                self.token = token = self.token + 1
                self.leases[token] = (task_id, agent, now + self.ttl_ns)
                heapq.heappush(self.deadlines, (now + self.ttl_ns, token))
                return token, task_id, task[1]
            return None

    def complete(self, token: int, result: object = None) -> None:
        with self.lock:
            self._expire(time.monotonic_ns())
            lease = self.leases.pop(token, None)
            if lease is None:
                raise KeyError("lease lost")
            task_id = lease[0]
            del self.tasks[task_id]
            results = self.results
            results[task_id] = result
            if len(results) > self.keep:
                results.popitem(last=False)

"""A loop of one's own goes on after a task that fails, one that is cancelled, and one that is lost."""

import logging

from ants_coord import ClaimQueue, Task
from ants_coord.testing import ManualClock

logging.basicConfig(level=logging.ERROR)
clock = ManualClock()

with ClaimQueue(clock=clock, lease_ttl=30) as board:
    board.submit_many(
        [Task("zero", payload=0, max_attempts=1), Task("cancelled", payload=1), Task("fine", payload=2)]
    )
    for lease in board.claims("me", until="drained"):
        with board.work(lease, on_error="log") as job:
            if lease.task == "cancelled":
                board.cancel(lease.task)
            job.result = 10 / job.payload
    states = {record.task.id: str(record.state) for record in board.tasks()}

assert states == {"zero": "failed", "cancelled": "cancelled", "fine": "done"}
print("done:", states)

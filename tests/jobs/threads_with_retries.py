"""Four threads work through two hundred tasks, of which some fail now and then and one always."""

import threading

from ants_coord import Backoff, ClaimQueue, GiveUp, RetryAfter, Task, TaskFailedError

tries: dict[int, int] = {}
lock = threading.Lock()


def handler(job):
    with lock:
        tries[job.payload] = number = tries.get(job.payload, 0) + 1
    if job.payload == 13:
        raise GiveUp("thirteen cannot be done")
    if job.payload % 10 == 0 and number == 1:
        raise ConnectionError("the service is down for a moment")
    if job.payload % 25 == 1 and number == 1:
        raise RetryAfter(0, "too many requests")
    return job.payload**2


with ClaimQueue(backoff=Backoff(first=0.01)) as board:
    tickets = board.submit_many(Task(payload=n) for n in range(200))
    served = board.serve(handler, concurrency=4, until="drained")
    results = board.results(tickets, return_exceptions=True)

assert served.completed == 199
assert served.failed == 1 + 20 + 8
failed = results.pop(13)
assert isinstance(failed, TaskFailedError)
assert failed.outcome.reason == "thirteen cannot be done"
assert results == [n**2 for n in range(200) if n != 13]
print(f"done: {served.completed} completed, {served.failed} failed attempts")

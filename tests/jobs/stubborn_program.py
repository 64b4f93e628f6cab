"""A program whose handlers exit, hang and are interrupted ends when it is told to, and says what it has done."""

import asyncio
import signal
import threading

from ants_coord import Backoff, Task
from ants_coord.aio import ClaimQueue

stuck = threading.Event()


def handler(job):
    if job.task == "exits":
        raise SystemExit(2)  # as argparse does
    if job.task == "hangs":
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        stuck.wait()  # for ever
    return "ok"


async def main():
    async with ClaimQueue(backoff=Backoff(first=0), max_attempts=2) as board:
        await board.submit_many([Task("exits", priority=2), Task("fine", priority=1), Task("hangs")])
        try:
            await board.serve(handler, signals=True)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
        states = {record.task.id: (str(record.state), record.attempts) for record in await board.tasks()}
        assert states == {"exits": ("failed", 2), "fine": ("done", 1), "hangs": ("ready", 0)}, states
        print("done:", states)


asyncio.run(main())

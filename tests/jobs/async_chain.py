"""Three steps for each of five documents, each step after the one before it; two agents on one event loop."""

import asyncio

from ants_coord import Task
from ants_coord.aio import ClaimQueue


async def fetch(job):
    await asyncio.sleep(0)
    return f"text of {job.payload}"


async def count(job):
    (text,) = job.inputs.values()
    return len(text)


def report(job):  # a plain function runs in a thread
    return f"{job.payload}: {sum(job.inputs.values())} characters"


async def main():
    async with ClaimQueue() as board:
        reports = []
        for name in ("a", "bb", "ccc", "dddd", "eeeee"):
            fetched = await board.submit(Task(kind="fetch", payload=name))
            counted = await board.submit(Task(kind="count", needs=[fetched]))
            reports.append(await board.submit(Task(kind="report", payload=name, needs=[counted])))
        handlers = {"fetch": fetch, "count": count, "report": report}
        async with asyncio.TaskGroup() as group:
            workers = [
                group.create_task(board.serve(handlers, agent=agent, concurrency=2, until="drained"))
                for agent in ("ann", "bob")
            ]
        found = await board.results(reports)
    assert found == [f"{'abcde'[n] * (n + 1)}: {9 + n} characters" for n in range(5)]
    assert sum(worker.result().completed for worker in workers) == 15
    print("done:", found)


asyncio.run(main())

"""
A research team with asyncio: a lead splits an assignment into questions, researchers answer them in parallel.

`ask_model` stands for a call of your model. Run it: `python research_team.py`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ants_coord import RetryAfter, Task
from ants_coord.aio import ClaimQueue

ASSIGNMENT = ("What is a lease?", "What is a fencing token?", "What is stigmergy?")
busy_once = {ASSIGNMENT[1]}


async def ask_model(prompt: str) -> str:
    """Answer a question; the second one meets a rate limit first."""
    await asyncio.sleep(0)
    if prompt in busy_once:
        busy_once.remove(prompt)
        raise RetryAfter(0.01, "429: too many requests")
    return f"An answer to {prompt!r}."


async def lead(job: Any) -> str | None:
    """Split the assignment at first; join the answers when they are there."""
    if not job.inputs:
        await job.split(
            [Task(f"question/{n}", kind="question", payload=q) for n, q in enumerate(job.payload)]
        )
        return None
    return "\n".join(job.inputs[task] for task in sorted(job.inputs))


async def research(job: Any) -> str:
    """Answer one question."""
    return await ask_model(job.payload)


async def main() -> str:
    """Put a report on the board and let three agents work until it is done."""
    async with ClaimQueue() as board:  # ClaimQueue("research.db") survives a crash of this program
        report = await board.submit(Task("report", kind="report", payload=list(ASSIGNMENT)))
        await asyncio.gather(
            board.serve({"report": lead}, agent="lea", until="drained"),
            board.serve({"question": research}, agent="rob", until="drained"),
            board.serve({"question": research}, agent="ros", until="drained"),
        )
        return await board.result(report)


if __name__ == "__main__":
    print(asyncio.run(main()))

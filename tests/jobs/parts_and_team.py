"""A book in chapters that are written apart and joined, and an operation that needs two agents at once."""

from ants_coord import Matchmaker, Task


def handler(job):
    if job.kind == "chapter":
        return f"chapter {job.payload}"
    if job.kind == "book":
        return list(job.inputs.values())
    return job.agent if not job.inputs else sorted(job.inputs.values())


with (
    Matchmaker() as market,
    market.join("ann", {"surgeon"}) as ann,
    market.join("bob", {"nurse"}) as bob,
):
    book = Task("book", kind="book", parts=[Task(kind="chapter", payload=n) for n in (1, 2, 3)])
    operation = Task("operation", kind="operation", team=["surgeon", "nurse"])
    market.submit_many([book, operation])
    while market.statistics().unfinished:
        held = [lease for me in (ann, bob) if (lease := me.claim_nowait()) is not None]
        assert held
        for lease in held:
            with market.work(lease) as job:
                job.result = handler(job)
    assert market.result("book") == ["chapter 1", "chapter 2", "chapter 3"]
    assert market.result("operation") == ["ann", "bob"]

print("done: the book has its chapters, the operation had both")

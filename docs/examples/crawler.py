"""
A crawler: pages lead to pages, failures are tried again, and a budget bounds the number of requests.

`fetch` stands for a real request. Run it: `python crawler.py`.
"""

from __future__ import annotations

from typing import Any

from ants_coord import Backoff, ClaimQueue, GiveUp, Task

SITE = {"/": ["/a", "/b"], "/a": ["/b", "/c"], "/b": ["/", "/gone"], "/c": []}
BUDGET = 20
broken_once = {"/a"}


def fetch(url: str) -> list[str]:
    """Return the links of a page; "/a" fails the first time, "/gone" does not exist."""
    if url in broken_once:
        broken_once.remove(url)
        raise ConnectionError("connection reset")
    if url not in SITE:
        raise GiveUp("404")  # another attempt would not help
    return SITE[url]


def page(url: str) -> Task:
    """Make the task of a page. Its id is the URL: to submit a page again changes nothing."""
    return Task(url, payload=url, spends={"requests": 1})


def crawl(start: str) -> dict[str, Any]:
    """Visit all pages that can be reached; return what became of each, and what is left of the budget."""
    with ClaimQueue(backoff=Backoff(first=0)) as board:  # ClaimQueue("crawl.db") goes on after a crash
        board.purse("requests", BUDGET)

        def visit(job: Any) -> list[str]:
            job.spent("requests", 1)
            links = fetch(job.payload)
            board.submit_many(page(link) for link in links)
            return links

        board.submit(page(start))
        board.serve(visit, concurrency=4, until="drained")
        states = {record.task.id: record.state for record in board.tasks()}
        return {"pages": states, "left": board.statistics().parts["purses"]["requests"]["left"]}


if __name__ == "__main__":
    print(crawl("/"))

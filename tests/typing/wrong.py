"""Mistakes that a type checker must find: each line that says `# wrong`, and no other."""

from __future__ import annotations

from ants_coord import Blackboard, ClaimQueue, Lease, Mark, Matchmaker, Task, aio
from ants_coord.abc import Claims, OperatorVerbs, Submits


def handles(queue: ClaimQueue, market: Matchmaker, board: Blackboard) -> None:
    """A handle has its verbs and no others."""
    me = queue.as_agent("w")
    me.clam_nowait(taks=1)  # wrong
    me.claim_nowait(taks="a")  # wrong
    me.claim_nowait("w")  # wrong
    lease: Lease = me.claim_nowait()  # wrong
    me.complete(lease, late="perhaps")  # wrong
    me.offers()  # wrong
    me.deposit(Mark("food", "x"))  # wrong
    market.as_agent("w").deposit(Mark("food", "x"))  # wrong
    board.as_agent("w").deposit(Mark("food", "x"), agent="w")  # wrong
    with market.join("w") as joined:
        joined.sense("x")  # wrong
        joined.update(capabilites=["gpu"])  # wrong
        joined.update(agent="v")  # wrong
        joined.update(load="high")  # wrong
    me.pause()  # wrong


def coordinators(queue: ClaimQueue, market: Matchmaker) -> None:
    """So has a coordinator."""
    queue.deposit(Mark("food", "x"), agent="w")  # wrong
    market.deposit(Mark("food", "x"), agent="w")  # wrong
    queue.submit("a")  # wrong
    queue.submit(Task("a"), if_exists="maybe")  # wrong
    print(queue.claim_nowait("w").task)  # wrong
    queue.complete(3)  # wrong
    ClaimQueue(half_life=3)  # wrong
    ClaimQueue(lease_tll=3)  # wrong
    queue.configure(lease_tll=3)  # wrong
    queue.configure(lease_ttl="long")  # wrong
    queue.aio.deposit(Mark("food", "x"), agent="w")  # wrong


async def on_a_loop(board: aio.ClaimQueue) -> None:
    """Forgotten awaits are found where the answer is used."""
    lease = board.claim("w")
    await board.complete(lease)  # wrong
    with board.lock("a", agent="w"):  # wrong
        return


def protocols(claims: Claims, submits: Submits, operator: OperatorVerbs) -> None:
    """A small protocol is small."""
    claims.submit(Task("a"))  # wrong
    submits.claim("w")  # wrong
    operator.claim("w")  # wrong
    operator.configure(lease_tll=3)  # wrong
    operator.purse("llm", 1)  # wrong

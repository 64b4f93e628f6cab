"""
A strategy of one's own: agents bid for tasks, and the lowest bid has a task when its auction closes.

An auction opens with the first bid and closes `options["open_for"]` seconds later. Then the lowest bidder may
claim the task; if it does not within as many seconds, the auction begins again.
"""

from __future__ import annotations

import attrs

from ants_coord import ClaimQueue, Task, aio
from ants_coord.errors import TaskNotFoundError
from ants_coord.strategies import Anyone, Command, Ledger, Part, Refused, Row, Strategy, by_priority, register

SECOND = 1_000_000_000


@attrs.define
class Bid(Command[bool]):
    """The command to offer to do a task for a price; the reply is whether it is the lowest so far."""

    task: str
    agent: str
    price: int


class Auctions(Part, Anyone):
    """The lowest bid for each task, and when its auction closes. The table is the state, all else derived."""

    tables = ("bids",)  # task -> (price, agent, ns at which the auction closes)

    def __init__(self) -> None:
        self.commands = {Bid: self.bid}

    def rebuild(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.closing = sorted((bid[2], task) for task, bid in ledger.tables["bids"].items())

    def bid(self, ledger: Ledger, command: Bid) -> bool | Refused:
        if command.task not in ledger.tasks:
            return Refused(TaskNotFoundError(command.task))
        now, open_ns = ledger.timeline.calendar_ns, ledger.settings.options["open_for"] * SECOND
        best = ledger.tables["bids"].get(command.task)
        if best is not None and now >= best[2] + open_ns:
            best = None  # the winner did not come
        if best is not None and command.price >= best[0]:
            return False
        closes = now + open_ns if best is None else best[2]
        ledger.undo.put(ledger.tables["bids"], command.task, (command.price, command.agent, closes))
        self.closing = sorted({*self.closing, (closes, command.task)})
        return True

    def winner(self, task: str) -> str | None:
        _, agent, closes = self.ledger.tables["bids"].get(task, (0, None, 0))
        return agent if agent is not None and self.ledger.timeline.calendar_ns >= closes else None

    # -- time: when an auction closes, its winner may be waiting --------------------------------------

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        return max(0, self.closing[0][0] - reading[2]) if self.closing else None

    def pass_time(self, ledger: Ledger) -> None:
        while self.closing and self.closing[0][0] <= ledger.timeline.calendar_ns:
            _, task = self.closing.pop(0)
            if ledger.news.is_wanted and task in ledger.tasks:
                ledger.news.ready.append((ledger.tasks[task].spec.kind, task, task))

    # -- who may take a task: a signature a task, open to its winner alone ----------------------------

    def signature(self, task: Task) -> str:
        return task.id

    def open_to(self, agent: str) -> list[str]:
        return sorted(task for task in self.ledger.tables["bids"] if self.winner(task) == agent)

    def may(self, agent: str, row: Row) -> bool:
        return self.winner(row.spec.id) == agent

    def surplus(self, agent: str, hint: tuple[str, str, str]) -> int | None:
        return 0 if self.winner(hint[2]) == agent else None

    def why(self, ledger: Ledger, row: Row) -> list[str]:
        winner = self.winner(row.spec.id)
        return [f"only {winner} may take it: the lowest bid" if winner else "its auction has not closed"]

    def ended(self, ledger: Ledger, row: Row, verb: str) -> None:
        if row.spec.id in ledger.tables["bids"]:
            ledger.undo.drop(ledger.tables["bids"], row.spec.id)


def make() -> Strategy:
    part = Auctions()
    return Strategy(part, by_priority, (part,))


register("auction", 1, make)


class AuctionHouse(ClaimQueue):
    """A board for threads: `AuctionHouse("board.db", options={"open_for": 5})`."""

    _strategy = "auction"

    def bid(self, task: str, agent: str, price: int) -> bool:
        return self.execute(Bid(task, agent, price))


class AsyncAuctionHouse(aio.ClaimQueue):
    """The same for event loops."""

    _strategy = "auction"

    async def bid(self, task: str, agent: str, price: int) -> bool:
        return await self.execute(Bid(task, agent, price))

"""A command is written, and its reply is lost on the way back: who waits for its effect is told all the same."""

import asyncio

import pytest

from ants_coord import Task, aio
from ants_coord.errors import JournalError
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock, run


class Forgetful(MemoryJournal):
    """It writes, and once says that it has failed."""

    loses_next = False

    def append(self, after, bodies):
        written = super().append(after, bodies)
        if self.loses_next:
            self.loses_next = False
            raise JournalError("here", "the reply was lost")
        return written

    def watch(self, changed):
        """Nobody else writes, so there is nothing to be told."""
        return lambda: None


def test_a_claim_that_waits_is_given_the_task_whose_submission_seemed_to_fail():
    """Nobody calls again: the next alarm, whatever it was set for, finds what was written and passes it on."""
    clock = ManualClock()
    journal = Forgetful(clock)

    async def main():
        async with aio.ClaimQueue(journal) as board:
            other = asyncio.create_task(board.claim("bob", kinds=["other"], timeout=10))
            waiting = asyncio.create_task(board.claim("ann", timeout=60))
            while len(board.sync._engine._lobby) < 2:
                await asyncio.sleep(0)
            began_ns, journal.loses_next = clock.now_ns(), True
            with pytest.raises(JournalError):
                await board.submit(Task("a"))
            other.cancel()  # its alarm still rings
            assert (await waiting).task == "a"
            return (clock.now_ns() - began_ns) / 1e9

    assert run(main(), clock=clock) < 30

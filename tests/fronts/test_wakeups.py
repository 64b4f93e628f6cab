"""A waiter is woken: by what was written while it lay down, after the log was trimmed."""

import asyncio

from ants_coord import ClaimQueue, Task, aio
from ants_coord.errors import JournalError
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock, run

from ..inside import inside


class Silent(MemoryJournal):
    """A log that tells nobody: each test decides what is heard, and when."""

    changed = None

    def watch(self, changed):
        self.changed = changed
        return lambda: None


def test_what_was_written_before_the_watch_began_is_not_missed():
    """Between the look of a claim and the beginning of its watch, another process submits."""
    clock = ManualClock()

    class Late(Silent):
        other = None

        def watch(self, changed):
            if self.other is None:
                self.other = ClaimQueue(self)
                self.other.submit(Task("a"))
            return super().watch(changed)

    journal = Late(clock)

    async def main():
        async with aio.ClaimQueue(journal) as board:
            return (await board.claim("ann", timeout=60)).task

    began = clock.now_ns()
    assert run(main(), clock=clock) == "a"
    assert clock.now_ns() == began, "it was found by a time-out only"
    journal.other.close()


def test_who_waits_is_woken_when_the_log_was_trimmed_beyond_its_position():
    """What it waits for is in a snapshot now: no entry tells of it, so everybody looks again."""
    clock = ManualClock()
    journal = Silent(clock)

    async def main():
        async with aio.ClaimQueue(journal) as board:
            waiting = asyncio.create_task(board.claim("ann", timeout=60))
            while len(board.sync._engine._lobby) < 1:
                await asyncio.sleep(0)
            ours, began = journal.changed, clock.now_ns()
            with ClaimQueue(journal) as other:
                inside(other)._snapshots.every = 10
                other.submit(Task("a"))
                for _ in range(100):  # which says nothing to who waits for a task
                    other.release(other.lock_nowait("x", agent="cy"))
            assert journal.read(0)[0].position > 3, "nothing was trimmed"
            ours()
            return (await waiting).task, clock.now_ns() - began

    assert run(main(), clock=clock) == ("a", 0)


def test_a_journal_in_trouble_is_asked_again_and_not_all_the_time():
    """A lease runs out while the journal fails for a second: the heir gets it soon after, and nothing spins."""
    clock = ManualClock()

    class Failing(Silent):
        until_ns, failures = 0, 0

        def append(self, after, bodies):
            self.fail_at_times()
            return super().append(after, bodies)

        def read(self, after):
            self.fail_at_times()
            return super().read(after)

        def fail_at_times(self):
            if self.clock.now_ns() < self.until_ns:
                self.failures += 1
                assert self.failures < 100, "it is asked without a pause"
                raise JournalError("here", "no")

    journal = Failing(clock)

    async def main():
        async with aio.ClaimQueue(journal, lease_ttl=30) as board:
            await board.submit(Task("a"))
            await board.claim_nowait("ann")
            waiting = asyncio.create_task(board.claim("bob", timeout=90))
            while len(board.sync._engine._lobby) < 1:
                await asyncio.sleep(0)
            journal.until_ns = clock.now_ns() + 31 * 10**9  # a second longer than the lease
            lease = await waiting
            return lease.agent, clock.now_ns() - journal.until_ns

    agent, late_ns = run(main(), clock=clock)
    assert agent == "bob"
    assert 0 <= late_ns <= 1_100_000_000
    assert journal.failures > 3

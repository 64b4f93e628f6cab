"""Corners of the core that mutants of somebody else have shown to be untried."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Task

from .pair import SECOND, START


def machine(**settings):
    made = Machine()
    made.apply(c.Configure(Settings(**settings)), now_ns=START)
    return made


def twin_of(machine):
    """Return the machine as a process has it that opens the board now."""
    twin = Machine()
    restore(twin, json.loads(json.dumps(list(records(machine)))))
    return twin


@given(st.integers(0, 50), st.integers(0, 500), st.integers(1, 9), st.integers(1, 12))
def test_no_pause_passes_the_limit_of_its_backoff(first, limit, factor, attempts):
    """Exactly `first * factor**(attempts - 1)` seconds, never more than `limit`, where no part is left out by lot."""
    policy = Backoff(first=first, limit=limit, factor=factor, jitter=0)
    board, now = machine(backoff=policy, max_attempts=99), START
    board.apply(c.submission((Task("a"),)), now_ns=now)
    for attempt in range(1, attempts + 1):
        lease = board.apply(c.Claim("ann"), now_ns=now)
        board.apply(c.Fail("a", lease.token, "no"), now_ns=now)
        pause = min(first * factor ** (attempt - 1), limit) * SECOND
        assert board.next_wakeup_in_ns == (pause or None)
        now += pause


def test_a_note_of_an_earlier_attempt_is_not_the_present_holders():
    """The next holder of a task has said nothing yet."""
    board = machine(lease_ttl=10.0, backoff=Backoff(0))
    board.apply(c.submission((Task("a"),)), now_ns=START)
    lease = board.apply(c.Claim("ann"), now_ns=START)
    board.apply(c.Note("a", lease.token, {"half": True}), now_ns=START)
    assert board.ask(reading.Find("a")).note == {"half": True}
    again = board.apply(c.Claim("bob"), now_ns=START + 10 * SECOND)
    assert isinstance(again, Lease)
    assert board.ask(reading.Find("a")).note is None


def test_dependents_are_woken_in_the_order_of_their_submission_also_after_a_restore():
    """What was replaced stands later in the index that grew, and not in the one that was read from a snapshot."""
    board = machine()
    board.apply(c.submission(tuple(Task(name) for name in "ab")), now_ns=START)
    board.apply(c.submission(tuple(Task(f"d{n}", needs=("a",)) for n in range(6))), now_ns=START)
    for n in (0, 2):  # they leave the index and come back behind the others
        moved = (Task(f"d{n}", needs=("b",)),)
        board.apply(c.submission(moved, "replace"), now_ns=START)
        back = (Task(f"d{n}", needs=("a",)),)
        board.apply(c.submission(back, "replace"), now_ns=START)
    twin = twin_of(board)
    assert digest(twin) == digest(board)
    told = []
    for one in (board, twin):
        before = one.ask(reading.Events(count=1_000))[-1].cursor
        lease = one.apply(c.Claim("ann", task="a"), now_ns=START)
        one.apply(c.Fail("a", lease.token, "no", retry=False), now_ns=START)
        told.append([(event.type, event.task) for event in one.ask(reading.Events(before, count=1_000))])
    assert told[0] == told[1]
    assert [task for kind, task in told[0] if kind == "cancelled"] == sorted(f"d{n}" for n in range(6))
    assert digest(twin) == digest(board)

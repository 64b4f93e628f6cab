"""
A request that comes twice is carried out once, and answered like the first time.
"""

from ants_coord import errors
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine, digest
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Task

from .pair import SECOND, START, copy_of


def board(*tasks, **settings):
    machine = Machine()
    machine.apply(c.Configure(Settings(**settings)), now_ns=START)
    machine.apply(c.submission(tasks or (Task("a", payload={"n": 1}), Task("b"))), now_ns=START)
    return machine


def test_a_claim_whose_reply_was_lost_gets_the_same_lease():
    """The repeat holds payload and deadline of the first; no second task is taken."""
    machine = board()
    first = machine.apply(c.Claim("ann"), now_ns=START, request=("s", 1))
    machine = copy_of(machine)
    again = machine.apply(c.Claim("ann"), now_ns=START + SECOND, request=("s", 1))
    assert again == first
    assert machine.ask(reading.StatisticsOf()).claimed == 1
    other = machine.apply(c.Claim("ann"), now_ns=START + SECOND, request=("t", 1))
    assert other.task == "b"


def test_a_refusal_is_repeated_too():
    """A caller that was refused is refused again, even if it would be let in by now."""
    machine = board()
    machine.apply(c.LockNames(("x",), "ann"), now_ns=START)
    first = machine.apply(c.LockNames(("x",), "bob"), now_ns=START, request=("s", 1))
    machine = copy_of(machine)
    again = machine.apply(c.LockNames(("x",), "bob"), now_ns=START + 60 * SECOND, request=("s", 1))
    assert str(again.error) == str(first.error)
    assert machine.ask(reading.Holder("x")) is None


def test_the_last_64_replies_are_kept():
    """At least these; the 129th pushes 65 out, and a repeat of such a one is told so, never carried out."""
    machine = board()
    for number in range(1, 130):
        machine.apply(c.Wakeup(), now_ns=START, request=("s", number))
        kept = machine.ledger.sessions["s"].replies
        assert set(kept) >= set(range(max(1, number - 63), number + 1))
        assert len(kept) <= 128
    assert machine.apply(c.Claim("ann"), now_ns=START, request=("s", 66)) is None
    reply = machine.apply(c.Claim("ann"), now_ns=START, request=("s", 65))
    assert isinstance(reply.error, errors.RequestTooOld)
    assert "s/65" in str(reply.error)
    assert machine.ask(reading.StatisticsOf()).claimed == 0


def test_a_repeat_is_not_answered_with_another_tasks_outcome():
    """The task was forgotten and its id given to one that failed: the repeat still says done."""
    machine = board(retention_count=0, id_retention_count=0)
    lease = machine.apply(c.Claim("ann"), now_ns=START)
    request = ("s", 1)
    machine.apply(c.Complete("a", lease.token, {"r": 1}), now_ns=START, request=request)
    machine.apply(c.submission((Task("a", priority=1),)), now_ns=START)
    lease_of_other = machine.apply(c.Claim("bob"), now_ns=START)
    assert lease_of_other.task == "a"
    machine.apply(c.Configure(Settings()), now_ns=START)  # so that the failed one is kept
    machine.apply(c.Fail("a", lease_of_other.token, "no", retry=False), now_ns=START)
    assert machine.ledger.tasks["a"].state == "failed"
    again = machine.apply(c.Complete("a", lease.token, {"r": 1}), now_ns=START, request=request)
    assert (again.state, again.by) == ("done", "ann")


def test_idle_sessions_are_forgotten():
    """Clients come and go for ever; the board remembers the ones of the last hour."""
    machine = board(session_retention=60)
    for number in range(200):
        now = START + number * 10 * SECOND
        machine.apply(c.Wakeup(), now_ns=now, request=("stays", number))
        machine.apply(c.Wakeup(), now_ns=now, request=(f"once-{number}", 1))
    assert len(machine.ledger.sessions) < 20
    assert "stays" in machine.ledger.sessions
    assert digest(copy_of(machine)) == digest(machine)

"""
Two readings of one stamp: what a clock that is set back or forward does to leases and to the calendar.
"""

import datetime as dt

import hypothesis.strategies as st
from hypothesis import given

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine
from ants_coord.core.state.timeline import Timeline
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Task

from .pair import SECOND, START, copy_of


def leased(ttl=30, **fields):
    machine = Machine()
    machine.apply(c.submission((Task("a", max_attempts=9, **fields),)), now_ns=START)
    machine.apply(c.Claim("ann", ttl_ns=ttl * SECOND), now_ns=START)
    return machine


def state(machine, task="a"):
    return str(machine.ask(reading.Find(task)).state)


@given(st.lists(st.integers(0, 1 << 62), min_size=1, max_size=30))
def test_neither_reading_ever_goes_back(stamps):
    """Whatever the stamps do, lease time is the sum of forward steps and calendar time the maximum."""
    timeline = Timeline()
    for raw in stamps:
        before = timeline.reading
        reading = timeline.advance(raw)
        assert reading == timeline.reading
        if any(before):
            assert reading[1] - before[1] == max(0, raw - before[0])
            assert reading[2] == max(before[2], raw)
        else:
            assert reading == (raw, raw, raw)


def test_a_clock_set_back_lengthens_no_lease():
    """After a step back of an hour the lease still ends when its seconds have really passed."""
    machine = leased(30)
    machine.apply(c.Wakeup(), now_ns=START + 10 * SECOND)
    back = START - 3_600 * SECOND
    machine.apply(c.Wakeup(), now_ns=back)
    assert machine.next_wakeup_in_ns == 20 * SECOND
    machine.apply(c.Wakeup(), now_ns=back + 20 * SECOND - 1)
    assert state(machine) == "leased"
    machine.apply(c.Wakeup(), now_ns=back + 20 * SECOND)
    assert state(machine) == "ready"


def test_a_clock_set_to_zero_is_a_step_back_like_any_other():
    """The stamp 0 is a time, not a mark for "never"."""
    machine = leased(30)
    machine.apply(c.Wakeup(), now_ns=0)
    machine.apply(c.Wakeup(), now_ns=29 * SECOND)
    assert state(machine) == "leased"
    machine.apply(c.Wakeup(), now_ns=30 * SECOND)
    assert state(machine) == "ready"


def test_a_board_may_begin_at_zero():
    """Clocks that count from the start of the process work too."""
    machine = Machine()
    machine.apply(c.submission((Task("a", delay=5),)), now_ns=0)
    assert machine.next_wakeup_in_ns == 5 * SECOND
    machine.apply(c.Wakeup(), now_ns=5 * SECOND)
    assert machine.apply(c.Claim("ann", ttl_ns=SECOND), now_ns=5 * SECOND).expires_ns == 6 * SECOND


def test_a_clock_set_forward_ends_leases_once_and_tokens_stay_safe():
    """Leases end early; the late holder is fenced off, and going back brings no second storm."""
    machine = leased(30)
    token = machine.ask(reading.Leases())[0].token
    machine.apply(c.Wakeup(), now_ns=START + 10_000 * SECOND)
    assert state(machine) == "ready"
    machine.apply(c.Wakeup(), now_ns=START)
    lease = machine.apply(c.Claim("bob", ttl_ns=30 * SECOND), now_ns=START)
    assert lease.token > token
    assert lease.expires_ns == START + 30 * SECOND
    machine.apply(c.Wakeup(), now_ns=START + 30 * SECOND - 1)
    assert state(machine) == "leased"
    reply = machine.apply(c.Complete("a", token), now_ns=START + 30 * SECOND - 1)
    assert reply.error.reason == "superseded"


def test_delays_follow_the_calendar_and_wait_through_a_step_back():
    """A delayed task is due at a moment: time that is repeated is not waited for twice, nor skipped."""
    machine = Machine()
    machine.apply(c.submission((Task("a", delay=100),)), now_ns=START)
    machine.apply(c.Wakeup(), now_ns=START + 60 * SECOND)
    machine.apply(c.Wakeup(), now_ns=START + 10 * SECOND)
    assert machine.next_wakeup_in_ns == 40 * SECOND
    machine.apply(c.Wakeup(), now_ns=START + 99 * SECOND)
    assert state(machine) == "delayed"
    machine.apply(c.Wakeup(), now_ns=START + 100 * SECOND)
    assert state(machine) == "ready"


def test_moments_and_seconds_mean_the_same():
    """An aware datetime in any zone is the same instant as the seconds until then."""
    at = dt.datetime.fromtimestamp(START // SECOND + 60, dt.timezone(dt.timedelta(hours=9)))
    machine = Machine()
    tasks = (Task("s", delay=60, finish_by=90), Task("m", delay=at, finish_by=at + dt.timedelta(seconds=30)))
    machine.apply(c.submission(tasks), now_ns=START)
    machine = copy_of(machine)
    for second, expected in ((59.999, "delayed"), (60, "ready"), (89.999, "ready"), (90, "failed")):
        machine.apply(c.Wakeup(), now_ns=START + round(second * SECOND))
        assert [state(machine, task) for task in "sm"] == [expected] * 2


def test_a_moment_in_the_past_is_now():
    """A delay that is over is none; a finish_by that is over fails the task before anybody gets it."""
    past = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    machine = Machine()
    machine.apply(c.submission((Task("d", delay=past), Task("f", finish_by=past))), now_ns=START)
    assert machine.apply(c.Claim("ann"), now_ns=START).task == "d"
    assert machine.apply(c.Claim("ann"), now_ns=START) is None
    assert state(machine, "f") == "failed"


def test_renewing_to_an_earlier_deadline_is_kept():
    """A renewal may shorten a lease, and it ends then, not when the first alarm would have rung."""
    machine = leased(30)
    token = machine.ask(reading.Leases())[0].token
    machine.apply(c.Renew((("a", token),), 5 * SECOND), now_ns=START)
    assert machine.next_wakeup_in_ns == 5 * SECOND
    machine.apply(c.Wakeup(), now_ns=START + 5 * SECOND)
    assert state(machine) == "ready"


def test_the_next_wakeup_is_enough():
    """Sleeping exactly until the next wake-up, every time, misses nothing and never spins."""
    machine = Machine()
    machine.apply(c.Configure(Settings(max_attempts=2)), now_ns=START)
    tasks = (Task("a", delay=3), Task("b", finish_by=7), Task("c"), Task("d", delay=3, finish_by=9))
    machine.apply(c.submission(tasks), now_ns=START)
    machine.apply(c.Claim("ann", task="c", ttl_ns=5 * SECOND), now_ns=START)
    machine.apply(c.LockNames(("x",), "ann", 6 * SECOND), now_ns=START)
    now, rung = START, []
    while (wait := machine.next_wakeup_in_ns) is not None:
        assert wait > 0
        now += wait
        machine.apply(c.Wakeup(), now_ns=now)
        machine.check()
        rung.append((now - START) // SECOND)
    assert rung == [3, 5, 6, 7, 9]


def test_retention_follows_the_calendar():
    """A finished task is kept for `retention`, then leaves its id; after that the id is free."""
    machine = Machine()
    machine.apply(c.Configure(Settings(retention=10, id_retention=100)), now_ns=START)
    machine.apply(c.submission((Task("a"),)), now_ns=START)
    token = machine.apply(c.Claim("ann"), now_ns=START).token
    machine.apply(c.Complete("a", token), now_ns=START)
    machine.apply(c.Wakeup(), now_ns=START + 10 * SECOND - 1)
    assert state(machine) == "done"
    machine.apply(c.Wakeup(), now_ns=START + 10 * SECOND)
    reply = machine.apply(c.Claim("ann", task="a"), now_ns=START + 10 * SECOND)
    assert reply.error.forgotten
    (ticket,) = machine.apply(c.submission((Task("a"),)), now_ns=START + 20 * SECOND)
    assert (ticket.created, ticket.state) == (False, "done")


def test_a_moment_is_met_to_the_microsecond():
    """An aware datetime is that very instant, whatever its time zone."""
    moment = dt.datetime(2030, 3, 4, 5, 6, 7, 891_011, dt.timezone(dt.timedelta(hours=2)))
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    due = since // dt.timedelta(microseconds=1) * 1_000
    machine = Machine()
    tasks = (Task("early", delay=moment), Task("late", finish_by=moment))
    machine.apply(c.submission(tasks), now_ns=START)
    machine.apply(c.Wakeup(), now_ns=due - 1)
    assert (state(machine, "early"), state(machine, "late")) == ("delayed", "ready")
    machine.apply(c.Wakeup(), now_ns=due)
    assert (state(machine, "early"), state(machine, "late")) == ("ready", "failed")


def test_ended_tasks_leave_nothing_in_alarms():
    """Far dates of tasks that ended are swept when as many again have come, and hold no row until then."""
    machine = Machine()
    machine.apply(c.Configure(Settings(retention_count=10)), now_ns=START)
    for number in range(3_000):
        task = Task(f"t{number}", payload="x" * 100, finish_by=604_800)
        machine.apply(c.submission((task,)), now_ns=START)
        machine.apply(c.Cancel(f"t{number}"), now_ns=START)
        assert len(machine.ledger.alarms.due) < 200
    assert {type(part) for entry in machine.ledger.alarms.due for part in entry} == {int, str}
    assert machine.next_wakeup_in_ns is None
    machine.check()

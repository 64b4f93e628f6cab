"""
Which task is next: priority, then submission; with aging, priority plus waiting, compared once and for ever.
"""

import itertools
import random

import pytest

from ants_coord.commands import shared as c
from ants_coord.core import Machine
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Task

from .pair import SECOND, START


def board(*tasks, **settings):
    machine = Machine()
    machine.apply(c.Configure(Settings(**settings)), now_ns=START)
    if tasks:
        machine.apply(c.submission(tasks), now_ns=START)
    return machine


def drained(machine, now_ns, kinds=None):
    return [lease.task for lease in machine.apply(c.ClaimMany("ann", 10_000, kinds), now_ns=now_ns)]


@pytest.mark.parametrize("order", list(itertools.permutations((-1, 0, 2))))
def test_higher_priority_first_then_submission(order):
    """Whatever the order of submission: by priority, equals first come first served."""
    tasks = [Task(f"p{p}{twin}", priority=p) for p in order for twin in "xy"]
    assert drained(board(*tasks), START) == ["p2x", "p2y", "p0x", "p0y", "p-1x", "p-1y"]


def test_a_returned_task_keeps_its_place():
    """Release, failure and expiry put a task back where it stood, not at the end."""
    machine = board(*(Task(f"t{n}") for n in range(5)))
    leases = [machine.apply(c.Claim("ann", ttl_ns=SECOND), now_ns=START) for _ in range(3)]
    machine.apply(c.Release("t1", leases[1].token), now_ns=START)
    machine.apply(c.Fail("t0", leases[0].token, "no", retry_ns=0), now_ns=START)
    assert drained(machine, START + SECOND) == ["t0", "t1", "t2", "t3", "t4"]


@pytest.mark.parametrize("seed", range(20))
def test_with_aging_the_comparison_of_two_tasks_never_changes(seed):
    """The order found at once is the order found after any wait: waiting is linear, so keys are static."""
    dice = random.Random(seed)
    orders = []
    arrivals = [(dice.randrange(60), dice.randint(-3, 3)) for _ in range(25)]
    for wait in (0, 1, 3_600, 10_000_000):
        machine, now = board(aging=7.5, retention=1e9), START
        for number, (gap, priority) in enumerate(arrivals):
            now += gap * SECOND
            machine.apply(c.submission((Task(f"t{number}", priority=priority),)), now_ns=now)
        orders.append(drained(machine, now + wait * SECOND))
        machine.check()
    assert orders == [orders[0]] * 4


def test_aging_lets_the_old_overtake_at_the_exact_moment():
    """One step of priority weighs `aging` seconds: a nanosecond less is too little, a tie is the older's."""
    for early_ns, first in ((10 * SECOND - 1, "young"), (10 * SECOND, "old"), (10 * SECOND + 1, "old")):
        machine = board(Task("old"), aging=10)
        machine.apply(c.submission((Task("young", priority=1),)), now_ns=START + early_ns)
        assert machine.apply(c.Claim("ann"), now_ns=START + early_ns).task == first


def test_waiting_counts_from_first_ready():
    """Delays do not age a task; coming back does not make it young again."""
    machine = board(Task("slept", delay=100), aging=10)
    machine.apply(c.submission((Task("waited"),)), now_ns=START + 50 * SECOND)
    assert drained(machine, START + 100 * SECOND) == ["waited", "slept"]
    machine = board(Task("a"), aging=10)
    lease = machine.apply(c.Claim("ann"), now_ns=START)
    machine.apply(c.submission((Task("b", priority=2),)), now_ns=START + 25 * SECOND)
    machine.apply(c.Release("a", lease.token), now_ns=START + 29 * SECOND)
    assert drained(machine, START + 29 * SECOND) == ["a", "b"]


def test_changing_the_aging_sorts_again():
    """A logged Configure puts everything that is ready into its new order."""
    machine = board(Task("low"))
    machine.apply(c.submission((Task("high", priority=1),)), now_ns=START + 60 * SECOND)
    machine.apply(c.Configure(Settings(aging=10)), now_ns=START + 60 * SECOND)
    machine.check()
    assert drained(machine, START + 60 * SECOND) == ["low", "high"]


def test_a_full_limit_does_not_block_the_head():
    """Thousands of better tasks behind a full limit cost the one behind them nothing."""
    tasks = [Task(f"db{n}", limit="db", priority=9) for n in range(9_000)]
    machine = board(*tasks, Task("free"))
    assert machine.apply(c.Claim("ann"), now_ns=START).task == "db0"
    assert machine.apply(c.Claim("bob"), now_ns=START).task == "free"
    assert machine.apply(c.Claim("cy"), now_ns=START) is None
    machine.apply(c.SetLimit("db", 3), now_ns=START)
    assert drained(machine, START) == ["db1", "db2"]
    machine.check()


def test_a_slot_that_is_freed_goes_to_the_best_of_all_kinds():
    """The lanes behind one limit may be of many kinds; all are listed again when it opens."""
    tasks = [Task(f"{kind}{p}", kind=kind, limit="db", priority=p) for p in (1, 3, 2) for kind in ("k", "l")]
    machine = board(*tasks)
    found = []
    for _ in tasks:
        lease = machine.apply(c.Claim("ann"), now_ns=START)
        machine.check()
        assert machine.apply(c.Claim("bob", ("k", "l")), now_ns=START) is None
        found.append(lease.task)
        machine.apply(c.Complete(lease.task, lease.token), now_ns=START)
    assert found == ["k3", "l3", "k2", "l2", "k1", "l1"]


def test_kinds_filter_without_losing_order():
    """An agent that takes some kinds gets the best of those, and leaves the rest as they were."""
    tasks = [Task(f"{kind}{n}", kind=kind, priority=n % 2) for n in range(4) for kind in ("j", "k", "l")]
    machine = board(*tasks)
    assert drained(machine, START, ("l", "j")) == ["j1", "l1", "j3", "l3", "j0", "l0", "j2", "l2"]
    assert drained(machine, START, ("none",)) == []
    assert drained(machine, START) == ["k1", "k3", "k0", "k2"]


def test_leaving_by_another_door_keeps_the_books():
    """Named claims, cancels and returns from the middle of the line leave no stale entry uncounted."""
    machine = board(*(Task(f"t{n}", max_attempts=99) for n in range(200)))
    leases = {}
    for n in range(199, 60, -1):
        leases[n] = machine.apply(c.Claim("ann", task=f"t{n}"), now_ns=START)
        machine.check()
    for n in range(70, 200, 2):
        machine.apply(c.Release(f"t{n}", leases[n].token), now_ns=START)
        machine.check()
    for n in range(0, 60, 3):
        machine.apply(c.Cancel(f"t{n}"), now_ns=START)
        machine.check()
    left = [f"t{n}" for n in range(200) if (n < 60 and n % 3) or n == 60 or (n >= 70 and n % 2 == 0)]
    assert drained(machine, START) == left


def test_taking_and_returning_the_same_tasks_does_not_grow_the_board():
    """Agents that claim and release all day leave no litter in the heaps."""
    machine = board(*(Task(f"t{n}", max_attempts=99) for n in range(10)), event_count=16)
    for _ in range(500):
        for lease in machine.apply(c.ClaimMany("ann", 2), now_ns=START):
            machine.apply(c.Release(lease.task, lease.token), now_ns=START)
    order = machine.ledger.order
    assert sum(len(heads.heap) for heads in order._heads.values()) < 200
    assert sum(len(lane.heap) for lane in order._lanes.values()) == 10
    assert len(machine.ledger.alarms.leases) < 100
    assert len(machine.ledger.events()) < 300
    machine.check()


def test_many_kinds_and_limits_come_and_go():
    """Thousands of names that are used once are forgotten by the order, and the rest stays right."""
    machine = board(Task("keep", kind="kept", limit="slow", priority=-9), retention_count=0)
    for n in range(3_000):
        machine.apply(c.submission((Task(f"t{n}", kind=f"k{n}", limit=f"l{n}"),)), now_ns=START)
        lease = machine.apply(c.Claim("ann"), now_ns=START)
        assert lease.task == f"t{n}"
        machine.apply(c.Complete(lease.task, lease.token), now_ns=START)
    machine.check()
    assert len(machine.ledger.order._lanes) < 2_100
    assert drained(machine, START) == ["keep"]

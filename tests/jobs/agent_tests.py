"""Tests of an agent: a loop that is right passes under crashes and pauses, and four that are wrong are caught."""

import time

from ants_coord import LeaseLostError, Task
from ants_coord.testing import Colony, Faults


def right(me):
    for lease in me.claims(until="drained"):
        try:
            with me.work(lease) as job:
                time.sleep(5)
                job.result = lease.task
        except LeaseLostError:
            continue


def dies_of_a_lost_lease(me):
    for lease in me.claims(until="drained"):
        with me.work(lease):
            time.sleep(5)


def never_renews(me):
    for lease in me.claims(until="drained"):
        time.sleep(45)
        me.complete(lease)


def leaves_early(me):
    lease = me.claim()
    me.complete(lease)


def forgets_every_second(me):
    for number, lease in enumerate(me.claims(until="idle")):
        if number % 2 == 0:
            me.complete(lease)


def verdict_on(agent, **faults):
    colony = Colony(seed=7, faults=Faults(**faults))
    colony.submit(Task(f"t{n}", max_attempts=100) for n in range(20))
    colony.add(agent, count=2)
    try:
        return colony.run().done
    except AssertionError as caught:
        return str(caught).splitlines()[0]


assert verdict_on(right) == 20
assert verdict_on(right, crash_every=60, pause_every=60) == 20
caught = {
    agent.__name__: verdict_on(agent, **faults)
    for agent, faults in (
        (dies_of_a_lost_lease, {"pause_every": 30}),
        (never_renews, {}),
        (leaves_early, {}),
        (forgets_every_second, {}),
    )
}
assert all(isinstance(what, str) for what in caught.values()), caught
print("done:", caught)

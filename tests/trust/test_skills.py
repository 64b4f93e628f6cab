"""Evidence by what a task required: told apart from that by kind, and only on boards whose log says so."""

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.matching import Advertise, Agents
from ants_coord.core import Machine, digest
from ants_coord.values.adverts import Advert
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Task
from ants_coord.values.verification import Verify

from ..core.pair import START, copy_of


@pytest.mark.parametrize("strategy", ["match", "board"])
def test_evidence_is_kept_by_what_a_task_required(strategy):
    """Good with one capability and bad with another is told apart, found by it, and kept over a restore."""
    machine, now = Machine(), START
    rules = machine.rules_of(strategy)

    def do(command):
        reply = machine.apply(command, now_ns=now)
        machine.check()
        return reply

    do(c.Configure(Settings(strategy=strategy, bench_after=0), rules=rules))
    for agent in ("ann", "bob"):
        do(Advertise(Advert(agent, ("gpu", "web.de"), slots=9, incarnation=1)))
    for n in range(12):
        verify = Verify.by_canary("right") if n % 3 == 0 else None
        for name in ("gpu", "web", "gpu or web"):
            do(c.submission((Task(f"{name}{n}", requires=name, verify=verify, max_attempts=1),)))
            agent = "ann" if n % 2 else "bob"
            lease = do(c.Claim(agent, task=f"{name}{n}"))
            if name == "gpu" and agent == "bob":
                do(
                    c.Complete(lease.task, lease.token, "wrong")
                    if verify
                    else c.Fail(lease.task, lease.token, "no")
                )
            else:
                do(c.Complete(lease.task, lease.token, "right"))
    seen = {r.kind: r for r in machine.ask(reading.StandingOf("bob")).capabilities}
    assert set(seen) == {"gpu", "web"}
    assert seen["web"].delivery.mean > 0.8
    assert seen["web"].quality.mean > seen["gpu"].quality.mean
    assert [record.agent for record in machine.ask(Agents("gpu")).agents] == ["ann", "bob"]
    assert "of what requires gpu" in str(machine.ask(reading.ExplainAgent("bob")))
    twin = copy_of(machine)
    twin.check()
    assert digest(twin) == digest(machine)
    assert twin.ask(reading.StandingOf("bob")) == machine.ask(reading.StandingOf("bob"))


def test_a_log_that_does_not_name_it_keeps_no_evidence_by_capability():
    """Else a replica that was restored from an old snapshot and one that replayed the log would differ."""
    machine = Machine()
    rules = tuple(rule for rule in machine.rules_of("match") if rule[0] != "part Skills")
    assert rules != machine.rules_of("match")
    machine.apply(c.Configure(Settings(strategy="match"), rules=rules), now_ns=START)
    machine.apply(Advertise(Advert("ann", ("gpu",), incarnation=1)), now_ns=START)
    machine.apply(c.submission((Task("a", requires="gpu"),)), now_ns=START)
    lease = machine.apply(c.Claim("ann"), now_ns=START)
    machine.apply(c.Complete("a", lease.token), now_ns=START)
    assert machine.ledger.tables["skills"] == {}
    assert machine.ask(reading.StandingOf("ann")).capabilities == ()

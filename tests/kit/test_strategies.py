"""Generated words are valid, and nothing that is said with them breaks the machine."""

import json

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from ants_coord import Blackboard, ClaimQueue, Matchmaker
from ants_coord.commands import shared as c
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.testing import ManualClock, strategies
from ants_coord.values.settings import Settings

from ..scale import of

START = 1_700_000_000_000_000_000


@given(strategies.tasks(verify=True), strategies.adverts(), strategies.marks())
def test_what_is_generated_is_taken(task, advert, mark):
    clock = ManualClock()
    with ClaimQueue(clock=clock) as board:
        assert board.submit(task).created
        assert board.find(task.id).task.payload == json.loads(json.dumps(task.payload))
    with Matchmaker(clock=clock) as board:
        board.advertise(advert)
    with Blackboard(clock=clock) as board:
        board.deposit(mark, agent="ann")


@given(strategies.batches())
def test_batches_are_accepted_as_a_whole(batch):
    with ClaimQueue(clock=ManualClock()) as board:
        assert all(ticket.created for ticket in board.submit_many(batch))


@settings(max_examples=of(40, 80, 2_000), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(["claim", "match", "board"]),
    st.lists(st.tuples(strategies.commands(), st.integers(0, 40)), max_size=40),
)
def test_no_command_breaks_the_machine(strategy, story):
    machine, now, tokens = Machine(), START, {}
    machine.apply(c.Configure(Settings(strategy=strategy)), now_ns=now)
    for command, seconds in story:
        now += seconds * 10**9
        if hasattr(command, "token"):
            command.token = tokens.get(command.task, command.token)
        reply = machine.apply(command, now_ns=now)
        for one in reply if isinstance(reply, tuple) else (reply,):
            if hasattr(one, "token") and hasattr(one, "task"):
                tokens[one.task] = one.token
        machine.check()
    twin = Machine()
    restore(twin, json.loads(json.dumps(list(records(machine)))))
    assert digest(twin) == digest(machine)


@given(strategies.faults())
def test_faults_are_faults(faults):
    assert 0 <= faults.lost_reply < 1

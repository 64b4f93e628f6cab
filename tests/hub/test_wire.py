"""What coordinators and hubs say to each other is as the log says it, and nothing is lost on the way."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ants_coord.commands.shared import Submit
from ants_coord.core import Machine
from ants_coord.core.reading import QUERIES
from ants_coord.hub import wire
from ants_coord.journals.codec import decode, encode, read_command, read_query
from ants_coord.values.tasks import Lease, NoteRecord, Outcome, TaskState, Ticket
from tests.journals.test_codec import commands
from tests.test_costs import calls_of

GOLDEN = sorted((Path(__file__).parent.parent / "golden").glob("*.2.jsonl"))
SOME = 3
"""names of each sort that are asked about"""


def there_and_back(value):
    """Say something, and hear it."""
    return wire.loads(wire.dumps(value))


@given(commands)
def test_commands_are_said_as_in_the_log(command):
    """The client's few lines write what the log's library writes, for what callers may give."""
    _, _, name, fields = json.loads(encode(("s", 1), command))
    assert there_and_back(wire.fields_of(command)) == fields, name


def entries(path):
    with open(path, encoding="utf-8") as lines:
        next(lines)
        yield from (entry for entry in map(json.loads, lines) if isinstance(entry, list))


def queries(machine):
    """Return one query of each kind for each thing of some that it may be asked about."""
    ledger = machine.ledger
    tables = ledger.tables
    known = {
        "task": list(ledger.tasks), "agent": list(ledger.agents), "tasks": [tuple(ledger.tasks)],
        "name": [name for lock in ledger.locks.values() for name in lock.names],
        "path": list(tables.get("entries", ())), "place": [key[-1] for key in tables.get("trails", ())],
        "prefix": [""], "since": [None, 0],
    }  # fmt: skip
    for kind in sorted({*QUERIES, *ledger.queries}, key=lambda one: one.__name__):
        needed = [f.name for f in attrs.fields(kind) if f.default is attrs.NOTHING]
        for values in itertools.product(*[known[name][-SOME:] for name in needed]):
            yield kind(**dict(zip(needed, values, strict=True)))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_command_reply_query_and_answer_of_a_golden_log(path):
    """Each comes as it was: commands and queries through the log's reader, replies and answers as values."""
    machine, asked = Machine(), set()
    for number, (stamp, body) in enumerate(entries(path)):
        request, command = decode(body.encode())
        said = there_and_back(wire.fields_of(command))
        again = read_command(*request, command.__class__.__name__, said)
        if isinstance(command, Submit):  # tasks carry their payloads beside them
            assert encode(*again) == encode(request, command)
        else:
            assert again == (request, command)
        reply = machine.apply(command, now_ns=stamp, request=request)
        assert same(wire.unpack(there_and_back(wire.pack(reply))), reply)
        if number % 10:
            continue
        for query in queries(machine):
            name = query.__class__.__name__
            assert read_query(name, there_and_back(wire.fields_of(query))) == query
            answer = machine.ask(query, now_ns=stamp)
            assert same(wire.unpack(there_and_back(wire.pack(answer))), answer), query
            asked.add(name)
    assert {kind.__name__ for kind in {*QUERIES, *machine.ledger.queries}} - asked <= {
        "Holder"
    }  # few logs hold names


def same(one, other):
    """Compare values to the last field; errors, which compare by identity, by what they say."""
    if isinstance(other, tuple | list):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in other)
    if attrs.has(type(other)) or isinstance(other, Exception):
        fields = attrs.fields(type(other)) if attrs.has(type(other)) else ()
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in fields
        )
    return type(one) is type(other) and one == other


# -- replies to batches ---------------------------------------------------------------------------

ids = st.sampled_from(["", "a", "b", "\u00e9", "True"])
small = st.sampled_from([0, 1, 1 << 53])
free = st.sampled_from([None, 0, 1, 1.0, True, False, "", "1", [], {}, [1], {"n": [1, None]}, {"c": []}])
state = st.sampled_from(TaskState)
tickets = st.builds(Ticket, ids, st.booleans(), state)
outcomes = st.builds(Outcome, ids, state, free, ids, st.none() | ids, small, st.booleans())
notes = st.lists(st.builds(NoteRecord, ids, small, small, free), max_size=2).map(tuple)
leases = st.builds(
    Lease, ids, small, ids, ids, free, st.dictionaries(ids, free, max_size=2), small, small, small,
    st.lists(ids, max_size=2).map(tuple), notes, st.none() | ids,
)  # fmt: skip


@example([Outcome("a", TaskState.DONE, one) for one in (1, True)])
@example([Lease("a", 1, "w", payload=one) for one in (1.0, 1)])
@given(
    st.one_of(
        *[st.lists(each, max_size=4) for each in (tickets, outcomes, leases, tickets | outcomes | free)]
    )
)
def test_a_batch_comes_as_it_was(values):
    """Whatever is alike in it, and 1 is not 1.0 or True; one value, or several kinds, go one by one."""
    batch = tuple(values)
    heard = wire.unpack(there_and_back(wire.pack(batch)))
    assert same(heard, batch)


@example([Lease("a", 1, "w", payload=[])])
@given(st.lists(leases | outcomes, min_size=1, max_size=4))
def test_no_two_values_of_a_batch_share_what_may_be_changed(values):
    """A change of the payload or the inputs of one task does not change those of another."""
    mutable = [
        id(part)
        for value in wire.unpack(there_and_back(wire.pack(tuple(values * 2))))
        for field in attrs.fields(type(value))
        for part in [getattr(value, field.name)]
        if isinstance(part, list | dict)
    ]
    assert len(set(mutable)) == len(mutable)


@pytest.mark.parametrize(
    "value",
    [
        Ticket("a", True, TaskState.READY),
        Lease("a", 1, "ann", payload={"n": 1}),
        Outcome("a", TaskState.DONE, 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_batch_of_fifty_costs_no_more_calls_than_one_of_two(value):
    """But for making the values: packing each by itself was half of what a hub did for a batch."""

    def cost(count):
        batch = (value,) * count
        line = wire.dumps(wire.pack(batch))
        return (
            calls_of(lambda: wire.dumps(wire.pack(batch))),
            calls_of(lambda: wire.unpack(wire.loads(line))) - count,
        )

    assert cost(50) == cost(2)
    assert wire.dumps(wire.pack((value,) * 50)).count(type(value).__name__) == 1


def test_a_damaged_batch_is_refused():
    for sent in (
        ["Ticket", 3, ["a", "b"], [True], ["done"]],
        ["Ticket", 2, [], [True], ["done"]],
        ["Ticket", 2],
    ):
        with pytest.raises((ValueError, IndexError)):
            wire.unpack({"c": sent})

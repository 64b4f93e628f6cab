"""Decoders meet anything: they answer, or raise what they say they raise, and take their time from nobody."""

from __future__ import annotations

import json
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ants_coord.cli.batch import read_tasks
from ants_coord.core import Machine, restore
from ants_coord.core.snapshot import records
from ants_coord.journals.codec import decode, decode_piece, encode
from ants_coord.testing import strategies as ants

DOCUMENTED = (  # what the reader of a snapshot turns into JournalCorruptError
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_bytes(body):
    for read in (decode, decode_piece):
        try:
            read(body)
        except (ValueError, TypeError, KeyError):
            continue


@settings(max_examples=300)
@given(ants.commands(), st.randoms(use_true_random=False))
def test_entries_that_were_damaged(command, dice):
    """What is still understood says something that can be written again."""
    body = bytearray(encode(("session", 1), command))
    for _ in range(dice.randrange(1, 4)):
        body[dice.randrange(len(body))] = dice.choice(b'0123456789"{}[]:,truefalsn\\ \x00\xff')
    try:
        request, found = decode(bytes(body))
    except (ValueError, TypeError, KeyError):
        return
    again = encode(request, found)
    assert encode(*decode(again)) == again


def some_records():
    from tests.match.test_model import Walk

    walk = Walk(3)
    for _ in range(80):
        walk.step()
    return json.loads(json.dumps(list(records(walk.model.machine))))


@pytest.mark.parametrize("seed", range(60))
def test_snapshots_that_were_damaged(seed):
    """A checksum stands before this; should it fail, the loader must not hang or do something else."""
    dice, found = random.Random(seed), some_records()
    for _ in range(dice.randrange(1, 4)):
        record = dice.choice(found)
        place = record
        while isinstance(place, (list, dict)) and place and dice.random() < 0.8:
            key = dice.choice(list(place) if isinstance(place, dict) else range(len(place)))
            inner = place[key]
            if not isinstance(inner, (list, dict)) or dice.random() < 0.3:
                place[key] = dice.choice([None, -1, "x", [], {}, 1 << 70, 0.5, True])
                break
            place = inner
    try:
        restore(Machine(), found)
    except DOCUMENTED:
        return


@settings(max_examples=200)
@given(
    st.lists(
        st.text(max_size=60)
        | st.dictionaries(
            st.sampled_from(
                ["id", "cmd", "argv", "needs", "priority", "timeout", "requires", "max_attempts", "kind", "x"]
            ),
            ants.json_values(4),
            max_size=5,
        ).map(json.dumps),
        max_size=6,
    )
)
def test_job_files(lines):
    """Every malformed line is a sentence with its number; nothing escapes."""
    tasks, problems = read_tasks(lines)
    assert len(tasks) + len(problems) <= 2 * len(lines) + 6
    assert all(isinstance(problem, str) for problem in problems)

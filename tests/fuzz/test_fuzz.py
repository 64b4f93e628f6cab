"""Decoders meet anything: they answer, or raise what they say they raise, and take their time from nobody."""

from __future__ import annotations

import json
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ants_coord.cli.jobs.batch import read_tasks
from ants_coord.journals.codec import encode
from ants_coord.testing import strategies as ants

from ..scale import of
from .targets import TARGETS, seeds

_MARKS = b'0123456789"{}[]:,#truefalsn\\ \x00\xff'


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=of(60, 200, 10_000))
@given(body=st.binary(max_size=200))
def test_bytes(name, body):
    TARGETS[name](body)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_that_were_damaged(name):
    """Bytes are replaced, dropped, doubled and moved, as the coverage-guided job does it with more patience."""
    dice, examples = random.Random(name), seeds(name)
    for one in examples:
        TARGETS[name](one)
    for _ in range(400):
        body = bytearray(dice.choice(examples))
        for _ in range(dice.randrange(1, 5)):
            at, to = sorted(dice.randrange(len(body) + 1) for _ in range(2))
            piece = body[at : min(to, at + 8)]
            body[at : at + dice.randrange(3)] = dice.choice((piece, b"", bytes([dice.choice(_MARKS)])))
        TARGETS[name](bytes(body))


@settings(max_examples=of(100, 300, 10_000))
@given(ants.commands(), st.randoms(use_true_random=False))
def test_entries_that_were_damaged(command, dice):
    """What is still understood says something that can be written again."""
    body = bytearray(encode(("session", 1), command))
    for _ in range(dice.randrange(1, 4)):
        body[dice.randrange(len(body))] = dice.choice(_MARKS)
    TARGETS["entry"](bytes(body))


@pytest.mark.parametrize("seed", range(of(25, 60, 2_000)))
def test_snapshots_that_were_damaged(seed):
    """A checksum stands before this; should it fail, the loader must not hang or do something else."""
    dice, found = random.Random(seed), json.loads(seeds("snapshot")[0])
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
    TARGETS["snapshot"](json.dumps(found).encode())


@settings(max_examples=of(60, 200, 10_000))
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

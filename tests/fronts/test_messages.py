"""
No message is longer than a screen, whatever was given: a log or a model reads every one of them.

Fields of an error and names of a board are as hostile as they can be: the longest that are allowed, of characters
that Python shows as ten each, and many of them.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import attrs
import pytest

from ants_coord import ClaimQueue, Matchmaker, Task, errors
from ants_coord.errors import CoordinationError, RequirementError
from ants_coord.frozen import fields as fields_of
from ants_coord.guard import StaleTokenError
from ants_coord.values.tasks import Outcome, TaskState

LONGEST = 2_000
TAGS = "\U000e0041" * 127
HOSTILE: dict[str, tuple[Any, ...]] = {
    "str": ("x" * 100_000, TAGS * 100, "'\"\\" * 5_000, "\x00" * 5_000, ""),
    "str | None": ("x" * 100_000, TAGS * 100, None),
    "int": (2**62, -(2**62)),
    "float": (1e300, 5e-324),
    "bool": (True, False),
    "object": ("x" * 100_000, ["x" * 200] * 5_000, {str(n): n for n in range(20_000)}, 10**4_000),
    "tuple[str, ...]": ((TAGS,) * 1_000, ("x" * 128,) * 100, ()),
    "dict[str, tuple[object, object]]": (
        {"strategy": ("x" * 10_000, TAGS * 10)},
        {f"setting{n}": ("x" * 200, ["y" * 200] * 50) for n in range(100)},
    ),
}
HOSTILE["Outcome"] = tuple(
    Outcome(task, TaskState.FAILED, None, reason, "w", 1)
    for task, reason in zip_longest(("t", TAGS), HOSTILE["str"], fillvalue="t")
)
CLASSES = [
    kind for kind in (*(getattr(errors, name) for name in errors.__all__), StaleTokenError) if attrs.has(kind)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_fits_on_a_screen_whatever_its_fields_hold(kind):
    types = {each.name: str(each.type) for each in fields_of(kind)}
    for given in zip_longest(*(HOSTILE[wanted] for wanted in types.values())):
        both = zip(given, types.values(), strict=True)
        whole = [HOSTILE[wanted][0] if value is None else value for value, wanted in both]
        told = str(kind(*whole))
        assert len(told) <= LONGEST, told[:300]


def test_a_long_requirement_is_quoted_where_it_is_wrong():
    text = "gpu and " * 30 + "mem >> 16" + " and cpu" * 400
    with pytest.raises(RequirementError) as told:
        Task(requires=text)
    assert "mem >> 16" in str(told.value)
    assert len(str(told.value)) < 500
    assert told.value.text == text


def test_the_end_of_a_long_message_is_kept_since_it_names_the_way_out():
    told = str(errors.PurseError("tokens", "x" * 100_000, ("a", "b")))
    assert told.startswith("purse 'tokens': xxx")
    assert told.endswith("; there are a, b; board.purse('tokens', amount) makes or fills it")
    assert all(kind.__str__ is CoordinationError.__str__ for kind in CLASSES)


def test_who_waits_in_vain_for_the_longest_names_reads_a_short_message():
    with Matchmaker() as market:
        agent, names = "a" * 128, [f"{TAGS[3:]}{n}" for n in range(200)]
        market.join(agent, {"gpu"}).__enter__()
        requires = " and ".join([f"{'c' * 100}{n}" for n in range(30)])
        market.submit(Task(TAGS, requires=requires, kind="k" * 128))
        market.lock(*names[:20], agent="other").__enter__()
        for wait in (
            lambda: market.claim(agent, timeout=0, kinds=[f"{'k' * 120}{n}" for n in range(500)]),
            lambda: market.claim(agent, timeout=0, task=TAGS),
            lambda: market.claim(agent, timeout=0),
            lambda: market.result(TAGS, timeout=0),
            lambda: market.results([TAGS], timeout=0),
            lambda: market.drain(timeout=0),
            lambda: market.lock(*names, agent=agent, timeout=0).__enter__(),
        ):
            with pytest.raises(TimeoutError) as told:
                wait()
            assert 0 < len(str(told.value)) <= LONGEST
    with ClaimQueue() as board:
        board.submit_many(Task(f"{TAGS[3:]}{n}") for n in range(100))
        with pytest.raises(TimeoutError) as told:
            board.results([f"{TAGS[3:]}{n}" for n in range(100)], timeout=0)
        assert len(str(told.value)) <= LONGEST

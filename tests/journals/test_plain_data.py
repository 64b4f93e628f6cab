"""One table turns our commands into plain data and back; cattrs, which others' commands get, does the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord.commands.plain_data import _HOMES, Strange, reader, writer
from ants_coord.commands.shared import Submit
from ants_coord.core.machine import COMMANDS
from ants_coord.core.strategies import every_part
from ants_coord.frozen import fields
from ants_coord.journals.codec.foreign import compiled
from ants_coord.values import adverts, entries, marks, reactions, routes, settings, tasks, trust, verification

VALUES = {
    name: getattr(module, name)
    for name in _HOMES
    for module in (adverts, entries, marks, reactions, routes, settings, tasks, trust, verification)
    if hasattr(module, name)
}
KINDS = list(dict.fromkeys([*COMMANDS, *(kind for part in every_part() for kind in part.commands)]))

words = st.sampled_from(
    ["", "a", "b", "check", "same", "run", "accept", "x >= 1", "2026-01-01T00:00:00+00:00", "a b"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 99) | st.sampled_from([0.5, -1.0, 1e300]) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=2),
    max_leaves=5,
)
numbers = st.sampled_from([0, 1, 2, 0.5, 30, True])
PLAIN = {
    "str": words, "int": st.integers(0, 9) | numbers, "bool": st.booleans(), "float": numbers, "Any": anything,
    "float | dt.datetime | None": numbers | st.sampled_from(["2026-01-01T00:00:00+00:00", "2026-01-01", "soon"]),
    "Mapping[str, int] | None": st.none() | st.dictionaries(words, st.integers(0, 3), max_size=2),
    "Mapping[str, int | float | str | bool]": st.dictionaries(words, anything, max_size=2),
    "Mapping[str, Any]": st.dictionaries(words, anything, max_size=2),
    "Lookup": words | st.sampled_from(["keep", "replace", "rerun"]),
}  # fmt: skip


def told(text: str) -> st.SearchStrategy:
    """Return what may stand for a type: mostly right, sometimes anything."""
    if text in PLAIN:
        right = PLAIN[text]
    elif text.endswith(" | None"):
        right = st.none() | told(text.removesuffix(" | None"))
    elif text.startswith("Literal["):
        right = st.sampled_from([word.strip("' ") for word in text[8:-1].split(",")])
    elif text.startswith("tuple["):
        inner = text[6:-1]
        if inner.endswith(", ..."):
            right = st.lists(told(inner.removesuffix(", ...")), max_size=3)
        else:
            first, rest = inner.split(", ", 1)
            right = st.tuples(
                told(first), *([told(rest)] if "[" in rest else map(told, rest.split(", ")))
            ).map(list)
    else:
        right = st.deferred(lambda: plain_data(VALUES[text]))
    return st.one_of(*[right] * 9, anything)


def plain_data(kind: type) -> st.SearchStrategy:
    every = [each for each in fields(kind) if each.init]
    needed = {each.name: told(each.type) for each in every if each.is_required}
    rest = {each.name: told(each.type) for each in every if not each.is_required}
    strange = st.dictionaries(st.sampled_from(["strange", "payload"]), anything, max_size=1)
    right = st.fixed_dictionaries(needed, optional=rest)
    return st.one_of(*[right] * 9, st.tuples(right, strange).map(lambda both: both[0] | both[1]), anything)


def outcome(read, given):
    """Return what is read, None if it is refused, the names of fields that nobody knows."""
    try:
        return read(given)
    except Strange as problem:
        return problem.names
    except Exception:
        return None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_table_and_cattrs_read_and_write_the_same(kind):
    """Whatever is in an entry: the same command, written again as the same bytes, or a refusal by both."""
    _, read, write = compiled(kind)

    @given(plain_data(kind))
    def check(given):
        found, truth = outcome(reader(kind), given), outcome(read, given)
        assert isinstance(found, kind) == isinstance(truth, kind)
        if isinstance(found, kind):
            assert found == truth
            once = json.dumps(writer(kind)(found))
            assert json.loads(once) == json.loads(json.dumps(write(truth)))
            assert json.dumps(writer(kind)(reader(kind)(json.loads(once)))) == once
            # what nobody knows is told by its name, before all else: it may be of a later release
            assert (
                outcome(reader(kind), given | {"strange": 1})
                == outcome(read, given | {"strange": 1})
                == {"strange"}
            )

    check()


@pytest.mark.parametrize("name", ["payload", "parts"])
def test_what_is_beside_a_task_is_not_in_it(name):
    """A process that read it there would have another task than one that reads it where it is written."""
    _, read, _ = compiled(Submit)
    given = {"tasks": [{"id": "a", name: []}], "payloads": [None]}
    assert outcome(reader(Submit), given) == outcome(read, given) == {name}


def test_every_value_that_a_command_carries_has_a_home():
    """The table names the module of each; one that it does not know is a KeyError when the first is read."""
    assert set(VALUES) == set(_HOMES)
    for kind in (*KINDS, *VALUES.values()):
        reader(kind), writer(kind)

"""Our classes are attrs classes, but that their methods are made when they are first called."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import weakref

import attrs
import cattrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ants_coord
from ants_coord import errors
from ants_coord import frozen as ours
from ants_coord.core.strategies import every_part

SOURCE = '''
from __future__ import annotations
from typing import ClassVar, Generic, TypeVar

T = TypeVar("T")

@frozen
class Value:
    """A value."""

    a: int
    b: str = "b"
    c: object = field(factory=list)
    d: int = field(default=3, kw_only=True)
    e: object = field(default=None, kw_only=True, metadata={"x": 1})
    f: int = field(default=0, init=False, eq=False, repr=False)

    def __attrs_post_init__(self):
        if self.a == 13:
            raise ValueError("unlucky")
        object.__setattr__(self, "f", self.a)

    @property
    def twice(self):
        return 2 * self.a

@frozen
class Empty:
    """Nothing."""

@frozen
class Told:
    a: int

    def __repr__(self):
        return f"told {self.a}"

    def __eq__(self, other):
        return str(self.a)[-1] == str(other.a)[-1]

    def __hash__(self):
        return hash(str(self.a)[-1])

@frozen
class Own:
    a: int
    b: str = "b"

    def __init__(self, text: str = "7", *, b: str = "c") -> None:
        self.__attrs_init__(int(text), b)

class Base(Generic[T]):
    __slots__ = ()

@define
class Record(Base[int]):
    a: int
    b: object = field(default=0, metadata={"drawn": True})

@define
class Bare(Base[int]):
    """No field at all."""

@entity
class Entity:
    a: int = 1
    b: dict = field(factory=dict)

class Outer:
    @frozen
    class Inner:
        a: int = 1
'''


def both():
    """Return the classes of SOURCE as we make them, and as attrs makes them."""
    made = []
    for words in (
        {"frozen": ours.frozen, "define": ours.record, "entity": ours.entity, "field": ours.field},
        {"frozen": attrs.frozen, "define": attrs.define(weakref_slot=False),
         "entity": attrs.define(eq=False), "field": attrs.field},
    ):  # fmt: skip
        known = {**words, "__name__": f"{__name__}_{len(made)}"}
        sys.modules[known["__name__"]] = module = type(sys)(known["__name__"])
        exec(SOURCE, known)
        vars(module).update(known)
        made.append(module)
    return made


OURS, THEIRS = both()
NAMES = ["Value", "Empty", "Told", "Own", "Record", "Bare", "Entity", "Outer.Inner"]


def pair(name):
    found = [OURS, THEIRS]
    for part in name.split("."):
        found = [getattr(one, part) for one in found]
    return found


def outcome(do):
    """Return what comes of it: an answer, or the class of the error."""
    try:
        return do()
    except Exception as problem:
        return type(problem)


arguments = st.tuples(
    st.lists(st.integers(0, 13) | st.just("x"), max_size=4),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), max_size=4),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_is_what_attrs_makes_of_it(name):
    """What attrs, inspect, copy, pickle, weakref and a match statement see is the same."""
    mine, true = pair(name)
    assert [attrs.has(mine), mine.__doc__, mine.__qualname__] == [
        attrs.has(true),
        true.__doc__,
        true.__qualname__,
    ]
    for one, other in zip(attrs.fields(mine), attrs.fields(true), strict=True):
        assert {slot: getattr(one, slot) for slot in one.__slots__ if "order" not in slot} == {
            slot: getattr(other, slot) for slot in other.__slots__ if "order" not in slot
        }
    assert mine.__match_args__ == true.__match_args__
    assert set(mine.__slots__) == set(true.__slots__)
    assert [*inspect.signature(mine).parameters] == [*inspect.signature(true).parameters]
    assert [p.kind for p in inspect.signature(mine).parameters.values()] == [
        p.kind for p in inspect.signature(true).parameters.values()
    ]
    assert inspect.get_annotations(mine) == inspect.get_annotations(true)


@pytest.mark.parametrize("name", NAMES)
@given(one=arguments, other=arguments, changes=arguments)
def test_instances_behave_as_those_of_attrs(name, one, other, changes):
    """Made, compared, shown, hashed, changed, evolved, copied, pickled, taken apart: the same, or the same error."""
    told = [repr(doings(kind, one, other, changes)).replace(kind.__module__, "here") for kind in pair(name)]
    assert told[0] == told[1]


def doings(kind, one, other, changes):
    """Return what comes of all that one does with two instances."""
    first = outcome(lambda: kind(*one[0], **one[1]))
    second = outcome(lambda: kind(*other[0], **other[1]))
    if not isinstance(first, kind) or not isinstance(second, kind):
        return first, second
    return [
        first, first == second, first != second, first == first, outcome(lambda: first == 3),
        outcome(lambda: hash(first) == hash(second)) if first == second else None,
        outcome(lambda: setattr(first, "a", first.a)), outcome(lambda: setattr(first, "zz", 1)),
        outcome(lambda: delattr(first, "zz")), outcome(lambda: attrs.evolve(first, **changes[1])),
        attrs.asdict(first), attrs.astuple(first), outcome(lambda: cattrs.unstructure(first)),
        copy.copy(first), copy.deepcopy(first), pickle.loads(pickle.dumps(first)),
        outcome(lambda: weakref.ref(first)() is first), getattr(first, "f", None), getattr(first, "twice", None),
    ]  # fmt: skip


def values():
    found = [value for part in every_part() for value in part.values]
    found += [getattr(ants_coord.values.tasks, name) for name in ants_coord.values.tasks.__all__]
    found += [getattr(errors, name) for name in errors.__all__]
    return [kind for kind in dict.fromkeys(found) if isinstance(kind, type) and attrs.has(kind)]


@pytest.mark.parametrize("kind", values(), ids=lambda kind: kind.__name__)
def test_no_class_of_ours_inherits_fields_or_has_a_method_that_forgets_it(kind):
    """What `_made` does not do: take over the fields of a base; mend `super()` in the class that it replaces."""
    if not issubclass(kind, BaseException):
        assert not any(vars(base).get("__annotations__") for base in kind.__mro__[1:])
        for method in vars(kind).values():
            code = getattr(method, "__code__", None)
            assert code is None or "__class__" not in code.co_freevars
    assert attrs.fields(kind) is attrs.fields(kind)


def test_nothing_is_compiled_and_attrs_is_not_imported_until_somebody_needs_it():
    """Counted in a process of its own: every method that Python compiles from text while our classes are made."""
    code = """
import sys
texts = []
sys.addaudithook(lambda event, given: texts.append(given[0]) if event == "compile" and given[1] == "<string>" else None)
from ants_coord import Backoff, errors
from ants_coord.commands import purses, shared
from ants_coord.values import entries, events, marks, settings, tasks, trust, verification
methods = lambda: [text for text in texts if text and text.startswith(b"def __")]
assert methods() == []
assert not {"attr", "attrs", "cattrs", "inspect"} & sys.modules.keys()
Backoff(2), Backoff(3)
assert len(methods()) == 1
import attrs
assert attrs.fields(Backoff).first.default == 1.0
"""
    subprocess.run([sys.executable, "-c", code], check=True)

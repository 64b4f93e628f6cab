"""A stand-in for a part that few boards need tells the rest of the core what the part would tell it."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest

from ants_coord.commands.reading import StatisticsOf
from ants_coord.commands.shared import Claim, Complete, Decline, submission
from ants_coord.core import Machine
from ants_coord.core.state.parts import Part
from ants_coord.core.strategies import Dormant
from ants_coord.core.trust.checks import Checking
from ants_coord.core.work.declining import Declines
from ants_coord.values.tasks import Task
from ants_coord.values.verification import Verify

LISTED = {"tables", "values"}
"""a stand-in is given the tables of its part; the values of all parts are listed by every_part"""


def dormant():
    return [part for part in Machine().ledger.parts if isinstance(part, Dormant)]


def woken(asleep):
    return copy.copy(asleep).awake()


@pytest.mark.parametrize("asleep", dormant(), ids=lambda part: part.home)
def test_a_part_with_a_stand_in_has_no_hook_that_the_stand_in_does_not_know(asleep):
    """The ledger asks which hooks there are while the part is asleep: another one would never be called."""
    kind = type(woken(asleep))
    hooks = [name for name in vars(Part) if not name.startswith("_")]
    answered = {name for name in hooks if getattr(type(asleep), name) is not getattr(Part, name)} | LISTED
    assert {name for name in hooks if getattr(kind, name) is not getattr(Part, name)} <= answered
    assert asleep.tables == kind.tables


@pytest.mark.parametrize("asleep", dormant(), ids=lambda part: part.home)
def test_a_stand_in_wakes_for_whatever_its_part_can_do(asleep):
    public = {name for name in vars(type(woken(asleep))) if name[0] != "_"} - set(vars(Part))
    for name in public:
        assert callable(getattr(type(asleep), name)), name


@pytest.mark.parametrize("asleep", dormant(), ids=lambda part: part.home)
def test_a_stand_in_is_as_empty_as_its_part(asleep):
    ledger, part = Machine().ledger, woken(asleep)
    part.rebuild(ledger)
    assert asleep.describe(ledger) == part.describe(ledger)
    assert set(vars(asleep)) == set(vars(part))
    for name, empty in vars(asleep).items():
        true = getattr(part, name)
        assert empty.rows == true.rows if isinstance(empty, SimpleNamespace) else empty == true


def test_a_part_wakes_with_its_first_use():
    machine = Machine()
    machine.apply(submission((Task("a", verify=Verify.by_quorum(2)), Task("b"))), now_ns=1)
    assert machine.ask(StatisticsOf()).parts["declines"] == 0
    lease = machine.apply(Claim("w"), now_ns=2)
    assert isinstance(machine.ledger.declines, Dormant)
    assert machine.apply(Decline("w", "b"), now_ns=3) is None
    assert isinstance(machine.ledger.declines, Declines)
    assert machine.ask(StatisticsOf()).parts["declines"] == 1
    machine.apply(Complete("a", lease.token, 1), now_ns=4)
    assert isinstance(machine.ledger.checking, Checking)
    machine.check()

"""Shared state that defends itself: roll-back against a list of all deeds, and what quarantine bars."""

from __future__ import annotations

import random

import pytest

from ants_coord import Blackboard, Matchmaker, Task, TrustPolicy
from ants_coord.commands import shared as c
from ants_coord.commands.board import Erase, Read, RollBack, Take, Write
from ants_coord.core import Machine, digest
from ants_coord.errors import QuarantinedError
from ants_coord.testing import ManualClock
from ants_coord.values.settings import Settings

from ..core.pair import START, copy_of

AGENTS = ("ann", "bob", "m1", "m2")
PATHS = ("a", "b")


class Deeds:
    """Every deed there was, in order; without those of an agent that was rolled back."""

    def __init__(self):
        self.deeds = []

    def value(self, path):
        return next((value for _, where, value in reversed(self.deeds) if where == path), None)

    def do(self, agent, path, value):
        self.deeds.append((agent, path, value))

    def roll_back(self, agent):
        self.deeds = [deed for deed in self.deeds if deed[0] != agent]


@pytest.mark.parametrize("seed", range(60))
def test_roll_back_leaves_what_the_others_did_last(seed):
    """However often something was overwritten, erased or taken, in whatever order agents are rolled back."""
    dice, machine, naive = random.Random(seed), Machine(), Deeds()
    log = [c.Configure(Settings(strategy="board"))]
    machine.apply(log[0], now_ns=START)
    for number in range(120):
        agent, path = dice.choice(AGENTS), dice.choice(PATHS)
        kind = dice.choices(("write", "erase", "take", "back", "move"), (20, 4, 4, 3, 1))[0]
        if kind == "move":
            machine = copy_of(machine)
            continue
        command = {
            "write": Write(path, number, agent),
            "erase": Erase(path, agent),
            "take": Take(path, agent),
            "back": RollBack(agent, "host"),
        }[kind]
        log.append(command)
        reply = machine.apply(command, now_ns=START + len(log))
        if kind == "back":
            naive.roll_back(agent)
        elif kind == "write" or reply:
            naive.do(agent, path, number if kind == "write" else None)
        machine.check()
        for each in PATHS:
            entry = machine.ask(Read(each))
            assert (None if entry is None else entry.value) == naive.value(each), log
    replica = Machine()
    for number, command in enumerate(log, 1):
        replica.apply(command, now_ns=START if number == 1 else START + number)
    assert digest(replica) == digest(machine)


def test_an_honest_value_comes_back_however_often_it_was_overwritten():
    """The history of an entry is ten long; what was honest is not forgotten for that."""
    with Blackboard(clock=ManualClock()) as board:
        board.write("plan", "right", agent="ann")
        for number in range(30):
            board.write("plan", number, agent="mallory")
        told = board.roll_back("mallory", by="host")
        assert (told["restored"], told["erased"]) == (1, 0)
        assert board.read("plan").value == "right"
        assert board.take_nowait("plan", agent="mallory").value == "right"
        assert board.roll_back("mallory", by="host")["restored"] == 1
        assert board.read("plan").author == "ann"


def test_quarantine_bars_whatever_changes_the_shared_state():
    """Write, erase, take and lock as it bars claims; afterwards one may again."""
    clock = ManualClock()
    with Blackboard(clock=clock, trust=TrustPolicy()) as board:
        board.write("plan", "right", agent="ann")
        board.submit(Task("t"))
        board.roll_back("mallory", by="host")
        for attempt in (
            lambda: board.write("plan", "wrong", agent="mallory"),
            lambda: board.erase("plan", agent="mallory"),
            lambda: board.take_nowait("plan", agent="mallory"),
            lambda: board.lock_nowait("plan", agent="mallory"),
        ):
            with pytest.raises(QuarantinedError, match="taken back by host"):
                attempt()
        assert board.claim_nowait("mallory") is None
        assert board.read("plan").value == "right"
        clock.advance(30 * 24 * 3600)
        board.write("plan", "better", agent="mallory")


def test_roll_back_says_what_hung_on_results_that_were_handed_on():
    """A result stands once it is an input of another task; somebody should look."""
    with Blackboard(clock=ManualClock()) as board:
        board.submit_many([Task("a"), Task("b", needs=("a",)), Task("c")])
        for task in ("a", "c"):
            board.complete(board.claim_nowait("mallory", task=task), "made up")
        assert board.roll_back("mallory", by="host")["handed_on"] == {"a": ["b"]}


def test_quarantine_bars_locks_on_a_board_without_entries():
    """Every strategy has locks."""
    clock = ManualClock()
    with Matchmaker(clock=clock, trust=TrustPolicy(quarantine_after=1)) as board:
        board.submit(Task("t", max_attempts=9))
        board.fail(board.claim_nowait("bad"), "no")
        clock.advance(5)
        if "quarantine" in (board.standing("bad").barred or ""):
            with pytest.raises(QuarantinedError):
                board.lock_nowait("x", agent="bad")
        else:
            raise AssertionError(board.standing("bad"))

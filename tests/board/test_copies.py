"""
A board and a copy of it from its records go on alike: no answer depends on how a board came to its state.

Each seed has a theme (trails, work, entries, all of them), so that what belongs together meets often.
"""

from __future__ import annotations

import random

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.board import (
    Deposit,
    Diffuse,
    Erase,
    React,
    RollBack,
    Sense,
    Strongest,
    Take,
    Thresholds,
    Unreact,
    Write,
)
from ants_coord.commands.matching import Advertise, Agents, Offers
from ants_coord.core import Machine, digest
from ants_coord.values.adverts import Advert
from ants_coord.values.marks import Mark, MarkKind
from ants_coord.values.reactions import Reaction
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Task
from ants_coord.values.trust import TrustPolicy

from ..core.pair import SECOND, START, copy_of
from ..core.replies import plain
from ..scale import of

AGENTS = ("ann", "bob", "cy")
PLACES = ("a", "b")
NAMES = ("food", "food", "food", "food", "kept", "stone", "wild")
FOOD, KEPT, STONE = (
    MarkKind("food", ceiling=6.0, success=1.5),
    MarkKind("kept", floor=0.5, forget_after=90.0),
    MarkKind("stone", half_life=0, repels=True),
)


class Twins:
    """Each command is given to a board that lives on and to one that is often restored from the other."""

    def __init__(self, seed: int) -> None:
        self.dice, self.now, self.theme = random.Random(seed), START, seed % 4
        self.old, self.new = Machine(), Machine()
        self.do(c.Configure(self.settings()))

    def settings(self) -> Settings:
        dice = self.dice
        return Settings(
            strategy="board",
            half_life=dice.choice((20.0, 40.0)),
            faint=0.1,
            kinds=dice.choice(((), (FOOD,), (FOOD, KEPT, STONE))),
            quota=dice.choice((3, 100)),
            lease_ttl=15.0,
            backoff=Backoff(first=0),
            trust=dice.choice((None, TrustPolicy())),
            explore=dice.choice((0.0, 0.5)),
        )

    def do(self, command: c.Command[object]) -> None:
        told = [plain(machine.apply(command, now_ns=self.now)) for machine in (self.old, self.new)]
        assert told[0] == told[1], command
        for machine in (self.old, self.new):
            machine.check()
        assert digest(self.old) == digest(self.new)

    def command(self) -> c.Command[object]:
        dice = self.dice
        agent, place, path = dice.choice(AGENTS), dice.choice(PLACES), dice.choice(("x/1", "x/2", "y"))
        kind, strength = dice.choice(NAMES), dice.choice((0.2, 1.0, 5.0))
        leases = self.old.ask(reading.Leases())
        lease = dice.choice(leases) if leases else None
        task = Task(
            f"t{dice.randrange(9)}",
            kind=dice.choice("uv"),
            place=dice.choice((*PLACES, None)),
            requires=dice.choice((None, None, "gpu", "mem >= 1")),
            limit=dice.choice((None, None, "one")),
        )
        trigger = Reaction("edge", "**", Task(kind="r"), ("rose", "fell"), trails=kind, above=2.0, below=1.0)
        of_trails: list[c.Command[object]] = [
            *[Deposit(Mark(kind, place, strength), agent)] * 7,
            *[Diffuse(kind, ((place, PLACES),), dice.choice((0.3, 1.0)), agent)] * 2,
            RollBack(agent, "host", False),
            React(trigger, None, dice.random() < 0.5),
        ]
        of_work: list[c.Command[object]] = [
            *[c.submission((task,), dice.choice(("replace", "rerun", "keep")))] * 4,
            *[c.Claim(agent, dice.choice((None, ("u", "r"))))] * 4,
            *[c.Decline(agent, task.id, "no", dice.choice((None, 5 * SECOND)))] * 2,
            *[Advertise(Advert(agent, dice.choice(([], ["gpu"])), {"mem": dice.choice((1, True))}, slots=2))]
            * 3,
        ]
        of_entries: list[c.Command[object]] = [
            *[Write(path, strength, agent, ttl_ns=dice.choice((None, 7 * SECOND)))] * 3,
            Take(dice.choice(("x/*", "**")), agent, dice.choice((None, 9 * SECOND))),
            Erase(path, agent),
            React(Reaction("r", "x/*", Task(kind="r")), None, dice.random() < 0.5),
            Unreact(dice.choice(("r", "edge"))),
            RollBack(agent, "host", dice.random() < 0.2),
            c.Wakeup(),
        ]
        if dice.random() < 0.03:
            return c.Configure(self.settings())
        if lease is not None and dice.random() < 0.1:
            return dice.choice(
                [
                    c.Complete(lease.task, lease.token),
                    c.Fail(lease.task, lease.token, "no"),
                    c.Release(lease.task, lease.token),
                ]
            )
        themes = (of_trails, of_work, of_entries)
        usual = themes[self.theme] if self.theme < len(themes) else dice.choice(themes)
        return dice.choice(usual if dice.random() < 0.9 else dice.choice(themes))

    def step(self) -> None:
        if self.dice.random() < 0.1:
            self.new = copy_of(self.old)
        self.now += self.dice.choice((0, 0, 0, 0, 1, 1, 1, 5, 5, 30, 200)) * SECOND
        self.do(self.command())
        agent, copy = self.dice.choice(AGENTS), copy_of(self.old)
        for query in (
            Offers(agent, 30),
            Agents("mem >= 1"),
            Strongest(None, 3),
            Strongest("food", 3),
            Sense("a"),
            Thresholds(agent),
            reading.StandingOf(agent),
            reading.BriefingOf(agent),
        ):
            told = [machine.ask(query, now_ns=self.now) for machine in (self.old, self.new, copy)]
            assert told[0] == told[1] == told[2], query


@pytest.mark.parametrize("seed", range(of(5, 100, 5_000)))
def test_a_copy_goes_on_as_the_board_does(seed):
    twins = Twins(seed)
    for _ in range(100):
        twins.step()


@pytest.mark.parametrize("seed", range(of(7, 100, 5_000)))
def test_trails_go_on_alike_whatever_was_spread_and_taken_back(seed):
    """One kind at two places, so that shares, triggers and settings meet all the time."""
    dice, machine, now = random.Random(seed), Machine(), START
    reaction = Reaction("edge", "**", Task(kind="r"), ("rose", "fell"), trails="food", above=2.0, below=1.0)
    settings = [
        Settings(strategy="board", half_life=20.0, faint=0.1, kinds=kinds)
        for kinds in ((), (FOOD,), (STONE,))
    ]
    machine.apply(c.Configure(settings[0]), now_ns=now)
    machine.apply(React(reaction), now_ns=now)
    for _ in range(80):
        now += dice.choice((0, 0, 0, 0, 1, 1, 10, 100)) * SECOND
        agent, place = dice.choice(AGENTS), dice.choice(PLACES)
        command = dice.choices(
            (
                Deposit(Mark("food", place, dice.choice((0.2, 1.0, 4.0))), agent),
                Diffuse("food", ((place, PLACES),), dice.choice((0.3, 1.0)), "wind"),
                RollBack(agent, "host"),
                c.Configure(dice.choice(settings)),
            ),
            (6, 2, 2, 0.5),
        )[0]
        copy = copy_of(machine)
        assert plain(machine.apply(command, now_ns=now)) == plain(copy.apply(command, now_ns=now)), command
        machine.check()
        copy.check()
        assert digest(copy) == digest(machine)

"""
The state is a function of the log: replay == live == snapshot + tail, byte for byte.
"""

import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Cut, Machine, digest, restore
from ants_coord.core.snapshot import records

from .naive import FINAL
from .pair import copy_of
from .walks import Scribe, a_command, play

ROOT = pathlib.Path(__file__).parents[2]


def as_text(pieces):
    return sorted(json.dumps(piece, sort_keys=True) for piece in pieces)


@pytest.mark.parametrize("seed", range(12))
def test_replay_equals_live(seed):
    """A second machine that is fed the same log has the same digest after every single entry."""
    scribe = Scribe(seed).walk(120)
    replica = Machine()
    play(replica, scribe.log)
    replica.check()
    assert digest(replica) == digest(scribe.machine)


@pytest.mark.parametrize("seed", range(12))
def test_a_snapshot_plus_the_tail_equals_live(seed):
    """Wherever the log is cut, a board restored there and fed the rest ends up the same."""
    scribe = Scribe(100 + seed).walk(90)
    live = Machine()
    for position in range(0, len(scribe.log), 6):
        restored = copy_of(live)
        assert digest(restored) == digest(live)
        restored.check()
        play(restored, scribe.log[position:])
        restored.check()
        assert digest(restored) == digest(scribe.machine), position
        play(live, scribe.log[position : position + 6])


_DIGESTS = """
from tests.core.walks import Scribe
from ants_coord.core import digest
for seed in range(200, 208):
    print(digest(Scribe(seed).walk(60).machine))
"""


def test_no_hash_seed_reaches_the_state():
    """Processes that hash strings differently come to the same digests."""
    told = set()
    for seed in ("0", "1", "4242", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = [sys.executable, "-c", _DIGESTS]
        told.add(subprocess.run(run, env=environment, cwd=ROOT, check=True, capture_output=True).stdout)
    assert len(told) == 1
    assert len(told.pop().split()) == 8


@pytest.mark.parametrize("seed", range(40))
def test_a_cut_is_the_state_at_the_cut(seed):
    """
    A snapshot that is written while commands go on holds the board as it was.

    Also: taking it leaves no trace in the board, finished or given up.
    """
    scribe = Scribe(300 + seed).walk(seed)
    dice = random.Random(seed)
    before = list(records(scribe.machine))
    cut, pieces, start = Cut(scribe.machine), [], len(scribe.log)
    assert cut.position == scribe.machine.ledger.position
    while piece := cut.step(dice.choice([1, 2, 5])):
        pieces += piece
        scribe.walk(dice.choice([0, 1, 1, 3]))
        if len(scribe.log) > start + 100:
            pieces += cut.step(100_000)
    assert as_text(pieces) == as_text(before)
    head, *rest = pieces
    dice.shuffle(rest)
    ring = [r for r in rest if r[0] in ("ring", "events")]
    restored = Machine()
    ring.sort(key=lambda r: r[0] == "events")
    restore(restored, [head, *ring, *(r for r in rest if r not in ring)])
    play(restored, scribe.log[start:])
    restored.check()
    assert digest(restored) == digest(scribe.machine)

    given_up = Cut(scribe.machine)
    given_up.step(3)
    scribe.walk(2)
    given_up.drop()
    scribe.walk(10)
    replica = Machine()
    play(replica, scribe.log)
    assert digest(replica) == digest(scribe.machine)


def test_a_cut_costs_the_board_nothing_after_it_ends():
    """The last step takes the hook off that every change has to pass while a cut is open."""
    scribe = Scribe(1).walk(10)
    cut = Cut(scribe.machine)
    while cut.step():
        pass
    assert scribe.machine.ledger.undo.before_change is None


def test_looks_change_nothing():
    """Queries, idle checks and the next wake-up leave the digest alone."""
    scribe = Scribe(7).walk(80)
    machine, before = scribe.machine, digest(scribe.machine)
    for task in [*machine.ledger.tasks, "nobody"]:
        for query in (reading.Find(task), reading.Explain(task), reading.Outcomes((task,))):
            machine.ask(query)
    for query in (
        reading.Tasks(),
        reading.Leases(),
        reading.Unfinished(),
        reading.StatisticsOf(),
        reading.Events(),
        reading.Holder("x"),
    ):
        machine.ask(query)
    for agent in ("ann", "new"):
        machine.ask(reading.ExplainAgent(agent))
        machine.ask(reading.StandingOf(agent))
        machine.is_idle(c.Claim(agent), scribe.pair.now)
    assert machine.next_wakeup_in_ns is None or machine.next_wakeup_in_ns >= 0
    machine.check()
    assert digest(machine) == before


@pytest.mark.parametrize("seed", range(10))
def test_an_idle_command_would_have_changed_nothing(seed):
    """What `is_idle` calls idle needs no entry in the log: nothing unfinished and no lock would move."""
    scribe = Scribe(500 + seed).walk(40)
    for _ in range(40):
        command = a_command(scribe.pair, scribe.dice)
        if scribe.machine.is_idle(command, scribe.pair.now):
            twin = copy_of(scribe.machine)
            reply = twin.apply(command, now_ns=scribe.pair.now)
            assert reply in (None, ())
            told = [
                [r for r in records(machine) if r[0] == "lock" or (r[0] == "task" and r[5] not in FINAL)]
                for machine in (twin, scribe.machine)
            ]
            assert told[0] == told[1]
        scribe.write(command)

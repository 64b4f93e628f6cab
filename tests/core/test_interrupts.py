"""
An exception that lands anywhere inside the core leaves the state old or new, never between.

A trace function stands in for Ctrl-C: it raises at the k-th line that runs in
ants_coord/core, for every k, in every step of a script that takes every arrow
of the life cycle. The quick profile takes every fifth k, deep goes from byte code to byte code.
"""

import json
import pathlib

import pytest

import ants_coord
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import TRANSITIONS, Cut, Machine, digest
from ants_coord.core.snapshot import records
from ants_coord.values.checks import told_session
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import FINAL, Task, TaskState

from ..landing import EVERY, cut_short_everywhere, landing_at
from ..scale import of
from .pair import SECOND, START
from .stage import Stage
from .walks import Scribe

SCRIPT = pathlib.Path(__file__).with_name("scenarios").joinpath("everything.txt")


def log_of_everything():
    stage = Stage().play(SCRIPT.read_text())
    # a session that is full loses its oldest reply at each further request
    filling = [(stage.log[0][0], c.Wakeup(), ("full", number)) for number in range(FILLING)]
    last = stage.log[-1][0]
    held = [
        c.submission((Task("held at last"), Task("of the dead"))),
        c.Claim("ann", task="held at last"),
        c.LockNames(("at last",), "ann"),
        c.Claim("bob", task="of the dead"),
        c.LockNames(("of the dead",), "bob"),
        c.EndOpening(DEAD),
        c.Vouch("new", "house", "ann"),
    ]
    script = [*stage.log, *[(last, command) for command in [*held, c.Upgrade((("core", 2),))]]]
    log = [
        (
            now,
            command,
            (DEAD if "of the dead" in str(command) and not isinstance(command, c.Submit) else "full", number),
        )
        for number, (now, command) in enumerate(script, FILLING)
    ]
    return [*filling, *log, log[-1]]


DEAD = told_session("home", "dead")
FILLING = 100  # and position 128, where old events are dropped, falls into the script
LOG = log_of_everything()


def play(log):
    machine = Machine()
    for now, command, request in log:
        machine.apply(command, now_ns=now, request=request)
    return machine


@pytest.mark.parametrize("part", range(4))
def test_a_command_cut_short_has_happened_or_has_not(part):
    """
    At every line: sound afterwards, the digest of before or after, and said again it converges.

    The machine is not rebuilt in between: what survives is what a user keeps.
    """
    for number in range(FILLING + part, len(LOG), 4):
        assert cut_short_everywhere(play, LOG, number) > 10, "nothing was traced"


def test_an_interrupt_inside_the_repair_is_repaired_too():
    """The repair of a torn command may be cut short at any line, and again, and works in the end."""
    number = next(n for n, entry in enumerate(LOG) if isinstance(entry[1], c.Complete))
    now, command, request = LOG[number]
    machine = play(LOG[:number])
    old = digest(machine)
    for torn_at in (40, 60, 80):
        for step in range(0, 2_000, of(21, 7, 7)):
            with landing_at(torn_at) as came:
                machine.apply(command, now_ns=now, request=request)
            assert came
            with landing_at(step) as came:
                machine.check()
            with landing_at(step + 3):
                machine.ask(reading.StatisticsOf())
            machine.check()
            assert digest(machine) == old
            if not came:
                break


LOOKS = [
    lambda machine, now: machine.is_idle(c.Claim("zoe"), now),
    lambda machine, now: machine.is_idle(c.ClaimMany("zoe", 3, ("k2", "default")), now),
    lambda machine, now: machine.ask(reading.ExplainAgent("zoe")),
    lambda machine, now: machine.next_wakeup_in_ns,
]


@pytest.mark.parametrize("look", range(len(LOOKS)))
def test_a_look_cut_short_hides_no_task(look):
    """Looking corrects lazy heaps; cut short at any line, it leaves every ready task claimable."""
    for number in range(FILLING + 5, len(LOG), of(13, 3, 3)):
        control = play(LOG[:number])
        now = control.ledger.timeline.reading[0]
        expected = control.apply(c.ClaimMany("zoe", 99), now_ns=now)
        step, came = number % EVERY, [0]
        while came:
            machine = play(LOG[:number])
            with landing_at(step) as came:
                LOOKS[look](machine, now)
            assert machine.apply(c.ClaimMany("zoe", 99), now_ns=now) == expected
            machine.check()
            step += EVERY


@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_in_progress_loses_no_row_to_an_interrupt(seed):
    """A command that is cut short while a snapshot is written leaves the snapshot complete."""
    step, came = seed, [0]
    while came:
        scribe = Scribe(seed).walk(30)
        scribe.write(c.submission((Task("unfinished"),)))
        machine, now = scribe.machine, scribe.pair.now
        before = {json.dumps(record, sort_keys=True) for record in records(machine)}
        unfinished = next(task for task, row in machine.ledger.tasks.items() if row.state not in FINAL)
        cut = Cut(machine)
        with landing_at(step) as came:
            machine.apply(c.Cancel(unfinished), now_ns=now)
        scribe.walk(3)
        pieces = []
        while piece := cut.step(50):
            pieces += piece
        assert {json.dumps(piece, sort_keys=True) for piece in pieces} == before
        step += EVERY
    assert step > 30


@pytest.fixture
def arrows(monkeypatch):
    """Watch the table of transitions: every (state, verb) that is looked up is noted."""
    seen = set()

    class Watched(dict):
        def __init__(self, state):
            super().__init__(TRANSITIONS[state])
            self.state = state

        def __getitem__(self, verb):
            seen.add((self.state, verb))
            return super().__getitem__(verb)

    for state in list(TRANSITIONS):
        monkeypatch.setitem(TRANSITIONS, state, Watched(state))
    return seen


def test_the_script_takes_every_arrow_of_the_life_cycle(arrows):
    """So every arrow has been cut short at every line above; a new arrow must be added to the script."""
    Stage().play(SCRIPT.read_text())
    every = {(state, verb) for state, verbs in TRANSITIONS.items() for verb in verbs}
    # CLAIMED and COMPLETED were looked up once, at import; the script has more of these than of all others
    often = {(TaskState.READY, "claim"), (TaskState.LEASED, "complete")}
    assert every == arrows | often, sorted(every - arrows)


def test_the_script_uses_every_command():
    """A new command must be added to the script too."""
    used = {type(command) for _, command, _ in LOG}
    assert used == set(ants_coord.core.COMMANDS)


def crowded():
    """Two tasks are about to be forgotten, and seven tombstones to fade but for one."""
    machine, now = Machine(), START
    machine.apply(c.Configure(Settings(retention_count=0, id_retention_count=100)), now_ns=now)
    for ids in ("abcde", "fg"):
        for name in ids:
            machine.apply(c.submission((Task(name),)), now_ns=now)
        leases = machine.apply(c.ClaimMany("ann", 9), now_ns=now)
        machine.apply(c.CompleteMany(tuple((one.task, one.token, 1) for one in leases)), now_ns=now)
        if ids == "abcde":
            machine.apply(c.Configure(Settings(retention_count=0, id_retention_count=1)), now_ns=now)
    return machine, c.Wakeup()


def locked():
    """A lock is about to be renewed together with a task."""
    machine = Machine()
    machine.apply(c.submission((Task("a"),)), now_ns=START)
    held = [
        machine.apply(c.LockNames(("x",), "ann"), now_ns=START),
        machine.apply(c.Claim("ann"), now_ns=START),
    ]
    return machine, c.Renew(tuple((one.task, one.token) for one in held), 90 * SECOND)


@pytest.mark.parametrize("prepare", [crowded, locked])
def test_what_the_script_does_not_reach_is_old_or_new_too(prepare):
    """Forgetting with tombstones that fade, and renewing a lock: cut short at every line."""
    machine, command = prepare()
    old = digest(machine)
    machine.apply(command, now_ns=START + SECOND)
    new, step, came = digest(machine), 0, [0]
    assert old != new
    while came:
        machine, command = prepare()
        with landing_at(step) as came:
            machine.apply(command, now_ns=START + SECOND)
        machine.ask(reading.StatisticsOf())  # takes a torn command back
        machine.check()
        assert digest(machine) in (old, new)
        step += 1
    assert step > 20

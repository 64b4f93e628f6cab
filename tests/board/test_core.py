"""The blackboard's core beside its model: interrupts, restarts, bounds, edges, quotas, choices, bad input."""

from __future__ import annotations

import json
import math
import random

import pytest

from ants_coord import board_args as args
from ants_coord import commands as c
from ants_coord import errors
from ants_coord.adverts import Advert, Advertise
from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.entries import Entries, History, Namespace, Take, Write, checked_pattern, matches
from ants_coord.marks import Deposit, Mark, MarkKind, Sense, Strongest, Thresholds
from ants_coord.reactions import React, Reactions, Unreact
from ants_coord.routes import Route
from ants_coord.settings import Settings
from ants_coord.values import Backoff, Task, TaskState

from ..core.test_interrupts import landing_at
from .test_model import SECOND, START, Walk


class Board:
    """A machine whose clock is moved by hand."""

    def __init__(self, **settings):
        self.machine, self.now = Machine(), START
        self.settings = Settings(strategy="board", backoff=Backoff(first=0), **settings)
        self.do(c.Configure(self.settings))

    def do(self, command, after=0.0):
        self.now += round(after * SECOND)
        reply = self.machine.apply(command, now_ns=self.now)
        self.machine.check()
        return reply

    def submit(self, *tasks):
        return self.do(c.submission(tasks))

    def mark(self, kind, place, strength=1.0, agent="scout", after=0.0):
        return self.do(Deposit(Mark(kind, place, strength), agent), after)

    def claim(self, agent="w", after=0.0, **options):
        lease = self.do(c.Claim(agent, **options), after)
        return lease if lease is None else lease.task

    def write(self, path, value=1, agent="w", **options):
        return self.do(Write(path, value, agent, **options))

    def react(
        self, name, pattern, on=(), payload=None, *, coalesce=True, trails=None, above=None, below=None
    ):
        task = Task(kind="reaction", payload=payload)
        return self.do(
            args.reaction(name, pattern, task, on, coalesce=coalesce, trails=trails, above=above, below=below)
        )

    def strength(self, place, kind=None):
        found = self.machine.ask(Sense(place, kind))
        return found[0].strength if found else 0.0

    def events(self, *types):
        return [event for event in self.machine.ask(c.Events(count=100_000)) if event.type in types]

    def tasks(self):
        return [record.task.id for record in self.machine.ask(c.Tasks(count=10_000))]


def state(board):
    """Return everything but how many commands there were."""
    return [record for record in records(board.machine) if record[0] != "head"]


@pytest.fixture
def board():
    return Board(half_life=60.0)


# -- taking back, restarting ------------------------------------------------------------------


@pytest.mark.parametrize("seed", [3, 4])
def test_a_command_cut_short_has_happened_or_has_not(seed):
    """An exception at every third line of every command of a walk: the digest of before or of after."""
    walk = Walk(seed)
    for _ in range(35):
        walk.step()
    log, kinds = walk.model.log, set()
    for number in range(1, len(log)):
        now, command = log[number]
        kinds.add(type(command))
        machine = play(log[:number])
        old, new = digest(machine), digest(play(log[: number + 1]))
        step, came = 0, [0]
        while came:
            with landing_at(step) as came:
                machine.apply(command, now_ns=now)
            machine.check()
            found = digest(machine)
            assert found in (old, new), (command, step, came)
            if came and found == new and old != new:
                machine = play(log[:number])
            step += 3
        assert found == new
    assert {Deposit, Write, c.Claim} <= kinds


def play(log):
    machine = Machine()
    for now, command in log:
        machine.apply(command, now_ns=now)
    return machine


@pytest.mark.parametrize("seed", range(4))
def test_a_restored_board_goes_on_as_if_nothing_had_been(seed):
    """From a snapshot at any step, the rest of the log gives the same replies and the same digest."""
    walk = Walk(100 + seed)
    for _ in range(60):
        walk.step()
    log, machine = walk.model.log, Machine()
    twins = []
    for number, (now, command) in enumerate(log):
        if number % 17 == 5:
            twin = Machine()
            restore(twin, json.loads(json.dumps(list(records(machine)))))
            twins.append(twin)
        reply = repr(machine.apply(command, now_ns=now))
        for twin in twins:
            assert repr(twin.apply(command, now_ns=now)) == reply
    for twin in twins:
        assert digest(twin) == digest(machine)


# -- trails -----------------------------------------------------------------------------------


def test_evaporation_is_an_event_at_its_instant_and_gives_memory_back(board):
    """Half a trail is left after a half-life; below faint it is gone, whoever looks, whenever."""
    board.mark("food", "a", 8.0)
    board.do(c.Wakeup(), after=120)
    assert board.strength("a") == pytest.approx(2.0)
    wait_s = board.machine.next_wakeup_in_ns / SECOND
    board.do(c.Wakeup(), after=60 * 20)
    (gone,) = board.events("evaporated")
    kind, place, when = gone.detail
    assert (kind, place) == ("food", "a")
    turns = 9.643856189774724  # log2(8 / 0.01)
    assert (when - START) / SECOND == pytest.approx(60 * turns, abs=1e-6)
    assert wait_s <= 60 * turns - 120
    assert not board.machine.ledger.tables["trails"]
    assert board.machine.next_wakeup_in_ns is None


def test_many_evaporate_in_bounded_portions(board):
    """A backlog of thousands is worked off a thousand a command; none of them is seen in between."""
    for number in range(2_500):
        board.machine.apply(Deposit(Mark("food", f"p{number}"), "scout"), now_ns=board.now)
    board.now += 3_600 * SECOND
    board.do(c.Wakeup())
    assert len(board.machine.ledger.tables["trails"]) == 1_500
    assert board.machine.ask(Strongest("food")) == ()
    assert board.strength("p2000") == board.strength("p2499") == 0.0
    reborn = board.mark("food", "p2400", 2.0)
    assert (reborn.marks, reborn.strength) == (1, 2.0)
    board.do(c.Wakeup())
    board.do(c.Wakeup())
    assert list(board.machine.ledger.tables["trails"]) == [("food", "p2400")]
    assert len(board.events("evaporated")) == 2_500


def test_bounds_of_max_min_ants():
    """A ceiling clips and says so; a floor lifts, until nobody has come for long enough."""
    board = Board(half_life=60.0, kinds=[MarkKind("edge", ceiling=5.0, floor=1.0, forget_after=300.0)])
    assert board.mark("edge", "a", 4.0).laid == 4.0
    clipped = board.mark("edge", "a", 4.0)
    assert (clipped.strength, clipped.laid) == (5.0, 1.0)
    board.do(c.Wakeup(), after=250)
    assert board.strength("a") == 1.0
    lifted = board.mark("edge", "a", 0.5)
    assert lifted.strength == pytest.approx(1.5)
    board.do(c.Wakeup(), after=299)
    assert board.strength("a") == 1.0
    board.do(c.Wakeup(), after=1)
    assert board.strength("a") == 0.0


def test_repellents_are_kinds_and_net_ranking_subtracts_them():
    """The strongest places are those whose marks that draw exceed the ones that repel."""
    board = Board(
        kinds=[MarkKind("food"), MarkKind("danger", repels=True, weight=2.0), MarkKind("old", half_life=30)]
    )
    board.mark("food", "near", 5.0)
    board.mark("old", "near", 1.0)
    board.mark("food", "far", 4.0)
    board.mark("danger", "near", 1.5)
    board.mark("danger", "pit", 9.0)
    ranked = board.machine.ask(Strongest(None))
    assert [(trail.place, trail.strength) for trail in ranked] == [("far", 4.0), ("near", 3.0)]
    assert [trail.kind for trail in ranked] == [None, None]
    assert [trail.kind for trail in board.machine.ask(Sense("near"))] == ["danger", "food", "old"]


def test_net_ranking_finds_the_best_without_looking_at_all(board):
    """Against a look at everything: many kinds, half-lives and places, with dice."""
    dice = random.Random(5)
    kinds = [MarkKind(f"k{n}", half_life=30.0 * (n + 1), repels=n == 3, weight=1.0 + n) for n in range(4)]
    board = Board(kinds=kinds)
    for _ in range(600):
        board.now += dice.randrange(SECOND)
        mark = Mark(f"k{dice.randrange(4)}", f"p{dice.randrange(150)}", dice.uniform(0.1, 9.0))
        board.machine.apply(Deposit(mark, "scout"), now_ns=board.now)
    net = {}
    for number in range(150):
        for trail in board.machine.ask(Sense(f"p{number}")):
            rule = kinds[int(trail.kind[1])]
            net[trail.place] = (
                net.get(trail.place, 0.0) + (-1 if rule.repels else 1) * rule.weight * trail.strength
            )
    wanted = sorted(((value, place) for place, value in net.items() if value > 0), reverse=True)[:20]
    assert [(t.strength, t.place) for t in board.machine.ask(Strongest(None, 20))] == wanted


def test_another_half_life_keeps_what_is_there(board):
    """Settings that change a half-life carry every strength of that instant over."""
    board.mark("food", "a", 8.0)
    board.mark("food", "b", 3.0)
    board.do(c.Wakeup(), after=60)
    board.do(c.Configure(Settings(strategy="board", half_life=10.0)))
    assert board.strength("a") == pytest.approx(4.0)
    board.do(c.Wakeup(), after=10)
    assert [trail.strength for trail in board.machine.ask(Strongest("food"))] == pytest.approx([2.0, 0.75])


def test_diffusion_conserves_and_prunes(board):
    """A share goes evenly to the neighbours; what is faint afterwards is gone, nothing else is lost."""
    board.mark("smell", "a", 8.0)
    ring = {"a": ["b", "c"], "b": ["a"], "c": ["a"]}
    assert board.do(args.diffuse("smell", ring, 0.5, "w")) == 3
    assert [board.strength(place) for place in "abc"] == pytest.approx([4.0, 2.0, 2.0])
    board.do(c.Wakeup(), after=60)
    board.do(args.diffuse("smell", ring, 1.0, "w"))
    assert [board.strength(place) for place in "abc"] == pytest.approx([2.0, 1.0, 1.0])
    total = sum(board.strength(place) for place in "abc")
    for _ in range(5):
        board.do(args.diffuse("smell", ring, 0.3, "w"))
        assert sum(board.strength(place) for place in "abc") == pytest.approx(total)
    assert board.do(args.diffuse("smell", {"x": ["y"]}, 0.5, "w")) == 0
    board.mark("dust", "a", 0.02)
    board.do(args.diffuse("dust", {"a": ["b", "c", "d"]}, 0.9, "w"))
    assert not board.machine.ask(Strongest("dust"))


# -- who is served ----------------------------------------------------------------------------


def test_claims_follow_trails_then_patience(board):
    """The strongest trail first; a task that waits long enough comes before it; priority before both."""
    board.submit(Task("plain"), Task("a", place="a"), Task("b", place="b"))
    board.mark("food", "b", 3.0)
    assert board.claim() == "b"
    board.do(c.Wakeup(), after=20 * 60)
    board.submit(Task("late", place="c"))
    board.mark("food", "c", 3.0)
    assert board.claim() == "plain"  # after twenty minutes waiting weighs more than the mark
    board.submit(Task("urgent", priority=1))
    assert board.claim() == "urgent"


def test_success_and_failure_teach_the_trail():
    """Completing consumes or doubles, failing and silence weaken; giving back politely changes nothing."""
    board = Board(
        kinds=[MarkKind("food", half_life=0, success=2.0), MarkKind("once", half_life=0, success=0.0)]
    )
    board.submit(*[Task(f"t{number}", place="a", max_attempts=9) for number in range(3)])
    board.mark("food", "a", 4.0)
    board.mark("once", "a", 1.0)
    lease = board.do(c.Claim("w"))
    board.do(c.Release(lease.task, lease.token))
    assert board.strength("a", "food") == 4.0
    lease = board.do(c.Claim("w"))
    board.do(c.Fail(lease.task, lease.token, "no"))
    assert board.strength("a", "food") == 2.0
    lease = board.do(c.Claim("w"))
    board.do(c.Complete(lease.task, lease.token))
    assert board.strength("a", "food") == 4.0
    assert board.strength("a", "once") == 0.0
    board.do(c.Claim("w"))
    board.do(c.Wakeup(), after=31)
    assert board.strength("a", "food") == 2.0
    assert [event.type for event in board.events("reinforced", "weakened")] == [
        "weakened", "weakened", "reinforced", "weakened",
    ]  # fmt: skip


def test_specialists_emerge_and_explain_themselves(board):
    """Success lowers the threshold for that kind and raises it for others; equal pulls then go by it."""
    for number in range(6):
        board.submit(Task(f"dig{number}", kind="dig"))
        board.do(c.Claim("w", kinds=("dig",)))
        lease = next(lease for lease in board.machine.ask(c.Leases("w")))
        board.do(c.Complete(lease.task, lease.token))
    (learnt,) = board.machine.ask(Thresholds("w"))
    assert (learnt.kind, learnt.threshold) == ("dig", pytest.approx(0.9**6))
    board.submit(Task("nurse", kind="nurse"), Task("dig", kind="dig"))
    assert board.claim("novice") == "nurse"
    board.submit(Task("nurse2", kind="nurse"))
    assert board.claim("w") == "dig"


def test_exploring_draws_by_attraction_squared_and_replicas_agree():
    """With explore=1 places are drawn as (k + s)^2; the same log draws the same."""
    board = Board(explore=1.0, indifference=1.0, stimulus=0.0, kinds=[MarkKind("food", half_life=0)])
    board.submit(Task("strong", place="a", max_attempts=10_000), Task("weak", place="b", max_attempts=10_000))
    board.mark("food", "a", 2.0)
    drawn, twin = {"strong": 0, "weak": 0}, Machine()
    restore(twin, json.loads(json.dumps(list(records(board.machine)))))
    for _ in range(4_000):
        lease = board.machine.apply(c.Claim("w"), now_ns=board.now)
        assert twin.apply(c.Claim("w"), now_ns=board.now) == lease
        drawn[lease.task] += 1
        for machine in (board.machine, twin):
            machine.apply(c.Release(lease.task, lease.token), now_ns=board.now)
    assert drawn["strong"] / 4_000 == pytest.approx(0.9, abs=0.02)  # 3^2 / (3^2 + 1^2)


def test_full_limits_and_able_agents_block_nobody(board):
    """Three hundred places of a full limit, all stronger, delay no other; nor does what one cannot do."""
    board.submit(*[Task(f"full{n}", place=f"f{n}", limit="one") for n in range(300)])
    board.submit(*[Task(f"gpu{n}", place=f"g{n}", requires="gpu") for n in range(300)])
    board.submit(Task("open", place="weak"))
    for number in range(300):
        board.machine.apply(Deposit(Mark("food", f"f{number}", 9.0), "scout"), now_ns=board.now)
        board.machine.apply(Deposit(Mark("food", f"g{number}", 9.0), "scout"), now_ns=board.now)
    first = board.claim()
    assert first.startswith("full")
    assert board.claim() == "open"
    assert board.claim() is None
    lease = next(lease for lease in board.machine.ask(c.Leases("w")) if lease.task == first)
    board.do(c.Complete(lease.task, lease.token))
    assert board.claim().startswith("full")


# -- entries ----------------------------------------------------------------------------------


def test_versions_histories_and_lapses(board):
    """Who, when, what: a write sees the version it expects or changes nothing."""
    first = board.write("plan", {"step": 1}, "ann")
    second = board.write("plan", {"step": 2}, "bob", expect=first.version)
    stale = board.write("plan", {"step": 3}, "cy", expect=first.version)
    assert isinstance(stale.error, errors.StaleVersionError)
    assert stale.error.found == second.version > first.version
    board.write("plan", None, "bob", ttl_ns=5 * SECOND)
    board.do(c.Wakeup(), after=5)
    told = [(change.what, change.agent, change.value) for change in board.machine.ask(History("plan"))]
    assert told == [
        ("written", "ann", {"step": 1}),
        ("written", "bob", {"step": 2}),
        ("written", "bob", None),
        ("lapsed", None, None),
    ]
    again = board.write("plan", 4, "ann", expect=0)
    assert again.version > second.version
    board.do(Take("plan", "cy"))
    board.do(c.Wakeup(), after=2 * 86_400)
    assert board.machine.ask(History("plan")) == ()


def test_patterns():
    """A star is one segment, two at the end are the rest; listing walks only what begins alike."""
    for pattern, path, fits in (
        ("a/*/c", "a/b/c", True), ("a/*/c", "a/b/d/c", False), ("a/**", "a/b/d/c", True), ("a/**", "a", False),
        ("**", "x", True), ("a/*", "a/", True), ("a", "a", True), ("a", "a/b", False), ("a/*", "b/x", False),
    ):  # fmt: skip
        assert matches(checked_pattern(pattern), path) is fits, (pattern, path)
    board = Board()
    for path in ("a/1", "a/1/x", "a/2", "ab", "b/1"):
        board.write(path)
    listed = lambda **q: [entry.path for entry in board.machine.ask(args.entries(**q))]  # noqa: E731
    assert listed(prefix="a") == ["a/1", "a/1/x", "a/2", "ab"]
    assert listed(prefix="", pattern="a/*") == ["a/1", "a/2"]
    assert listed(prefix="a/2", pattern="a/**") == ["a/2"]
    assert listed(prefix="b", pattern="a/**") == []
    assert listed(prefix="", after="a/1", n=2) == ["a/1/x", "a/2"]
    assert listed(prefix="a/", after="0") == ["a/1", "a/1/x", "a/2"]


def test_namespaces_and_quotas_refuse_and_change_nothing():
    """Only owners write, take, erase and lay marks below a prefix; one agent cannot fill the board."""
    board = Board(
        quota=2, namespaces=[Namespace("plans/", ["lead"]), Namespace("plans/open/", ["lead", "w"])]
    )
    board.write("plans/1", 1, "lead")
    board.write("plans/open/1", 1, "w")
    board.write("free", 1, "w")
    before = state(board)
    for command in (
        Write("plans/1", 2, "w"), Take("plans/*", "w"), args.erase("plans/1", "w", None),
        Deposit(Mark("food", "plans/1"), "w"), args.diffuse("food", {"x": ["plans/1"]}, 0.5, "w"),
    ):  # fmt: skip
        reply = board.machine.apply(command, now_ns=board.now)
        assert isinstance(reply.error, errors.NotOwnerError), command
        assert "lead" in str(reply.error)
    reply = board.machine.apply(Write("more", 1, "w"), now_ns=board.now)
    assert isinstance(reply.error, errors.LimitError)
    assert state(board) == before
    assert board.write("free", 2, "w").version  # one's own may be written anew
    board.mark("food", "a", agent="w")
    board.mark("food", "b", agent="w")
    assert isinstance(board.mark("food", "c", agent="w").error, errors.LimitError)
    assert board.mark("food", "b", agent="w").marks == 2
    assert board.mark("food", "c", agent="x").marks == 1


# -- reactions --------------------------------------------------------------------------------


def test_a_change_becomes_one_task_and_a_change_meanwhile_one_more(board):
    """Waiting changes are one; a change while it is leased makes one follow-up, also after a failure."""
    assert board.react("index", "src/*", payload={"how": "fast"}) is True
    assert board.react("index", "src/*", payload={"how": "fast"}) is False
    board.write("src/a")
    latest = board.write("src/a")
    board.write("other/a")
    (task,) = board.tasks()
    lease = board.do(c.Claim("w"))
    assert lease.payload == {"how": "fast", "path": "src/a", "version": latest.version, "change": "changed"}
    for _ in range(3):
        last = board.write("src/a")
    assert board.tasks() == [task]
    board.do(c.Fail(lease.task, lease.token, "no", retry=False))
    assert len(board.tasks()) == 2
    lease = board.do(c.Claim("w"))
    assert lease.payload["version"] == last.version
    board.do(c.Complete(lease.task, lease.token))
    assert board.claim() is None
    (told,) = board.machine.ask(Reactions())
    assert (told.name, told.task.payload) == ("index", {"how": "fast"})
    assert board.do(Unreact("index")) is True
    assert board.do(Unreact("index")) is False
    board.write("src/a")
    assert board.claim() is None


def test_without_coalescing_each_change_is_a_task(board):
    """The number makes ids unique, however long the path."""
    path = "src/" + "é" * 200
    board.react("all", "src/*", ("created", "changed", "deleted"), coalesce=False)
    board.write(path)
    board.write(path)
    board.do(Take("src/*", "w"))
    found = [board.do(c.Claim("w")) for _ in range(3)]
    assert [lease.payload["change"] for lease in found] == ["created", "changed", "deleted"]
    assert {lease.payload["path"] for lease in found} == {path}


def test_a_reaction_that_feeds_itself_ends_in_an_event(board):
    """Each handler writes what it reacts to: sixteen deep, then it is told instead of done."""
    board.react("loop", "in/*")
    board.write("in/x")
    for _ in range(40):
        lease = board.do(c.Claim("w"))
        if lease is None:
            break
        board.write("in/x")
        board.do(c.Complete(lease.task, lease.token))
    assert len(board.tasks()) == 16
    (told,) = board.events("unreacted")
    assert "feed itself" in told.detail[2]
    board.write("in/x")  # from outside it begins anew
    assert board.claim() is not None


def test_a_refused_task_is_an_event_and_the_write_stands():
    """A route that contradicts the task does not take the change back."""
    board = Board(routes=[Route('kind == "r"', requires="not gpu")])
    task = Task(kind="r", requires="gpu")
    board.do(args.reaction("r", "in/*", task, (), coalesce=True, trails=None, above=None, below=None))
    assert board.write("in/x").version
    (told,) = board.events("unreacted")
    assert told.detail[:2] == ["r", "in/x"]
    assert [entry.path for entry in board.machine.ask(Entries())] == ["in/x"]


def test_reactions_to_marks_and_to_evaporation(board):
    """Trails react too: created, changed, deleted; the place is where the work is."""
    board.react("heard", "**", ("created", "deleted"), trails="alarm")
    board.mark("food", "a")
    board.mark("alarm", "a")
    lease = board.do(c.Claim("w"))
    assert lease.payload == {"path": "a", "version": 0, "change": "created"}
    assert board.machine.ask(c.Find(lease.task)).task.place == "a"
    board.do(c.Complete(lease.task, lease.token))
    board.do(c.Wakeup(), after=3_600)
    assert board.do(c.Claim("w")).payload["change"] == "deleted"


def test_triggers_have_two_edges_and_an_exact_fall(board):
    """It rises once however the strength chatters, and falls at the instant, with one task an episode."""
    board.react("fire", "**", ("rose", "fell"), trails="alarm", above=4.0, below=2.0)
    board.mark("alarm", "a", 3.0)
    assert board.tasks() == []
    for _ in range(5):
        board.mark("alarm", "a", 1.5)
    lease = board.do(c.Claim("w"))
    assert lease.payload["change"] == "rose"
    board.do(c.Complete(lease.task, lease.token))
    assert board.claim() is None
    strength = board.strength("a")
    wait = 60 * math.log2(strength / 2.0)
    board.do(c.Wakeup(), after=wait - 0.001)
    assert board.claim() is None
    assert board.machine.next_wakeup_in_ns <= 0.0011 * SECOND
    board.do(c.Wakeup(), after=0.0011)
    lease = board.do(c.Claim("w"))
    assert lease.payload["change"] == "fell"
    board.do(c.Complete(lease.task, lease.token))
    board.mark("alarm", "a", 1.0)
    assert board.claim() is None
    board.mark("alarm", "a", 5.0)
    lease = board.do(c.Claim("w"))
    assert lease.payload["change"] == "rose"
    board.do(
        c.Fail(lease.task, lease.token, "no", retry=False)
    )  # weakens the trail by half: it falls earlier
    assert board.machine.next_wakeup_in_ns < 62 * SECOND


def test_a_board_of_another_strategy_can_be_extended(board):
    """Claim queues and matchmakers carry on as blackboards, by one logged command; never the other way."""
    machine = Machine()
    machine.apply(c.Configure(Settings(strategy="match")), now_ns=START)
    machine.apply(c.submission((Task("t", requires="gpu"), Task("u"))), now_ns=START)
    machine.apply(c.Configure(Settings(strategy="board")), now_ns=START)
    machine.apply(Deposit(Mark("food", "a"), "w"), now_ns=START)
    assert machine.apply(c.Claim("w"), now_ns=START).task == "u"
    machine.check()
    back = machine.apply(c.Configure(Settings(strategy="match")), now_ns=START)
    assert isinstance(back, c.Refused)


# -- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: Mark("food", "a", float("nan")), ValueError, "strength.*nan"),
        (lambda: Mark("food", "a", float("inf")), ValueError, "strength.*inf"),
        (lambda: Mark("food", "a", 0), ValueError, "strength.*> 0"),
        (lambda: Mark("food", "a", -1), ValueError, "strength.*-1"),
        (lambda: Mark("food", "a", 1e13), ValueError, "strength.*1e\\+12"),
        (lambda: Mark("food", "a", "1"), TypeError, "strength.*'1'"),
        (lambda: Mark("fo od", "a"), ValueError, "mark kind.*'fo od'"),
        (lambda: Mark("food", ""), ValueError, "mark place"),
        (lambda: MarkKind("food", half_life=-1), ValueError, "half_life.*-1"),
        (lambda: MarkKind("food", half_life=float("inf")), ValueError, "half_life.*inf"),
        (lambda: MarkKind("food", ceiling=1, floor=2), ValueError, "floor=2.0.*ceiling=1.0.*'food'"),
        (lambda: Settings(strategy="board", half_life=0), ValueError, "half_life.*> 0"),
        (lambda: Settings(strategy="board", faint=0), ValueError, "faint.*> 0"),
        (lambda: Settings(strategy="board", explore=1.5), ValueError, "explore.*1.5"),
        (lambda: Settings(strategy="board", learning=0.6), ValueError, "learning.*0.6"),
        (lambda: Settings(strategy="board", aging=3), ValueError, "aging=3.0.*stimulus"),
        (lambda: Settings(half_life=5.0), ValueError, "half_life=5.0.*ClaimQueue.*Blackboard"),
        (lambda: Settings(strategy="match", explore=0.5), ValueError, "explore=0.5.*Matchmaker.*Blackboard"),
        (lambda: Settings(strategy="board", kinds=["food"]), TypeError, "MarkKinds.*'food'"),
        (lambda: Settings(strategy="board", kinds=[MarkKind("a"), MarkKind("a")]), ValueError, "'a' twice"),
        (lambda: Settings(strategy="board", kinds=[MarkKind("a", floor=0.001)]), ValueError, "floor.*faint"),
        (lambda: Namespace("a/", "lead"), TypeError, "owners.*'lead'"),
        (lambda: Settings(strategy="board", namespaces=[Namespace("a/", []), Namespace("a/", [])]), ValueError, "twice"),
        (lambda: checked_pattern("*/x"), ValueError, "too broad"),
        (lambda: checked_pattern("a/b*"), ValueError, "whole segment"),
        (lambda: checked_pattern("a/**/b"), ValueError, "before its end"),
        (lambda: args.take("", "w"), ValueError, "pattern"),
        (lambda: args.write("a", object(), "w", None, None), TypeError, "value"),
        (lambda: args.write("a", 1, "w", -1, None), ValueError, "expect.*-1"),
        (lambda: args.write("a", 1, "w", None, 0), ValueError, "ttl"),
        (lambda: args.deposit("food", "w"), TypeError, "Mark.*'food'"),
        (lambda: args.diffuse("food", {"a": "bc"}, 0.5, "w"), TypeError, "neighbours of 'a'"),
        (lambda: args.diffuse("food", {"a": ["a"]}, 0.5, "w"), ValueError, "own neighbour"),
        (lambda: args.diffuse("food", {"a": ["b"]}, 1.5, "w"), ValueError, "share.*1.5"),
        (lambda: reaction(on="created"), TypeError, "on.*'created'"),
        (lambda: reaction(on=["made"]), ValueError, "on.*'made'"),
        (lambda: reaction(on=["rose"]), ValueError, "on.*'rose'"),
        (lambda: reaction(below=1.0), ValueError, "below.*above"),
        (lambda: reaction(above=1.0), ValueError, "above.*trails"),
        (lambda: reaction(above=1.0, below=1.0, trails="x"), ValueError, "below=1.0.*above=1.0"),
        (lambda: reaction(task=Task(payload=[1])), TypeError, "payload.*\\[1\\]"),
        (lambda: reaction(task=Task(key="k")), ValueError, "key"),
        (lambda: reaction(task="t"), TypeError, "task.*'t'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(make, kind, words):
    """The error names the field and the value."""
    with pytest.raises(kind, match=words):
        make()


def reaction(task=None, on=(), **options):
    given = {"coalesce": True, "trails": None, "above": None, "below": None, **options}
    return args.reaction("r", "a/*", Task() if task is None else task, on, **given)


def test_what_the_core_refuses_changes_nothing():
    """Unknown kinds (with what was meant), marks too faint, reactions to kinds that are not there."""
    board = Board(kinds=[MarkKind("needs-review"), MarkKind("danger")])
    before = state(board)
    refused = board.machine.apply(Deposit(Mark("need-review", "a"), "w"), now_ns=board.now)
    assert "did you mean 'needs-review'" in str(refused.error)
    refused = board.machine.apply(Deposit(Mark("danger", "a", 0.001), "w"), now_ns=board.now)
    assert "faint=0.01" in str(refused.error)
    refused = board.machine.apply(reaction(trails="food"), now_ns=board.now)
    assert isinstance(refused.error, errors.UnknownKindError)
    assert state(board) == before
    for command in (Deposit(Mark("food", "a"), "w"), Write("a", 1, "w"), React(reaction().reaction)):
        plain = Machine()
        assert isinstance(plain.apply(command, now_ns=START).error, errors.NotSupportedError)


def test_place_means_nothing_to_a_claim_queue():
    """A field that the strategy does not honour names the one that does."""
    reply = Machine().apply(c.submission((Task("t", place="a"),)), now_ns=START)
    assert "Blackboard" in str(reply.error)


def test_everything_at_once_keeps_its_invariants():
    """Teams, requirements, parts and trails on one board: eligibility and order are orthogonal."""
    board = Board(half_life=60.0)
    for agent, skills in (("ann", {"gpu", "doc"}), ("bob", {"doc"})):
        board.do(Advertise(Advert(agent, skills, slots=3)))
    board.submit(
        Task("plain", place="weak"), Task("gpu", requires="gpu", place="hot"),
        Task("duo", team=("gpu", "doc"), priority=1), Task("whole", parts=(Task("part", place="hot"),)),
    )  # fmt: skip
    board.mark("food", "hot", 5.0)
    seats = {board.claim("bob"), board.claim("ann")}
    assert seats <= {task for task in board.tasks() if task.startswith("duo/")}
    assert len(seats) == 2
    assert board.claim("bob") == "part"
    assert board.claim("ann") == "gpu"
    assert board.claim("bob") == "plain"
    states = {record.task.id: record.state for record in board.machine.ask(c.Tasks())}
    assert states["whole"] is TaskState.WAITING

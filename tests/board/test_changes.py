"""Entries, reactions and triggers, namespaces and quotas, and what is refused."""

from __future__ import annotations

import math

import pytest

from ants_coord import Blackboard, errors
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.board import (
    Deposit,
    Diffuse,
    Entries,
    Erase,
    History,
    React,
    Reactions,
    Take,
    Unreact,
    Write,
)
from ants_coord.commands.matching import Advertise
from ants_coord.core import Machine
from ants_coord.values.adverts import Advert
from ants_coord.values.entries import Namespace, checked_pattern, matches
from ants_coord.values.marks import Mark, MarkKind
from ants_coord.values.reactions import Reaction
from ants_coord.values.routes import Route
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Task, TaskState

from .stage import Board, state
from .test_model import SECOND, START

BOARD = Blackboard()
"""what is given to it is refused, so it stays empty"""


@pytest.fixture
def board():
    return Board(half_life=60.0)


# -- entries ----------------------------------------------------------------------------------


def test_versions_histories_and_lapses(board):
    """A write sees the version it expects or changes nothing; the entry tells who wrote it, and when."""
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
    """A star is (a part of) one segment, two at the end are the rest; listing walks only what begins alike."""
    for pattern, path, fits in (
        ("a/*/c", "a/b/c", True), ("a/*/c", "a/b/d/c", False), ("a/**", "a/b/d/c", True), ("a/**", "a", False),
        ("**", "x", True), ("a/*", "a/", True), ("a", "a", True), ("a", "a/b", False), ("a/*", "b/x", False),
        ("posts/*.md", "posts/x.md", True), ("posts/*.md", "posts/.md", True), ("posts/*.md", "posts/x.mdx", False),
        ("posts/*.md", "posts/a/x.md", False), ("a/x*y*z", "a/xyz", True), ("a/x*y*z", "a/xzy", False),
        ("a/ab*ba", "a/aba", False), ("src*/**", "src2/x/y", True), ("a/*b*", "a/abc", True),
    ):  # fmt: skip
        assert matches(checked_pattern(pattern), path) is fits, (pattern, path)
    board = Board()
    for path in ("a/1", "a/1/x", "a/2", "ab", "b/1"):
        board.write(path)
    listed = lambda **q: [entry.path for entry in board.machine.ask(Entries(**q))]  # noqa: E731
    assert listed(prefix="a") == ["a/1", "a/1/x", "a/2", "ab"]
    assert listed(prefix="", pattern="a/*") == ["a/1", "a/2"]
    assert listed(prefix="a/2", pattern="a/**") == ["a/2"]
    assert listed(prefix="b", pattern="a/**") == []
    assert listed(prefix="", after="a/1", count=2) == ["a/1/x", "a/2"]
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
        Write("plans/1", 2, "w"), Take("plans/*", "w"), Erase("plans/1", "w"),
        Deposit(Mark("food", "plans/1"), "w"), Diffuse("food", (("x", ("plans/1",)),), 0.5, "w"),
    ):  # fmt: skip
        reply = board.machine.apply(command, now_ns=board.now)
        assert isinstance(reply.error, errors.NotOwnerError), command  # type: ignore[attr-defined]
        assert "lead" in str(reply.error)  # type: ignore[attr-defined]
    reply = board.machine.apply(Write("more", 1, "w"), now_ns=board.now)
    assert isinstance(reply.error, errors.LimitError)  # type: ignore[attr-defined]
    assert state(board) == before
    assert board.write("free", 2, "w").version  # one's own may be written again
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
    board.write("in/x")  # from outside it begins at the first step
    assert board.claim() is not None


def test_a_refused_task_is_an_event_and_the_write_stands():
    """A route that contradicts the task does not take the change back."""
    board = Board(routes=[Route('kind == "r"', requires="not gpu")])
    task = Task(kind="r", requires="gpu")
    board.do(React(Reaction("r", "in/*", task)))
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
    assert board.machine.ask(reading.Find(lease.task)).task.place == "a"
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
        (lambda: checked_pattern("a/b**"), ValueError, "mixes \\*\\* with text"),
        (lambda: checked_pattern("a/**/b"), ValueError, "before its end"),
        (lambda: BOARD.take_nowait("", agent="w"), ValueError, "pattern"),
        (lambda: BOARD.write("a", object(), agent="w"), TypeError, "value"),
        (lambda: BOARD.write("a", 1, agent="w", expect=-1), ValueError, "expect.*-1"),
        (lambda: BOARD.write("a", 1, agent="w", ttl=0), ValueError, "ttl"),
        (lambda: BOARD.deposit("food", agent="w"), TypeError, "Mark.*'food'"),
        (lambda: BOARD.diffuse("food", {"a": "bc"}, agent="w"), TypeError, "neighbours of 'a'"),
        (lambda: BOARD.diffuse("food", {"a": ["a"]}, agent="w"), ValueError, "own neighbour"),
        (lambda: BOARD.diffuse("food", {"a": ["b"]}, agent="w", share=1.5), ValueError, "share.*1.5"),
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


def reaction(task=None, **options):
    return BOARD.react("r", "a/*", Task() if task is None else task, **options)


def test_what_the_core_refuses_changes_nothing():
    """Unknown kinds (with what was meant), marks too faint, reactions to kinds that are not there."""
    board = Board(kinds=[MarkKind("needs-review"), MarkKind("danger")])
    before = state(board)
    refused = board.machine.apply(Deposit(Mark("need-review", "a"), "w"), now_ns=board.now)
    assert "did you mean 'needs-review'" in str(refused.error)
    refused = board.machine.apply(Deposit(Mark("danger", "a", 0.001), "w"), now_ns=board.now)
    assert isinstance(refused.error, errors.FaintMarkError)
    assert "faint=0.01" in str(refused.error)
    refused = board.machine.apply(React(Reaction("r", "a/*", Task(), trails="food")), now_ns=board.now)
    assert isinstance(refused.error, errors.UnknownKindError)
    assert state(board) == before
    for command in (Deposit(Mark("food", "a"), "w"), Write("a", 1, "w"), React(Reaction("r", "a/*", Task()))):
        plain = Machine()
        assert isinstance(plain.apply(command, now_ns=START).error, errors.NotSupportedError)  # type: ignore[attr-defined]


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
    states = {record.task.id: record.state for record in board.machine.ask(reading.Tasks())}
    assert states["whole"] is TaskState.WAITING


def test_erasing_expects_what_it_says(board):
    """The version that is expected, or nothing is changed."""
    entry = board.write("plan", 1, "ann")
    for wrong in (entry.version + 1, 0):
        refused = board.do(Erase("plan", "ann", wrong))
        assert isinstance(refused, c.Refused)
    assert board.do(Erase("plan", "ann", entry.version)) is True
    assert board.do(Erase("plan", "ann")) is False

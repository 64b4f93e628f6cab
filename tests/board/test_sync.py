# Generated, do not edit: change tests/board/test_aio.py and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""The blackboard for threads, in memory, with a log and in a file, by a clock that is moved by hand."""

from __future__ import annotations

import pytest

from ants_coord import Mark, MarkKind, Namespace, Task
from ants_coord.sync import Blackboard, ClaimQueue
from ants_coord.errors import CursorTooOld, LimitError, NotOwnerError, StaleVersionError, UnknownKindError
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.testing import ManualClock

from ..fronts.conftest import Background, finish, until, waits


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["memory", "log", "file", "hub"])
def make(request, clock, tmp_path, over_hub):
    def board(**settings):
        if request.param == "hub":
            return over_hub(Blackboard, MemoryJournal(clock), clock, **settings)
        if request.param == "memory":
            return Blackboard(clock=clock, **settings)
        if request.param == "log":
            return Blackboard(MemoryJournal(clock), **settings)
        return Blackboard(SQLiteJournal(tmp_path / "b.db", clock=clock), **settings)

    return board


@pytest.fixture
def board(make):
    found = make(half_life=60)
    yield found
    finish(found)


def test_the_loop_of_the_readme_follows_the_trail(board):
    """Nothing in the agent's loop knows of marks; the order of its work does."""
    board.submit_many(Task(f"review/{number}", place=f"pr/{number}") for number in range(4))
    for number, strength in ((2, 5.0), (0, 3.0), (3, 1.0)):
        board.deposit(Mark("needs-review", f"pr/{number}", strength), agent="scout")
    done = []
    for lease in board.claims("worker", until="drained"):
        with board.work(lease) as job:
            done.append(lease.task)
            job.result = None
    assert done == ["review/2", "review/0", "review/3", "review/1"]


def test_a_reaction_wakes_a_waiting_claim(board):
    """A claim that waits gets the task that somebody's write has made, without polling."""
    board.react("index", "src/**", Task(kind="index"))
    claim = Background(board.claim, "w", kinds=["index"])
    waits(board)
    board.write("src/a/b.py", {"size": 3}, agent="editor")
    lease = claim.get()
    assert lease.payload["path"] == "src/a/b.py"
    assert (board.read(lease.payload["path"])).value == {"size": 3}
    assert [reaction.name for reaction in board.reactions()] == ["index"]
    assert board.unreact("index") is True


def test_exactly_one_taker_gets_an_entry(board):
    """Three wait, two entries come, the third goes on waiting; each entry is taken once."""
    takers = [Background(board.take, "inbox/*", agent=f"w{n}", timeout=50) for n in range(3)]
    waits(board, 3)
    board.write("other", 1, agent="x")
    board.write("inbox/1", 1, agent="x")
    board.write("inbox/2", 2, agent="x")
    until(lambda: sum(taker.done.is_set() for taker in takers) == 2)
    assert board.take_nowait("inbox/*", agent="late") is None
    board.write("inbox/3", 3, agent="x")
    assert sorted([(taker.get()).value for taker in takers]) == [1, 2, 3]
    assert board.entries("inbox/") == []


def test_waiting_to_read_and_giving_up(board, clock):
    """A reader wakes when something matches, newer than what it has; a timeout is the built-in one."""
    reader = Background(board.wait_for, "plan/*", timeout=10)
    waits(board)
    first = board.write("plan/a", 1, agent="x")
    assert reader.get() == first
    reader = Background(board.wait_for, "plan/*", newer_than=first.version, timeout=10)
    waits(board)
    clock.advance(10)
    with pytest.raises(TimeoutError):
        reader.get()
    taker = Background(board.take, "nothing", agent="w", timeout=5)
    waits(board)
    clock.advance(5)
    with pytest.raises(TimeoutError):
        taker.get()


def test_waiting_takes_leave_no_trace_in_the_log(make):
    """A take that finds nothing is not written down."""
    with make() as board:
        board.write("a", 1, agent="x")
        position = (board.statistics()).position
        for _ in range(20):
            assert board.take_nowait("b", agent="w") is None
        if board._engine.blocking:
            assert (board.statistics()).position == position


def test_watch_tells_each_change_once_and_in_order(board, clock):
    """First what is there, then each change below the prefix; evaporation and lapses among them."""
    board.write("a/1", 1, agent="x")
    board.deposit(Mark("food", "a/2", 2.0), agent="x")
    told = []

    def follow():
        for change in board.watch("a/"):
            told.append((change.what, change.path))
            if change.what == "evaporated":
                return change.cursor
        return None

    watcher = Background(follow)
    waits(board)
    board.write("a/1", 2, agent="x")
    board.write("b/1", 2, agent="x")
    board.write("a/3", 2, agent="x", ttl=5)
    board.take("a/1", agent="x")
    clock.advance(5)
    board.deposit(Mark("food", "a/2"), agent="x")
    for _ in range(20):
        clock.advance(60)
    cursor = watcher.get()
    assert told == [
        ("present", "a/1"), ("present", "a/2"), ("written", "a/1"), ("written", "a/3"), ("taken", "a/1"),
        ("lapsed", "a/3"), ("deposited", "a/2"), ("evaporated", "a/2"),
    ]  # fmt: skip
    assert [change for change in board.watch("a/", since=cursor, follow=False)] == []
    board.erase("a/9", agent="x")
    board.write("a/9", 1, agent="x")
    board.erase("a/9", agent="x")
    assert [change.what for change in board.watch("a/9", since=cursor, follow=False)] == [
        "written",
        "erased",
    ]


def test_a_quiet_watch_outlives_a_busy_log(make):
    """What a watch does not concern may leave the log; only what it missed makes its cursor too old."""
    with make(event_count=16) as board:
        told = []

        def follow():
            for change in board.watch("quiet/"):
                told.append(change.path)
                if len(told) == 2:
                    return

        watcher = Background(follow)
        waits(board)
        for number in range(300):
            board.write("busy/x", number, agent="x")
        board.write("quiet/1", 1, agent="x")
        until(lambda: told)
        waits(board)
        for number in range(300):
            board.write("busy/x", number, agent="x")
        board.write("quiet/2", 1, agent="x")
        watcher.get()
        assert told == ["quiet/1", "quiet/2"]
        with pytest.raises(CursorTooOld, match="a watch begun without since="):
            [change for change in board.watch("quiet/", since=1, follow=False)]


def test_refusals_reach_the_caller(make):
    """Stale versions and foreign namespaces raise at the call."""
    with make(namespaces=None) as board:
        entry = board.write("a", 1, agent="x")
        with pytest.raises(StaleVersionError, match="read it again"):
            board.write("a", 2, agent="x", expect=entry.version + 1)
        with pytest.raises(ValueError, match="would be gone at once"):
            board.deposit(Mark("food", "a", 0.001), agent="x")
        with pytest.raises(TypeError):
            board.write("a", {1, 2}, agent="x")
        assert [change.what for change in board.history("a")] == ["written"]


def test_what_a_board_does_not_hold_is_refused_and_nothing_changes(make, monkeypatch):
    """Unknown kinds, quotas and the number of reactions: each says what there is."""
    settings = {"kinds": [MarkKind("food", half_life=60)], "quota": 3}
    with make(namespaces=[Namespace("in/", ["lead"])], **settings) as board:
        for place in "abc":
            board.deposit(Mark("food", place, 8.0), agent="x")
        before = [board.sense(place) for place in "abcd"]
        with pytest.raises(UnknownKindError, match="'fod'"):
            board.diffuse("fod", {"a": ["b"]}, agent="x")
        with pytest.raises(NotOwnerError, match="in/"):
            board.diffuse("food", {"a": ["in/b"]}, agent="x")
        with pytest.raises(LimitError, match="begun by x"):
            board.diffuse("food", {"a": ["d"]}, agent="x")
        with pytest.raises(UnknownKindError, match="'fod'"):
            board.react("r", "a/*", Task(), trails="fod", above=1.0)
        assert [board.sense(place) for place in "abcd"] == before
        monkeypatch.setattr("ants_coord.core.board.reactions._MOST", 1)
        board.react("one", "a/*", Task())
        with pytest.raises(LimitError, match="reactions of a board"):
            board.react("two", "a/*", Task())
        assert [reaction.name for reaction in board.reactions()] == ["one"]


def test_a_file_keeps_the_colony_across_restarts(tmp_path, clock):
    """Trails go on evaporating while nobody is there; reactions, thresholds and namespaces stay."""
    path = tmp_path / "b.db"
    owned = [Namespace("plans/", ["lead"])]
    with Blackboard(SQLiteJournal(path, clock=clock), half_life=60, namespaces=owned) as board:
        board.react("r", "in/*", Task(kind="r", payload={"deep": [1]}))
        board.deposit(Mark("food", "a", 8.0), agent="x")
        board.write("in/1", {"v": 1}, agent="x")
        lease = board.claim_nowait("w")
        board.complete(lease)
        cursor = [change.cursor for change in board.watch(follow=False)][-1]
        board.write("in/1", {"v": 2}, agent="x")
    clock.advance(120)
    with Blackboard(SQLiteJournal(path, clock=clock)) as board:
        assert (board.sense("a"))[0].strength == pytest.approx(2.0)
        assert (board.thresholds("w"))[0].threshold == pytest.approx(0.9)
        assert (board.claim_nowait("w")).payload["version"] == (board.read("in/1")).version
        assert (board.reactions())[0].task.payload == {"deep": [1]}
        with pytest.raises(NotOwnerError):
            board.write("plans/x", 1, agent="w")
        assert [change.value for change in board.history("in/1")] == [{"v": 1}, {"v": 2}]
        missed = [(change.what, change.path) for change in board.watch(since=cursor, follow=False)]
        assert missed[0] == ("written", "in/1")
    with ClaimQueue(tmp_path / "old.db") as queue:
        queue.submit(Task("t"))
        queue.extend("blackboard")
    with Blackboard(tmp_path / "old.db") as board:
        board.deposit(Mark("food", "a"), agent="x")
        assert (board.claim_nowait("w")).task == "t"


def test_an_agents_handle_names_it(board):
    """Marks and entries carry the name of the handle."""
    ann = board.as_agent("ann")
    assert (ann.deposit(Mark("food", "a"))).first_by == "ann"
    assert (ann.write("x", 1)).author == "ann"
    assert [trail.last_by for trail in ann.sense("a")] == ["ann"]
    assert (ann.take_nowait("x")).value == 1
    assert [(change.what, change.agent) for change in ann.history("x")] == [
        ("written", "ann"),
        ("taken", "ann"),
    ]
    assert ann.thresholds() == []


def test_a_newcomer_hears_of_the_strongest_trails(board):
    """A briefing names as many places as tasks, the strongest first; also by the agent's own handle."""
    for place, strength in (("src/a", 1.0), ("src/b", 3.0), ("src/c", 2.0)):
        board.deposit(Mark("food", place, strength), agent="scout")
    board.submit_many([Task("a", place="src/a"), Task("b", place="src/b")])
    told = board.briefing("ann", count=2)
    assert [trail.place for trail in told.trails] == ["src/b", "src/c"]
    assert [each.task for each in told.open] == ["b", "a"]
    assert "- 'src/b': 3, last by scout" in str(told)
    assert board.as_agent("ann").briefing(count=2) == told


def test_a_reaction_can_begin_with_what_is_there(board):
    """Entries, and trails that are strong already, count as just created; the same again makes nothing."""
    for path in ("posts/a.md", "posts/b.txt", "posts/c.md"):
        board.write(path, 1, agent="ann")
    board.react("later", "posts/*.md", Task())
    assert board.tasks() == []
    for _ in range(2):
        board.react("lint", "posts/*.md", Task(kind="lint"), existing=True)
    made = [record.task.payload for record in board.tasks()]
    assert [(one["path"], one["change"]) for one in made] == [
        ("posts/a.md", "created"),
        ("posts/c.md", "created"),
    ]
    board.write("posts/d.md", 1, agent="ann")
    assert len(board.tasks(kinds=["lint"])) == 3
    for place, strength in (("src/a", 5.0), ("src/b", 1.0)):
        board.deposit(Mark("alarm", place, strength), agent="ann")
    board.react("fix", "src/*", Task(kind="fix"), trails="alarm", above=3.0, existing=True)
    assert [record.task.payload["change"] for record in board.tasks(kinds=["fix"])] == ["rose"]
    with pytest.raises(ValueError, match="existing=True needs on= with 'created'"):
        board.react("x", "posts/*", Task(), on=["deleted"], existing=True)

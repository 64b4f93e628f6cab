"""The blackboard for event loops, in memory, with a log and in a file, by a clock that is moved by hand."""

from __future__ import annotations

import pytest

from ants_coord import Mark, MarkKind, Namespace, Task
from ants_coord.aio import Blackboard, ClaimQueue
from ants_coord.errors import CursorTooOld, LimitError, NotOwnerError, StaleVersionError, UnknownKindError
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.testing import ManualClock

from ..fronts.loops import Background, finish, until, waits


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


async def test_the_loop_of_the_readme_follows_the_trail(board):
    """Nothing in the agent's loop knows of marks; the order of its work does."""
    await board.submit_many(Task(f"review/{number}", place=f"pr/{number}") for number in range(4))
    for number, strength in ((2, 5.0), (0, 3.0), (3, 1.0)):
        await board.deposit(Mark("needs-review", f"pr/{number}", strength), agent="scout")
    done = []
    async for lease in board.claims("worker", until="drained"):
        async with board.work(lease) as job:
            done.append(lease.task)
            job.result = None
    assert done == ["review/2", "review/0", "review/3", "review/1"]


async def test_a_reaction_wakes_a_waiting_claim(board):
    """A claim that waits gets the task that somebody's write has made, without polling."""
    await board.react("index", "src/**", Task(kind="index"))
    claim = Background(board.claim, "w", kinds=["index"])
    await waits(board)
    await board.write("src/a/b.py", {"size": 3}, agent="editor")
    lease = await claim.get()
    assert lease.payload["path"] == "src/a/b.py"
    assert (await board.read(lease.payload["path"])).value == {"size": 3}
    assert [reaction.name for reaction in await board.reactions()] == ["index"]
    assert await board.unreact("index") is True


async def test_exactly_one_taker_gets_an_entry(board):
    """Three wait, two entries come, the third goes on waiting; each entry is taken once."""
    takers = [Background(board.take, "inbox/*", agent=f"w{n}", timeout=50) for n in range(3)]
    await waits(board, 3)
    await board.write("other", 1, agent="x")
    await board.write("inbox/1", 1, agent="x")
    await board.write("inbox/2", 2, agent="x")
    await until(lambda: sum(taker.done.is_set() for taker in takers) == 2)
    assert await board.take_nowait("inbox/*", agent="late") is None
    await board.write("inbox/3", 3, agent="x")
    assert sorted([(await taker.get()).value for taker in takers]) == [1, 2, 3]
    assert await board.entries("inbox/") == []


async def test_waiting_to_read_and_giving_up(board, clock):
    """A reader wakes when something matches, newer than what it has; a timeout is the built-in one."""
    reader = Background(board.wait_for, "plan/*", timeout=10)
    await waits(board)
    first = await board.write("plan/a", 1, agent="x")
    assert await reader.get() == first
    reader = Background(board.wait_for, "plan/*", newer_than=first.version, timeout=10)
    await waits(board)
    clock.advance(10)
    with pytest.raises(TimeoutError):
        await reader.get()
    taker = Background(board.take, "nothing", agent="w", timeout=5)
    await waits(board)
    clock.advance(5)
    with pytest.raises(TimeoutError):
        await taker.get()


async def test_waiting_takes_leave_no_trace_in_the_log(make):
    """A take that finds nothing is not written down."""
    async with make() as board:
        await board.write("a", 1, agent="x")
        position = (await board.statistics()).position
        for _ in range(20):
            assert await board.take_nowait("b", agent="w") is None
        if board._engine.blocking:
            assert (await board.statistics()).position == position


async def test_watch_tells_each_change_once_and_in_order(board, clock):
    """First what is there, then each change below the prefix; evaporation and lapses among them."""
    await board.write("a/1", 1, agent="x")
    await board.deposit(Mark("food", "a/2", 2.0), agent="x")
    told = []

    async def follow():
        async for change in board.watch("a/"):
            told.append((change.what, change.path))
            if change.what == "evaporated":
                return change.cursor
        return None

    watcher = Background(follow)
    await waits(board)
    await board.write("a/1", 2, agent="x")
    await board.write("b/1", 2, agent="x")
    await board.write("a/3", 2, agent="x", ttl=5)
    await board.take("a/1", agent="x")
    clock.advance(5)
    await board.deposit(Mark("food", "a/2"), agent="x")
    for _ in range(20):
        clock.advance(60)
    cursor = await watcher.get()
    assert told == [
        ("present", "a/1"), ("present", "a/2"), ("written", "a/1"), ("written", "a/3"), ("taken", "a/1"),
        ("lapsed", "a/3"), ("deposited", "a/2"), ("evaporated", "a/2"),
    ]  # fmt: skip
    assert [change async for change in board.watch("a/", since=cursor, follow=False)] == []
    await board.erase("a/9", agent="x")
    await board.write("a/9", 1, agent="x")
    await board.erase("a/9", agent="x")
    assert [change.what async for change in board.watch("a/9", since=cursor, follow=False)] == [
        "written",
        "erased",
    ]


async def test_a_quiet_watch_outlives_a_busy_log(make):
    """What a watch does not concern may leave the log; only what it missed makes its cursor too old."""
    async with make(event_count=16) as board:
        told = []

        async def follow():
            async for change in board.watch("quiet/"):
                told.append(change.path)
                if len(told) == 2:
                    return

        watcher = Background(follow)
        await waits(board)
        for number in range(300):
            await board.write("busy/x", number, agent="x")
        await board.write("quiet/1", 1, agent="x")
        await until(lambda: told)
        await waits(board)
        for number in range(300):
            await board.write("busy/x", number, agent="x")
        await board.write("quiet/2", 1, agent="x")
        await watcher.get()
        assert told == ["quiet/1", "quiet/2"]
        with pytest.raises(CursorTooOld, match="a watch begun without since="):
            [change async for change in board.watch("quiet/", since=1, follow=False)]


async def test_refusals_reach_the_caller(make):
    """Stale versions and foreign namespaces raise at the call."""
    async with make(namespaces=None) as board:
        entry = await board.write("a", 1, agent="x")
        with pytest.raises(StaleVersionError, match="read it again"):
            await board.write("a", 2, agent="x", expect=entry.version + 1)
        with pytest.raises(ValueError, match="would be gone at once"):
            await board.deposit(Mark("food", "a", 0.001), agent="x")
        with pytest.raises(TypeError):
            await board.write("a", {1, 2}, agent="x")
        assert [change.what for change in await board.history("a")] == ["written"]


async def test_what_a_board_does_not_hold_is_refused_and_nothing_changes(make, monkeypatch):
    """Unknown kinds, quotas and the number of reactions: each says what there is."""
    settings = {"kinds": [MarkKind("food", half_life=60)], "quota": 3}
    async with make(namespaces=[Namespace("in/", ["lead"])], **settings) as board:
        for place in "abc":
            await board.deposit(Mark("food", place, 8.0), agent="x")
        before = [await board.sense(place) for place in "abcd"]
        with pytest.raises(UnknownKindError, match="'fod'"):
            await board.diffuse("fod", {"a": ["b"]}, agent="x")
        with pytest.raises(NotOwnerError, match="in/"):
            await board.diffuse("food", {"a": ["in/b"]}, agent="x")
        with pytest.raises(LimitError, match="begun by x"):
            await board.diffuse("food", {"a": ["d"]}, agent="x")
        with pytest.raises(UnknownKindError, match="'fod'"):
            await board.react("r", "a/*", Task(), trails="fod", above=1.0)
        assert [await board.sense(place) for place in "abcd"] == before
        monkeypatch.setattr("ants_coord.core.board.reactions._MOST", 1)
        await board.react("one", "a/*", Task())
        with pytest.raises(LimitError, match="reactions of a board"):
            await board.react("two", "a/*", Task())
        assert [reaction.name for reaction in await board.reactions()] == ["one"]


async def test_a_file_keeps_the_colony_across_restarts(tmp_path, clock):
    """Trails go on evaporating while nobody is there; reactions, thresholds and namespaces stay."""
    path = tmp_path / "b.db"
    owned = [Namespace("plans/", ["lead"])]
    async with Blackboard(SQLiteJournal(path, clock=clock), half_life=60, namespaces=owned) as board:
        await board.react("r", "in/*", Task(kind="r", payload={"deep": [1]}))
        await board.deposit(Mark("food", "a", 8.0), agent="x")
        await board.write("in/1", {"v": 1}, agent="x")
        lease = await board.claim_nowait("w")
        await board.complete(lease)
        cursor = [change.cursor async for change in board.watch(follow=False)][-1]
        await board.write("in/1", {"v": 2}, agent="x")
    clock.advance(120)
    async with Blackboard(SQLiteJournal(path, clock=clock)) as board:
        assert (await board.sense("a"))[0].strength == pytest.approx(2.0)
        assert (await board.thresholds("w"))[0].threshold == pytest.approx(0.9)
        assert (await board.claim_nowait("w")).payload["version"] == (await board.read("in/1")).version
        assert (await board.reactions())[0].task.payload == {"deep": [1]}
        with pytest.raises(NotOwnerError):
            await board.write("plans/x", 1, agent="w")
        assert [change.value for change in await board.history("in/1")] == [{"v": 1}, {"v": 2}]
        missed = [(change.what, change.path) async for change in board.watch(since=cursor, follow=False)]
        assert missed[0] == ("written", "in/1")
    async with ClaimQueue(tmp_path / "old.db") as queue:
        await queue.submit(Task("t"))
        await queue.extend("blackboard")
    async with Blackboard(tmp_path / "old.db") as board:
        await board.deposit(Mark("food", "a"), agent="x")
        assert (await board.claim_nowait("w")).task == "t"


async def test_an_agents_handle_names_it(board):
    """Marks and entries carry the name of the handle."""
    ann = board.as_agent("ann")
    assert (await ann.deposit(Mark("food", "a"))).first_by == "ann"
    assert (await ann.write("x", 1)).author == "ann"
    assert [trail.last_by for trail in await ann.sense("a")] == ["ann"]
    assert (await ann.take_nowait("x")).value == 1
    assert [(change.what, change.agent) for change in await ann.history("x")] == [
        ("written", "ann"),
        ("taken", "ann"),
    ]
    assert await ann.thresholds() == []


async def test_a_newcomer_hears_of_the_strongest_trails(board):
    """A briefing names as many places as tasks, the strongest first; also by the agent's own handle."""
    for place, strength in (("src/a", 1.0), ("src/b", 3.0), ("src/c", 2.0)):
        await board.deposit(Mark("food", place, strength), agent="scout")
    await board.submit_many([Task("a", place="src/a"), Task("b", place="src/b")])
    told = await board.briefing("ann", count=2)
    assert [trail.place for trail in told.trails] == ["src/b", "src/c"]
    assert [each.task for each in told.open] == ["b", "a"]
    assert "- 'src/b': 3, last by scout" in str(told)
    assert await board.as_agent("ann").briefing(count=2) == told


async def test_a_reaction_can_begin_with_what_is_there(board):
    """Entries, and trails that are strong already, count as just created; the same again makes nothing."""
    for path in ("posts/a.md", "posts/b.txt", "posts/c.md"):
        await board.write(path, 1, agent="ann")
    await board.react("later", "posts/*.md", Task())
    assert await board.tasks() == []
    for _ in range(2):
        await board.react("lint", "posts/*.md", Task(kind="lint"), existing=True)
    made = [record.task.payload for record in await board.tasks()]
    assert [(one["path"], one["change"]) for one in made] == [
        ("posts/a.md", "created"),
        ("posts/c.md", "created"),
    ]
    await board.write("posts/d.md", 1, agent="ann")
    assert len(await board.tasks(kinds=["lint"])) == 3
    for place, strength in (("src/a", 5.0), ("src/b", 1.0)):
        await board.deposit(Mark("alarm", place, strength), agent="ann")
    await board.react("fix", "src/*", Task(kind="fix"), trails="alarm", above=3.0, existing=True)
    assert [record.task.payload["change"] for record in await board.tasks(kinds=["fix"])] == ["rose"]
    with pytest.raises(ValueError, match="existing=True needs on= with 'created'"):
        await board.react("x", "posts/*", Task(), on=["deleted"], existing=True)

"""Locks are about files and holders: the holder of a set holds all of it until it lets go."""

from __future__ import annotations

import asyncio
import functools
import os
import unicodedata

import pytest

from ants_coord import ClaimQueue, HeldError, aio
from ants_coord.fronts.file_names import names_of_files
from ants_coord.testing import ManualClock


@pytest.fixture(params=["memory", "file", "hub"])
def board(request, tmp_path):
    path, clock = tmp_path / "b.db" if request.param == "file" else None, ManualClock()
    make = ClaimQueue
    if request.param == "hub":
        make = functools.partial(request.getfixturevalue("over_hub"), ClaimQueue)
    with make(path, clock=clock, lease_ttl=30) as board:
        yield board


def test_another_scope_of_the_same_agent_is_another_holder(board):
    first = board.lock_nowait("x", agent="claude")
    with pytest.raises(HeldError, match=r"in another scope .only the same holder= enters again") as refusal:
        board.lock_nowait("x", agent="claude")
    assert refusal.value.by_another_scope
    with pytest.raises(TimeoutError), board.lock("x", agent="claude", timeout=0):
        pass
    board.release(first)
    with board.lock("x", agent="claude"):
        pass


@pytest.mark.parametrize("first", [[("x",)], [("x",), ("y",)], [("x", "y")]])
def test_a_granted_set_pins_every_name(board, first):
    """Also those that its holder had before: what the outer scope lets go, the inner one still holds."""
    outer = [board.lock_nowait(*names, agent="ann", holder="s") for names in first]
    inner = board.lock_nowait("x", "y", agent="ann", holder="s")
    for lease in outer:
        board.release(lease)
    for name in ("x", "y"):
        with pytest.raises(HeldError):
            board.lock_nowait(name, agent="bob")
    board.release(inner)
    board.lock_nowait("x", "y", agent="bob")


def test_entering_shortens_nothing(board):
    clock = board._engine._clock
    board.lock_nowait("x", agent="ann", holder="s", lease_ttl=100)
    inner = board.lock_nowait("x", agent="ann", holder="s", lease_ttl=1)
    board.renew(inner, lease_ttl=0.2)
    clock.advance(99)
    assert board.holder("x").agent == "ann"
    clock.advance(1)
    assert board.holder("x") is None


def test_a_folder_covers_all_below_it_and_nothing_beside(board):
    folder = board.lock_nowait("src/", agent="ann")
    for name in ("src", "src/", "src/a.py", "src/sub/b.py", "/"):
        with pytest.raises(HeldError):
            board.lock_nowait(name, agent="bob")
    board.lock_nowait("src-notes", "src.py", "docs/src", agent="bob")
    board.release(folder)
    part = board.lock_nowait("src/sub/b.py", agent="ann")
    with pytest.raises(HeldError):
        board.lock_nowait("src/", agent="cy")
    assert board.holder("src/").token == part.token


def test_shared_locks_keep_exclusive_ones_out_and_each_other_not(board):
    readers = [board.lock_nowait("x", agent=agent, shared=True) for agent in ("ann", "bob")]
    with pytest.raises(HeldError):
        board.lock_nowait("x", agent="cy")
    board.release(readers[0])
    with pytest.raises(HeldError):
        board.lock_nowait("x", agent="cy")
    board.release(readers[1])
    board.lock_nowait("x", agent="cy")
    with pytest.raises(HeldError):
        board.lock_nowait("x", agent="ann", shared=True)


@pytest.mark.parametrize("name", ["./a", "a//b", "a/../b", "a/**", "a/*"])
def test_a_second_spelling_is_refused_with_the_way_out(board, name):
    with pytest.raises(ValueError, match=r"lock_files|covers all below"):
        board.lock_nowait(name, agent="ann")


def test_unicode_has_one_form(board):
    board.lock_nowait(unicodedata.normalize("NFD", "docs/é.md"), agent="ann")
    with pytest.raises(HeldError):
        board.lock_nowait(unicodedata.normalize("NFC", "docs/é.md"), agent="bob")


def test_whoever_waits_for_a_folder_is_woken_when_its_last_part_is_free():
    async def story():
        async with aio.ClaimQueue(clock=ManualClock()) as board:
            part = await board.lock_nowait("src/a.py", agent="ann")

            async def enter(name):
                async with board.lock(name, agent="bob"):
                    return name

            for name in ("src/", "src/a.py", "/"):
                waiting = asyncio.create_task(enter(name))
                while not len(board._engine._lobby):
                    await asyncio.sleep(0)
                await board.release(part)
                assert await waiting == name
                part = await board.lock_nowait("src/a.py", agent="ann")
            await board.release(part)
            folder = await board.lock_nowait("src/", agent="ann")
            waiting = asyncio.create_task(enter("src/a.py"))
            while not len(board._engine._lobby):
                await asyncio.sleep(0)
            await board.release(folder)
            assert await waiting == "src/a.py"

    asyncio.run(story())


def test_files_have_one_name(tmp_path):
    root = tmp_path / "repo"
    (root / "src").mkdir(parents=True)
    (root / "src" / "app.py").write_text("")
    (tmp_path / "link").symlink_to(root)
    (root / "inside").symlink_to(root / "src")
    spellings = ["src/app.py", "./src/app.py", "src//app.py", "src/../src/app.py", root / "src/app.py",
                 tmp_path / "link" / "src/app.py", "inside/app.py"]  # fmt: skip
    assert set(names_of_files(spellings, root)) == {"src/app.py"}
    assert set(names_of_files(["src/app.py"], tmp_path / "link")) == {"src/app.py"}
    assert names_of_files(["src", "new/", "."], root) == ["src/", "new/", "/"]
    assert names_of_files(["inside"], root) == ["inside/"]
    for outside in ("..", "../x", os.sep):
        with pytest.raises(ValueError, match="outside the root"):
            names_of_files([outside], root)
    with pytest.raises(ValueError, match="not a folder"):
        names_of_files(["a"], root / "nowhere")
    with pytest.raises(ValueError, match="must be a path"):
        names_of_files([""], root)
    with pytest.raises(TypeError, match="string or a path"):
        names_of_files([b"a"], root)


def test_lock_files_locks_names(tmp_path):
    (tmp_path / "a.py").write_text("")
    with ClaimQueue(clock=ManualClock()) as board:
        with board.lock_files("./a.py", "b.py", root=tmp_path, agent="ann") as held:
            assert held.lease.names == ("a.py", "b.py")
            with pytest.raises(HeldError):
                board.lock_nowait("a.py", agent="bob")
        assert board.holder("a.py") is None


def test_adopt_takes_from_the_silent_only(board):
    """A second session of one name leaves the first one's work alone while it speaks."""
    from ants_coord import Task

    clock = board._engine._clock
    board.submit(Task("a"))
    lease = board.claim_nowait("claude", lease_ttl=30)
    assert board.adopt("claude") == []
    clock.advance(19)
    board.renew(lease)
    clock.advance(19)
    assert board.adopt("claude") == []
    board.progress(lease, "still here")
    clock.advance(8)
    assert board.adopt("claude") == []
    board.renew(lease)
    clock.advance(20)
    (mine,) = board.adopt("claude")
    assert mine.token > lease.token
    (again,) = board.adopt("claude", force=True)
    assert again.token > mine.token


def test_what_is_kept_stands_until_its_time_is_over(tmp_path):
    """For programs that live for one call; everything else is given back at closing."""
    clock, path = ManualClock(), tmp_path / "b.db"
    board = ClaimQueue(path, clock=clock)
    handle = board.lock_nowait("kept", "too", agent="hook", lease_ttl=600).handle
    board.close(keep=True)
    board = ClaimQueue(path, clock=clock)
    board.lock_nowait("given back", agent="hook", lease_ttl=600)
    board.close()
    with ClaimQueue(path, clock=clock) as board:
        assert board.holder("given back") is None
        assert board.holder("kept").agent == "hook"
        clock.advance(599)
        assert board.holder("too").agent == "hook"
        board.renew(handle)
        clock.advance(600)
        assert board.holder("kept") is None


def test_who_holds_a_lock_and_how_is_told(board):
    """By the lock, by its agent, and by the lease itself."""
    assert board.explain("lock:x").state == "free"
    lease = board.lock_nowait("x", "y/", agent="ann", holder="s", shared=True)
    board.lock_nowait("x", "y/", agent="ann", holder="s", shared=True)
    board.lock_nowait("y/a", agent="bob", shared=True, holder="t")
    told = board.explain("lock:x")
    assert (told.subject, told.state) == ("lock 'x'", "held")
    assert told.reasons == (
        f"held by 'ann' with 'x', 'y/' (shared, token {lease.token}, holder 's', entered 2 times) for 30.000 s more",
    )
    assert [reason.split(" with ")[0] for reason in board.explain("lock:y/a").reasons] == [
        "held by 'ann'", "held by 'bob'",
    ]  # fmt: skip
    assert board.explain(lease).state == "held"
    mine = board.explain_agent("bob")
    assert (mine.state, mine.reasons[0][:24]) == ("known", "holds a lock with 'y/a' ")

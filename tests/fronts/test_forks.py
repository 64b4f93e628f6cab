"""Forks at every moment: each child works or is refused by name, and the parent goes on."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

import pytest

from ants_coord import ClaimQueue, ClosedError, CoordinationError, Task
from ants_coord.errors import JournalConflictError, JournalError
from ants_coord.journals import SQLiteJournal

LIMIT_S = 20

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def in_child(do) -> str:
    """Fork; return what the child said, or 'hung'."""
    out, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        try:
            text = str(do())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(said, text.encode())
        os._exit(0)
    os.close(said)
    end = time.monotonic() + LIMIT_S
    turn = threading.Event()
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() > end:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            os.close(out)
            return "hung"
        turn.wait(0.002)
    with os.fdopen(out) as answer:
        return answer.read()


def test_a_board_that_nobody_has_opened_is_another_session_in_each_child(tmp_path):
    """Made at import, forked, opened by each child: no child is answered with another's lease."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit_many([Task(f"t{n}") for n in range(4)])
    shared = ClaimQueue(path)

    def work(name):
        shared.submit(Task(f"from {name}"))
        lease = shared.claim_nowait(name)
        return f"{lease.agent} {lease.task}"

    said = [in_child(lambda name=name: work(name)) for name in ("ann", "bob", "cid")]
    assert [text.split()[0] for text in said] == ["ann", "bob", "cid"]
    assert len({text.split()[1] for text in said}) == 3
    with ClaimQueue(path) as board:
        assert all(board.find(f"from {name}") for name in ("ann", "bob", "cid"))


@pytest.mark.parametrize("closes_first", [True, False])
def test_a_child_may_not_open_what_its_parent_has_open(tmp_path, closes_first):
    """Neither through the inherited object nor by opening it again: it is refused by name, and told the way out."""
    path = tmp_path / "b.db"
    parent = ClaimQueue(path)
    parent.submit(Task("t"))

    def child():
        said = []
        for do in (lambda: parent.submit(Task("x")), lambda: ClaimQueue(path).submit(Task("y"))):
            try:
                do()
            except (ClosedError, JournalConflictError) as error:
                assert "close" in str(error)
                assert "spawn" in str(error)
                said.append(type(error).__name__)
        parent.close()
        return said

    assert in_child(child) == "['ClosedError', 'JournalConflictError']"
    if closes_first:
        parent.close()
        assert in_child(lambda: ClaimQueue(path).submit(Task("z")).id) == "z"
    else:
        parent.submit(Task("later"))
        parent.close()
    with ClaimQueue(path) as board:
        assert board.find("x") is None
        assert board.find("y") is None
        assert board.find("z" if closes_first else "later") is not None


def test_a_journal_that_was_opened_before_the_board_does_not_cross_a_fork(tmp_path):
    """The engine has not been opened, but the file has."""
    board = ClaimQueue(SQLiteJournal(tmp_path / "b.db"))

    def child():
        with pytest.raises(JournalError, match=r"before a fork.*spawn"):
            board.submit(Task("x"))
        return "refused"

    assert in_child(child) == "refused"
    board.submit(Task("from the parent"))
    board.close()


def test_a_fork_while_another_thread_writes_starts_no_child_inside_a_transaction(tmp_path):
    """Children find SQLite usable (another file) and their own board refused, and nobody hangs."""
    path = tmp_path / "b.db"
    board = ClaimQueue(path, retention_count=50, durability="process")
    board.submit(Task("first"))
    stop, trouble = threading.Event(), []

    def write():
        while not stop.is_set():
            try:
                board.submit(Task("first"))
            except CoordinationError as error:
                trouble.append(error)

    writer = threading.Thread(target=write)
    writer.start()

    def child(number):
        with ClaimQueue(tmp_path / f"{number}.db") as mine:
            mine.submit(Task("t"))
        with pytest.raises(JournalConflictError):
            ClaimQueue(path).submit(Task("t"))
        return "well"

    try:
        said = [in_child(lambda number=number: child(number)) for number in range(12)]
    finally:
        stop.set()
        writer.join(LIMIT_S)
    assert said == ["well"] * 12
    assert trouble == []
    board.check()
    board.close()


def test_two_threads_may_fork_at_once(tmp_path):
    """Each takes the boards' locks, and each gives back what it took."""
    boards = [ClaimQueue(tmp_path / f"{n}.db", durability="process") for n in range(3)]
    for board in boards:
        board.submit(Task("t"))
    said = []

    def fork():
        said.extend(in_child(lambda: "here") for _ in range(8))

    threads = [threading.Thread(target=fork) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert said == ["here"] * 24
    for board in boards:
        board.submit(Task("after"))
        board.close()


def submit(path, name):
    with ClaimQueue(path) as board:
        board.submit(Task(name))


@pytest.mark.parametrize("way", ["spawn", "forkserver"])
def test_spawned_children_may_open_what_the_parent_has_open(tmp_path, way):
    """The way out that the errors name works."""
    path = str(tmp_path / "b.db")
    with ClaimQueue(path) as board:
        board.submit(Task("t"))
        child = multiprocessing.get_context(way).Process(target=submit, args=(path, way))
        child.start()
        child.join(LIMIT_S * 3)
        assert child.exitcode == 0
        assert board.find(way) is not None

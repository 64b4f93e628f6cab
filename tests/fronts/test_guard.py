"""A guard remembers, in one line, whatever Guard or process asks next."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalConflictError, JournalError
from ants_coord.guard import Guard, SQLGuard, StaleTokenError

ROOT = Path(__file__).parent.parent.parent


def in_memory(path):
    return Guard()


def in_a_file(path):
    return Guard(path)


WAYS = pytest.mark.parametrize("guard", [in_memory, in_a_file])


@WAYS
def test_each_new_guard_knows_what_the_last_one_saw(tmp_path, guard):
    """The one line, written where the write is: `Guard(...).check(name, job.token)`."""
    path, name = tmp_path / "guard.db", Task().id
    for token in (5, 5, 9):
        guard(path).check(name, token)
    with pytest.raises(StaleTokenError) as refusal:
        guard(path).check(name, 8)
    assert (refusal.value.token, refusal.value.newest) == (8, 9)
    guard(path).check(Task().id, 1)  # another resource
    guard(path).check(name, 9)


@WAYS
@pytest.mark.parametrize(
    ("name", "token"), [("", 1), ("x" * 513, 1), (5, 1), ("a", "1"), ("a", 1 << 63), ("a", 0)]
)
def test_bad_arguments_change_nothing(tmp_path, guard, name, token):
    """Refused by name, in both ways alike."""
    with pytest.raises((TypeError, ValueError)):
        guard(tmp_path / "guard.db").check(name, token)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), max_size=12))
def test_the_file_and_a_table_of_your_own_decide_alike(tmp_path_factory, checks):
    """One rule: not below the newest."""
    file = Guard(tmp_path_factory.mktemp("guard") / "guard.db")
    connection = sqlite3.connect(":memory:")
    table, newest = SQLGuard(), {}
    table.create(connection)
    for name, token in checks:
        stale = token < newest.get(name, 0)
        for check in (file.check, functools.partial(table.check, connection)):
            with pytest.raises(StaleTokenError) if stale else contextlib.nullcontext():
                check(name, token)
        newest[name] = max(token, newest.get(name, 0))
    connection.close()


def test_threads_never_let_an_older_token_pass_after_a_newer_one(tmp_path):
    """Whatever their order: what has passed, in the order of the file, only grows."""
    path, passed = tmp_path / "guard.db", []
    lock = threading.Lock()

    def check(tokens):
        for token in tokens:
            with lock:  # the order in which they are let in is the order in which they are noted
                try:
                    Guard(path).check("x", token)
                    passed.append(token)
                except StaleTokenError:
                    pass

    threads = [threading.Thread(target=check, args=[range(n, 40, 4)]) for n in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passed == sorted(passed)
    assert passed[-1] == 39


def test_another_process_is_refused(tmp_path):
    """Also after the one that wrote has ended."""
    path = tmp_path / "guard.db"
    code = "import sys; from ants_coord.guard import Guard; Guard(sys.argv[1]).check('x', int(sys.argv[2]))"
    for token, ends in (("7", 0), ("6", 1), ("8", 0)):
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), token], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == ends, done.stderr
    with pytest.raises(StaleTokenError):
        Guard(path).check("x", 7)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    """A board, a database of yours, a text: none of them is written to."""
    with ClaimQueue(tmp_path / "board.db") as board:
        board.drain()
    sqlite3.connect(tmp_path / "yours.db").execute("CREATE TABLE t (x)").connection.close()
    (tmp_path / "text.db").write_text("hello, this is a text and no database\n" * 40)
    for name in ("board.db", "yours.db", "text.db"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(JournalConflictError):
            Guard(tmp_path / name).check("x", 1)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(JournalError):
        Guard(tmp_path / "no" / "folder.db").check("x", 1)
    with pytest.raises(ValueError, match=":memory:"):
        Guard(":memory:")


@pytest.mark.parametrize(
    ("path", "told"), [("nowhere/guard.db", "no such directory; create it first"), (".", "name a file in it")]
)
def test_a_path_that_cannot_be_a_file_gets_the_way_out(tmp_path, monkeypatch, path, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError, match=told):
        Guard(path).check("r", 1)

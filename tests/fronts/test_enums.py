"""Members of enums are strings and numbers for Python: they are kept as plain ones, so that a log can be read."""

from __future__ import annotations

import enum

import pytest

from ants_coord import Blackboard, Matchmaker, Task
from ants_coord.testing import ManualClock
from ants_coord.values.adverts import Advert
from ants_coord.values.marks import Mark


class Word(enum.StrEnum):
    A = "render"


class Mixed(str, enum.Enum):  # noqa: UP042 - the older way to write it
    A = "render"


class Number(enum.IntEnum):
    X = 1


def played(board, said):
    task = Task(said, kind=said, priority=Number.X, limit=said, key=said, place=said, tags=[said])
    kept = {type(value) for value in (task.id, task.kind, task.limit, task.key, task.place, *task.tags)}
    assert kept == {str}
    assert type(task.priority) is int
    board.submit(task)
    board.advertise(Advert(said, [said], {said: said, "n": Number.X}))
    board.deposit(Mark(said, said), agent=said)
    board.write(said, 1, agent=said)
    board.lock_nowait(said, agent=said, holder=said)
    board.claim_nowait(said, kinds=[said], request_id=said)
    return board._engine.digest()


@pytest.mark.parametrize("word", [Word.A, Mixed.A])
def test_what_is_kept_is_plain(word, tmp_path):
    """The same board as with plain words, in memory; and a file that can be read again."""
    with Blackboard(clock=ManualClock()) as one, Blackboard(clock=ManualClock()) as other:
        assert played(one, word) == played(other, "render")
    with Blackboard(tmp_path / "b.db", clock=ManualClock()) as board:
        told = played(board, word)
        with Blackboard(tmp_path / "b.db", clock=ManualClock()) as again:
            assert again._engine.digest() == told
            again.check()


def test_requirements_are_plain_too():
    with Matchmaker(clock=ManualClock()) as board:
        task = Task("t", requires=Word.A, needs=())
        assert type(task.requires) is str
        board.submit(task)
        board._engine.digest()

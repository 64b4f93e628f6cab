"""
A command that is made by hand, with any field of any type: it is refused, or a reader of the log can read it.

The verbs check what they take; `execute` takes commands from anybody. One entry that cannot be read would stop
every process of the board, for good.
"""

from __future__ import annotations

from typing import Any

import pytest

from ants_coord import Blackboard, Board
from ants_coord.commands.board import Diffuse, RollBack, Unreact
from ants_coord.commands.matching import Retire
from ants_coord.commands.purses import SetPurse, Spend
from ants_coord.commands.shared import EndOpening, Upgrade
from ants_coord.core.machine import COMMANDS
from ants_coord.core.strategies import every_part
from ants_coord.errors import CoordinationError
from ants_coord.frozen import fields
from ants_coord.journals.codec import decode

from ..hub.test_wire import GOLDEN, entries

ODD: tuple[Any, ...] = (
    None,
    True,
    1.5,
    -1,
    2**70,
    "",
    "x",
    b"x",
    (),
    ("x",),
    [("x", 1)],
    {},
    {1: 2},
    float("nan"),
    object(),
)


def examples() -> dict[type, Any]:
    """Return a command of each class: those of golden logs, and those that are in none."""
    found: dict[type, Any] = {
        command.__class__: command
        for command in (
            Diffuse("k", (("a", ("b",)),), 0.5, "w"), EndOpening("o"), Retire("w"), RollBack("w", "root"), SetPurse("p", 5),
            Spend("t", 1, "p", 2), Unreact("r"), Upgrade(()),
        )
    }  # fmt: skip
    for path in GOLDEN:
        for _, body in entries(path):
            command = decode(body.encode())[1]
            found.setdefault(command.__class__, command)
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_it_is_refused_or_can_be_read(kind, tmp_path):
    given = {field.name: getattr(EXAMPLES[kind], field.name) for field in fields(kind)}
    tried = 0
    with Blackboard(tmp_path / "board.db", durability="process") as board:
        for name in given:
            for odd in ODD:
                try:
                    board.execute(kind(**given | {name: odd}))
                except (CoordinationError, ValueError, TypeError):
                    tried += 1
        board.check()
        with Board(tmp_path / "board.db") as reader:
            assert reader.statistics() == board.statistics()
    assert tried or not given


def test_what_is_no_command_is_refused(tmp_path):
    for board in (Blackboard(), Blackboard(tmp_path / "board.db")):
        with board, pytest.raises(TypeError, match="command must be one of"):
            board.execute("submit")


def test_every_command_has_been_tried():
    known = {*COMMANDS, *(kind for part in every_part() for kind in part.commands)}
    assert {kind.__name__ for kind in known - set(EXAMPLES)} == set()

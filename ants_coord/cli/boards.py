"""Which board a command means: a file or an address, there or not yet; its troubles as exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import (
    CoordinationError,
    IllegalTransitionError,
    JournalError,
    TaskExistsError,
    TaskNotFoundError,
)
from ..sync import Blackboard, ClaimQueue, Matchmaker
from ..sync import Board as Opened
from .show import BAD_INPUT, BOARD_TROUBLE, fail

__all__ = [
    "Board",
    "KeptBoard",
    "is_address",
    "is_there",
    "journal_at",
    "must_be_there",
    "opened",
    "troubles",
]

Board = Annotated[
    str,
    typer.Argument(
        help="The board's file, or postgresql://user@host/database#board.",
        metavar="BOARD",
        show_default=False,
    ),
]
KeptBoard = Annotated[
    str | None,
    typer.Option(
        help="Keep the board in a file or at an address: resumable, and others may join.", metavar="BOARD"
    ),
]


def is_address(board: str) -> bool:
    """Whether a board lives behind a server, and not in a file of this machine."""
    return "://" in board or board.startswith("hub:")


def must_be_there(board: str) -> None:
    """Refuse a file that is not there; what is behind an address is asked when it is opened."""
    if not is_address(board) and not Path(board).exists():
        raise fail(f"{board}: there is no such board", BOARD_TROUBLE)


def is_there(board: str) -> bool:
    """Ask whether there is such a board, without making one."""
    if not is_address(board):
        return Path(board).exists()
    if board.startswith("hub:"):
        return True  # a hub serves a board that there is
    from ..journals.postgres.dsn import address_of  # noqa: PLC0415

    address_of(board)  # a wrong one is told before the driver is asked for
    try:
        from ..journals.postgres.journal import NoSuchBoardError, PostgresJournal  # noqa: PLC0415
    except ModuleNotFoundError:
        return False  # opening says what is missing
    try:
        PostgresJournal(board, create=False).close()
    except NoSuchBoardError:
        return False
    return True


def journal_at(board: str) -> Any:
    """Open the log of a board that there is, to be looked at as a log."""
    if not is_address(board):
        from ..journals import SQLiteJournal  # noqa: PLC0415

        return SQLiteJournal(board)
    if board.startswith("hub:"):
        raise ValueError(f"{board}: a hub has no log of its own; name the board that it serves")
    from ..journals.postgres.journal import PostgresJournal  # noqa: PLC0415

    return PostgresJournal(board, create=False)


@contextmanager
def troubles() -> Iterator[None]:
    """Turn what the library refuses into a sentence and an exit code."""
    try:
        yield
    except JournalError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None
    except (TaskNotFoundError, IllegalTransitionError, TaskExistsError, ValueError) as problem:
        raise fail(str(problem), BAD_INPUT) from None
    except CoordinationError as problem:
        raise fail(str(problem), BOARD_TROUBLE) from None


@contextmanager
def opened(
    board: str, *, new: bool = False, kind: type[Opened] = Opened, **settings: Any
) -> Iterator[Opened]:
    """
    Open a board, and turn its troubles into exit codes.

    `settings` are those of a board that is made here; one that exists keeps its own, whoever made it.
    """
    if not new:
        must_be_there(board)
    with troubles():
        is_known = not new or is_there(board)
        if is_known:
            settings = {}
        elif kind is Opened:
            kind = ClaimQueue
        if kind is Matchmaker and is_known:
            with Opened(board) as found:
                if found.settings().strategy == "board":
                    kind = Blackboard  # which can do all that a Matchmaker can
        with kind(board, **settings) as at:
            yield at

"""The board that a command means: a file or an address, existing or not; and its errors as exit codes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from ... import errors
from ...engine.replica import NO_BOARD
from ...errors import CoordinationError, JournalError
from ...sync import Blackboard, Board, ClaimQueue, Matchmaker
from .show import BAD_INPUT, BOARD_TROUBLE, SOME_FAILED, fail

VARIABLE = "ANTS_COORD_BOARD"
"""names the board where no argument does; hooks of coding agents read it, too"""
BoardName = Annotated[
    str,
    typer.Argument(
        help="The board's file, or postgresql://user@host/database#board.",
        metavar="BOARD",
        show_default=False,
        envvar=VARIABLE,
    ),
]
BoardAndTask = Annotated[
    list[str],
    typer.Argument(metavar="[BOARD] TASK", help="The board's file or address, and the task's id."),
]
KeptBoard = Annotated[
    str | None,
    typer.Option(
        help="Keep the board in a file or at an address, so that it can be resumed and others may join.",
        metavar="BOARD",
    ),
]


def is_address(board: str) -> bool:
    """Whether a board is on a server, and not in a file of this machine."""
    return "://" in board or board.startswith("hub:")


def must_be_there(board: str) -> None:
    """Refuse a file that does not exist; an address is checked when it is opened."""
    if not is_address(board) and not os.path.exists(board):
        raise fail(f"{board}: there is no such board", BOARD_TROUBLE)


def is_there(board: str) -> bool:
    """Tell whether there is such a board, without making one."""
    if not is_address(board):
        return os.path.exists(board) and _is_made(board)
    if board.startswith("hub:"):
        return True  # a hub serves an existing board
    from ...journals.postgres.dsn import address_of  # noqa: PLC0415

    address_of(board)  # a wrong address is reported before the driver is needed
    try:
        from ...journals.postgres.journal import NoSuchBoardError, PostgresJournal  # noqa: PLC0415
    except ModuleNotFoundError:
        return False  # opening reports what is missing
    try:
        PostgresJournal(board, create=False).close()
    except NoSuchBoardError:
        return False
    return True


def _is_made(path: str) -> bool:
    """Tell whether a file holds a board; it holds none if making it was cut short."""
    try:
        with Board(path):
            return True
    except JournalError as problem:
        return not str(problem).endswith(NO_BOARD)  # everything else is reported when it is opened


def journal_at(board: str) -> Any:
    """Open the log of an existing board, to read it as a log."""
    if not is_address(board):
        from ...journals import SQLiteJournal  # noqa: PLC0415

        return SQLiteJournal(board)
    if board.startswith("hub:"):
        raise ValueError(f"{board}: a hub has no log of its own; name the board that it serves")
    from ...journals.postgres.journal import PostgresJournal  # noqa: PLC0415

    return PostgresJournal(board, create=False)


@contextmanager
def troubles() -> Iterator[None]:
    """Turn errors of the library into a sentence and an exit code."""
    try:
        yield
    except _NOT_NOW as problem:
        raise fail(in_shell_words(str(problem)), SOME_FAILED) from None
    except _WRONG as problem:
        raise fail(in_shell_words(str(problem)), BAD_INPUT) from None
    except CoordinationError as problem:
        raise fail(in_shell_words(str(problem)), BOARD_TROUBLE) from None


_NOT_NOW = (
    errors.AdvertRefusedError,
    errors.AgentGoneError,
    errors.DeadlockError,
    errors.ForeignLeaseError,
    errors.HeldError,
    errors.LeaseLostError,
    errors.NotOfferedError,
    errors.NotOwnerError,
    errors.QuarantinedError,
    errors.StaleVersionError,
    errors.TaskFailedError,
    TimeoutError,
)
"""errors that are nobody's mistake: they describe the present state, which may change"""
_WRONG = (
    errors.CursorTooOld,
    errors.DependencyError,
    errors.IllegalTransitionError,
    errors.LimitError,
    errors.PurseError,
    errors.TaskExistsError,
    errors.TaskNotFoundError,
    ValueError,
)
_WORDS = {
    "list them with tasks()": "ants-coord list shows them",
    "wait with timeout=, or try again then": "wait with --wait, or try again then",
    "extend('matchmaker') or extend('blackboard') makes": "ants-coord extend makes",
    "extend('blackboard') makes": "ants-coord extend makes",
    "only the same holder= enters again": "only the same --holder enters again",
}
"""advice for Python programmers -> the same advice for a shell"""


def in_shell_words(text: str) -> str:
    """Return an error's advice in terms that a shell user can follow."""
    for python, shell in _WORDS.items():
        text = text.replace(python, shell)
    return text


def words_after_board(words: list[str], names: str, *, many: bool = False) -> tuple[str, list[str]]:
    """
    Split a command's arguments: the first names the board, unless the environment does.

    Args:
        words: the arguments as typed.
        names: the arguments that follow the board, as help shows them.
        many: whether there may be more of them.

    """
    board, wanted = os.environ.get(VARIABLE), len(names.split())
    if board and (len(words) == wanted or (many and len(words) > wanted)):
        return board, words
    if len(words) == wanted + 1 or (many and len(words) > wanted + 1):
        return words[0], words[1:]
    raise fail(
        f"needs {' '.join(['BOARD', *names.split()])} (without BOARD if {VARIABLE} names it)", BAD_INPUT
    )


@contextmanager
def open_board(
    board: str | None, *, new: bool = False, kind: type[Board] = Board, keep: bool = False, **settings: Any
) -> Iterator[Board]:
    """
    Open a board, and turn its errors into exit codes; None is one in memory.

    `settings` are for a board that is made here; an existing one keeps its own. With `keep`, leases that the
    body took stay held if it ends without an error.
    """
    if board is not None and not new:
        must_be_there(board)
    with troubles():
        if board is not None and (not new or is_there(board)):
            settings = {}
            if kind is Matchmaker:
                with Board(board) as found:
                    if found.settings().strategy == "board":
                        kind = Blackboard  # it can do everything that a Matchmaker can
        elif kind is Board:
            kind = ClaimQueue
        made = kind(board, **settings)
        if keep:
            made._engine.outlive()  # noqa: SLF001 - a class of this package; said at its end, it would be a second entry
        with made as at:
            yield at
            if keep:
                at.close(keep=True)

"""
Which repository an agent works in, and where its board is, without starting git.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BOARD", "Place", "place_of"]

BOARD = "ants-coord.db"
"""in the git directory that all worktrees have in common, so that they share it"""
_VARIABLE = "ANTS_COORD_BOARD"


class Place:
    """A working tree and the board of its repository."""

    def __init__(self, root: str, common: str, board: str) -> None:
        self.root = root
        """the top of this working tree; names of locks are relative to it"""
        self.common = common
        """the git directory that all worktrees have in common"""
        self.board = board

    @property
    def hub(self) -> str:
        """The path of the board's hub, if there is one."""
        return self.board + ".hub"

    @property
    def log(self) -> str:
        """The file in which each decision of the hook is recorded."""
        return self.board + ".hook.log"

    def inside(self, path: str) -> str | None:
        """Return a path relative to the top, or None if it is elsewhere: then the hook ignores it."""
        folder, name = os.path.split(os.path.join(self.root, path))
        below = os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(self.root))
        return None if below == os.pardir or below.startswith(os.pardir + os.sep) or not name else below


def place_of(folder: str, environment: Mapping[str, str] | None = None) -> Place | None:
    """
    Return the place of a folder; None outside of a repository.

    Args:
        folder: where an agent works.
        environment: for ANTS_COORD_BOARD, which names another board.

    """
    known = os.environ if environment is None else environment
    top = os.path.abspath(folder)
    while not os.path.exists(os.path.join(top, ".git")):
        top, below = os.path.dirname(top), top
        if top == below:
            return None
    common = _common(os.path.join(top, ".git"))
    if common is None:
        return None
    return Place(top, common, known.get(_VARIABLE) or os.path.join(common, BOARD))


def _common(git: str) -> str | None:
    """Return the git directory that all worktrees share."""
    if os.path.isdir(git):
        return git
    # a worktree or a submodule has a file that names its directory, and a worktree's directory names the
    # common one
    try:
        with open(git, encoding="utf-8") as file:
            word, _, where = file.read(4096).partition(":")
        if word != "gitdir":
            return None
        own = os.path.normpath(os.path.join(os.path.dirname(git), where.strip()))
        try:
            with open(os.path.join(own, "commondir"), encoding="utf-8") as file:
                own = os.path.normpath(os.path.join(own, file.read(4096).strip()))
        except FileNotFoundError:
            pass
        return own if os.path.isdir(own) else None
    except (OSError, UnicodeDecodeError):
        return None

"""
Forks: a child must not use the files that its parent has open.

SQLite keeps the locks of a process in memory, which a fork copies, but the system keeps them per process and
file. A child that opened the same file again would believe in locks that it does not have, and the first of
the two to close would delete the log under the other. So a child abandons what it inherited without closing
it, and may not open those files again.

Rejected: giving the child a new connection. Acknowledged work was lost in every run.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

INHERITED = "was opened before a fork and belongs to the parent process; spawn, or close it before forking"


class Forkable(Protocol):
    """A journal over a file."""

    file: tuple[int, int]
    """device and inode"""

    def abandon(self) -> None:
        """Abandon the file without closing anything; may be called again."""
        ...


_open: weakref.WeakSet[Forkable] = weakref.WeakSet()
_inherited: set[tuple[int, int]] = set()
"""files that some ancestor had open when it forked; never shrinks, because SQLite never forgets them
either"""


def is_inherited(file: tuple[int, int]) -> bool:
    """Tell whether an ancestor of this process had the file open when it forked."""
    return file in _inherited


def note_open(journal: Forkable) -> None:
    """Disable this journal in every child that is forked while it is open."""
    _open.add(journal)


def note_closed(journal: Forkable) -> None:
    """Forget a journal: a child may open its file again."""
    _open.discard(journal)


def _abandon_all() -> None:
    for journal in list(_open):
        _inherited.add(journal.file)
        journal.abandon()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)

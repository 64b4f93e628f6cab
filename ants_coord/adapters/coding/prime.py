"""
What an agent should know when its session starts: how this repository is shared, and who holds what now.
"""

from __future__ import annotations

import os
import sys

from ...errors import JournalError
from ...sync.board import Board
from .repository import Place, place_of

_BAD_INPUT, _BOARD_TROUBLE = 2, 3

_SHOWN = 20

_RULES = """\
Other coding agents may work on this repository at the same time as you, here or in other worktrees.
- A file that you write is held for you until your session ends, or until ten minutes after your last write.
- If a write is refused, somebody else is at that file: work on something else and come back to it. Never \
write it by other means; `git commit` refuses files that others hold.
- Look at any time: `ants-coord prime`."""


def main() -> int:
    """Print what an agent should know; errors go to standard error, each with its own exit code."""
    place = place_of(os.getcwd())
    if place is None:
        return _failed("this is not a git repository; change into one", _BAD_INPUT)
    if not os.path.exists(place.board):
        return _failed(f"{place.board}: there is no such board; run ants-coord setup-agents", _BOARD_TROUBLE)
    try:
        sys.stdout.write(briefing(place, os.environ.get("ANTS_COORD_AGENT") or None) + "\n")
    except (ValueError, TypeError) as problem:
        return _failed(f"ANTS_COORD_AGENT: {problem}", _BAD_INPUT)
    except JournalError as problem:
        return _failed(str(problem), _BOARD_TROUBLE)
    return 0


def _failed(why: str, code: int) -> int:
    sys.stderr.write(f"error: {why}\n")
    return code


def briefing(place: Place, agent: str | None) -> str:
    """
    Return what to tell an agent, with the board as it is now.

    Args:
        place: the repository and its board, which must exist.
        agent: the agent that reads it; None for any reader.

    Raises:
        JournalError: the board cannot be read.

    """
    told = [_RULES if agent is None else f"You are {agent}. {_RULES}"]
    with Board(place.board) as board:
        locks = [lease for lease in board.leases() if lease.names]
        work = str(board.briefing(agent or "anybody")) if board.statistics().unfinished else ""
        now_ns = board._engine.now_ns()  # noqa: SLF001 - a class of this package
    told.append("Held just now:" if locks else "No file is held just now.")
    for lease in locks[:_SHOWN]:
        who = "you" if lease.agent == agent else lease.agent
        minutes = max(1, round((lease.expires_ns - now_ns) / 60e9))
        told.append(f"- {', '.join(lease.names)}: {who}, up to {minutes} min more")
    if len(locks) > _SHOWN:
        told.append(f"- and {len(locks) - _SHOWN} more")
    if work:
        told.append(work)
    return "\n".join(told)

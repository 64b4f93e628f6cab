"""
The engine behind a board, for tests that look inside: what it has depends on where the board lives.
"""

from __future__ import annotations

from typing import Any


def inside(board: Any) -> Any:
    """Return the engine of a board of either colour."""
    return board._engine

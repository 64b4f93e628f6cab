"""
The coordinators for threads: one class a strategy, the same verbs.

`Board` opens a board as whatever it is. The same names for event loops are in
`ants_coord.aio`.
"""

from __future__ import annotations

from .sync_base import Board, ClaimQueue
from .sync_board import Blackboard
from .sync_match import Matchmaker, Membership

__all__ = ["Blackboard", "Board", "ClaimQueue", "Matchmaker", "Membership"]

"""
The coordinators for threads: one class a strategy, the same verbs.

`Board` opens a board as whatever it is. The same names for event loops are in
`ants_coord.aio`.
"""

from __future__ import annotations

from .blackboard import Blackboard
from .board import Board, ClaimQueue
from .matchmaker import Matchmaker, Membership

__all__ = ["Blackboard", "Board", "ClaimQueue", "Matchmaker", "Membership"]

"""
The coordinators for event loops: the same names, verbs and arguments, with await.
"""

from __future__ import annotations

from .aio_base import Board, ClaimQueue
from .aio_board import Blackboard
from .aio_match import Matchmaker, Membership

__all__ = ["Blackboard", "Board", "ClaimQueue", "Matchmaker", "Membership"]

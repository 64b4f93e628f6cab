"""
The coordinators for event loops: the same names, verbs and arguments, with await.
"""

from __future__ import annotations

from .blackboard import Blackboard
from .board import Board, ClaimQueue
from .matchmaker import Matchmaker, Membership

__all__ = ["Blackboard", "Board", "ClaimQueue", "Matchmaker", "Membership"]

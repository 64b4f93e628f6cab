"""
What a coordinator is, in both colours, and the ports it stands on.

Protocols only, cut by purpose: a function asks for what it needs, such as `Claims` and `Holds`.
`AgentVerbs` is what an agent does, `OperatorVerbs` what an operator does, `Coordinator` everything
that all strategies offer. Those that begin with `Async` are for event loops. They are generated from
the verbs; what a verb promises is told once, in the classes.
"""

from __future__ import annotations

from .aio.protocols import (
    AsyncAgentVerbs,
    AsyncBudgets,
    AsyncClaims,
    AsyncCoordinator,
    AsyncHolds,
    AsyncLocks,
    AsyncOperatorVerbs,
    AsyncReads,
    AsyncResults,
    AsyncSteers,
    AsyncSubmits,
)
from .journals.ports import Alarm, Clock, Entry, Journal
from .sync.protocols import (
    AgentVerbs,
    Budgets,
    Claims,
    Coordinator,
    Holds,
    Locks,
    OperatorVerbs,
    Reads,
    Results,
    Steers,
    Submits,
)

__all__ = [
    "AgentVerbs",
    "Alarm",
    "AsyncAgentVerbs",
    "AsyncBudgets",
    "AsyncClaims",
    "AsyncCoordinator",
    "AsyncHolds",
    "AsyncLocks",
    "AsyncOperatorVerbs",
    "AsyncReads",
    "AsyncResults",
    "AsyncSteers",
    "AsyncSubmits",
    "Budgets",
    "Claims",
    "Clock",
    "Coordinator",
    "Entry",
    "Holds",
    "Journal",
    "Locks",
    "OperatorVerbs",
    "Reads",
    "Results",
    "Steers",
    "Submits",
]
